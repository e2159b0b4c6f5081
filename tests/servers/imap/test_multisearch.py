"""ESEARCH in several mailboxes (RFC 7377)."""

import re
from pathlib import Path

from .room import Client, Room, both_stores, message, open_room, run


async def folders(room: Room) -> Client:
    client = await room.client()
    for name in ("f1", "f2", "f2/banana", "f2/peach", "f2/peach/pit"):
        await client.ok(f"CREATE {name}")
    for name in ("f1", "f1", "f2/banana", "f2/peach/pit", "INBOX"):
        await room.deliver(message(f"in {name}"), mailbox=name)
    await room.deliver(message("other"), mailbox="f1", flags=frozenset(("\\Seen",)))
    return client


async def found(client: Client, command: str) -> dict[str, str]:
    """What was told of each mailbox."""
    tag = client.start(command)
    reply = await client.finish(tag)
    assert reply.ok, reply
    told = {}
    for line in reply.untagged:
        parts = re.fullmatch(rb'\* ESEARCH \(TAG "(\w+)" MAILBOX (\S+) UIDVALIDITY [1-9]\d*\) UID (.*)', line)
        assert parts, line
        assert parts[1] == tag
        assert parts[2].decode() not in told
        told[parts[2].decode()] = parts[3].decode()
    return told


@both_stores
def test_each_mailbox_with_a_match_answers_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await folders(room)
            unseen = {"f1": "ALL 1:2", "f2/banana": "ALL 1", "f2/peach/pit": "ALL 1"}
            assert await found(client, "ESEARCH IN (mailboxes f1 subtree f2) UNSEEN") == unseen
            assert await found(client, "ESEARCH IN (mailboxes f1 subtree-one f2) UNSEEN") == {
                "f1": "ALL 1:2",
                "f2/banana": "ALL 1",
            }
            assert await found(client, "ESEARCH IN (personal) RETURN (COUNT MAX) 1:99") == {
                "INBOX": "MAX 1 COUNT 1",
                "f1": "MAX 3 COUNT 3",
                "f2/banana": "MAX 1 COUNT 1",
                "f2/peach/pit": "MAX 1 COUNT 1",
            }
            assert await found(client, "ESEARCH IN (subtree f2 mailboxes (f2/banana f1) personal) SEEN") == {
                "f1": "ALL 3"
            }
            assert await found(client, "ESEARCH IN (personal) RETURN (COUNT) DRAFT") == {}
            assert await found(client, "ESEARCH IN (mailboxes nonesuch) ALL") == {}
            assert await found(client, 'ESEARCH IN (personal) RETURN (PARTIAL -1:-2) SUBJECT "in f1"') == {
                "f1": "PARTIAL (-1:-2 1:2)"
            }

    run(play())


