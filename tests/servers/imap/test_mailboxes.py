"""CREATE, DELETE, RENAME, SUBSCRIBE, LIST, LSUB, STATUS, NAMESPACE."""

from pathlib import Path

from postroom.imap import encode

from .room import Client, both_stores, open_room, run


async def listed(client: Client, arguments: str, verb: bytes = b"LIST") -> dict[str, set[str]]:
    """Names and their attributes."""
    found = {}
    for line in await client.ok(arguments):
        start, _, rest = line.partition(b") ")
        assert start.startswith(b"* %b (" % verb), line
        delimiter, _, name = rest.partition(b" ")
        assert delimiter == b'"/"'
        found[name.decode().strip('"')] = set(start[len(verb) + 4 :].decode().split())
    return found


@both_stores
def test_the_usual_mailboxes_and_their_uses(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            names = await listed(client, 'LIST "" *')
            assert next(iter(names)) == "INBOX"
            assert names["INBOX"] == {"\\HasNoChildren"}
            for use in ("Drafts", "Sent", "Trash", "Junk", "Archive"):
                assert names[use] == {"\\HasNoChildren", "\\" + use}
            assert await client.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""']
            assert await client.ok("NAMESPACE") == [b'* NAMESPACE (("" "/")) (("#user/" "/")) NIL']

    run(play())


@both_stores
def test_create_and_delete(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok("CREATE work/")  # the delimiter only declares that children will follow
            assert (await client.command("CREATE work")).tagged.startswith(b"NO [ALREADYEXISTS]")
            assert (await client.command("CREATE inbox")).tagged.startswith(b"NO [ALREADYEXISTS]")
            assert (await client.command('CREATE ""')).tagged.startswith(b"NO [CANNOT]")
            await client.ok("CREATE a/b/c")
            names = await listed(client, 'LIST "" "a*"')
            assert names["a/b/c"] == {"\\HasNoChildren"}
            assert "\\HasChildren" in names["a"]
            await client.ok("CREATE a/b/d")
            reply = await client.command("DELETE a/b")
            if reply.ok:  # a store that makes superiors: what is left is a name that can't be selected
                names = await listed(client, 'LIST "" "a*"')
            assert names["a/b"] == {"\\Noselect", "\\HasChildren"}
            assert (await client.command("DELETE a/b")).tagged.startswith(b"NO [NONEXISTENT]")
            assert (await client.command("SELECT a/b")).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok("CREATE a/b")
            await client.ok("SELECT a/b")
            assert (await client.command("DELETE INBOX")).tagged.startswith(b"NO [CANNOT]")
            assert (await client.command("DELETE nothing")).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


def test_deleting_ones_own_selected_mailbox_deselects_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            await client.ok("CREATE box")
            await client.ok("SELECT box")
            await client.ok("DELETE box")
            assert (await client.command("FETCH 1 FLAGS")).tagged.startswith(b"BAD")
            await client.ok("SELECT INBOX")

    run(play())


@both_stores
def test_rename(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            for name in ("old", "old/x", "old/x/y", "taken"):
                await client.ok(f"CREATE {name}")
            await room.deliver(mailbox="old/x")
            other = await room.client("old/x")
            assert (await client.command("RENAME old taken")).tagged.startswith(b"NO [ALREADYEXISTS]")
            assert (await client.command("RENAME none other")).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok("RENAME old new")
            assert set(await listed(client, 'LIST "" "new*"')) == {"new", "new/x", "new/x/y"}
            assert await listed(client, 'LIST "" "old*"') == {}
            assert len(await other.ok("FETCH 1 UID")) == 1  # selected by id: a new name changes nothing
            await room.deliver()
            await client.ok("RENAME INBOX kept")
            assert await client.ok("STATUS kept (MESSAGES)") == [b"* STATUS kept (MESSAGES 1)"]
            assert await client.ok("STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)"]

    run(play())


@both_stores
def test_subscriptions(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            for name in (await listed(client, 'LSUB "" *', b"LSUB")) or {}:
                await client.ok(f"UNSUBSCRIBE {name}")
            for name in ("fruit/apple", "fruit/pear", "tofu"):
                await client.ok(f"CREATE {name}")
                await client.ok(f"SUBSCRIBE {name}")
            await client.ok("UNSUBSCRIBE tofu")
            await client.ok("DELETE fruit/pear")  # stays subscribed (RFC 3501 §6.3.9)
            assert await listed(client, 'LSUB "" *', b"LSUB") == {"fruit/apple": set(), "fruit/pear": set()}
            assert await listed(client, 'LSUB "" %', b"LSUB") == {"fruit": {"\\Noselect"}}
            assert await listed(client, 'LIST (SUBSCRIBED) "" *') == {
                "fruit/apple": {"\\Subscribed", "\\HasNoChildren"},
                "fruit/pear": {"\\Subscribed", "\\NonExistent", "\\HasNoChildren"},
            }
            names = await listed(client, 'LIST "" * RETURN (SUBSCRIBED CHILDREN)')
            assert names["tofu"] == {"\\HasNoChildren"}
            assert names["fruit/apple"] == {"\\HasNoChildren", "\\Subscribed"}
            assert await client.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" %') == [
                b'* LIST (\\NonExistent \\HasChildren) "/" fruit ("CHILDINFO" ("SUBSCRIBED"))'
            ]
            assert await client.ok('LIST (SUBSCRIBED) "" %') == []
            assert (await client.command('LIST (RECURSIVEMATCH) "" %')).tagged.startswith(b"BAD")

    run(play())


@both_stores
def test_special_use(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            assert set(await listed(client, 'LIST (SPECIAL-USE) "" *')) == {
                "Drafts",
                "Sent",
                "Trash",
                "Junk",
                "Archive",
            }
            assert (await client.command("CREATE Sent2 (USE (\\Sent))")).tagged.startswith(b"NO [USEATTR]")
            await client.ok("DELETE Sent")
            await client.ok("CREATE Sent2 (USE (\\Sent))")
            assert (await listed(client, 'LIST "" Sent2'))["Sent2"] == {"\\HasNoChildren", "\\Sent"}

    run(play())


@both_stores
def test_list_patterns(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            for name in ("a", "a/b", "a/b/c", "&BBEEMAQyBDU-"):
                await client.ok(f"CREATE {name}")
            assert set(await listed(client, 'LIST "" "a/%"')) == {"a/b"}
            assert set(await listed(client, "LIST a/ *")) == {"a/b", "a/b/c"}
            assert set(await listed(client, 'LIST "" inbox')) == {"INBOX"}
            assert set(await listed(client, 'LIST "" ("inbox" "a" "a/b/%")')) == {"INBOX", "a", "a/b/c"}
            assert "&BBEEMAQyBDU-" in await listed(client, 'LIST "" %')
            await client.ok("SELECT &BBEEMAQyBDU-")

    run(play())


@both_stores
def test_status(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(flags=frozenset(("\\Seen",)))
            await room.deliver()
            client = await room.client()
            line = (await client.ok("STATUS inbox (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)"))[0]
            assert line.startswith(b"* STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY ")
            assert line.endswith(b" UNSEEN 1)")
            assert (await client.command("STATUS none (MESSAGES)")).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


@both_stores
def test_children_of_inbox_in_any_case(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok("CREATE inbox/kid")
            await client.ok("RENAME Archive Inbox/old")
            await client.ok("UNSUBSCRIBE inbox/old")
            names = await listed(client, 'LIST "" "*"')
            assert {"INBOX", "INBOX/kid", "INBOX/old"} <= set(names)
            assert names["INBOX"] == {"\\HasChildren"}
            assert not [name for name in names if name[:5] == "inbox"]
            assert set(await listed(client, 'LIST "" inbox/%')) == {"INBOX/kid", "INBOX/old"}
            assert set(await listed(client, "LIST inBOX/ %")) == {"INBOX/kid", "INBOX/old"}
            await client.ok("SELECT iNbox/kid")
            await client.ok("RENAME inbox/kid INBOX/kid2")
            await client.ok("RENAME inbox was")  # RFC 3501 §6.3.5: children of INBOX stay
            assert set(await listed(client, 'LIST "" inbox/%')) == {"INBOX/kid2", "INBOX/old"}
            await client.ok("DELETE inbox/kid2")

    run(play())


@both_stores
def test_what_does_not_exist_cannot_be_subscribed(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §6.3.6 allows it; a name that is subscribed stays so, and UNSUBSCRIBE always works."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            assert (await client.command("SUBSCRIBE nowhere")).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok("CREATE a/b")
            assert (await client.command("SUBSCRIBE a")).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok("SUBSCRIBE a/b/")
            await client.ok("DELETE a/b")
            await client.ok("SUBSCRIBE a/b")  # RFC 9051 §6.3.7: it is subscribed already
            await client.ok("UNSUBSCRIBE a/b")
            assert (await client.command("SUBSCRIBE a/b")).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok("UNSUBSCRIBE nowhere")

    run(play())


NFD, NFC = "Cafe\u0301", "Caf\u00e9"


@both_stores
def test_a_denormalized_name_works_in_every_command(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §5.1: what CREATE takes, SELECT and all others must take, and mean the same mailbox."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok("ENABLE IMAP4rev2")
            [told] = await client.ok(f'CREATE "{NFD}"')
            assert told.endswith(f'"/" "{NFC}" ("OLDNAME" ("{NFD}"))'.encode())
            assert (await client.command(f'CREATE "{NFD}"')).tagged.startswith(b"NO [ALREADYEXISTS]")
            await client.ok(f'SUBSCRIBE "{NFD}"')
            old_name = f'"/" "{NFC}" ("OLDNAME" ("{NFD}"))'.encode()
            reply = await client.append(f'"{NFD}"')
            assert [line.endswith(old_name) for line in reply.untagged] == [True]
            for command in ("SELECT", "EXAMINE"):
                lines = await client.ok(f'{command} "{NFD}"')
                assert [line for line in lines if b"LIST" in line] == [b"* LIST (\\Subscribed) " + old_name]
            assert (await client.command(f'COPY 1 "{NFD}"')).ok
            assert await client.ok(f'STATUS "{NFD}" (MESSAGES)') == [f'* STATUS "{NFD}" (MESSAGES 2)'.encode()]
            [line] = await client.ok(f'LIST "" "{NFD}"')
            assert line.endswith(f'"/" "{NFC}"'.encode())
            await client.ok(f'UNSUBSCRIBE "{NFD}"')
            assert await client.ok(f'LIST (SUBSCRIBED) "" "{NFC}"') == []
            await client.ok(f'RENAME "{NFD}" plain')
            await client.ok(f'RENAME plain "{NFD}"')
            assert await client.ok(f'DELETE "{NFD}"') == [
                f'* LIST (\\NonExistent) "/" "{NFC}" ("OLDNAME" ("{NFD}"))'.encode()
            ]

    run(play())


@both_stores
def test_a_mailbox_whose_name_is_denormalized_is_opened_by_it(tmp_path: Path, kind: str) -> None:
    """Made by an IMAP4rev1 client, which finds the very name it gave."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            wire = encode.mailbox(NFD).decode()
            await client.ok(f"CREATE {wire}")
            assert list(await listed(client, f'LIST "" {wire}')) == [wire]
            await client.ok("ENABLE UTF8=ACCEPT")
            await client.ok(f'SELECT "{NFD}"')
            assert (await client.command(f'SELECT "{NFC}"')).tagged.startswith(b"NO [NONEXISTENT]")
            await client.ok(f'CREATE "{NFC}"')  # another one

    run(play())


@both_stores
def test_a_level_that_is_no_mailbox_is_renamed_with_what_is_below_it(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §6.3.6, its first example: the answer is OK to an IMAP4rev2 client too."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok("CREATE foo/bar")
            await client.ok("RENAME foo zap")
            await client.ok("ENABLE IMAP4rev2")
            await client.ok("RENAME zap zowie")
            assert await listed(client, 'LIST "" z*') == {
                "zowie": {"\\NonExistent", "\\HasChildren"},
                "zowie/bar": {"\\HasNoChildren"},
            }

    run(play())
