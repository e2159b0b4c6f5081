"""What one person tries in another's mailboxes: by what is left of a right, or of the mailbox it was for."""

import asyncio
import re
from pathlib import Path

import pytest

from postroom.store import SqliteStore

from .room import Client, Room, both_stores, message, open_room, run

ALICE, BOB = "#user/alice@x.example", "bob@x.example"


async def share(room: Room, mailbox: str, rights: str, who: str = BOB) -> Client:
    """Alice, who has given these rights."""
    alice = await room.client()
    await alice.ok(f'SETACL "{mailbox}" {who} {rights}')
    return alice


@both_stores
def test_a_catenate_reads_no_more_from_the_selected_mailbox_when_the_right_is_gone(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("secret"))
            alice = await share(room, "INBOX", "lr")
            bob = await room.client(f'"{ALICE}/INBOX"', name="bob")
            await alice.ok(f"SETACL INBOX {BOB} l")
            bob.start('APPEND INBOX CATENATE (URL "/;UID=1")')
            assert b"APPENDUID" not in await bob.eof()
            bob = await room.client(name="bob")
            assert b"MESSAGES 0" in (await bob.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


@both_stores
def test_esearch_finds_nothing_in_the_selected_mailbox_when_the_right_is_gone(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("secret"))
            alice = await share(room, "INBOX", "lr")
            bob = await room.client(f'"{ALICE}/INBOX"', name="bob")
            await alice.ok(f"SETACL INBOX {BOB} l")
            said = await bob.eof_after("ESEARCH IN (selected) SUBJECT secret")
            assert b"ESEARCH" not in said, said
            assert b"* BYE" in said, said

    run(play())


@both_stores
def test_quota_holds_for_copies_from_another_account_at_the_same_time(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for number in range(10):
                await room.deliver(message(str(number), b"x" * 1000 + b"\r\n"))
            await share(room, "INBOX", "lr")
            room.set_quota(BOB, None, 12)
            clients = [await room.client(f'"{ALICE}/INBOX"', name="bob") for _ in range(4)]
            tags = [client.start("COPY 1:10 INBOX") for client in clients]
            replies = [await client.finish(tag) for client, tag in zip(clients, tags, strict=True)]
            assert sum(reply.ok for reply in replies) == 1, replies
            bob = await room.client("INBOX", name="bob")
            assert len(await bob.ok("FETCH 1:* FLAGS")) == 10

    run(play())


@both_stores
def test_an_append_that_takes_long_needs_the_right_at_its_end_too(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await share(room, "INBOX", "lri")
            bob = await room.client(name="bob")
            octets = message("late")
            tag = bob.start(f'APPEND "{ALICE}/INBOX" {{{len(octets)}}}')
            assert (await bob.response()).startswith(b"+")
            await alice.ok(f"SETACL INBOX {BOB} lr")
            bob.send(octets + b"\r\n")
            assert (await bob.finish(tag)).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SELECT INBOX")
            assert await alice.ok("SEARCH ALL") == [b"* SEARCH"]

    run(play())


@both_stores
def test_an_append_that_takes_long_does_not_follow_the_name_to_another_mailbox(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("CREATE Box")
            await alice.ok(f"SETACL Box {BOB} lri")
            bob = await room.client(name="bob")
            octets = message("late")
            tag = bob.start(f'APPEND "{ALICE}/Box" {{{len(octets)}}}')
            assert (await bob.response()).startswith(b"+")
            await alice.ok("DELETE Box")
            await alice.ok("CREATE Box")
            bob.send(octets + b"\r\n")
            assert (await bob.finish(tag)).tagged.startswith(b"NO [NONEXISTENT]")
            assert b"MESSAGES 0" in (await alice.ok("STATUS Box (MESSAGES)"))[0]

    run(play())


@both_stores
def test_a_catenate_reads_no_more_once_the_right_is_gone(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("secret"))
            alice = await share(room, "INBOX", "lr")
            bob = await room.client(name="bob")
            url = f'URL "/{ALICE.replace("#", "%23").replace("@", "%40")}/INBOX/;UID=1"'
            tag = bob.start(f"APPEND INBOX CATENATE ({url} TEXT {{4}}")
            assert (await bob.response()).startswith(b"+")
            await alice.ok(f"SETACL INBOX {BOB} l")
            bob.send(f"text {url})\r\n".encode())
            assert (await bob.finish(tag)).tagged.startswith(b"NO [NOPERM]")
            tag = bob.start(f"APPEND INBOX CATENATE ({url} TEXT {{4}}")
            assert (await bob.finish(tag)).tagged.startswith(b"NO [NOPERM]")
            await alice.ok(f"DELETEACL INBOX {BOB}")
            assert (await bob.command(f"APPEND INBOX CATENATE ({url})")).tagged.startswith(b"NO [BADURL")

    run(play())


@both_stores
def test_uids_are_not_told_of_a_mailbox_that_may_not_be_read(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await share(room, "INBOX", "li")
            bob = await room.client("INBOX", name="bob")
            await bob.append("INBOX")
            assert b"APPENDUID" not in (await bob.append(f'"{ALICE}/INBOX"')).tagged
            for command in ("COPY", "MOVE"):
                reply = await bob.command(f'{command} 1 "{ALICE}/INBOX"')
                assert reply.ok, reply
                assert b"COPYUID" not in b"".join([*reply.untagged, reply.tagged]), reply

    run(play())


@both_stores
def test_a_person_who_was_disabled_has_left_the_mailboxes_of_others_too(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("secret"))
            await share(room, "INBOX", "lr")
            reading = await room.client(f'"{ALICE}/INBOX"', name="bob")
            waiting = await room.client(f'"{ALICE}/INBOX"', name="bob")
            naming = await room.client(name="bob")
            waiting.start("IDLE")
            await waiting.response()
            room.set_enabled(BOB, False)
            assert b"FETCH" not in await reading.eof_after("FETCH 1 FLAGS")
            assert (await naming.command(f'STATUS "{ALICE}/INBOX" (MESSAGES)')).tagged.startswith(b"NO")
            assert await naming.ok('LIST "" "#user/*"') == []
            await room.deliver(message("more"))
            assert b"EXISTS" not in await waiting.eof()

    run(play())


@both_stores
def test_notify_says_nothing_of_a_child_that_may_not_be_seen(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("CREATE Team")
            await alice.ok("CREATE Team/Secret")
            await alice.ok(f"SETACL Team {BOB} lr")
            bob = await room.client(name="bob")
            await bob.ok(f'NOTIFY SET (subtree "{ALICE}/Team" (MailboxName))')
            await alice.ok("DELETE Team/Secret")
            assert await bob.ok("NOOP") == []
            await alice.ok(f"SETACL Team {BOB} lrk")
            await alice.ok("CREATE Team/Open")
            assert b"Team/Open" in b"".join(await bob.ok("NOOP"))

    run(play())


@both_stores
def test_notify_says_nothing_of_annotations_when_the_right_is_gone(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("CREATE Team")
            await alice.ok(f"SETACL Team {BOB} lr")
            bob = await room.client(name="bob")
            await bob.ok(f'NOTIFY SET (mailboxes "{ALICE}/Team" (MailboxMetadataChange))')
            octets = message("long")
            tag = bob.start(f"APPEND INBOX {{{len(octets)}}}")
            assert (await bob.response()).startswith(b"+")
            await alice.ok(f"DELETEACL Team {BOB}")
            await alice.ok('SETMETADATA Team (/shared/vendor/x/secret "1")')
            bob.send(octets + b"\r\n")
            assert b"METADATA" not in b"".join((await bob.finish(tag)).untagged)

    run(play())


@both_stores
def test_notify_does_not_tell_the_name_that_a_mailbox_had_before_it_was_shared(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("CREATE Secret")
            bob = await room.client(name="bob")
            await bob.ok(f'NOTIFY SET (mailboxes ("{ALICE}/Secret" "{ALICE}/Team") (MailboxName))')
            octets = message("long")
            tag = bob.start(f"APPEND INBOX {{{len(octets)}}}")
            assert (await bob.response()).startswith(b"+")
            await alice.ok("RENAME Secret Team")
            await alice.ok(f"SETACL Team {BOB} lr")
            bob.send(octets + b"\r\n")
            said = b"".join((await bob.finish(tag)).untagged)
            assert b"Team" in said
            assert b"Secret" not in said

    run(play())


@both_stores
def test_an_account_that_goes_ends_nobody_elses_session(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("secret"))
            await share(room, "INBOX", "lrswite")
            bob = await room.client(name="bob")
            await bob.ok(f'NOTIFY SET (mailboxes "{ALICE}/INBOX" (MessageNew MessageExpunge FlagChange MailboxName))')
            inside = await room.client(f'"{ALICE}/INBOX"', name="bob")
            own = await room.client("INBOX")
            await room.store.delete_account(1)
            await room.deliver(account_id=2)
            for command in (
                "NOOP",
                f'STATUS "{ALICE}/INBOX" (MESSAGES)',
                f'APPEND "{ALICE}/INBOX" {{3+}}\r\nabc',
                'LIST "" "#user/*"',
                f'ESEARCH IN (subtree "{ALICE}/INBOX") ALL',
                f'NOTIFY SET (mailboxes "{ALICE}/INBOX" (MessageNew MessageExpunge))',
                f'GETQUOTAROOT "{ALICE}/INBOX"',
                f'SUBSCRIBE "{ALICE}/INBOX"',
                f'CREATE "{ALICE}/INBOX/x"',
                "NOOP",
            ):
                reply = await bob.command(command)
                assert b"SERVERBUG" not in reply.tagged, (command, reply)
            for client in (inside, own):
                for command in (
                    "NOOP", "FETCH 1 BODY[]", "STORE 1 +FLAGS (\\Seen)", "SEARCH TEXT x", "COPY 1 Sent", "MOVE 1 Sent",
                    "EXPUNGE", "SELECT INBOX", 'LIST "" *', "GETQUOTAROOT INBOX",
                    "GETMETADATA INBOX /private/comment",
                    "SETMETADATA INBOX (/private/comment NIL)", "NOTIFY SET (personal (MessageNew MessageExpunge))",
                    "IDLE",
                ):  # fmt: skip
                    client.start(command)
                    client.send(b"DONE\r\n" if command == "IDLE" else b"")
                client.start("LOGOUT")
                said = await client.eof()
                assert b"SERVERBUG" not in said, said

    run(play())


@both_stores
def test_threads_tell_nothing_of_mail_that_is_not_shared(tmp_path: Path, kind: str) -> None:
    """A thread may have messages elsewhere: who can put a reply to it there would learn that they exist."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            secret = b"From: a@x.example\r\nMessage-ID: <secret@x.example>\r\nSubject: s\r\n\r\ntext\r\n"
            await room.deliver(secret)
            alice = await room.client()
            await alice.ok("CREATE Box")
            await alice.ok(f"SETACL Box {BOB} lri")
            bob = await room.client(name="bob")
            guess = b"From: b@x.example\r\nIn-Reply-To: <secret@x.example>\r\nSubject: Re: s\r\n\r\ntext\r\n"
            await bob.append(f'"{ALICE}/Box"', guess)
            await bob.ok(f'SELECT "{ALICE}/Box"')
            assert await bob.ok("FETCH 1 THREADID") == [b"* 1 FETCH (THREADID NIL)"]
            assert await bob.ok("SEARCH THREADID T1-1") == [b"* SEARCH"]
            assert await bob.ok("UNSELECT") == []
            assert await bob.ok(f'ESEARCH IN (mailboxes "{ALICE}/Box") THREADID T1-1') == []
            await alice.ok("SELECT Box")
            assert await alice.ok("FETCH 1 THREADID") == [b"* 1 FETCH (THREADID (T1-1))"]

    run(play())


def test_one_command_does_not_open_everybodys_account(tmp_path: Path) -> None:
    """Each is a few open files."""

    async def play() -> None:
        limits = {"max_open_accounts": 1}
        async with open_room(tmp_path, "sqlite", store_settings=limits, max_visited_accounts=4) as room:
            store = room.store
            assert isinstance(store, SqliteStore)
            names = []
            for number in range(10, 50):
                address = f"p{number}@x.example"
                room.add_person(address, number)
                await store.create_account(number)
                account = await store.open(number)
                await account.set_acl(1, "anyone", "lr")
                account.close()
                names.append(f'"#user/{address}/INBOX"')
            bob = await room.client(name="bob")
            urls = [f'URL "/{name[1:-1].replace("#", "%23").replace("@", "%40")}/;UID=1"' for name in names]
            await room.deliver(account_id=2)
            for number in range(10, 50):
                await room.deliver(account_id=number)
            for command in (
                f"ESEARCH IN (mailboxes ({' '.join(names)})) ALL",
                f"NOTIFY SET (mailboxes ({' '.join(names)}) (MessageNew MessageExpunge))",
                'LIST "" "#user/*" RETURN (STATUS (MESSAGES DELETED-STORAGE) METADATA (/shared/comment))',
            ):
                await bob.ok(command)
                opened = len(store._open)
                watched = 40 if command.startswith("NOTIFY") else 0
                if watched:
                    await bob.ok("NOTIFY NONE")
                assert opened <= 6 + watched, command
            reply = await bob.command(f"APPEND INBOX CATENATE ({' '.join(urls)})")
            assert reply.tagged.startswith(b"NO [LIMIT]")
            assert len(store._open) <= 20
            assert (await bob.command(f"APPEND INBOX CATENATE ({' '.join(urls[:12])})")).ok

    run(play())


EVERY_COMMAND = (
    'SELECT "%s"',
    'EXAMINE "%s"',
    'STATUS "%s" (MESSAGES HIGHESTMODSEQ MAILBOXID DELETED-STORAGE)',
    'CREATE "%s/new"',
    'CREATE "%s/new" (USE (\\Sent))',
    'CREATE "%s/bad//name"',
    'CREATE "%s"',
    'DELETE "%s"',
    'RENAME "%s" mine',
    'RENAME "%s" "%s2"',
    'RENAME Archive "%s/new"',
    'SUBSCRIBE "%s"',
    'UNSUBSCRIBE "%s"',
    'LIST "" "%s"',
    'LIST "%s" "%%"',
    'LIST (RECURSIVEMATCH SUBSCRIBED) "" "%s" RETURN (CHILDREN MYRIGHTS STATUS (MESSAGES) METADATA (/shared/comment))',
    'LSUB "" "%s"',
    'APPEND "%s" {3+}\r\nabc',
    'APPEND "%s" {3}',
    'APPEND "%s" {99999999}',
    'APPEND INBOX CATENATE (URL "/%s/;UID=1")',
    "UID COPY 1 %s",
    "UID COPY 99 %s",
    "UID MOVE 1 %s",
    'UID REPLACE 1 "%s" {3+}\r\nabc',
    'SETACL "%s" carol@x.example lr',
    'SETACL "%s" nobody@x.example lr',
    'SETACL "%s" alice@x.example l',
    'SETACL "%s" -alice@x.example l',
    'DELETEACL "%s" alice@x.example',
    'GETACL "%s"',
    'LISTRIGHTS "%s" alice@x.example',
    'LISTRIGHTS "%s" nobody@x.example',
    'MYRIGHTS "%s"',
    'GETMETADATA "%s" (/private/comment /shared/comment)',
    'SETMETADATA "%s" (/private/specialuse "\\\\Sent")',
    'SETMETADATA "%s" (/private/comment "x")',
    'GETQUOTA "%s"',
    'GETQUOTAROOT "%s"',
    'ESEARCH IN (mailboxes "%s") ALL',
    'ESEARCH IN (subtree "%s") ALL',
    'NOTIFY SET STATUS (mailboxes "%s" (MessageNew MessageExpunge MailboxName))',
    'NOTIFY SET STATUS (subtree "%s" (MessageNew MessageExpunge MailboxName))',
    "NOTIFY NONE",
)
# Nobody, somebody who shares nothing, somebody who was disabled, mailboxes that are there and that are not
NOT_TO_BE_KNOWN = (
    "#user/nobody@x.example/INBOX",
    "#user/carol@x.example/INBOX",
    "#user/carol@x.example/Nowhere",
    "#user/shared@x.example/INBOX",
    "#user/alice@x.example/INBOX",
    "#user/alice@x.example/Secret",
    "#user/alice@x.example/Nowhere",
    "#user/alice@x.example/Team/Secret",
    "#user/alice@x.example/Team/Nowhere",
)


@both_stores
@pytest.mark.parametrize("enabled", ["CONDSTORE", "CONDSTORE IMAP4rev2 METADATA"])
def test_what_may_not_be_known_is_answered_like_what_does_not_exist(tmp_path: Path, kind: str, enabled: str) -> None:
    """RFC 4314 §6."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            for name in ("Secret", "Team", "Team/Secret"):
                await alice.ok(f"CREATE {name}")
                await alice.append(name)
            await alice.ok(f"SETACL Team {BOB} lr")
            await alice.ok(f"SETACL Secret {BOB} rswit")
            await alice.ok(f"SETACL Secret -{BOB} rswit")
            shared = await room.client(name="shared")
            await shared.ok("SETACL INBOX anyone lrswikxtea")
            room.set_enabled("shared@x.example", False)
            room.set_quota("carol@x.example", 1, 0)
            await room.deliver(account_id=2)
            bob = await room.client(name="bob")
            await bob.ok(f"ENABLE {enabled}")
            for command in EVERY_COMMAND:
                answers = {}
                for name in NOT_TO_BE_KNOWN:
                    await bob.ok("SELECT INBOX")
                    quoted = name.replace("#", "%23").replace("@", "%40") if "URL" in command else name
                    reply = await bob.command(command.replace("%s", quoted).replace("%%", "%"))
                    said = b"\n".join([*reply.untagged, reply.tagged]).replace(quoted.encode(), b"NAME")
                    answers[name] = re.sub(rb"URL[^)]*", b"URL", said)
                assert len(set(answers.values())) == 1, (command, answers)
                assert b"SERVERBUG" not in said

    run(play())


@both_stores
def test_who_only_reads_changes_no_annotation_of_others(tmp_path: Path, kind: str) -> None:
    """RFC 5464 §3.3 says who can set any at all; what everybody sees takes a right to change something."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await share(room, "INBOX", "lr")
            await alice.ok('SETMETADATA INBOX (/shared/comment "hers" /private/comment "hers")')
            bob = await room.client(name="bob")
            for value in ('"his"', "NIL"):
                reply = await bob.command(f'SETMETADATA "{ALICE}/INBOX" (/private/comment "x" /shared/comment {value})')
                assert reply.tagged.startswith(b"NO [NOPERM]")
            assert b"hers" in b"".join(await bob.ok(f'GETMETADATA "{ALICE}/INBOX" /shared/comment'))
            assert b"/private/comment NIL" in b"".join(await bob.ok(f'GETMETADATA "{ALICE}/INBOX" /private/comment'))
            await bob.ok(f'SETMETADATA "{ALICE}/INBOX" (/private/comment "his")')
            assert b"hers" in b"".join(await alice.ok("GETMETADATA INBOX /private/comment"))
            await alice.ok(f"SETACL INBOX {BOB} +w")
            await bob.ok(f'SETMETADATA "{ALICE}/INBOX" (/shared/comment "his")')

    run(play())


@both_stores
def test_notify_tells_a_person_who_was_disabled_no_more(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await share(room, "INBOX", "lr")
            bob = await room.client(name="bob")
            await bob.ok(f'NOTIFY SET (mailboxes "{ALICE}/INBOX" (MessageNew MessageExpunge))')
            room.set_enabled(BOB, False)
            await room.deliver()
            assert await bob.ok("NOOP") == []

    run(play())


@both_stores
def test_delete_acl_needs_the_right_when_its_turn_has_come(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await share(room, "INBOX", "lra")
            await alice.ok("SETACL INBOX carol@x.example lr")
            bob = await room.client(name="bob")
            account = await room.store.open(1)
            lock = room.service.acl_lock
            async with lock:
                tag = bob.start(f'DELETEACL "{ALICE}/INBOX" carol@x.example')
                while not lock._waiters:
                    await asyncio.sleep(0)
                await account.set_acl((await account.mailbox("INBOX")).mailbox_id, BOB, "lr")
            assert (await bob.finish(tag)).tagged.startswith(b"NO [NOPERM]")
            account.close()
            assert b"carol@x.example lr" in (await alice.ok("GETACL INBOX"))[0]

    run(play())


@both_stores
def test_a_person_who_was_disabled_expunges_nothing_on_leaving(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(flags=frozenset(("\\Deleted",)))
            alice = await share(room, "INBOX", "lrswite")
            bob = await room.client(f'"{ALICE}/INBOX"', name="bob")
            room.set_enabled(BOB, False)
            await bob.ok("CLOSE")
            assert b"MESSAGES 1" in (await alice.ok("STATUS INBOX (MESSAGES)"))[0]

    run(play())


@both_stores
@pytest.mark.parametrize("waits", ["IDLE", "NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge))"])
def test_updates_of_a_search_end_with_the_right(tmp_path: Path, kind: str, waits: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await share(room, "INBOX", "lr")
            bob = await room.client(f'"{ALICE}/INBOX"', name="bob")
            await bob.ok("UID SEARCH RETURN (UPDATE ALL) ALL")
            if waits == "IDLE":
                bob.start(waits)
                await bob.response()
            else:
                await bob.ok(waits)
            await alice.ok(f"SETACL INBOX {BOB} l")
            await room.deliver(message("secret"))
            said = await bob.eof()
            assert said.startswith(b"* BYE")
            assert b"EXISTS" not in said

    run(play())


def test_an_account_that_shares_nothing_with_somebody_is_not_opened_for_them(tmp_path: Path) -> None:
    """Nor does it take a disk's time to say that there is nothing."""

    async def play() -> None:
        async with open_room(tmp_path, "sqlite", store_settings={"max_open_accounts": 1}) as room:
            store = room.store
            assert isinstance(store, SqliteStore)
            bob = await room.client(name="bob")
            for command in EVERY_COMMAND:
                if not command.startswith("NOTIFY"):  # which waits for what may be shared one day
                    await bob.command(command.replace("%s", f"{ALICE}/INBOX").replace("%%", "%"))
                    assert set(store._open) <= {2}, command
            alice = await share(room, "INBOX", "lr")
            await alice.close()
            assert (await bob.command(f'STATUS "{ALICE}/INBOX" (MESSAGES)')).ok

    run(play())
