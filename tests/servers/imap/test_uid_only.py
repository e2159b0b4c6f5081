"""UIDONLY (RFC 9586): no sequence number is sent or taken any more. And PARTIAL's window of a FETCH (RFC 9394)."""

from pathlib import Path

import pytest

from .room import MESSAGE, Client, Room, both_stores, open_room, run


async def uid_only(room: Room, messages: int = 5) -> Client:
    for _ in range(messages):
        await room.deliver()
    client = await room.client()
    assert await client.ok("ENABLE UIDONLY") == [b"* ENABLED UIDONLY"]
    await client.ok("SELECT INBOX")
    return client


@both_stores
def test_messages_are_named_by_uid(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await uid_only(room)
            await client.ok("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
            assert (await client.ok("UID EXPUNGE 1:*"))[0] == b"* VANISHED 2"
            assert await client.ok("UID FETCH 3:4 (RFC822.SIZE)") == [
                b"* 3 UIDFETCH (RFC822.SIZE %d)" % len(MESSAGE),
                b"* 4 UIDFETCH (RFC822.SIZE %d)" % len(MESSAGE),
            ]
            assert await client.ok("UID FETCH 3 (UID)") == [b"* 3 UIDFETCH (UID 3)"]
            said = await client.ok("UID STORE 5 FLAGS (\\Seen)")
            assert said[0].startswith(b"* 5 UIDFETCH (FLAGS (\\Seen")
            assert b" UID " not in said[0]

    run(play())


@both_stores
def test_what_others_do_is_told_by_uid(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await uid_only(room)
            other = await room.client("INBOX")
            await other.ok("UID STORE 1,3 +FLAGS (\\Deleted)")
            await other.ok("UID EXPUNGE 1")
            said = await client.ok("NOOP")
            assert said[0] == b"* VANISHED 1"
            assert said[1].startswith(b"* 3 UIDFETCH (FLAGS (\\Deleted")

    run(play())


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1 FLAGS",
        "STORE 1 FLAGS ()",
        "COPY 1 Archive",
        "MOVE 1 Archive",
        "SEARCH ALL",
        "SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "UID SEARCH 1:2",
        "UID SEARCH NOT (SEEN 1)",
        "SELECT INBOX (QRESYNC (1 1 1:2 (1 1)))",
    ],
)
def test_what_needs_sequence_numbers_is_refused(tmp_path: Path, command: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await uid_only(room)
            await client.ok("ENABLE QRESYNC")
            assert (await client.command(command)).tagged.startswith(b"BAD [UIDREQUIRED]")
            await client.ok("UID FETCH 1 FLAGS")

    run(play())


@both_stores
def test_a_window_of_a_fetch(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(8):
                await room.deliver()
            client = await room.client("INBOX")
            await client.ok("UID STORE 3 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            said = await client.ok("UID FETCH 2:8 (UID) (PARTIAL 1:3)")
            assert said == [b"* 2 FETCH (UID 2)", b"* 3 FETCH (UID 4)", b"* 4 FETCH (UID 5)"]
            said = await client.ok("UID FETCH 1:* (UID) (PARTIAL -1:-2)")
            assert said == [b"* 6 FETCH (UID 7)", b"* 7 FETCH (UID 8)"]
            assert await client.ok("UID FETCH 1:* (UID) (PARTIAL 9:20)") == []
            # first the window, then what of it has changed
            await client.ok("UID STORE 1,8 +FLAGS.SILENT (\\Flagged)")
            said = await client.ok("UID FETCH 1:* (UID) (PARTIAL -1:-3 CHANGEDSINCE 10)")
            assert [line.split()[1] for line in said if b" FETCH " in line] == [b"7"]
            for wrong in ("0:3", "1:-2", "1", "-1:3"):
                assert (await client.command(f"UID FETCH 1:* (UID) (PARTIAL {wrong})")).tagged.startswith(b"BAD")

    run(play())
