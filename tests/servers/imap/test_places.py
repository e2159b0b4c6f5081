"""Mailbox names and where they lead."""

from pathlib import Path

import pytest

from postroom.servers.imap.places import Place, is_account, is_foreign, shown
from postroom.servers.imap.refusal import Refused
from postroom.store.api import NoSuchMailbox

from .room import both_stores, open_room, run


def test_a_place_need_not_exist(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            assert (await Place(account, "inbox").mailbox()).name == "INBOX"
            with pytest.raises(NoSuchMailbox):
                await Place(account, "nowhere").mailbox()
            account.close()

    run(play())


def test_rights_of_a_guest(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            account = await room.store.open(1)
            place = Place(account, "inbox", guest="bob@x.example")
            with pytest.raises(NoSuchMailbox):  # RFC 4314 §6
                await place.mailbox()
            inbox = await account.mailbox("INBOX")
            await account.set_acl(inbox.mailbox_id, "bob@x.example", "l")
            with pytest.raises(Refused, match="NOPERM"):
                await place.mailbox()
            await account.set_acl(inbox.mailbox_id, "bob@x.example", "r")  # no "l": what is allowed is allowed
            assert place.rights(await place.mailbox()) == "r"
            with pytest.raises(NoSuchMailbox):
                await place.mailbox(b"APPEND")
            with pytest.raises(Refused, match="NOPERM"):
                await place.check_create()
            await account.set_acl(inbox.mailbox_id, "bob@x.example", "k")
            await Place(account, "INBOX/a/b", guest="bob@x.example").check_create()
            for elsewhere in ("Sent/a", "new", "INBOX"):
                with pytest.raises(Refused, match="NOPERM"):
                    await Place(account, elsewhere, guest="bob@x.example").check_create()
            account.close()

    run(play())


def test_names_of_other_namespaces() -> None:
    assert [is_foreign(name) for name in ("#user", "#user/bob@x/a", "#shared/a", "#users/a", "#", "a/#user")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert shown("#user", "a/b", "bob@x") == "#user/bob@x/a/b"
    assert shown("#shared", "a/b", "bob@x") == "#shared/a/b"


@both_stores
def test_where_names_lead(tmp_path: Path, kind: str) -> None:
    """RFC 2342 §5: to the person's own, to another's, to the shared account's; or nowhere, always alike."""

    async def play() -> None:
        async with open_room(tmp_path, kind, shared_account="shared@x.example") as room:
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lr")
            shared = await room.client(name="shared")
            await shared.ok("CREATE Sales/North")
            await shared.ok("SETACL Sales/North anyone lrswi")
            bob = await room.client(name="bob")
            for name in ("#user/alice@x.example/INBOX", "#user/ALICE@x.example/inbox", "#shared/Sales/North"):
                await bob.ok(f"SELECT {name}")
            await bob.ok("SELECT #user/shared@x.example/Sales/North")
            await shared.ok("SELECT #shared/Sales/North")
            assert (await shared.ok("MYRIGHTS #shared/Sales/North"))[0].endswith(b"lrswipkxtecda")
            await bob.ok("SELECT #user/bob@x.example/INBOX")
            assert (await bob.ok("MYRIGHTS #user/bob@x.example/INBOX"))[0].endswith(b"lrswipkxtecda")
            for name in (
                "#user",
                "#user/",
                "#user/alice@x.example",
                "#user/alice@x.example/",
                "#user//INBOX",
                "#user/@/INBOX",
                "#user/nobody@x.example/INBOX",
                "#shared",
                "#shared/",
                "#shared/Sales",
                "#user/alice@x.example/Sent",
            ):
                assert (await bob.command(f"SELECT {name}")).tagged == b"NO [NONEXISTENT] Mailbox doesn't exist", name

    run(play())


@both_stores
def test_no_shared_namespace_without_the_setting(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            assert await alice.ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) (("#user/" "/")) NIL']
            assert (await alice.command("SELECT #shared/Sales")).tagged.startswith(b"NO [NONEXISTENT]")
            assert (await alice.command("CREATE #shared/Sales")).tagged.startswith(b"NO [NOPERM]")
            assert await alice.ok('LIST "" #shared/*') == []

    run(play())


@both_stores
def test_a_session_keeps_few_accounts_open(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_visited_accounts=4) as room:
            names = [f"p{k}" for k in range(7)]
            for number, name in enumerate(names, start=10):
                room.add_person(f"{name}@x.example", number)
                await room.store.create_account(number)
                owner = await room.client(name=name)
                await owner.ok("SETACL INBOX bob@x.example lrswi")
                await room.deliver(account_id=number)
            bob = await room.client("#user/p0@x.example/INBOX", name="bob")
            for name in names * 2:
                assert (await bob.ok(f"STATUS #user/{name}@x.example/INBOX (MESSAGES)"))[0].endswith(b"(MESSAGES 1)")
            assert len(await bob.ok('LIST "" #user/*/INBOX')) == 7
            await room.deliver(account_id=10)  # the selected mailbox's account has stayed open all the while
            assert b"* 2 EXISTS" in await bob.ok("NOOP")
            assert (await bob.ok("FETCH 2 UID")) == [b"* 2 FETCH (UID 2)"]

    run(play())


@both_stores
def test_an_owner_who_has_left_takes_the_mailboxes_along(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lrswi")
            for removed in (False, True):
                bob = await room.client("#user/alice@x.example/INBOX", name="bob")
                target = await room.client(name="bob")
                await target.append("INBOX")
                await target.ok("SELECT INBOX")
                person = room.directory.people["alice@x.example"]
                if removed:
                    room.remove_person("alice@x.example")
                else:
                    room.set_enabled("alice@x.example", False)
                assert (await bob.eof_after("FETCH 1:* FLAGS")).startswith(b"* BYE")
                for command in (
                    "STATUS #user/alice@x.example/INBOX (MESSAGES)",
                    "COPY 1 #user/alice@x.example/INBOX",
                    "SELECT #user/alice@x.example/INBOX",
                ):
                    assert (await target.command(command)).tagged.startswith(b"NO [NONEXISTENT]"), command
                assert (await target.append("#user/alice@x.example/INBOX")).tagged.startswith(b"NO [NONEXISTENT]")
                assert await target.ok('LIST "" #user/*') == []
                room.directory.people["alice@x.example"] = person

    run(play())


@both_stores
def test_idle_ends_when_the_owner_has_left(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("SETACL INBOX bob@x.example lrswi")
            bob = await room.client("#user/alice@x.example/INBOX", name="bob")
            bob.start("IDLE")
            assert await bob.response() == b"+ idling"
            await room.deliver()
            assert (await bob.response(), await bob.response()) == (b"* 1 EXISTS", b"* 1 RECENT")
            room.set_enabled("alice@x.example", False)
            await room.deliver()
            assert (await bob.eof()).startswith(b"* BYE")

    run(play())


def test_the_levels_above_all_mailboxes_of_an_account() -> None:
    for name in ("#shared", "#user/bob@x.example", "#user/bob"):
        assert is_account(name), name
    for name in ("#user", "#user/bob@x.example/INBOX", "#shared/INBOX", "INBOX", "bob@x.example"):
        assert not is_account(name), name
