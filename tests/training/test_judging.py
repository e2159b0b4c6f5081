"""Verdicts on mail that arrives."""

import asyncio
import logging
from pathlib import Path

import pytest

from postroom.base import FakeClock, Spool
from postroom.message import Scanner
from postroom.store import Draft
from postroom.training.books import Books
from postroom.training.database import HAM, SPAM, WordBook
from postroom.training.judging import Judged, Judging
from postroom.training.settings import TrainingSettings

SETTINGS = TrainingSettings(min_junk=5, min_ham=5)
TRADE = [f"pills{n}" for n in range(40)]
WORK = [f"meeting{n}" for n in range(40)]


def draft(text: str) -> Draft:
    made = Draft(Spool(Path(), 1 << 20), Scanner())
    made.write(b"Subject: x\r\n\r\n" + text.encode() + b"\r\n")
    made.finish()
    return made


def teach(book: WordBook, count: int, trade: list[str] = TRADE) -> None:
    for number in range(count):
        book.learn(f"known {number}", SPAM, "junk", trade, 100)
        book.learn(f"known {number + 1000}", HAM, "kept", WORK, 100)


def judged(folder: Path, *texts: str, settings: TrainingSettings = SETTINGS) -> list[Judged | None]:
    async def main() -> list[Judged | None]:
        judging = Judging(folder, FakeClock(), settings, lambda: bytes(32))
        found = [await judging.classify(1, draft(text), b"Return-Path: <>\r\n") for text in texts]
        await judging.close()
        return found

    return asyncio.run(main())


def test_who_has_taught_nothing_has_no_verdict_and_no_file(tmp_path: Path) -> None:
    assert judged(tmp_path, "pills", "pills") == [None, None]
    assert list(tmp_path.iterdir()) == []


def test_who_has_taught_too_little_has_no_verdict(tmp_path: Path) -> None:
    books = Books(tmp_path, lambda: bytes(32))
    teach(books.book(1), 4)
    assert judged(tmp_path, " ".join(TRADE)) == [None]
    teach(books.book(1), 5)
    assert judged(tmp_path, " ".join(TRADE)) != [None]
    assert judged(tmp_path, " ".join(TRADE), settings=TrainingSettings(min_junk=5, min_ham=5, enabled=False)) == [None]
    books.close()


def test_verdicts_and_their_words(tmp_path: Path) -> None:
    books = Books(tmp_path, lambda: bytes(32))
    teach(books.book(1), 9)
    books.close()
    junk, ham, unsure = judged(tmp_path, " ".join(TRADE), " ".join(WORK), "grüße nobody ever saw")
    assert junk is not None
    assert ham is not None
    assert unsure is not None
    assert (junk.junk, junk.verdict, junk.part.points, junk.part.name) == (True, "junk", 5.0, "training")
    assert '"pills' in junk.part.words
    assert (ham.junk, ham.verdict, ham.part.points) == (False, "ham", -5.0)
    assert (unsure.junk, unsure.verdict, unsure.part.points) == (False, "unsure", 0.0)
    assert junk.field.startswith(b"Postroom-Training: junk; probability=")


def test_words_of_a_message_cannot_make_fields_of_their_own(tmp_path: Path) -> None:
    books = Books(tmp_path, lambda: bytes(32))
    teach(books.book(1), 9, ["subject:x", "ünïcödé", "今す", "ünïcödé 今す"])
    books.close()
    [found] = judged(tmp_path, "ünïcödé 今す")
    assert found is not None
    assert found.field.isascii()
    assert found.field.endswith(b"\r\n")
    assert found.field.count(b"\r\n") == found.field.count(b"\n")
    assert all(line.startswith((b"Postroom-Training:", b"\t")) for line in found.field.splitlines())


def test_a_damaged_file_lets_mail_pass_and_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.db").write_bytes(b"nonsense" * 1000)
    with caplog.at_level(logging.WARNING):
        assert judged(tmp_path, " ".join(TRADE)) == [None]
    assert "no verdict by its training" in caplog.text


def test_what_was_learnt_meanwhile_counts_at_once_here_and_soon_elsewhere(tmp_path: Path) -> None:
    async def main() -> None:
        clock = FakeClock()
        judging = Judging(tmp_path, clock, SETTINGS, lambda: bytes(32))
        trade = " ".join(TRADE)
        assert await judging.classify(1, draft(trade), b"") is None
        books = Books(tmp_path, lambda: bytes(32))
        teach(books.book(1), 9)
        assert await judging.classify(1, draft(trade), b"") is None, "believed for a minute"
        await clock.advance(61)
        assert await judging.classify(1, draft(trade), b"") is not None
        books.remove(1)
        assert await judging.classify(1, draft(trade), b"") is None
        teach(books.book(1), 9)
        judging.changed(1)
        assert await judging.classify(1, draft(trade), b"") is not None
        books.close()
        await judging.close()

    asyncio.run(main())
