"""Which mailboxes of other people LIST shows."""

from pathlib import Path

from .room import Client, both_stores, open_room, run


async def names(client: Client, arguments: str, verb: str = "LIST") -> list[str]:
    return [line.rpartition(b'"/" ')[2].decode().strip('"') for line in await client.ok(f"{verb} {arguments}")]


@both_stores
def test_a_wildcard_does_not_begin_another_namespace(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, shared_account="shared@x.example") as room:
            alice, bob, shared = [await room.client(name=name) for name in ("alice", "bob", "shared")]
            await alice.ok("SETACL INBOX anyone lr")
            await shared.ok("CREATE Sales")
            await shared.ok("SETACL Sales anyone lr")
            own = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]
            for pattern in ("*", "%", "*INBOX", "%user/*"):
                assert set(await names(bob, f'"" {pattern}')) <= set(own), pattern
            assert await names(bob, '"" (* #shared/*)') == ["INBOX", "#shared/Sales", *own[1:]]
            assert await names(bob, '"" #*') == [
                "#shared",
                "#shared/Sales",
                "#user",
                "#user/alice@x.example",
                "#user/alice@x.example/INBOX",
            ]
            assert await names(bob, '"" #%') == ["#shared", "#user"]
            assert await names(bob, '#user/ "%"') == ["#user/alice@x.example"]
            assert await names(bob, '"" #user/alice@x.example') == ["#user/alice@x.example"]
            assert await names(bob, '"" #user/%/INBOX') == ["#user/alice@x.example/INBOX"]
            assert await names(bob, '"" #user/bob*') == []
            assert await names(alice, '"" #user/*') == []  # nobody is another to themselves
            assert await names(shared, '"" #*') == ["#user", "#user/alice@x.example", "#user/alice@x.example/INBOX"]

    run(play())


@both_stores
def test_only_what_may_be_looked_up(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            for name in ("A", "A/B", "A/B/C", "D"):
                await alice.ok(f"CREATE {name}")
            await alice.ok("SETACL A bob@x.example l")
            await alice.ok("SETACL A/B/C bob@x.example lr")
            await alice.ok("SETACL D bob@x.example rswite")
            await alice.ok("SETACL Sent bob@x.example l")
            base = "#user/alice@x.example"
            assert await bob.ok(f'LIST "{base}/" "*" RETURN (CHILDREN MYRIGHTS)') == [
                b'* LIST (\\HasChildren) "/" #user/alice@x.example/A',
                b"* MYRIGHTS #user/alice@x.example/A l",
                b'* LIST (\\NonExistent \\HasChildren) "/" #user/alice@x.example/A/B',  # what is below is visible
                b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/A/B/C',
                b"* MYRIGHTS #user/alice@x.example/A/B/C lr",
                b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/Sent',  # no use: it is not bob's
                b"* MYRIGHTS #user/alice@x.example/Sent l",
            ]
            await alice.ok("DELETEACL A/B/C bob@x.example")
            assert await bob.ok(f'LIST "{base}/" "A*"') == [b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/A']
            assert await names(bob, f'(SPECIAL-USE) "{base}/" "*"') == []

    run(play())


@both_stores
def test_subscriptions_to_what_others_share(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, shared_account="shared@x.example") as room:
            alice, bob, shared = [await room.client(name=name) for name in ("alice", "bob", "shared")]
            await alice.ok("CREATE Work/2026")
            await alice.ok("SETACL Work/2026 bob@x.example lr")
            await shared.ok("CREATE Sales")
            await shared.ok("SETACL Sales anyone lr")
            work = "#user/alice@x.example/Work/2026"
            for name in (work, "#shared/Sales"):
                await bob.ok(f"SUBSCRIBE {name}")
            for name in ("#user/carol@x.example/INBOX", "#user/nobody@x.example/INBOX"):  # alike (RFC 4314 §6)
                assert (await bob.command(f"SUBSCRIBE {name}")).tagged == b"NO [NONEXISTENT] Mailbox doesn't exist"
            lines = await bob.ok('LIST (SUBSCRIBED) "" "*"')
            assert [line for line in lines if b"#" in line] == [
                b'* LIST (\\HasNoChildren \\Subscribed) "/" #shared/Sales',
                b'* LIST (\\HasNoChildren \\Subscribed) "/" #user/alice@x.example/Work/2026',
            ]
            assert {name for name in await names(bob, '"" "*"', "LSUB") if "#" in name} == {
                work,
                "#shared/Sales",
            }
            assert await bob.ok('LIST "" "#shared/%" RETURN (SUBSCRIBED)') == [
                b'* LIST (\\HasNoChildren \\Subscribed) "/" #shared/Sales'
            ]
            assert [name for name in await names(alice, '"" "*"', "LSUB") if "#" in name] == []
            await bob.ok("SUBSCRIBE #user/ALICE@X.example/Work/2026")  # shown as it was written, and found all the same
            assert b'* LIST (\\HasNoChildren \\Subscribed) "/" #user/ALICE@X.example/Work/2026' in await bob.ok(
                'LIST (SUBSCRIBED) "" "#user/*"'
            )
            await bob.ok(f"UNSUBSCRIBE {work}")
            assert work not in await names(bob, '"" "#*"', "LSUB")

    run(play())
