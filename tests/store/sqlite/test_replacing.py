"""What a client sees of it is in tests/contract/test_store_extensions.py."""

from pathlib import Path

import pytest
from tests.store.sqlite.stage import LARGE, Room, perform

from postroom.store import AppendOptions, NoSuchMessage


async def replace(room: Room, uid: int, content: bytes, options: AppendOptions) -> int:
    with room.store.draft() as draft:
        draft.write(content)
        draft.finish()
        return (await room.account.replace(1, uid, "INBOX", draft, options)).uid


def test_what_was_replaced_is_kept_for_undo(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        assert await replace(room, 1, LARGE + b"more", AppendOptions()) == 2
        assert room.ask("SELECT uid, content_id FROM expunged") == [(1, 1)]
        assert len(room.blobs()) == 2

    perform(tmp_path, play)


def test_no_file_is_left_of_a_replacement_that_was_refused(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchMessage):
            await replace(room, 1, LARGE, AppendOptions())
        assert room.blobs() == []

    perform(tmp_path, play)


def test_a_delivery_that_was_made_before_still_replaces(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(delivery_id="d")
        await room.put()
        before = (await room.account.mailbox("INBOX")).highest_modseq
        assert await replace(room, 2, LARGE, AppendOptions(delivery_id="d")) == 1
        after = await room.account.mailbox("INBOX")
        assert (after.messages, after.highest_modseq, room.blobs()) == (1, before + 1, [])

    perform(tmp_path, play)
