"""STATUS with all its items, and in LIST."""

from pathlib import Path
from time import perf_counter

from .room import both_stores, message, open_room, run


@both_stores
def test_every_item(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_append_octets=257890) as room:
            small, large = message(body=b"x"), message(body=b"x" * 3000)
            await room.deliver(small)
            await room.deliver(large, flags=frozenset(("\\Deleted", "\\Seen")))
            client = await room.client()
            size, deleted = len(small) + len(large), len(large)
            items = "MESSAGES RECENT UIDNEXT UNSEEN DELETED DELETED-STORAGE SIZE APPENDLIMIT MAILBOXID"
            assert await client.ok(f"STATUS INBOX ({items})") == [
                b"* STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UNSEEN 1 DELETED 1 DELETED-STORAGE %d SIZE %d "
                b"APPENDLIMIT 257890 MAILBOXID (F1-1))" % (deleted, size)
            ]
            await client.ok("CREATE empty")
            assert await client.ok("STATUS empty (DELETED-STORAGE SIZE DELETED)") == [
                b"* STATUS empty (DELETED-STORAGE 0 SIZE 0 DELETED 0)"
            ]
            assert b" APPENDLIMIT=257890 " in (await client.ok("CAPABILITY"))[0]

    run(play())


@both_stores
def test_asking_for_highestmodseq_enables_condstore(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            for ask in ("STATUS INBOX (HIGHESTMODSEQ)", 'LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))'):
                client, other = await room.client("INBOX"), await room.client("INBOX")
                before = (await client.ok(ask))[-1]
                assert int(before.rpartition(b" ")[2][:-1]) >= 1
                await other.ok("STORE 1 +FLAGS (k)")
                told = (await client.ok("NOOP"))[-1]
                assert b"MODSEQ" in told
                assert (await client.ok(ask))[-1] != before
                await other.ok("STORE 1 -FLAGS (k)")
                await client.ok("NOOP")

    run(play())


def test_recent_is_unknown_in_rev2(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await client.ok("ENABLE IMAP4rev2")
            assert (await client.command("STATUS INBOX (MESSAGES RECENT)")).tagged.startswith(b"BAD")
            assert (await client.command('LIST "" * RETURN (STATUS (RECENT))')).tagged.startswith(b"BAD")
            await client.ok("STATUS INBOX (MESSAGES DELETED SIZE)")

    run(play())


@both_stores
def test_ten_thousand_mailboxes_in_one_list(tmp_path: Path, kind: str) -> None:
    """All told, and another session gets its turn in between."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            account = await room.store.open(1)
            many = 2000 if kind == "sqlite" else 9990
            for number in range(many):
                await account.create(f"box/{number % 100}/{number}")
            client, other = await room.client(), await room.client()
            begin = perf_counter()
            tag = client.start('LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN SIZE) METADATA ("/shared/comment"))')
            await other.ok("NOOP")
            reply = await client.finish(tag)
            elapsed = perf_counter() - begin
            assert sum(line.startswith(b"* STATUS") for line in reply.untagged) == many + 6
            assert sum(line.startswith(b"* METADATA") for line in reply.untagged) == many + 6
            assert elapsed < 10
            account.close()

    run(play())
