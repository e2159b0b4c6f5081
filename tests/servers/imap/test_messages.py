"""STORE, COPY, MOVE, EXPUNGE, alone and seen from other sessions."""

from dataclasses import replace
from pathlib import Path

from postroom.store.api import FlagAction

from .room import Room, both_stores, followed_by, message, open_room, run


async def fill(room: Room, count: int) -> None:
    for number in range(count):
        await room.deliver(message(f"number {number + 1}"))
    reader = await room.client("INBOX")  # takes the \Recent marks, so that they are in nobody's way
    await reader.ok("LOGOUT")


@both_stores
def test_store(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 3)
            client = await room.client("INBOX")
            assert await client.ok("STORE 2 +FLAGS (\\Seen \\flagged)") == [b"* 2 FETCH (FLAGS (\\Flagged \\Seen))"]
            assert await client.ok("STORE 2 -FLAGS \\Seen") == [b"* 2 FETCH (FLAGS (\\Flagged))"]
            assert await client.ok("UID STORE 1:2 FLAGS (\\Draft)") == [
                b"* 1 FETCH (UID 1 FLAGS (\\Draft))",
                b"* 2 FETCH (UID 2 FLAGS (\\Draft))",
            ]
            assert await client.ok("STORE 1:* FLAGS.SILENT ()") == []
            assert await client.ok("FETCH 1:3 FLAGS") == [b"* %d FETCH (FLAGS ())" % n for n in (1, 2, 3)]
            assert await client.ok("UID STORE 900 +FLAGS (\\Seen)") == []
            assert (await client.command("STORE 4 +FLAGS (\\Seen)")).tagged.startswith(b"BAD")
            assert await client.ok("STORE 1 +FLAGS (\\Recent \\Unknown)") == [b"* 1 FETCH (FLAGS ())"]

    run(play())


@both_stores
def test_keywords(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 2)
            client, other = await room.client("INBOX"), await room.client("INBOX")
            new = [
                b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)",
                b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*)] Flags permitted",
            ]
            assert await client.ok("STORE 1 +FLAGS ($Work)") == [*new, b"* 1 FETCH (FLAGS ($Work))"]
            assert await client.ok("STORE 2 +FLAGS ($WORK)") == [b"* 2 FETCH (FLAGS ($Work))"]
            assert await other.ok("NOOP") == [
                *new,
                b"* 1 FETCH (UID 1 FLAGS ($Work))",
                b"* 2 FETCH (UID 2 FLAGS ($Work))",
            ]
            assert await client.ok("SEARCH KEYWORD $work") == [b"* SEARCH 1 2"]
            assert await client.ok("SEARCH UNKEYWORD $Other") == [b"* SEARCH 1 2"]
            many = " ".join(f"k{n}" for n in range(60))
            reply = await client.command(f"STORE 1 +FLAGS.SILENT ({many})")
            assert reply.tagged.startswith(b"NO [LIMIT]")

    run(play())


@both_stores
def test_flags_reach_the_other_session(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 2)
            one, two = await room.client("INBOX"), await room.client("INBOX")
            await one.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
            await one.ok("FETCH 2 BODY[TEXT]")
            assert await two.ok("NOOP") == [b"* 1 FETCH (UID 1 FLAGS (\\Seen))", b"* 2 FETCH (UID 2 FLAGS (\\Seen))"]
            await one.ok("STORE 1 +FLAGS (\\Flagged)")
            # What two's own FETCH says need not be said again.
            assert await two.ok("FETCH 1 (FLAGS)") == [b"* 1 FETCH (FLAGS (\\Flagged \\Seen))"]
            assert await two.ok("NOOP") == []

    run(play())