@both_stores
def test_the_selected_mailbox_stays_selected(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await folders(room)
            for command in ("ESEARCH UNSEEN", "ESEARCH IN (personal selected) UNSEEN", "ESEARCH IN (selected) $"):
                assert (await client.command(command)).tagged.startswith(b"BAD"), command  # RFC 7377 §2.2
            await client.ok("SELECT f1")
            assert await found(client, "ESEARCH UNSEEN") == {"f1": "ALL 1:2"}
            assert await found(client, "UID ESEARCH 101:200") == {}
            assert await client.ok("ESEARCH RETURN (SAVE) SEEN") == []
            assert await found(client, "ESEARCH IN (selected) RETURN (COUNT) $") == {"f1": "COUNT 1"}
            assert await found(client, "ESEARCH IN (personal) $") == {"f1": "ALL 3"}
            told = await found(client, "ESEARCH IN (selected mailboxes (f1 INBOX)) NOT DELETED")
            assert told == {"f1": "ALL 1:3", "INBOX": "ALL 1"}
            assert await client.ok("FETCH 3 UID") == [b"* 3 FETCH (UID 3)"]
            await client.ok("CREATE &AOk-t&AOk-")
            await room.deliver(mailbox="été")
            assert await found(client, "ESEARCH IN (mailboxes &AOk-t&AOk-) ALL") == {"&AOk-t&AOk-": "ALL 1"}
            for command in ("ESEARCH IN (personal) RETURN (SAVE) ALL", "ESEARCH IN (selected-delayed) ALL"):
                assert (await client.command(command)).tagged.startswith(b"BAD"), command
            await client.ok("RENAME f1 renamed")
            assert await found(client, "ESEARCH UNSEEN") == {"renamed": "ALL 1:2"}

    run(play())


def test_searching_claims_nothing_and_marks_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await folders(room)
            assert set(await found(client, "ESEARCH IN (personal) RECENT")) == {
                "INBOX",
                "f1",
                "f2/banana",
                "f2/peach/pit",
            }
            assert b"* 3 RECENT" in await client.ok("SELECT f1")
            assert room.service.claims == set()

    run(play())


def test_the_number_of_mailboxes_is_limited(tmp_path: Path) -> None:
    """RFC 7377 §2.4"""

    async def play() -> None:
        async with open_room(tmp_path, max_searched_mailboxes=2) as room:
            client = await folders(room)
            assert (await client.command("ESEARCH IN (personal) ALL")).tagged.startswith(b"NO [LIMIT]")
            assert len(await found(client, "ESEARCH IN (mailboxes (f1 f2/banana)) ALL")) == 2

    run(play())


def test_a_long_search_says_how_far_it_is(tmp_path: Path) -> None:
    """RFC 9585 §3"""

    async def play() -> None:
        async with open_room(tmp_path, progress_seconds=1e-9) as room:
            client = await folders(room)
            tag = client.start("ESEARCH IN (subtree f2) FLAGGED")
            reply = await client.finish(tag)
            assert [b'* OK [INPROGRESS ("%b" %d 4)] Still at it' % (tag, done) for done in (1, 2, 3)] == [
                line for line in reply.untagged if b"NIL" not in line
            ]
            await client.ok("SELECT f1")
            tag = client.start("SEARCH UNSEEN TEXT x NOT TEXT zz SUBJECT in")
            reply = await client.finish(tag)
            assert b'* OK [INPROGRESS ("%b" NIL NIL)] Still at it' % tag in reply.untagged
            assert reply.untagged[-1].startswith(b"* SEARCH")

    run(play())


def test_other_modseqs_are_those_of_their_mailbox(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await folders(room)
            told = await found(client, "ESEARCH IN (mailboxes (f1 f2/banana)) RETURN (ALL) MODSEQ 1")
            modseqs = {name: int(text.rpartition(" ")[2]) for name, text in told.items()}
            assert all(" MODSEQ " in text for text in told.values())
            assert modseqs["f1"] > modseqs["f2/banana"]

    run(play())


@both_stores
def test_other_peoples_mailboxes_need_rights(tmp_path: Path, kind: str) -> None:
    """RFC 7377 §2.2: "r" for what is named, "l" too for what is not; all others are as if they did not exist."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            for name, rights in (("team", "lr"), ("team/open", "lr"), ("team/hidden", "r"), ("team/closed", "l")):
                await bob.ok(f"CREATE {name}")
                await bob.ok(f"SETACL {name} alice@x.example {rights}")
                await room.deliver(mailbox=name, account_id=2)
            top = "#user/bob@x.example/team"
            assert await found(alice, f"ESEARCH IN (subtree {top}) ALL") == {top: "ALL 1", top + "/open": "ALL 1"}
            named = f"ESEARCH IN (mailboxes ({top}/hidden {top}/closed #user/bob@x.example/INBOX)) ALL"
            assert await found(alice, named) == {top + "/hidden": "ALL 1"}
            assert await found(alice, "ESEARCH IN (personal) ALL") == {}
            await alice.ok(f"SUBSCRIBE {top}")
            assert await found(alice, "ESEARCH IN (subscribed) ALL") == {top: "ALL 1"}
            await alice.ok(f"SELECT {top}/open")
            assert await found(alice, "ESEARCH ALL") == {top + "/open": "ALL 1"}
            assert await found(alice, f"ESEARCH IN (selected subtree {top}) ALL") == {
                top: "ALL 1",
                top + "/open": "ALL 1",
            }

    run(play())
