"""COPY and MOVE between people."""

from pathlib import Path

from postroom.store.api import AppendOptions

from .room import MESSAGE, Client, Room, both_stores, message, open_room, run

HERS = "#user/alice@x.example"


async def seen(client: Client, what: str = "FLAGS INTERNALDATE BODY.PEEK[]") -> list[bytes]:
    lines = await client.ok(f"FETCH 1:* ({what})")
    return [line.partition(b"FETCH ")[2] for line in lines if b"FETCH (" in line]


def without_recent(line: bytes) -> bytes:
    return line.replace(b" \\Recent", b"").replace(b"\\Recent", b"")


async def two(room: Room, rights: str = "lrswite") -> tuple[Client, Client]:
    """Alice, with a mailbox for bob to put things into; bob, with three messages."""
    alice = await room.client()
    await alice.ok("CREATE Ours")
    await alice.ok(f"SETACL Ours bob@x.example {rights}")
    for number in range(3):
        flags = frozenset(("\\Seen", "Work", "\\Deleted")[:number])
        await room.deliver(message(f"m{number}"), account_id=2, internal_date=1_000_000_000 + number, flags=flags)
    return alice, await room.client("INBOX", name="bob")


@both_stores
def test_copy_to_and_from_another(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §6.4.7: flags and internal date are kept; RFC 4315 §3: COPYUID."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room)
            await alice.append("Ours")
            await alice.ok("SELECT Ours")
            before = await seen(bob)
            reply = await bob.command(f"UID COPY 3,1 {HERS}/Ours")
            assert b"[COPYUID " in reply.tagged
            assert b" 1,3 2:3]" in reply.tagged
            assert b"* 3 EXISTS" in await alice.ok("NOOP")
            after = await seen(alice)
            assert [without_recent(line) for line in after[1:]] == [without_recent(before[k]) for k in (0, 2)]
            await bob.ok(f"SELECT {HERS}/Ours")
            assert (await bob.command("COPY 1 Archive")).tagged.startswith(b"OK [COPYUID ")
            await bob.ok("SELECT Archive")
            assert (await seen(bob, "BODY.PEEK[]"))[0].endswith(MESSAGE + b")")

    run(play())


@both_stores
def test_move_to_another(tmp_path: Path, kind: str) -> None:
    """RFC 6851 §4.2, §4.3."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room)
            reply = await bob.command(f"MOVE 1:2 {HERS}/Ours")
            assert reply.ok
            assert b" 1:2 1:2]" in reply.untagged[0]
            assert reply.untagged[1:] == [b"* 1 EXPUNGE", b"* 1 EXPUNGE"]
            assert await bob.ok("FETCH 1:* UID") == [b"* 1 FETCH (UID 3)"]
            await bob.ok(f"SELECT {HERS}/Ours")
            await alice.ok("SETACL Ours bob@x.example -e")
            assert (await bob.command("MOVE 1 INBOX")).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SETACL Ours bob@x.example +e")
            await bob.ok("UID MOVE 1 INBOX")
            await alice.ok("SELECT Ours")
            assert await seen(alice, "UID") == [b"(UID 2)"]

    run(play())


@both_stores
def test_what_may_not_be_put_there(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lr")
            for command in ("COPY", "MOVE", "UID COPY", "UID MOVE"):
                assert (await bob.command(f"{command} 1 {HERS}/Ours")).tagged.startswith(b"NO [NOPERM]")
                assert (await bob.command(f"{command} 1 {HERS}/Sent")).tagged.startswith(b"NO [NONEXISTENT]")
                assert (await bob.command(f"{command} 1 {HERS}/Nowhere")).tagged.startswith(b"NO [NONEXISTENT]")
            assert (await bob.command(f"UID COPY 99 {HERS}/Ours")).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SETACL Ours bob@x.example +i")
            await bob.ok(f"MOVE 1:3 {HERS}/Ours")
            await alice.ok("SELECT Ours")
            assert await seen(alice, "FLAGS") == [b"(FLAGS (\\Recent))"] * 3  # all were left out

    run(play())


@both_stores
def test_within_one_others_account(tmp_path: Path, kind: str) -> None:
    """Flags that may not be set in the target are left out there too (RFC 4314 §4)."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room)
            await bob.ok(f"COPY 1:3 {HERS}/Ours")
            await bob.ok(f"SELECT {HERS}/Ours")
            await alice.ok("CREATE Other")
            await alice.ok("SETACL Other bob@x.example lris")
            await bob.ok(f"COPY 2:3 {HERS}/Other")
            await bob.ok(f"UID MOVE 3 {HERS}/Other")
            assert await seen(bob, "UID") == [b"(UID 1)", b"(UID 2)"]
            await alice.ok("SETACL Other bob@x.example +tw")
            await bob.ok(f"COPY 2 {HERS}/Other")
            await alice.ok("SELECT Other")
            assert await seen(alice, "FLAGS") == [
                b"(FLAGS (\\Seen \\Recent))",
                b"(FLAGS (\\Seen \\Recent))",
                b"(FLAGS (\\Seen \\Recent))",
                b"(FLAGS (\\Seen \\Recent))",
            ]

    run(play())


@both_stores
def test_the_quota_of_the_target_counts(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room)
            room.set_quota("bob@x.example", 1, 1)
            await bob.ok(f"COPY 1:2 {HERS}/Ours")
            room.set_quota("alice@x.example", None, 4)
            for command in ("COPY", "MOVE"):
                assert (await bob.command(f"{command} 1:3 {HERS}/Ours")).tagged.startswith(b"NO [OVERQUOTA]")
            room.set_quota("alice@x.example", 400, None)
            assert (await bob.command(f"COPY 1:3 {HERS}/Ours")).tagged.startswith(b"NO [OVERQUOTA]")
            assert (await alice.ok("STATUS Ours (MESSAGES)"))[0].endswith(b"(MESSAGES 2)")
            assert len(await seen(bob, "UID")) == 3

    run(play())


@both_stores
def test_large_messages_and_many(tmp_path: Path, kind: str) -> None:
    """In batches, larger messages in pieces; what is copied is copied to the last octet."""

    async def play() -> None:
        async with open_room(tmp_path, kind, carry_batch_messages=3, carry_batch_octets=65_536) as room:
            alice, bob = await two(room)
            large = message("large", b"0123456789abcde\r\n" * 40_000)
            await room.deliver(large, account_id=2, prefix=b"Return-Path: <a@x.example>\r\n")
            for number in range(8):
                await room.deliver(message(f"n{number}"), account_id=2)
            await bob.ok("NOOP")
            before = await seen(bob, "RFC822.SIZE BODY.PEEK[]")
            reply = await bob.command(f"UID COPY 1:* {HERS}/Ours")
            assert b" 1:12 1:12]" in reply.tagged
            await alice.ok("SELECT Ours")
            assert await seen(alice, "RFC822.SIZE BODY.PEEK[]") == before

    run(play())


@both_stores
def test_all_or_none(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §6.4.7: a copy that fails half way leaves nothing behind, and MOVE the source as it was."""

    async def play() -> None:
        async with open_room(tmp_path, kind, carry_batch_messages=1) as room:
            alice, bob = await two(room)
            account = await room.store.open(1)
            ours = await account.mailbox("Ours")
            # As many keywords as a mailbox can have: the third message's is one too many
            with room.store.draft() as draft:
                draft.write(MESSAGE)
                draft.finish()
                await account.append("Ours", draft, AppendOptions(flags=frozenset(f"k{n}" for n in range(58))))
            account.close()
            for command in ("COPY", "MOVE"):
                assert (await bob.command(f"{command} 1:3 {HERS}/Ours")).tagged.startswith(b"NO [LIMIT]")
            assert (await alice.ok("STATUS Ours (MESSAGES)"))[0].endswith(b"(MESSAGES 1)")
            assert len(await seen(bob, "UID")) == 3
            assert ours.messages == 0

    run(play())


@both_stores
def test_what_has_gone_is_passed_over_or_refused(tmp_path: Path, kind: str) -> None:
    """RFC 2180 §4.4, as within one account."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            _, bob = await two(room)
            other = await room.client("INBOX", name="bob")
            await other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            await other.ok("UID EXPUNGE 2")
            tag = bob.start(f"COPY 1:3 {HERS}/Ours")  # by number, before the client knows
            assert (await bob.finish(tag)).tagged.startswith(b"NO [EXPUNGEISSUED]")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("UID EXPUNGE 1")
            assert b" 3 1]" in (await bob.command(f"UID COPY 1,3 {HERS}/Ours")).tagged

    run(play())


@both_stores
def test_no_uids_of_a_mailbox_that_cannot_be_opened(tmp_path: Path, kind: str) -> None:
    """RFC 4315 §3, RFC 9051 §6.3.12, §6.4.7, §11.4: neither APPENDUID nor COPYUID."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "li")
            assert (await bob.command(f"SELECT {HERS}/Ours")).tagged.startswith(b"NO [NOPERM]")
            await bob.ok("SELECT INBOX")
            assert (await bob.append(f"{HERS}/Ours")).tagged == b"OK APPEND completed"
            assert (await bob.command(f"COPY 1 {HERS}/Ours")).tagged == b"OK COPY completed"
            reply = await bob.command(f"MOVE 1 {HERS}/Ours")
            assert (reply.untagged, reply.tagged) == ([b"* 1 EXPUNGE"], b"OK MOVE completed")
            reply = await bob.command(b"REPLACE 1 %b/Ours {%d+}\r\n%b" % (HERS.encode(), len(MESSAGE), MESSAGE))
            assert reply.ok
            assert not [line for line in reply.untagged if b"UID" in line]
            assert await alice.ok("STATUS Ours (MESSAGES)") == [b"* STATUS Ours (MESSAGES 4)"]
            await alice.ok("SETACL Ours bob@x.example +r")
            assert b"[APPENDUID " in (await bob.append(f"{HERS}/Ours")).tagged

    run(play())
