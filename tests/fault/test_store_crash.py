"""Kill the store in each of its states: what it acknowledged is there once, the rest is not there at all."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fault.store_play import ACCOUNT, DOOMED, FRIEND, SETTINGS, START, content

from postroom.base import FakeClock, SystemIds
from postroom.message import MessageSettings
from postroom.store import DiskState, NoSuchAccount, NoSuchMailbox, SqliteStore, Want

ROOT = Path(__file__).parents[2]


def perform(directory: Path, state: str = "none", nth: int = 1) -> tuple[list[list[Any]], int]:
    """Run the play; what was acknowledged, and how the process ended."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-bb", "-m", "tests.fault.store_play", str(directory), state, str(nth)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    lines = done.stdout.decode().split("\n")[:-1]
    return [json.loads(line) for line in lines], done.returncode


async def look(directory: Path, told: list[list[Any]]) -> None:
    """Everything that was acknowledged is there, once; everything that is there is whole."""
    for path in (directory / "accounts").glob(".new-*"):
        os.utime(path, (START - 7200,) * 2)  # long enough ago that nobody can still be making it
    store = SqliteStore(directory, SETTINGS, MessageSettings(), FakeClock(START), SystemIds())
    try:
        if not any(what == ["account", ACCOUNT] for what in told):
            await store.create_account(ACCOUNT)
        account = await store.open(ACCOUNT)
        inbox = await account.mailbox("INBOX")
        view = await account.view(inbox.mailbox_id)
        subjects = {}
        for uid, content_id, size in zip(view.uids, view.content_ids, view.sizes, strict=True):
            octets = await account.read_range(content_id, 0, size + 1)
            number = int(octets.partition(b"Subject: ")[2].partition(b"\r\n")[0])
            assert octets == b"X: %d\r\n" % number + content(number)
            [facts] = await account.read([content_id], Want.ENVELOPE)
            assert facts.size == size
            assert number not in subjects
            subjects[number] = uid
        gone = {uid for what in told if what[0] == "gone" for uid in what[1]}
        doubtful = {uid for uid in range(1, inbox.uid_next) if uid % 5 == 0}  # a removal may not have been told
        doubtful |= {what[1] for what in told if what[0] == "replacing"}
        for _, number, uid in (what for what in told if what[0] == "put"):
            assert subjects.get(number) == (None if uid in gone else uid) or uid in doubtful
        assert not gone & set(view.uids)
        for uid in {uid for what in told if what[0] == "seen" for uid in what[1]} & set(view.uids):
            assert set(view.flag_names(view.masks[view.index(uid)])) == {"\\Seen", "kept"}
        account.release(view)
        for at, (kind, *what) in enumerate(told):
            if kind == "replacing":  # never both are there; and one is, unless it was removed later
                there = [uid for uid in (what[0], subjects.get(100 + what[0])) if uid in view.uids]
                assert len(there) == 1 or (not there and any(later[0] == "gone" for later in told[at:]))
        if ["shared"] in told:
            assert inbox.acl == ((FRIEND, "lr"),)
        if inbox.acl:
            assert await store.sharers([FRIEND]) == [ACCOUNT]
        notes = await account.annotations(inbox.mailbox_id, ACCOUNT)
        assert len(notes) in ((2,) if ["annotated"] in told else (0, 2))
        for copied in (what for what in told if what[0] == "copied"):
            assert (await account.mailbox("Archive")).messages >= len(copied[1])
        for _, there, not_there in (what for what in told if what[0] == "box"):
            if there and there != "made":
                await account.mailbox(there)
            if not_there:
                with pytest.raises(NoSuchMailbox):
                    await account.mailbox(not_there)
        if ["no account", DOOMED] in told:
            with pytest.raises(NoSuchAccount):
                await store.open(DOOMED)
        account.close()
    finally:
        await store.close()
    assert await store.check(ACCOUNT) == []
    assert list((directory / "spool").iterdir()) == []
    assert {path.name for path in (directory / "accounts").iterdir()} <= {str(ACCOUNT), str(DOOMED)}


@pytest.mark.parametrize("nth", [1, 4])
@pytest.mark.parametrize("state", DiskState)
def test_killed_in_this_state(state: DiskState, nth: int, tmp_path: Path) -> None:
    told, ended = perform(tmp_path, state.name, nth)
    if nth == 1:
        assert ended == -signal.SIGKILL, "the play does not reach this state"
    asyncio.run(look(tmp_path, told))
    if nth > 1:
        # The play goes on where it was: a delivery that is made again happens once.
        more, ended = perform(tmp_path)
        assert (more[-1], ended) == (["end"], 0)
        asyncio.run(look(tmp_path, told + more))