@both_stores
def test_expunge(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 5)
            one, two = await room.client("INBOX"), await room.client("INBOX")
            await one.ok("STORE 2,3,5 +FLAGS.SILENT (\\Deleted)")
            assert await one.ok("EXPUNGE") == [b"* 2 EXPUNGE", b"* 2 EXPUNGE", b"* 3 EXPUNGE"]
            assert await one.ok("UID SEARCH ALL") == [b"* SEARCH 1 4"]
            # Two's numbers stay what they were until it is told, and FETCH, STORE, SEARCH by number do not tell.
            assert await two.ok("FETCH 1:5 UID") == [b"* %d FETCH (UID %d)" % (n, n) for n in range(1, 6)]
            assert await two.ok("SEARCH 1:*") == [b"* SEARCH 1 2 3 4 5"]
            reply = await two.command("FETCH 2 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            assert b"Subject: number 2" in reply.untagged[0]
            assert (await two.command("STORE 2 +FLAGS (\\Seen)")).tagged.startswith(b"NO [EXPUNGEISSUED]")
            reply = await two.command("STORE 1:2 +FLAGS (\\Seen)")
            assert reply.untagged == [b"* 1 FETCH (FLAGS (\\Seen))"]
            assert reply.tagged.startswith(b"OK [EXPUNGEISSUED]")
            reply = await two.command("COPY 1:2 Trash")
            assert reply.tagged.startswith(b"NO [EXPUNGEISSUED]")
            assert reply.untagged == [b"* 2 EXPUNGE", b"* 2 EXPUNGE", b"* 3 EXPUNGE"]
            await one.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await one.ok("EXPUNGE")
            assert await two.ok("UID STORE 1 +FLAGS (\\Seen)") == [b"* 1 EXPUNGE"]
            assert await two.ok("FETCH 1:* UID") == [b"* 1 FETCH (UID 4)"]

    run(play())


@both_stores
def test_uid_expunge(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 4)
            client = await room.client("INBOX")
            await client.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
            assert await client.ok("UID EXPUNGE 2:4") == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
            assert await client.ok("UID EXPUNGE 900") == []
            assert await client.ok("FETCH 1:* UID") == [b"* 1 FETCH (UID 1)", b"* 2 FETCH (UID 4)"]

    run(play())


@both_stores
def test_copy(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 3)
            client = await room.client("INBOX")
            await client.ok("STORE 1 +FLAGS.SILENT (\\Flagged $Work)")
            reply = await client.command("COPY 1,3 Archive")
            assert reply.tagged.startswith(b"OK [COPYUID ")
            assert reply.tagged.endswith(b" 1,3 1:2] COPY completed")
            assert (await client.command("UID COPY 900 Archive")).tagged == b"OK UID COPY completed, nothing to do"
            assert (await client.command("COPY 1 nowhere")).tagged.startswith(b"NO [TRYCREATE]")
            assert b"* 4 EXISTS" in await client.ok("UID COPY 2 INBOX")
            other = await room.client("Archive")
            assert await other.ok("FETCH 1:* FLAGS") == [
                b"* 1 FETCH (FLAGS (\\Flagged $Work \\Recent))",
                b"* 2 FETCH (FLAGS (\\Recent))",
            ]

    run(play())


@both_stores
def test_move(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 4)
            one, two, target = await room.client("INBOX"), await room.client("INBOX"), await room.client("Archive")
            reply = await one.command("MOVE 2:3 Archive")
            assert reply.untagged[0].startswith(b"* OK [COPYUID ")
            assert reply.untagged[0].endswith(b" 2:3 1:2] Moved")
            assert reply.untagged[1:] == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
            assert reply.tagged == b"OK MOVE completed"
            assert await two.ok("NOOP") == [b"* 2 EXPUNGE", b"* 2 EXPUNGE"]
            assert b"* 2 EXISTS" in await target.ok("NOOP")
            reply = await one.command("UID MOVE 4 nowhere")
            assert reply.tagged.startswith(b"NO [TRYCREATE]")
            assert (await one.command("UID MOVE 2 Archive")).tagged == b"OK UID MOVE completed, nothing to do"

    run(play())


@both_stores
def test_copy_keeps_to_the_quota(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 2)
            client = await room.client("INBOX")
            alice = room.directory.people["alice@x.example"]
            for octets, messages in ((None, 3), (250, None)):
                room.directory.people["alice@x.example"] = replace(alice, quota_octets=octets, quota_messages=messages)
                assert (await client.command("COPY 1:2 Archive")).tagged.startswith(b"NO [OVERQUOTA]")
            room.directory.people["alice@x.example"] = replace(alice, quota_octets=100_000, quota_messages=4)
            await client.ok("COPY 1:2 Archive")

    run(play())


@both_stores
def test_a_large_store_is_answered_in_batches(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, fetch_batch_messages=3) as room:
            await fill(room, 8)
            client = await room.client("INBOX")
            assert await client.ok("STORE 1:* +FLAGS (\\Seen)") == [
                b"* %d FETCH (FLAGS (\\Seen))" % n for n in range(1, 9)
            ]
            assert await client.ok("UID FETCH 1,3,5:6,8 (FLAGS)") == [
                b"* %d FETCH (UID %d FLAGS (\\Seen))" % (n, n) for n in (1, 3, 5, 6, 8)
            ]

    run(play())


@both_stores
def test_what_others_change_while_a_store_is_answered_is_told(tmp_path: Path, kind: str) -> None:
    """Two commits in one batch: the answer to the first must not pass for news of the second."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 2)
            client = await room.client("INBOX")
            account = await room.store.open(1)
            inbox = (await account.mailbox("INBOX")).mailbox_id
            with followed_by(account, inbox, 1, FlagAction.REPLACE, frozenset(("\\Draft",))):
                said = await client.ok("STORE 1 +FLAGS (\\Seen)")
            account.close()
            assert said[-1] == b"* 1 FETCH (FLAGS (\\Draft))"

    run(play())


@both_stores
def test_nothing_copied_to_nowhere_is_a_missing_mailbox_all_the_same(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            for verb in ("COPY", "MOVE"):
                assert (await client.command(f"UID {verb} 1:* none")).tagged.startswith(b"NO [TRYCREATE]")
                assert await client.ok(f"UID {verb} 1:* Sent") == []

    run(play())


@both_stores
def test_a_move_says_how_far_the_mailbox_has_come(tmp_path: Path, kind: str) -> None:
    """RFC 6851 §4.4: HIGHESTMODSEQ in the tagged OK, to who knows of it."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 4)
            client = await room.client()
            await client.ok("SELECT INBOX (CONDSTORE)")
            for command in ("MOVE 1", "UID MOVE 3"):
                reply = await client.command(f"{command} Archive")
                (status,) = await client.ok("STATUS INBOX (HIGHESTMODSEQ)")
                highest = status.rpartition(b" ")[2].rstrip(b")")
                assert reply.tagged.startswith(b"OK [HIGHESTMODSEQ %b] " % highest), reply
            assert (await client.command("UID MOVE 3 Archive")).tagged == b"OK UID MOVE completed, nothing to do"

    run(play())


@both_stores
def test_a_silent_store_does_not_swallow_what_others_did_before(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §6.4.6: the client knows its own change, and no other."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client, other = await room.client("INBOX"), await room.client()
            await other.ok("ENABLE CONDSTORE")
            await other.ok("SELECT INBOX")
            await other.ok("STORE 1 +FLAGS (\\Flagged)")
            said = await client.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
            assert said == [b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent))"]
            said = await other.ok("STORE 1 +FLAGS.SILENT (\\Draft)")
            assert said == [
                b"* 1 FETCH (UID 1 MODSEQ (5))",
                b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Draft) MODSEQ (5))",
            ]
            assert await client.ok("STORE 1 +FLAGS (\\Deleted)") == [
                b"* 1 FETCH (FLAGS (\\Flagged \\Deleted \\Seen \\Draft \\Recent))"
            ]

    run(play())


