"""LANGUAGE in a session."""

from pathlib import Path

from .room import open_room, run


def test_before_and_after_sign_in(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.connect()
            assert b" LANGUAGE" in client.greeting
            assert await client.ok("LANGUAGE EN") == [b"* LANGUAGE (en)"]  # whose namespace would it be?
            assert await client.ok("LANGUAGE") == [b"* LANGUAGE (en i-default)"]
            await client.ok("LOGIN alice@x.example alice-secret")
            assert await client.ok("LANGUAGE EN-CA") == [b"* LANGUAGE (en)"]  # no change, no NAMESPACE
            changed = await client.ok("LANGUAGE i-default")
            assert changed[0] == b"* LANGUAGE (i-default)"
            assert changed[1:] == await client.ok("NAMESPACE")
            refused = await client.command("LANGUAGE FR")
            assert (refused.untagged, refused.tagged) == ([], b"NO Unsupported language")
            assert (await client.command("LANGUAGE F_R")).tagged.startswith(b"BAD")

    run(play())
