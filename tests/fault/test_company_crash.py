"""Kill one of two workers in each state, while the other goes on: what either acknowledged is there once."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.fault.company_play import COUNT
from tests.fault.store_play import ACCOUNT, SETTINGS, START, content

from postroom.base import Board, FakeClock, Pokes, SystemIds
from postroom.message import MessageSettings
from postroom.store import STORE_ROWS, DiskState, SqliteStore, hold_folder

ROOT = Path(__file__).parents[2]
STATES = (
    DiskState.BLOB_SYNCED,
    DiskState.BLOB_LINKED,
    DiskState.BLOB_DURABLE,
    DiskState.ROWS_WRITTEN,
    DiskState.COMMITTED,
    DiskState.ACKNOWLEDGED,
    DiskState.PURGE_COMMITTED,
    DiskState.PURGED,
    DiskState.CHECKPOINTED,
)


class Process:
    """A worker that has opened the account."""

    def __init__(self, directory: Path, number: int, run: int, state: str = "none", nth: int = 1) -> None:
        command = [sys.executable, "-bb", "-m", "tests.fault.company_play", str(directory), str(number), str(run)]
        self.process = subprocess.Popen(
            [*command, state, str(nth)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self) -> tuple[list[list[Any]], int]:
        """All that it said, and how it ended."""
        said, _ = self.process.communicate()
        return [json.loads(line) for line in said.decode().split("\n")[:-1]], self.process.returncode


async def look(directory: Path, said: list[list[Any]]) -> None:
    """As a server sees it that is started later."""
    store = SqliteStore(directory, SETTINGS, MessageSettings(), FakeClock(START), SystemIds())
    try:
        account = await store.open(ACCOUNT)
        view = await account.view(1)
        subjects: dict[int, int] = {}
        for uid, content_id, size in zip(view.uids, view.content_ids, view.sizes, strict=True):
            octets = await account.read_range(content_id, 0, size + 1)
            number = int(octets.partition(b"Subject: ")[2].partition(b"\r\n")[0])
            assert octets == b"X: %d\r\n" % number + content(number)
            assert number not in subjects
            subjects[number] = uid
        gone = {uid for what in said if what[0] == "gone" for uid in what[1]}
        doubtful = {uid for what in said if what[0] == "removing" for uid in what[1]} - gone
        put = [(number, uid) for kind, number, uid in (what for what in said if what[0] == "put")]
        assert len({uid for _, uid in put}) == len(put)
        for number, uid in put:
            assert subjects.get(number) == (None if uid in gone else uid) or uid in doubtful
        for uid in {uid for what in said if what[0] == "seen" for uid in what[1]} & set(view.uids):
            assert set(view.flag_names(view.masks[view.index(uid)])) == {"\\Seen", "kept"}
        recent: set[int] = set()
        for first, end in (what[1] for what in said if what[0] == "recent"):
            assert recent.isdisjoint(range(first, end))
            recent.update(range(first, end))
        account.release(view)
        account.close()
    finally:
        await store.close()
    assert await store.check(ACCOUNT) == []
    folder = directory / "accounts" / str(ACCOUNT)
    db = apsw.Connection(str(folder / "mail.db"))
    named = {str(name) for (name,) in db.execute("SELECT blob FROM contents WHERE blob IS NOT NULL")}
    db.close()
    assert {path.name for path in (folder / "blobs").iterdir()} == named
    await store.close()


@pytest.mark.parametrize("state", STATES)
def test_one_is_killed_and_the_other_goes_on(state: DiskState, tmp_path: Path) -> None:
    lock = hold_folder(tmp_path, START)
    maker = SqliteStore(tmp_path, SETTINGS, MessageSettings(), FakeClock(START), SystemIds())
    asyncio.run(maker.create_account(ACCOUNT))
    Board.create(tmp_path / "board", STORE_ROWS, COUNT, bytes(16))
    Pokes.create(tmp_path, COUNT)
    lasting, doomed = Process(tmp_path, 0, 0), Process(tmp_path, 1, 0, state.name)
    lasting.go()
    doomed.go()
    said, ended = doomed.end()
    assert ended == -signal.SIGKILL, "the play does not reach this state"
    successor = Process(tmp_path, 1, 1)
    successor.go()
    for process in (lasting, successor):
        more, ended = process.end()
        assert ended == 0
        said += more
    lock.close()
    asyncio.run(look(tmp_path, said))
