"""Stories put together again."""

import asyncio
from pathlib import Path

import pytest

from postroom.base import FakeClock
from postroom.journal import FileJournal, JournalSettings, Step, Story, doubts, stories
from postroom.journal.reader import base_id


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def run() -> None:
        clock = FakeClock()
        journal = FileJournal(tmp_path, JournalSettings(), clock)
        journal.note("m1", "accepted", message_id="<X.1@a.test>", **{"from": "alice@a.test"}, to=["Bob@b.test"])
        journal.note("m2", "accepted", message_id="<x.2@a.test>", **{"from": "carol@a.test"}, to=["dora@b.test"])
        await clock.advance(86_400)
        journal.note("m1", "attempt", to="bob@b.test", reply="450 later")
        journal.note("m1-later", "attempt", to="bob@b.test", reply="250 ok")
        journal.note("m1.failed-3", "delivered", to="alice@a.test")
        journal.close()

    asyncio.run(run())
    with (tmp_path / "2023-11-15.jsonl").open("ab") as file:
        file.write(b'{"at": 5, "id": "m1", "st')  # a crash in the middle
    return tmp_path


@pytest.mark.parametrize("wanted", ["m1", "<x.1@A.test>", "X.1@a.test", "bob@B.test", "<alice@a.test>", "m1-later"])
def test_found_by(folder: Path, wanted: str) -> None:
    (story,) = stories(folder, wanted)
    assert story.message_id == "m1"
    assert [step.name for step in story.steps] == ["accepted", "attempt", "attempt", "delivered"]
    assert story.steps[1].facts["reply"] == "450 later"


@pytest.mark.parametrize("wanted", ["m", "b.test", "nobody@b.test", "", "{", "accepted"])
def test_parts_of_words_mean_nothing(folder: Path, wanted: str) -> None:
    assert stories(folder, wanted) == []


def test_the_last_ones(folder: Path) -> None:
    assert [story.message_id for story in stories(folder, "dora@b.test", 1)] == ["m2"]
    assert stories(folder / "nowhere", "m1") == []


def test_ids_made_from_an_id() -> None:
    assert [base_id(name) for name in ("m1", "m1-later", "m1.failed-3", "m1-later.delayed-2")] == ["m1"] * 4


def test_what_is_in_doubt_is_counted_by_recipient() -> None:
    steps = [
        Step(1.0, "in doubt", {"to": ["a@b.test", "c@b.test"]}),
        Step(2.0, "attempt", {"to": "a@b.test"}),
        Step(3.0, "interrupted", {"to": "a@b.test"}),
        Step(4.0, "in doubt", {}),
    ]
    assert doubts(Story("m1", steps)) == {"a@b.test": 2, "c@b.test": 1}
    assert doubts(Story("m1")) == {}
