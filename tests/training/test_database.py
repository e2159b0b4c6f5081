"""What one account has taught: exact, once, bounded, private, durable."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.junk import Seen
from postroom.training.database import HAM, SPAM, Progress, TrainingFailure, WordBook, content_name

KEY = bytes(range(32))


@pytest.fixture
def book(tmp_path: Path) -> WordBook:
    return WordBook(tmp_path / "training" / "1.db", KEY)


def test_words_are_counted_by_messages(book: WordBook) -> None:
    assert book.learn("content 1", SPAM, "junk", ["pills", "cheap", "pills"], 100)
    assert book.learn("content 2", HAM, "kept", ["cheap", "meeting"], 100)
    assert book.learnt == Seen(1, 1)
    seen = book.look_up(["pills", "cheap", "meeting", "unseen"])
    assert seen == {"pills": (1, 0), "cheap": (1, 1), "meeting": (0, 1)}
    assert book.look_up([]) == {}
    assert book.words == 3


def test_a_message_counts_once_and_as_one_kind(book: WordBook) -> None:
    assert book.learn("content 1", SPAM, "junk", ["pills"], 100)
    assert not book.learn("content 1", SPAM, "junk", ["pills"], 100)
    assert book.learn("content 1", HAM, "moved out", ["pills"], 100)
    assert book.learnt == Seen(0, 1)
    assert book.look_up(["pills"]) == {"pills": (0, 1)}
    assert book.kind_of("content 1") == (HAM, "moved out")


def test_unlearning_takes_back_exactly_what_was_learnt(book: WordBook) -> None:
    """Whatever words would be found in the message now: a later version may find others."""
    book.learn("content 1", SPAM, "junk", ["pills", "cheap"], 100)
    book.learn("content 2", SPAM, "junk", ["cheap"], 100)
    book.learn("content 1", HAM, "moved out", ["other"], 100)
    assert book.look_up(["pills", "cheap", "other"]) == {"cheap": (1, 0), "other": (0, 1)}
    assert book.unlearn("content 1")
    assert not book.unlearn("content 1")
    assert book.unlearn("content 2")
    assert (book.learnt, book.words) == (Seen(0, 0), 0)


def test_the_oldest_are_forgotten_with_their_words(book: WordBook) -> None:
    for number in range(30):
        book.learn(content_name(number), SPAM, "junk", ["all", f"only{number}"], 10)
    book.learn("content 99", HAM, "kept", ["all"], 10)
    assert book.learnt == Seen(10, 1)
    assert book.look_up(["all", "only19", "only20"]) == {"all": (10, 1), "only20": (1, 0)}
    assert book.names(SPAM, "junk") == [content_name(number) for number in range(20, 30)]
    assert book.reasons() == {(SPAM, "junk"): 10, (HAM, "kept"): 1}


def test_the_file_holds_no_word_and_nobody_else_may_read_it(book: WordBook, tmp_path: Path) -> None:
    book.learn("content 1", SPAM, "junk", ["unmistakable", "geheimnis"], 100)
    files = list((tmp_path / "training").iterdir())
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert (tmp_path / "training").stat().st_mode & 0o777 == 0o700
    assert not any(word in path.read_bytes() for path in files for word in (b"unmistakable", b"geheimnis"))


def test_hashes_of_two_accounts_have_nothing_in_common(tmp_path: Path) -> None:
    hashes = []
    for number, key in ((1, KEY), (2, KEY[::-1])):
        path = tmp_path / f"{number}.db"
        one = WordBook(path, key)
        one.learn("content 1", SPAM, "junk", ["pills"], 100)
        one.close()
        db = sqlite3.connect(path)
        hashes.append(db.execute("SELECT hash FROM word").fetchone())
        db.close()
        again = WordBook(path, bytes(32))  # the key is that of the file
        assert again.look_up(["pills"]) == {"pills": (1, 0)}
        again.close()
    assert hashes[0] != hashes[1]


def test_two_processes_learn_into_one_file(book: WordBook, tmp_path: Path) -> None:
    other = WordBook(tmp_path / "training" / "1.db", bytes(32))
    for number in range(20):
        (book if number % 2 else other).learn(content_name(number % 15), SPAM, "junk", ["pills"], 100)
    assert book.learnt == other.learnt == Seen(15, 0)
    assert book.look_up(["pills"]) == {"pills": (15, 0)}
    other.close()


def test_a_kill_loses_nothing_learnt_and_counts_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "1.db"
    program = (
        "import sys\nfrom pathlib import Path\nfrom postroom.training.database import *\n"
        "book = WordBook(Path(sys.argv[1]), bytes(range(32)))\n"
        "for n in range(10**6):\n"
        "    book.learn(content_name(n), SPAM, 'junk', ['all', f'word{n}'], 10**6)\n"
        "    if n == 20: print('go', flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        process.kill()
        process.wait()
        process.stdout.close()
        book = WordBook(path, KEY)
        count = len(book.names(SPAM, "junk"))
        assert count > 20
        assert book.learnt == Seen(count, 0)
        assert book.look_up(["all", "word3"]) == {"all": (count, 0), "word3": (1, 0)}
        book.close()


def test_progress_never_goes_back(book: WordBook) -> None:
    assert book.progress == Progress()
    book.advance(Progress(7, 50, 90, 1000))
    book.advance(Progress(7, 40, 80, 900))  # another process, which had looked earlier
    assert book.progress == Progress(7, 50, 90, 1000)
    book.advance(Progress(8, 3, 95, 1000))  # another mailbox has that use now
    assert book.progress == Progress(8, 3, 95, 1000)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "1.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(TrainingFailure):
        WordBook(path, KEY)
    other = sqlite3.connect(tmp_path / "2.db")
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(TrainingFailure):
        WordBook(tmp_path / "2.db", KEY)
