"""STORE on many messages; its rules are in tests/contract/test_store.py."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.store import SEEN, AppendOptions, FlagAction

COUNT = 300


@pytest.mark.parametrize(
    "uids",
    [range(1, COUNT + 1), range(1, COUNT + 1, 7), random.Random(5).sample(range(1, COUNT + 50), 120), [COUNT]],
    ids=["all", "every seventh", "some", "one"],
)
def test_exactly_the_messages_that_were_named(tmp_path: Path, uids: Sequence[int]) -> None:
    async def play(room: Room) -> None:
        with room.store.draft() as draft:
            draft.write(b"Subject: x\r\n\r\n")
            draft.finish()
            await room.account.append_many("INBOX", [(draft, AppendOptions())] * COUNT)
        meant = sorted(set(uids) & set(range(1, COUNT + 1)))
        done = await room.account.set_flags(1, uids, FlagAction.ADD, frozenset({"\\Seen"}))
        assert list(done.uids) == meant
        found = room.ask("SELECT uid FROM messages WHERE flags = 1 ORDER BY uid")
        assert [uid for (uid,) in found] == meant
        assert (await room.account.mailbox("INBOX")).unseen == COUNT - len(meant)
        done = await room.account.set_flags(1, meant[:3], FlagAction.REMOVE, frozenset({"\\Seen"}))
        again = await room.account.set_flags(1, uids, FlagAction.REPLACE, frozenset({"\\Seen"}))
        assert set(again.masks) == {SEEN}
        assert room.ask(f"SELECT uid FROM messages WHERE modseq = {again.modseq}") == [(uid,) for uid in meant[:3]]

    perform(tmp_path, play)