@both_stores
def test_only_named_flags_make_a_conditional_store_fail(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1.3, §3.1.12: no MODIFIED over flags that +FLAGS and -FLAGS do not name."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 4)  # the mailbox is at 5
            client, other = await room.client(), await room.client("INBOX")
            await client.ok("SELECT INBOX (CONDSTORE)")
            await other.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")  # 6
            await other.ok("STORE 2 +FLAGS.SILENT ($Processed)")  # 7
            await other.ok("STORE 3 FLAGS.SILENT (\\Seen)")  # 8: nobody knows which of all flags that was about
            # Set already, but by another client: the command asks about just that (example 10)
            reply = await client.command("STORE 1:4 (UNCHANGEDSINCE 5) +FLAGS.SILENT ($Processed)")
            assert reply.tagged.startswith(b"OK [MODIFIED 2:3] ")
            assert [line for line in reply.untagged if b"FETCH" in line] == [
                b"* 1 FETCH (UID 1 MODSEQ (10))",
                b"* 4 FETCH (UID 4 MODSEQ (9))",
                b"* 1 FETCH (UID 1 FLAGS (\\Deleted $Processed) MODSEQ (10))",
                b"* 2 FETCH (UID 2 FLAGS (\\Deleted $Processed) MODSEQ (7))",
                b"* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (8))",
            ]
            await other.ok("STORE 4 +FLAGS.SILENT (\\Flagged)")  # 11
            reply = await client.command("UID STORE 4 (UNCHANGEDSINCE 10) -FLAGS ($Processed)")
            assert reply.tagged == b"OK UID STORE completed"
            assert (await client.command("UID STORE 4 (UNCHANGEDSINCE 10) +FLAGS (\\Flagged)")).tagged.startswith(
                b"OK [MODIFIED 4]"
            )
            # FLAGS names all of them; what was before the mailbox was selected is not known
            for condition in ("(UNCHANGEDSINCE 11) FLAGS ()", "(UNCHANGEDSINCE 4) +FLAGS (\\Draft)"):
                assert (await client.command(f"STORE 4 {condition}")).tagged.startswith(b"OK [MODIFIED 4]"), condition
            # What has come since has all its flags anew
            await room.deliver()
            await client.ok("NOOP")
            assert (await client.command("STORE 5 (UNCHANGEDSINCE 12) +FLAGS (\\Draft)")).tagged.startswith(
                b"OK [MODIFIED 5]"
            )

    run(play())


@both_stores
def test_a_keyword_that_is_not_there_can_be_set_once(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1.3: UNCHANGEDSINCE 0 fails if the flag exists, as a system flag always does (examples 7 and 8)."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 1)
            clients = [await room.client("INBOX") for _ in range(2)]
            command = "STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ({})"
            tags = [client.start(command.format("$MDNSent")) for client in clients]
            tagged = sorted([(await client.finish(tag)).tagged for client, tag in zip(clients, tags, strict=True)])
            assert tagged[0] == b"OK STORE completed"
            assert tagged[1].startswith(b"OK [MODIFIED 1]")
            for flags in ("\\Seen", "$Other \\Seen", "$MDNSent $Other"):
                assert (await clients[0].command(command.format(flags))).tagged.startswith(b"OK [MODIFIED 1]")
            assert (await clients[0].command(command.format("$Other"))).tagged == b"OK STORE completed"

    run(play())


@both_stores
def test_flags_of_a_guest_are_all_flags_too(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1.12: FLAGS fails when anything has changed, whatever of it the rights let through."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await fill(room, 1)
            owner, guest = await room.client(), await room.client(name="bob")
            await owner.ok("SETACL INBOX bob@x.example lrs")
            await guest.ok("SELECT #user/alice@x.example/INBOX (CONDSTORE)")
            await owner.ok("SELECT INBOX")
            await owner.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
            reply = await guest.command("STORE 1 (UNCHANGEDSINCE 3) FLAGS (\\Seen)")
            assert reply.tagged.startswith(b"OK [MODIFIED 1]"), reply
            assert (await guest.command("STORE 1 (UNCHANGEDSINCE 3) +FLAGS (\\Seen)")).tagged == b"OK STORE completed"

    run(play())
