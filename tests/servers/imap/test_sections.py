"""Where sections lie (FETCH's use of it: test_columns.py), and reading them in pieces."""

from pathlib import Path

import pytest

from postroom.imap.types import Section, SectionText
from postroom.servers.imap.sections import Octets, octets_of, pieces
from postroom.store.api import NoSuchContent, Want

from .room import MESSAGE, both_stores, open_room, run


@both_stores
def test_pieces(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            account = await room.store.open(1)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            [stored] = await account.read(view.content_ids[:1], Want.PARTS)
            header, _, body = MESSAGE.partition(b"\r\n\r\n")
            for section, octets in (
                (Section(), MESSAGE),
                (Section(text=SectionText.HEADER), header + b"\r\n\r\n"),
                (Section(text=SectionText.TEXT), body),
                (Section((1,)), body),
                (Section(text=SectionText.HEADER, partial=(5, 9)), MESSAGE[5:14]),
                (Section((1,), partial=(10_000, 9)), b""),
            ):
                found = octets_of(section, stored)
                assert found is not None
                got = [piece async for piece in pieces(account, found, 10)]
                assert b"".join(got) == octets
                assert all(len(piece) == 10 for piece in got[:-1])
            assert octets_of(Section((2,)), stored) is None
            with pytest.raises(NoSuchContent):
                _ = [piece async for piece in pieces(account, Octets(stored.content_id, 0, len(MESSAGE) + 1), 64)]
            account.release(view)
            account.close()

    run(play())
