"""Steps, written to a file a day."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from postroom.base import FakeClock
from postroom.journal import FileJournal, JournalSettings


def play(folder: Path, settings: JournalSettings, scene: Callable[[FileJournal, FakeClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = FakeClock()
        journal = FileJournal(folder, settings, clock)
        await scene(journal, clock)
        journal.close()

    asyncio.run(run())


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in sorted(folder.iterdir()) for line in path.read_text("utf-8").splitlines()]


def test_a_line_a_step_without_what_is_empty(tmp_path: Path) -> None:
    async def scene(journal: FileJournal, clock: FakeClock) -> None:
        journal.note("m1", "accepted", to=["bob@b.test"], size=3, user=None, tls="")
        journal.note("m1", "line\nbreak", reply='a "quote"\r\nQUIT ü')

    play(tmp_path / "journal", JournalSettings(), scene)
    assert lines(tmp_path / "journal") == [
        {"at": 1_700_000_000.0, "id": "m1", "step": "accepted", "to": ["bob@b.test"], "size": 3},
        {"at": 1_700_000_000.0, "id": "m1", "step": "line\nbreak", "reply": 'a "quote"\r\nQUIT ü'},
    ]
    (path,) = (tmp_path / "journal").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_a_day_for_some_days(tmp_path: Path) -> None:
    async def scene(journal: FileJournal, clock: FakeClock) -> None:
        for number in range(5):
            journal.note(f"m{number}", "accepted")
            journal.flush()
            await clock.advance(86_400)

    play(tmp_path, JournalSettings(keep_days=2), scene)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "2023-11-16.jsonl",
        "2023-11-17.jsonl",
        "2023-11-18.jsonl",
    ]


def test_written_soon_without_being_asked(tmp_path: Path) -> None:
    async def scene(journal: FileJournal, clock: FakeClock) -> None:
        journal.note("m1", "accepted")
        assert not list(tmp_path.iterdir())
        async with asyncio.timeout(5):
            while not list(tmp_path.iterdir()):
                await asyncio.sleep(0.001)

    play(tmp_path, JournalSettings(flush_seconds=0.001), scene)


def test_off_and_bounded(tmp_path: Path) -> None:
    async def many(journal: FileJournal, clock: FakeClock) -> None:
        for _ in range(3000):
            journal.note("m1", "accepted", reply="x" * 100)

    play(tmp_path / "off", JournalSettings(keep_days=0), many)
    assert not (tmp_path / "off").exists()
    play(tmp_path / "full", JournalSettings(max_day_octets=65_536), many)
    (path,) = (tmp_path / "full").iterdir()
    assert 65_536 <= path.stat().st_size <= 2 * 65_536 + 1000
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_disk_that_refuses_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o500)

    async def scene(journal: FileJournal, clock: FakeClock) -> None:
        journal.note("m1", "accepted")

    play(tmp_path / "journal", JournalSettings(), scene)
    assert "could not be written" in caplog.text


def test_a_folder_that_can_not_be_made_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")

    async def scene(journal: FileJournal, clock: FakeClock) -> None:
        journal.note("m1", "accepted")

    play(tmp_path / "file" / "journal", JournalSettings(), scene)
    assert "could not be written" in caplog.text
