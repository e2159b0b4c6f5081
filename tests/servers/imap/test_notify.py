"""NOTIFY: told what was asked for, at any time, and nothing else."""

import asyncio
import re
from pathlib import Path

import pytest

from postroom.net import NetSettings

from .room import MESSAGE, Client, both_stores, message, open_room, run


async def quiet(client: Client) -> None:
    assert (await client.command("NOOP")).untagged == []


async def heard(client: Client, *expected: bytes) -> None:
    """The next responses, whatever stands for the dots."""
    for line in expected:
        async with asyncio.timeout(10):
            got = await client.response()
        assert re.fullmatch(b".*".join(map(re.escape, line.split(b"..."))), got, re.DOTALL), (line, got)


async def at_last(client: Client, expected: bytes) -> None:
    """The response that ends with the right number: how many changes are told together is a matter of moments."""
    start, _, _ = expected.partition(b" (")
    async with asyncio.timeout(10):
        while not re.fullmatch(b".*".join(map(re.escape, expected.split(b"..."))), got := await client.response()):
            assert got.startswith(start), got


@both_stores
def test_the_selected_mailbox_at_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok(
                "NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))"
            )
            await room.deliver(message("good morning"))
            await heard(
                client,
                b"* 2 EXISTS",
                b"* ... RECENT",
                b"* 2 FETCH (UID 2 BODY[HEADER.FIELDS (SUBJECT)] {25}\r\nSubject: good morning\r\n\r\n)",
            )
            await other.ok("STORE 1 +FLAGS (\\Flagged $Junk)")
            await heard(
                client, b"* FLAGS ...", b"* OK [PERMANENTFLAGS ...", b"* 1 FETCH (UID 1 FLAGS (\\Flagged $Junk...))"
            )
            await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await heard(client, b"* 1 FETCH (UID 1 FLAGS ...\\Deleted...)")
            await other.ok("EXPUNGE")
            await heard(client, b"* 1 EXPUNGE")
            await quiet(client)

    run(play())


@both_stores
def test_several_messages_and_what_this_client_has_brought_itself(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            await client.ok("NOTIFY SET (selected (MessageNew (FLAGS BODY[TEXT]) MessageExpunge))")
            reply = await client.append("INBOX")
            assert [line for line in reply.untagged if b"FETCH" in line] == []  # §5.2
            assert b"* 1 EXISTS" in reply.untagged
            tag = client.start("IDLE")
            await heard(client, b"+ idling")
            for _ in range(3):
                await room.deliver(message("a"))
            fetched: list[bytes] = []
            while len(fetched) < 3:
                line = await client.response()
                if b"FETCH" in line:
                    fetched.append(line)
            assert [line[:9] for line in fetched] == [b"* 2 FETCH", b"* 3 FETCH", b"* 4 FETCH"]
            client.send(b"DONE\r\n")
            assert (await client.finish(tag)).ok
            assert await client.ok("SEARCH UNSEEN") == [b"* SEARCH 1 2 3 4"]  # nobody has seen them

    run(play())


@both_stores
def test_delayed(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(3):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))")
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            await heard(client, b"* 1 FETCH (UID 1 FLAGS ...)")
            await other.ok("EXPUNGE")
            await room.deliver()
            await heard(client, b"* 4 EXISTS", b"* ... RECENT")
            await client.ok("FETCH 1 UID")  # its numbers still hold
            assert b"* 1 EXPUNGE" in await client.ok("NOOP")
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            await heard(client, b"* 1 FETCH (UID 2 FLAGS ...)")
            tag = client.start("IDLE")
            await heard(client, b"+ idling")
            await other.ok("EXPUNGE")
            await heard(client, b"* 1 EXPUNGE")
            client.send(b"DONE\r\n")
            assert (await client.finish(tag)).ok

    run(play())


