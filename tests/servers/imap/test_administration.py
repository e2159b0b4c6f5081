"""Who is an administrator."""

from pathlib import Path

import pytest

from .room import open_room, run


@pytest.mark.parametrize(
    ("administrators", "may"), [((), False), (("bob@x.example",), False), (("ALICE@X.Example", "x"), True)]
)
def test_only_whom_the_setting_names(tmp_path: Path, administrators: tuple[str, ...], may: bool) -> None:
    async def play() -> None:
        async with open_room(tmp_path, administrators=administrators) as room:
            client = await room.client()
            reply = await client.command("SETQUOTA bob@x.example (MESSAGE 1)")
            assert reply.ok is may
            assert may or reply.tagged.startswith(b"NO [NOPERM]")

    run(play())


def test_a_server_without_a_directory_that_can_be_changed_has_none(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, administrators=("alice@x.example",)) as room:
            room.service.administration = None
            client = await room.client()
            assert (await client.command("SETQUOTA bob@x.example ()")).tagged.startswith(b"NO [NOPERM]")
            assert (await client.command('SETMETADATA "" (/shared/comment "x")')).tagged.startswith(b"NO [NOPERM]")
            assert await client.ok('GETMETADATA "" /shared/comment') == [b'* METADATA "" (/shared/comment NIL)']

    run(play())
