"""Mailbox names and where they lead."""

from pathlib import Path

import pytest

from postroom.servers.imap.places import Place
from postroom.store.api import NoSuchMailbox

from .room import open_room, run


def test_a_place_need_not_exist(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            assert (await Place(account, "inbox").mailbox()).name == "INBOX"
            with pytest.raises(NoSuchMailbox):
                await Place(account, "nowhere").mailbox()
            account.close()

    run(play())
