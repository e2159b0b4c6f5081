"""Mailbox filters against the mailboxes of an account; ESEARCH over them is tested in test_multisearch.py."""

from pathlib import Path
from typing import Any, cast

import pytest

from postroom.imap import ImapSettings
from postroom.imap.mailbox_filter import parse_filter
from postroom.imap.tokens import Cursor
from postroom.servers.imap.filters import covered
from postroom.servers.imap.session import Session

from .room import Room, both_stores, open_room, run


async def names(room: Room, *filters: bytes) -> list[str]:
    """What the filters cover in a session of alice's that has done nothing else."""
    session = Session(room.service, cast(Any, None))
    session.signed_in = await room.store.open(1)
    try:
        parsed = [parse_filter(Cursor(one, 0, ImapSettings())) for one in filters]
        return [one.name for one in await covered(session, parsed)]
    finally:
        session.signed_in.close()


@both_stores
def test_filters_find_mailboxes_each_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            for name in ("a", "a/b", "a/b/c", "ab"):
                await client.ok(f"CREATE {name}")
            await client.ok("UNSUBSCRIBE a/b")
            assert await names(room, b"subtree a") == ["a", "a/b", "a/b/c"]
            assert await names(room, b"subtree-one (a ab)") == ["a", "ab", "a/b"]
            assert await names(room, b"mailboxes (ab nonesuch ab/ inbox)", b"subtree a/b") == [
                "ab",
                "INBOX",
                "a/b",
                "a/b/c",
            ]
            assert "a/b" not in await names(room, b"subscribed")
            everything = await names(room, b"personal", b"mailboxes a", b"selected")
            assert set(everything) >= {"INBOX", "a", "a/b", "a/b/c", "ab"}
            assert len(set(everything)) == len(everything)
            assert await names(room, b"inboxes") == everything

    run(play())


@pytest.mark.parametrize("word", [b"selected", b"selected-delayed"])
def test_what_is_selected_is_not_looked_for(tmp_path: Path, word: bytes) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            assert await names(room, word) == []

    run(play())
