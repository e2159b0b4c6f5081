"""METADATA responses nobody asked for (RFC 5464 §4.4.2)."""

from pathlib import Path

from .room import both_stores, open_room, run


@both_stores
def test_only_who_has_enabled_it_hears_of_others_changes(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, quiet, actor = await room.client(), await room.client(), await room.client()
            assert await client.ok("ENABLE METADATA") == [b"* ENABLED METADATA"]
            await actor.ok("ENABLE METADATA")
            assert await actor.ok('SETMETADATA INBOX (/shared/comment "a" /private/comment "b")') == []
            assert await actor.ok("NOOP") == []  # its own
            assert await quiet.ok("NOOP") == []
            assert (
                sorted((await client.ok("NOOP"))[0].split())
                == sorted(b"* METADATA INBOX /shared/comment /private/comment".split())
                or len(await client.ok("NOOP")) == 0
            )
            await actor.ok('SETMETADATA INBOX (/shared/comment "a")')  # nothing new
            assert await client.ok("NOOP") == []
            await actor.ok("SETMETADATA INBOX (/shared/comment NIL)")
            assert await client.ok("NOOP") == [b"* METADATA INBOX /shared/comment"]

    run(play())


@both_stores
def test_names_are_todays(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, actor = await room.client(), await room.client()
            await client.ok("ENABLE METADATA")
            await actor.ok("CREATE old")
            await actor.ok("CREATE old/kid")
            await actor.ok('SETMETADATA old/kid (/shared/comment "a")')
            await actor.ok("RENAME old new")
            assert await client.ok("NOOP") == [b"* METADATA new/kid /shared/comment"]
            await actor.ok('SETMETADATA new/kid (/shared/comment "b")')
            await actor.ok("DELETE new/kid")
            assert await client.ok("NOOP") == []

    run(play())


@both_stores
def test_in_idle_at_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for select in ("", "INBOX"):
                client, actor = await room.client(select), await room.client()
                await client.ok("ENABLE METADATA")
                tag = client.start("IDLE")
                assert await client.response() == b"+ idling"
                for value in ("a", "b"):
                    await actor.ok(f'SETMETADATA Sent (/private/comment "{select}{value}")')
                    assert await client.response() == b"* METADATA Sent /private/comment"
                client.send(b"DONE\r\n")
                assert (await client.finish(tag)).untagged == []

    run(play())


@both_stores
def test_of_the_server(tmp_path: Path, kind: str) -> None:
    """The shared entries reach everybody, the private ones their person's other sessions."""

    async def play() -> None:
        async with open_room(tmp_path, kind, administrators=("bob@x.example",)) as room:
            alice, other, bob = await room.client(), await room.client(), await room.client(name="bob")
            await alice.ok("ENABLE METADATA-SERVER")
            await bob.ok("ENABLE METADATA")
            assert await bob.ok('SETMETADATA "" (/shared/comment "Hello")') == []
            assert await alice.ok("NOOP") == [b'* METADATA "" /shared/comment']
            await other.ok('SETMETADATA "" (/private/comment "x")')
            await other.ok('SETMETADATA INBOX (/private/comment "x")')  # METADATA-SERVER is of the server only
            assert await alice.ok("NOOP") == [b'* METADATA "" /private/comment']
            assert await bob.ok("NOOP") == []
            await alice.ok("LOGOUT")
            await alice.eof()
            await bob.ok('SETMETADATA "" (/shared/comment NIL)')
            assert len(room.service.note_watchers) == 1  # bob's

    run(play())