@both_stores
def test_what_is_not_asked_for_is_not_told_even_with_commands_or_in_idle(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await room.deliver()
            assert b"* 3 EXISTS" in await client.ok("NOTIFY SET (selected NONE)")  # §3.1: an implicit NOOP
            await other.ok("STORE 1 +FLAGS (\\Deleted)")
            await other.ok("EXPUNGE")
            await room.deliver()
            await quiet(client)
            tag = client.start("IDLE")
            await heard(client, b"+ idling")
            await room.deliver()
            await asyncio.sleep(0.02)
            client.send(b"DONE\r\n")
            assert (await client.finish(tag)).untagged == []
            assert await client.ok("FETCH 2 UID") == [b"* 2 FETCH (UID 2)"]  # as it was
            told = await client.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
            assert told[0] == b"* 1 EXPUNGE"
            assert told[1] == b"* 4 EXISTS"
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS (\\Seen)")
            await quiet(client)  # FlagChange was not asked for
            assert (await client.ok("NOTIFY NONE")) == []
            await room.deliver()
            await quiet(client)
            await client.ok("SELECT INBOX")
            await room.deliver()
            await quiet(client)

    run(play())


@both_stores
def test_other_mailboxes(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client("INBOX"), await room.client()
            for name in ("Lists/Lemonade", "Lists/Im2000", "misc"):
                await other.ok(f"CREATE {name}")
            await room.deliver(mailbox="misc")
            lines = await client.ok(
                "NOTIFY SET STATUS (selected (MessageNew MessageExpunge))"
                " (subtree Lists (MessageNew MessageExpunge))"
                " (mailboxes (misc nowhere) (MessageNew MessageExpunge FlagChange))"
            )
            assert sorted(re.sub(rb"UIDVALIDITY \d+|HIGHESTMODSEQ \d+", b"N", line) for line in lines) == [
                b"* STATUS Lists/Im2000 (MESSAGES 0 UIDNEXT 1 N)",
                b"* STATUS Lists/Lemonade (MESSAGES 0 UIDNEXT 1 N)",
                b"* STATUS misc (MESSAGES 1 UIDNEXT 2 N UNSEEN 1 N)",
            ]
            await room.deliver(mailbox="Lists/Lemonade")
            await heard(client, b"* STATUS Lists/Lemonade (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ...)")
            await room.deliver(mailbox="Drafts")
            await other.ok("SELECT misc")
            await other.ok("STORE 1 +FLAGS (\\Flagged)")  # shows in nothing that this client knows
            await other.ok("STORE 1 +FLAGS (\\Seen \\Deleted)")
            await heard(client, b"* STATUS misc (UIDVALIDITY ... UNSEEN 0)")
            await other.ok("EXPUNGE")
            await heard(client, b"* STATUS misc (MESSAGES 0 UIDNEXT 2 UIDVALIDITY ... UNSEEN 0)")
            await client.append("misc")  # its own doing
            await quiet(client)
            await client.ok("ENABLE CONDSTORE")
            await other.ok("NOOP")
            await other.ok("STORE 1 +FLAGS (\\Flagged)")
            await heard(client, b"* STATUS misc (UIDVALIDITY ... UNSEEN 1 HIGHESTMODSEQ ...)")
            await client.ok("SELECT misc")  # now it is SELECTED that counts, and that has no FlagChange
            await other.ok("STORE 1 -FLAGS (\\Flagged)")
            await quiet(client)
            await room.deliver(mailbox="misc")
            await heard(client, b"* 2 EXISTS", b"* ... RECENT")
            await room.deliver()
            await quiet(client)

    run(play())


@both_stores
def test_messages_of_one_turn_are_one_status(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(200):
                await room.deliver(mailbox="Sent")
            client, other = await room.client(), await room.client("Sent")
            await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
            await other.ok("COPY 1:200 Archive")
            await heard(client, b"* STATUS Archive (MESSAGES 200 UIDNEXT 201 UIDVALIDITY ...)")
            await quiet(client)
            await other.ok("MOVE 1:200 Trash")
            lines = sorted([await client.response(), await client.response()])
            assert lines[0].startswith(b"* STATUS Sent (MESSAGES 0 ")
            assert lines[1].startswith(b"* STATUS Trash (MESSAGES 200 ")

    run(play())


@both_stores
def test_names_of_mailboxes(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client(), await room.client()
            await client.ok("NOTIFY SET (personal (MailboxName SubscriptionChange))")
            await other.ok("CREATE New/Mailbox")
            listed = sorted([await client.response(), await client.response()])
            assert listed[0] == b'* LIST (\\HasNoChildren) "/" New/Mailbox'
            assert listed[1] == b'* LIST (\\NonExistent \\HasChildren) "/" New'  # §5.4: the parent is affected
            await other.ok("SUBSCRIBE New/Mailbox")
            await heard(client, b'* LIST (\\HasNoChildren \\Subscribed) "/" New/Mailbox')
            await other.ok("UNSUBSCRIBE New/Mailbox")
            await heard(client, b'* LIST (\\HasNoChildren) "/" New/Mailbox')
            await other.ok("CREATE New/Mailbox/Child")
            await heard(client, b"* LIST ...", b"* LIST ...")
            await other.ok("RENAME New/Mailbox Old")
            await heard(client, b'* LIST (\\HasChildren) "/" Old ("OLDNAME" (New/Mailbox))')
            await other.ok("DELETE Old/Child")
            gone = sorted([await client.response(), await client.response()])
            assert gone[0] == b'* LIST (\\HasNoChildren) "/" Old'
            assert gone[1].startswith(b"* LIST (\\NonExistent \\HasNoChildren")
            await client.ok("CREATE mine")
            await client.ok("SUBSCRIBE mine")
            await client.ok("DELETE mine")
            await client.ok("UNSUBSCRIBE mine")
            await client.ok("RENAME Old Older")
            await quiet(client)
            await other.ok("RENAME INBOX kept")
            await heard(client, b'* LIST (...) "/" kept ("OLDNAME" (INBOX))')  # INBOX itself is as it was
            await quiet(client)

    run(play())


@both_stores
def test_what_is_covered_follows_names_and_subscriptions(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client(), await room.client()
            await other.ok("CREATE a")
            await other.ok("UNSUBSCRIBE a")
            await client.ok(
                "NOTIFY SET (subscribed (MessageNew MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))"
            )
            await room.deliver(mailbox="a")
            await other.ok("SUBSCRIBE a")  # §6.4: the list is looked at again
            await room.deliver(mailbox="a")
            await heard(client, b"* STATUS a (MESSAGES 2 ...)")
            await other.ok("UNSUBSCRIBE a")
            await room.deliver(mailbox="a")
            await quiet(client)
            await other.ok("RENAME a Lists/b")
            await room.deliver(mailbox="Lists/b")
            await at_last(client, b"* STATUS Lists/b (MESSAGES 4 ...)")
            await other.ok("DELETE Lists/b")
            await quiet(client)

    run(play())


def test_annotations(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client, other = await room.client("INBOX"), await room.client()
            await client.ok("NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))")
            await other.ok('SETMETADATA INBOX (/private/comment "hello")')
            await heard(client, b"* METADATA INBOX /private/comment")
            await other.ok('SETMETADATA "" (/private/comment "hello")')
            await heard(client, b'* METADATA "" /private/comment')
            await client.ok('SETMETADATA INBOX (/private/comment "mine")')
            await quiet(client)
            await client.ok("ENABLE METADATA")
            await other.ok('SETMETADATA INBOX (/private/comment "again")')
            await heard(client, b"* METADATA INBOX /private/comment")  # once
            await quiet(client)

    run(play())


def test_what_can_not_be_watched_changes_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_notify_mailboxes=3) as room:
            client = await room.client("INBOX")
            await client.ok("NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge))")
            refused = await client.command("NOTIFY SET (personal (MessageNew MessageExpunge))")
            assert refused.tagged.startswith(b"NO [NOTIFICATIONOVERFLOW]")
            refused = await client.command("NOTIFY SET (selected (MessageNew MessageExpunge AnnotationChange))")
            assert refused.tagged.startswith(b"NO [BADEVENT (MessageNew ")
            await room.deliver(mailbox="Sent")
            await heard(client, b"* STATUS Sent (MESSAGES 1 ...)")

    run(play())


def test_too_much_to_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5465 §5.8, to a client that does not read."""

    async def play() -> None:
        async with open_room(tmp_path, max_notifications=16) as room:
            client, other = await room.client(), await room.client()
            await client.ok("NOTIFY SET (personal (MailboxName MessageNew MessageExpunge))")
            port = client.writer.get_extra_info("sockname")[1]
            connection = next(one for one in room.listener._connections if one.peer[1] == port)
            gate = asyncio.Event()

            async def drain() -> None:
                connection.flush()
                await gate.wait()

            monkeypatch.setattr(connection, "drain", drain)
            for n in range(20):
                await other.ok(f"CREATE box{n}")
            gate.set()
            lines = [await client.response()]
            while not lines[-1].startswith(b"* OK [NOTIFICATIONOVERFLOW] "):
                lines.append(await client.response())
            assert len(lines) < 18
            await room.deliver(mailbox="Sent")
            await quiet(client)
            await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
            await room.deliver(mailbox="Sent")
            await heard(client, b"* STATUS Sent (MESSAGES 2 ...)")

    run(play())


def test_a_client_that_does_not_read_costs_little(tmp_path: Path) -> None:
    async def play() -> None:
        net = NetSettings(output_high_water_octets=16384, close_timeout_seconds=0.1)
        async with open_room(tmp_path, net=net, output_piece_octets=4096) as room:
            for _ in range(100):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok(
                "NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge FlagChange))"
                " (personal (MessageNew MessageExpunge FlagChange))"
            )
            connections = list(room.listener._connections)
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            big = message(body=b"x" * 70 + b"\r\n" * 100_000)
            worst = 0
            for n in range(60):
                await room.deliver(big)
                await other.ok("STORE 1:100 +FLAGS.SILENT (%s)" % ("\\Seen" if n % 2 else "\\Flagged"))
                await other.ok("STORE 1:100 -FLAGS.SILENT (%s)" % ("\\Seen" if n % 2 else "\\Flagged"))
                worst = max(worst, *(one._transport.get_write_buffer_size() for one in connections if one._transport))
            assert worst < 1 << 20
            client.writer.transport.abort()
            while len(room.listener._connections) > 1:
                await asyncio.sleep(0.01)

    run(play())


def test_a_deleted_mailbox_ends_the_session(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            other = await room.client()
            await other.ok("CREATE box")
            client = await room.client("box")
            await client.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")
            await other.ok("DELETE box")
            assert await client.eof() == b"* BYE The selected mailbox was deleted\r\n"

    run(play())


def test_unauthenticate_forgets(tmp_path: Path) -> None:
    """RFC 8437 §4.1."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            await client.ok("NOTIFY SET (selected NONE) (personal (MessageNew MessageExpunge))")
            await client.ok("UNAUTHENTICATE")
            await room.deliver(mailbox="Sent")
            await client.ok("LOGIN bob@x.example bob-secret")
            await client.ok("SELECT INBOX")
            await room.deliver(account_id=2)
            assert b"* 1 EXISTS" in await client.ok("NOOP")

    run(play())


def test_nobody_listens_after_the_session(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            for _ in range(3):
                await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge ServerMetadataChange))")
            assert len(room.service.note_watchers) == 1
            await client.ok("LOGOUT")
            await client.eof()
            while room.listener._connections:
                await asyncio.sleep(0.01)
            assert not room.service.note_watchers
            await room.deliver()

    run(play())


def test_compressed(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await client.ok("NOTIFY SET (personal (MessageNew MessageExpunge))")
            await client.ok("COMPRESS DEFLATE")
            client.compress()
            await room.deliver()
            await heard(client, b"* STATUS INBOX (MESSAGES 1 ...)")

    run(play())


def test_while_a_command_is_under_way_numbers_hold(tmp_path: Path) -> None:
    """A command that has come is carried out on what the client has been told before."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
            for n in range(1, 31):
                await room.deliver(MESSAGE)
                tag = client.start(f"FETCH 1:{n} UID")
                mine = await client.finish(tag)
                fetched = [line for line in mine.untagged if b"FETCH (UID" in line and b"FLAGS" not in line]
                exists = [line for line in mine.untagged if b"EXISTS" in line]
                assert mine.ok == (len(fetched) == n), (mine, exists)
                while not mine.ok:
                    mine = await client.command(f"FETCH 1:{n} UID")
                await client.ok("NOOP")
                await other.ok("NOOP")

    run(play())


def test_groups_without_events_watch_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            assert (
                await client.ok("NOTIFY SET STATUS (personal NONE) (mailboxes nowhere (MessageNew MessageExpunge))")
                == []
            )
            await room.deliver()
            await quiet(client)

    run(play())


@both_stores
def test_mailboxes_that_others_share(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            owner, client = await room.client(), await room.client(name="bob")
            for name in ("team", "team/a", "hidden"):
                await owner.ok(f"CREATE {name}")
            await owner.ok("SETACL team bob@x.example lr")
            await owner.ok("SETACL team/a bob@x.example l")
            theirs = "#user/alice@x.example"
            lines = await client.ok(
                f"NOTIFY SET STATUS"
                f" (mailboxes ({theirs}/team/a {theirs}/hidden) (MessageNew MessageExpunge MailboxName))"
                f" (subtree {theirs}/team (MessageNew MessageExpunge MailboxName))"
            )
            assert lines[0] == b'* LIST (\\NoAccess) "/" #user/alice@x.example/team/a'  # §3.1
            assert [line.split()[2] for line in lines[1:]] == [b"#user/alice@x.example/team"]
            await room.deliver(mailbox="team")
            await heard(client, b"* STATUS #user/alice@x.example/team (MESSAGES 1 ...)")
            await room.deliver(mailbox="team/a")
            await room.deliver(mailbox="hidden")
            await owner.ok("CREATE hidden/more")
            await owner.ok("DELETE hidden/more")
            await quiet(client)  # what may not be seen is not told of
            await owner.ok("SETACL hidden bob@x.example lr")  # §5.4: as if it had been created
            await heard(client, b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/hidden')
            await room.deliver(mailbox="hidden")  # §5.9: watched again
            await heard(client, b"* STATUS #user/alice@x.example/hidden (MESSAGES 2 ...)")
            await owner.ok("SETACL hidden bob@x.example lrs")
            await quiet(client)
            await owner.ok("DELETEACL hidden bob@x.example")
            await heard(client, b'* LIST (\\NonExistent \\HasNoChildren) "/" #user/alice@x.example/hidden')
            await room.deliver(mailbox="hidden")
            await quiet(client)
            await owner.ok("RENAME team crew")
            await heard(client, b'* LIST (...) "/" #user/alice@x.example/crew ("OLDNAME" (#user/alice@x.example/team))')

    run(play())


def test_too_many_accounts(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_notify_accounts=1) as room:
            client = await room.client()
            others = [f"#user/{name}/x" for name in room.directory.people if name != "alice@x.example"]
            assert len(others) > 1
            await client.ok(f"NOTIFY SET (mailboxes {others[0]} (MailboxName))")
            refused = await client.command(f"NOTIFY SET (mailboxes ({' '.join(others)}) (MailboxName))")
            assert refused.tagged.startswith(b"NO [NOTIFICATIONOVERFLOW]")

    run(play())


@both_stores
def test_new_messages_of_a_result_that_is_kept_up_to_date(tmp_path: Path, kind: str) -> None:
    """RFC 5465 §7, and §5.2: one FETCH with what both ask for."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("from the boss"))
            client, other = await room.client("INBOX"), await room.client("INBOX")
            tag = client.start('SEARCH RETURN (COUNT UPDATE (UID FLAGS BODY[HEADER.FIELDS (SUBJECT)])) SUBJECT "boss"')
            assert b"COUNT 1" in (await client.finish(tag)).untagged[0]
            idle = client.start("IDLE")
            await heard(client, b"+ idling")
            await room.deliver(message("boss again"))
            fetched = b"* 2 FETCH (UID 2 FLAGS (...) BODY[HEADER.FIELDS (SUBJECT)] {...boss again...)"
            addto = b'* ESEARCH (TAG "%b") ADDTO (0 2)' % tag
            await heard(client, b"* 2 EXISTS", b"* ... RECENT", fetched, addto)
            await room.deliver(message("somebody else"))
            await heard(client, b"* 3 EXISTS", b"* ... RECENT")
            client.send(b"DONE\r\n")
            assert (await client.finish(idle)).untagged == []
            await client.ok("NOTIFY SET (selected (MessageNew (FLAGS RFC822.SIZE) MessageExpunge))")
            await room.deliver(message("the boss"))
            both = b"* 4 FETCH (UID 4 FLAGS (...) BODY[HEADER.FIELDS (SUBJECT)] {...the boss... RFC822.SIZE ...)"
            addto = b'* ESEARCH (TAG "%b") ADDTO (0 4)' % tag
            await heard(client, b"* 4 EXISTS", b"* ... RECENT", both, addto)
            await room.deliver(message("nobody"))
            await heard(client, b"* 5 EXISTS", b"* ... RECENT", b"* 5 FETCH (FLAGS (...) RFC822.SIZE ...)")
            reply = await client.append("INBOX", message("boss, by myself"))
            assert not [line for line in reply.untagged if b"FETCH" in line]
            assert b'* ESEARCH (TAG "%b") ADDTO (0 6)' % tag in reply.untagged
            await quiet(client)
            await other.ok("NOOP")
            assert b"* SEARCH 1 2 3 4 5 6" in await other.ok("SEARCH UNSEEN")

    run(play())


@both_stores
def test_whoever_expunges_is_answered(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §6.4.3, RFC 6851 §3.3: EXPUNGE is the result of a command, not news that NOTIFY NONE keeps away."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(5):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("NOTIFY NONE")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            await room.deliver()
            assert await client.ok("NOOP") == []
            assert await client.ok("UID FETCH 1 (UID)") == [b"* 1 FETCH (UID 1)"]
            await client.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
            # What others have expunged is said with it: there is only one way to count
            assert await client.ok("EXPUNGE") == [b"* 1 EXPUNGE", b"* 2 EXPUNGE"]
            assert (await client.ok("UID MOVE 4 Archive"))[1:] == [b"* 2 EXPUNGE"]
            assert await client.ok("FETCH 1:2 (UID)") == [b"* 1 FETCH (UID 2)", b"* 2 FETCH (UID 5)"]

    run(play())


@both_stores
def test_what_is_not_told_holds_the_mod_sequence_back(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.2: a client that resynchronizes later loses no change that it did not want to hear of now."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(3):
                await room.deliver()
            client, other = await room.client(), await room.client("INBOX")
            await client.ok("ENABLE QRESYNC")
            await client.ok("SELECT INBOX")
            await client.ok("NOTIFY NONE")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
            held_back = b"* OK [HIGHESTMODSEQ 4] Changes are yet to be told"
            said = await client.ok("STORE 2 +FLAGS (\\Deleted)")
            assert said == [b"* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ (6))", held_back]
            await other.ok("STORE 1 +FLAGS.SILENT (\\Draft)")
            client.send(b"i IDLE\r\n")
            assert await client.response() == b"+ idling"
            await other.ok("STORE 1 -FLAGS.SILENT (\\Draft)")
            client.send(b"DONE\r\n")
            held_back = b"* OK [HIGHESTMODSEQ 7] Changes are yet to be told"  # message 1 is at 8 now
            assert [await client.response() for _ in range(2)] == [held_back, b"i OK IDLE terminated"]
            reply = await client.command("EXPUNGE")
            assert reply.untagged == [b"* VANISHED 2", held_back]
            assert reply.tagged == b"OK [HIGHESTMODSEQ 7] EXPUNGE completed"
            said = await client.ok("NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))")
            assert said[-2:] == [
                b"* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (8))",
                b"* OK [HIGHESTMODSEQ 9] All told",
            ]

    run(play())


@both_stores
def test_another_mailbox_of_the_same_name(tmp_path: Path, kind: str) -> None:
    """RFC 5465 §5.1: who has asked for FlagChange is told of a new UIDVALIDITY, though not of names."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client(), await room.client()
            await other.ok("CREATE Work")
            await other.ok("CREATE Rest")
            await client.ok("NOTIFY SET (mailboxes (Work Rest) (MessageNew MessageExpunge FlagChange))")
            for command in ("DELETE Work", "DELETE Rest", "CREATE Work"):
                await other.ok(command)
            (status,) = await other.ok("STATUS Work (UIDVALIDITY)")
            validity = status.rpartition(b" ")[2].rstrip(b")")
            await heard(client, b"* STATUS Work (MESSAGES 0 UIDNEXT 1 UIDVALIDITY %b UNSEEN 0)" % validity)
            await other.ok("CREATE New")
            await other.ok("RENAME Work Play")
            await other.ok("RENAME New Work")
            await heard(client, b"* STATUS Work (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ... UNSEEN 0)")
            await other.ok("SUBSCRIBE Play")
            await quiet(client)
            await client.ok("NOTIFY SET (mailboxes Work (MessageNew MessageExpunge))")
            await other.ok("DELETE Work")
            await other.ok("CREATE Work")
            await quiet(client)

    run(play())
