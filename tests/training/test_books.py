"""The files of all accounts."""

from pathlib import Path

from postroom.training.books import Books
from postroom.training.database import SPAM


def test_files_are_made_when_written_and_found_again(tmp_path: Path) -> None:
    books = Books(tmp_path / "training", lambda: bytes(32))
    assert books.accounts() == []
    assert not books.exists(7)
    books.book(7).learn("content 1", SPAM, "junk", ["x"], 10)
    assert books.exists(7)
    assert books.accounts() == [7]
    assert books.book(7) is books.book(7)
    books.close()
    assert books.book(7).learnt.spam == 1
    books.close()


def test_only_so_many_are_open(tmp_path: Path) -> None:
    books = Books(tmp_path, lambda: bytes(32))
    for number in range(40):
        books.book(number)
    assert len(books._open) == 24
    assert len(books.accounts()) == 40
    books.close()


def test_one_that_was_removed_is_not_used_any_more(tmp_path: Path) -> None:
    """Bug guarded against: who forgets an account by the command line would see it remembered by the server."""
    server, command = Books(tmp_path, lambda: bytes(32)), Books(tmp_path, lambda: bytes(32))
    server.book(7).learn("content 1", SPAM, "junk", ["x"], 10)
    command.remove(7)
    assert list(tmp_path.iterdir()) == []
    assert server.book(7).learnt.spam == 0
    server.book(7).learn("content 1", SPAM, "junk", ["x"], 10)
    command.remove(7)
    command.book(7)
    assert server.book(7).learnt.spam == 0, "another file of that name"
    command.close()
    server.close()
