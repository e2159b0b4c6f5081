"""GETMETADATA and SETMETADATA (RFC 5464), METADATA in LIST (RFC 9590), over sockets."""

from pathlib import Path
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from postroom.servers.imap.metadata import chosen

from .room import both_stores, open_room, run


@both_stores
def test_private_entries_are_ones_own_and_shared_ones_everybodys(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok('SETMETADATA INBOX (/private/comment "mine" /shared/comment "ours")')
            assert await client.ok("GETMETADATA INBOX (/Private/Comment /shared/comment /shared/none)") == [
                b'* METADATA INBOX (/Private/Comment "mine" /shared/comment "ours" /shared/none NIL)'
            ]
            account = await room.store.open(1)
            inbox = (await account.mailbox("INBOX")).mailbox_id
            assert await account.annotations(inbox, 2) == {"/shared/comment": b"ours"}
            account.close()
            await client.ok("SETMETADATA INBOX (/private/comment NIL /shared/comment {0+}\r\n)")
            assert await client.ok("GETMETADATA INBOX (/private/comment /shared/comment)") == [
                b'* METADATA INBOX (/private/comment NIL /shared/comment "")'
            ]
            for command in ("GETMETADATA none /shared/a", 'SETMETADATA none (/shared/a "")'):
                assert (await client.command(command)).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


@both_stores
def test_values_of_any_octets_come_back(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok(b"SETMETADATA INBOX (/private/a ~{5+}\r\n\0\r\n\xff) /private/b {3+}\r\n\r\n\xe4)")
            tag = client.start("GETMETADATA INBOX /private/a")
            whole = await client.reader.readuntil(tag + b" OK")
            assert whole.startswith(b"* METADATA INBOX (/private/a ~{5}\r\n\0\r\n\xff))\r\n")
            await client.reader.readuntil(b"\r\n")
            assert await client.ok("GETMETADATA INBOX /private/b") == [b"* METADATA INBOX (/private/b {3}\r\n\r\n\xe4)"]

    run(play())


@both_stores
def test_depth_and_size(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok('SETMETADATA INBOX (/private/f/v/small "1" /private/f/v/boss/x "333" /private/f/w "22")')
            get = "GETMETADATA INBOX"
            assert await client.ok(f"{get} (DEPTH 0) /private/f") == [b"* METADATA INBOX (/private/f NIL)"]
            assert await client.ok(f"{get} (DEPTH 1) /private/f") == [b'* METADATA INBOX (/private/f/w "22")']
            assert await client.ok(f"{get} (DEPTH 1) (/private/f/v /private/F/W)") == [
                b'* METADATA INBOX (/private/f/v/small "1" /private/F/W "22")'
            ]
            reply = await client.command(f"{get} (DEPTH infinity MAXSIZE 1) /private")
            assert reply.untagged == [b'* METADATA INBOX (/private/f/v/small "1")']
            assert reply.tagged == b"OK [METADATA LONGENTRIES 3] GETMETADATA completed"
            reply = await client.command(f"{get} (DEPTH infinity) /shared")
            assert (reply.untagged, reply.tagged) == ([], b"OK GETMETADATA completed")
            reply = await client.command(f"{get} (MAXSIZE 0) /private/f/w")
            assert (reply.untagged, reply.tagged) == ([], b"OK [METADATA LONGENTRIES 2] GETMETADATA completed")

    run(play())


@both_stores
def test_the_servers_entries(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, administrators=("alice@x.example",)) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            await alice.ok('SETMETADATA "" (/private/vendor/x/a "hers")')
            await alice.ok('SETMETADATA "" (/shared/comment "Hi" /shared/vendor/b "1")')
            assert await bob.ok('GETMETADATA "" (DEPTH infinity) (/private /shared)') == [
                b'* METADATA "" (/shared/admin "mailto:postmaster@x.example" /shared/comment "Hi" /shared/vendor/b "1")'
            ]
            assert await alice.ok('GETMETADATA "" /private/vendor/x/a') == [
                b'* METADATA "" (/private/vendor/x/a "hers")'
            ]
            for client, values, code in (
                (bob, '/shared/comment "mine now"', b"NOPERM"),
                (bob, "/shared/comment NIL", b"NOPERM"),
                (bob, '/shared/comment NIL /private/a "x"', b"NOPERM"),
                (alice, '/shared/admin "tel:1"', b"CANNOT"),
                (bob, "/shared/admin NIL", b"CANNOT"),
                (alice, '/shared/comment "x" /private/a "x"', b"CANNOT"),
            ):
                reply = await client.command(f'SETMETADATA "" ({values})')
                assert reply.tagged.startswith(b"NO [%b]" % code), (values, reply)
            assert await bob.ok('GETMETADATA "" (/shared/comment /private/a)') == [
                b'* METADATA "" (/shared/comment "Hi" /private/a NIL)'
            ]

    run(play())


@both_stores
def test_too_large_and_too_many_leave_all_as_it_was(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, store_settings={"max_annotations": 10}) as room:
            client = await room.client()
            await client.ok('SETMETADATA INBOX (/private/comment "old")')
            large = "x" * 32769
            for sign in ("+", ""):
                tag = client.start(f'SETMETADATA INBOX (/private/comment "new" /private/a {{{len(large)}{sign}}}')
                if not sign:
                    assert (await client.response()).startswith(b"+ ")
                client.send(large.encode() + b")\r\n")
                assert (await client.finish(tag)).tagged.startswith(b"NO [METADATA MAXSIZE 32768]")
            many = " ".join(f'/private/{number} "x"' for number in range(10))
            reply = await client.command(f'SETMETADATA INBOX (/private/comment "new" {many})')
            assert reply.tagged == b"NO [METADATA TOOMANY] Too many annotations"
            assert await client.ok("GETMETADATA INBOX (DEPTH infinity) /private") == [
                b'* METADATA INBOX (/private/comment "old")'
            ]

    run(play())


@both_stores
def test_all_annotations_of_an_account_are_bounded(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind, max_annotation_octets=1 << 20) as room:
            client = await room.client()
            for number in range(32):
                name, value = ('""', "INBOX", "Sent")[number % 3], b"x" * 32768
                await client.ok(f"SETMETADATA {name} (/private/{number} ~{{32768+}}\r\n".encode() + value + b")")
            for name in ('""', "Drafts"):
                reply = await client.command(f'SETMETADATA {name} (/private/more "x")')
                assert reply.tagged.startswith(b"NO [OVERQUOTA]")
            await client.ok("SETMETADATA INBOX (/private/1 NIL)")
            await client.ok('SETMETADATA Drafts (/private/more "x")')

    run(play())


def test_a_value_too_large_for_any_command(tmp_path: Path) -> None:
    """RFC 5464 §4.3: the client learns what the server takes, and has not to send it first."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client()
            tag = client.start("SETMETADATA INBOX (/private/a {1000000}")
            assert (await client.finish(tag)).tagged.startswith(b"NO [METADATA MAXSIZE 32768]")
            tag = client.start("SETMETADATA INBOX (/private/a ~{1000000+}")
            client.send(b"x" * 1000000 + b")\r\n")
            assert (await client.finish(tag)).tagged.startswith(b"NO [METADATA MAXSIZE 32768]")
            await client.ok("NOOP")

    run(play())


@both_stores
def test_annotations_follow_the_mailbox(tmp_path: Path, kind: str) -> None:
    """RFC 5464 §4.1"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            await client.ok("CREATE a")
            await client.ok('SETMETADATA a (/private/comment "x")')
            await client.ok("RENAME a b")
            assert await client.ok("GETMETADATA b /private/comment") == [b'* METADATA b (/private/comment "x")']
            await client.ok("DELETE b")
            await client.ok("CREATE b")
            assert await client.ok("GETMETADATA b /private/comment") == [b"* METADATA b (/private/comment NIL)"]
            await client.ok('SETMETADATA inbox (/private/comment "in")')
            await client.ok("RENAME inbox c")
            assert await client.ok("GETMETADATA c /private/comment") == [b'* METADATA c (/private/comment "in")']
            assert await client.ok("GETMETADATA INBOX /private/comment") == [
                b'* METADATA INBOX (/private/comment "in")'
            ]

    run(play())


@both_stores
def test_special_uses(tmp_path: Path, kind: str) -> None:
    """RFC 6154 §4"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client(), await room.client()
            await other.ok("ENABLE METADATA")
            set_use = "SETMETADATA {} (/private/specialuse {})".format
            assert await client.ok("GETMETADATA Drafts /private/specialuse") == [
                b'* METADATA Drafts (/private/specialuse "\\\\Drafts")'
            ]
            await client.ok("CREATE Saved")
            assert await client.ok(set_use("Saved", '"\\\\drafts"')) == [b"* METADATA Drafts (/private/specialuse NIL)"]
            assert await client.ok(set_use("Saved", '"\\\\Drafts"')) == []
            assert sorted(await other.ok("NOOP")) == [
                b"* METADATA Drafts /private/specialuse",
                b"* METADATA Saved /private/specialuse",
            ]
            assert await client.ok('LIST (SPECIAL-USE) "" (Drafts Saved)') == [
                b'* LIST (\\HasNoChildren \\Drafts) "/" Saved'
            ]
            assert await client.ok(set_use("Saved", "NIL")) == []
            assert await client.ok(set_use("Drafts", '""')) == []
            assert await client.ok('LIST (SPECIAL-USE) "" (Drafts Saved)') == []
            for name, value, code in (
                ("INBOX", '"\\\\Sent"', b"USEATTR"),
                ("Saved", '"\\\\Shiny"', b"USEATTR"),
                ("Saved", '"\\\\Sent" /private/a "x"', b"CANNOT"),
            ):
                assert (await client.command(set_use(name, value))).tagged.startswith(b"NO [%b]" % code)

    run(play())


@both_stores
def test_metadata_in_list(tmp_path: Path, kind: str) -> None:
    """RFC 9590, with what has no value as NIL, and nothing for what is no mailbox or only the parent of one."""

    async def play() -> None:
        async with open_room(tmp_path, kind, list_batch_mailboxes=2) as room:
            client = await room.client()
            await client.ok("CREATE foo/bar")
            await client.ok("DELETE Archive")
            for name in ("Sent", "Trash", "Junk", "INBOX", "Drafts", "foo/bar", "Archive"):
                await client.ok(f"UNSUBSCRIBE {name}")
            await client.ok('SETMETADATA INBOX (/shared/comment "x" /private/other "y")')
            entries = '("/shared/comment" "/private/specialuse")'
            lines = await client.ok(f'LIST "" (INBOX Sent foo) RETURN (METADATA {entries} STATUS (MESSAGES))')
            attributes = b"\\HasChildren" if b"NonExistent" not in lines[-1] else b"\\NonExistent \\HasChildren"
            assert lines[:6] == [
                b'* LIST (\\HasNoChildren) "/" INBOX',
                b"* STATUS INBOX (MESSAGES 0)",
                b'* METADATA INBOX (/shared/comment "x" /private/specialuse NIL)',
                b'* LIST (\\HasNoChildren \\Sent) "/" Sent',
                b"* STATUS Sent (MESSAGES 0)",
                b'* METADATA Sent (/shared/comment NIL /private/specialuse "\\\\Sent")',
            ]
            assert b'* LIST (%b) "/" foo' % attributes in lines
            await client.ok("SUBSCRIBE foo/bar")
            assert await client.ok(
                'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (METADATA ("/shared/comment") STATUS (MESSAGES))'
            ) == [b'* LIST (%b) "/" foo ("CHILDINFO" ("SUBSCRIBED"))' % attributes]

    run(play())


@both_stores
def test_ten_thousand_annotations(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        limits = {"max_annotations": 10_000}
        async with open_room(tmp_path, kind, store_settings=limits, output_piece_octets=4096) as room:
            account = await room.store.open(1)
            inbox = (await account.mailbox("INBOX")).mailbox_id
            deep = "/private" + "/a" * 100
            await account.set_annotations(inbox, 1, {f"{deep}/{number}": b"v" for number in range(10_000)})
            client = await room.client()
            # nested prefixes, each of which covers them all
            prefixes = " ".join("/private" + "/a" * levels for levels in range(101))
            begin = perf_counter()
            lines = await client.ok(f"GETMETADATA INBOX (DEPTH infinity) ({prefixes})")
            assert perf_counter() - begin < 5
            assert sum(line.count(b' "v"') for line in lines) == 10_000
            assert len(lines) > 100  # in pieces
            assert await client.ok("GETMETADATA INBOX (DEPTH 1) /private") == []
            account.close()

    run(play())


NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda levels: "/shared/" + "/".join(levels))


@given(st.dictionaries(NAMES, st.just(b"v")), st.lists(NAMES, min_size=1), st.sampled_from([1, 2, 1 << 16]))
def test_depth_is_what_the_rfc_says(values: dict[str, bytes], entries: list[str], depth: int) -> None:
    """RFC 5464 §4.2.2, said entry by entry."""
    expected = {
        name
        for name in values
        for entry in entries
        if name == entry or (name.startswith(entry + "/") and name[len(entry) :].count("/") <= depth)
    }
    assert [name for name, _ in chosen(values, entries, depth)] == sorted(expected)
