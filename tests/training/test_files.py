"""Learning from mail in files."""

from pathlib import Path

from postroom.junk import Seen
from postroom.training.database import HAM, SPAM, WordBook
from postroom.training.files import learn_file


def test_a_file_teaches_once_and_may_change_its_mind(tmp_path: Path) -> None:
    book = WordBook(tmp_path / "1.db", bytes(32))
    pieces = [b"Subject: pills\r\n", b"\r\ncheap ones\r\n"]
    assert learn_file(book, SPAM, iter(pieces), 10)
    assert not learn_file(book, SPAM, iter([b"".join(pieces)]), 10)
    assert book.look_up(["subject:pills", "cheap"]) == {"subject:pills": (1, 0), "cheap": (1, 0)}
    assert learn_file(book, HAM, iter(pieces), 10)
    assert book.learnt == Seen(0, 1)


def test_of_a_large_file_the_beginning_is_read(tmp_path: Path) -> None:
    book = WordBook(tmp_path / "1.db", bytes(32))
    assert learn_file(book, SPAM, iter([b"Subject: pills\r\n\r\n", *[b"word " * 20_000] * 50]), 10)
    assert book.look_up(["word"]) == {"word": (1, 0)}
