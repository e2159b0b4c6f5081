"""SETACL and its kin in sessions of several people; the RFC's examples are in the transcripts rfc4314_*.txt."""

from pathlib import Path

from .room import Client, both_stores, message, open_room, run

INBOX = "#user/alice@x.example/INBOX"


async def rights(client: Client, mailbox: str = INBOX) -> str:
    reply = await client.command(f"MYRIGHTS {mailbox}")
    if not reply.ok:
        return reply.tagged.split()[1].decode()
    return reply.untagged[0].split()[-1].decode().strip('"')


@both_stores
def test_a_fresh_mailbox_is_nobody_elses(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            assert await alice.ok("GETACL INBOX") == [b"* ACL INBOX alice@x.example lrswipkxtecda"]
            assert await rights(bob) == "[NONEXISTENT]"
            assert await bob.ok('LIST "" "#user/*"') == []
            for command in ("SELECT", "EXAMINE", "DELETE", "GETACL", "MYRIGHTS"):
                assert (await bob.command(f"{command} {INBOX}")).tagged.startswith(b"NO [NONEXISTENT]"), command

    run(play())


@both_stores
def test_identifiers(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob, carol = [await room.client(name=name) for name in ("alice", "bob", "carol")]
            await alice.ok("SETACL INBOX BOB@x.example lr")  # any form in which it is a name to sign in by; kept in one
            assert (await alice.ok("GETACL INBOX"))[0].endswith(b" bob@x.example lr")
            assert (await alice.ok("LISTRIGHTS INBOX BOB@x.example"))[0].startswith(
                b'* LISTRIGHTS INBOX BOB@x.example "" l r'  # RFC 4314 §3.4: as the client wrote it
            )
            assert (await rights(bob), await rights(carol)) == ("lr", "[NONEXISTENT]")
            await alice.ok("SETACL INBOX anyone lrs")
            assert (await rights(bob), await rights(carol)) == ("lrs", "lrs")
            await alice.ok("SETACL INBOX -carol@x.example lrs")
            assert (await rights(bob), await rights(carol)) == ("lrs", "[NONEXISTENT]")
            await alice.ok('SETACL INBOX anyone ""')
            assert await rights(bob) == "lr"
            await alice.ok("DELETEACL INBOX bob@x.example")
            await alice.ok("DELETEACL INBOX bob@x.example")
            assert await rights(bob) == "[NONEXISTENT]"
            assert (await alice.command("SETACL INBOX bob l")).tagged.startswith(b"NO [CANNOT]")
            assert (await alice.command("LISTRIGHTS INBOX -nobody@x.example")).tagged.startswith(b"NO [CANNOT]")
            assert (await alice.ok("LISTRIGHTS INBOX -bob@x.example"))[0].endswith(b'"" l r s w i p k x t e c d a')
            assert (await alice.ok("LISTRIGHTS INBOX -alice@x.example"))[0].endswith(b'-alice@x.example ""')

    run(play())


@both_stores
def test_who_has_left_can_be_taken_out(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await alice.ok("SETACL INBOX carol@x.example lrsw")
            room.remove_person("carol@x.example")
            await alice.ok("SETACL INBOX carol@x.example -w")
            assert (await alice.ok("GETACL INBOX"))[0].endswith(b" carol@x.example lrs")
            assert (await alice.command("SETACL INBOX carol@x.example +w")).tagged.startswith(b"NO [CANNOT]")
            await alice.ok("DELETEACL INBOX carol@x.example")
            assert await alice.ok("GETACL INBOX") == [b"* ACL INBOX alice@x.example lrswipkxtecda"]

    run(play())


@both_stores
def test_administering_what_is_somebody_elses(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob, carol = [await room.client(name=name) for name in ("alice", "bob", "carol")]
            await alice.ok("SETACL INBOX bob@x.example la")
            await bob.ok(f"SETACL {INBOX} carol@x.example lr")
            assert await rights(carol) == "lr"
            assert await bob.ok(f"GETACL {INBOX}") == [
                b"* ACL #user/alice@x.example/INBOX alice@x.example lrswipkxtecda bob@x.example la carol@x.example lr"
            ]
            assert (await bob.command(f"SETACL {INBOX} alice@x.example -l")).tagged.startswith(b"NO [CANNOT]")
            await bob.ok(f"SETACL {INBOX} bob@x.example -a")  # others than the owner can lock themselves out
            assert (await bob.command(f"SETACL {INBOX} bob@x.example +a")).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SELECT INBOX")

    run(play())


@both_stores
def test_there_are_only_so_many_entries(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            for number in range(200):
                room.add_person(f"p{number}@x.example", 100 + number)
                await alice.ok(f"SETACL INBOX p{number}@x.example l")
            assert (await alice.command("SETACL INBOX bob@x.example l")).tagged.startswith(b"NO [LIMIT]")

    run(play())


@both_stores
def test_deleting_a_mailbox_deletes_its_list(tmp_path: Path, kind: str) -> None:
    """RFC 4314 §4; RENAME keeps it."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            await alice.ok("CREATE Work")
            await alice.ok("SETACL Work bob@x.example lrx")
            await alice.ok("RENAME Work Play")
            assert await rights(bob, "#user/alice@x.example/Play") == "lrxc"
            await bob.ok("DELETE #user/alice@x.example/Play")
            await alice.ok("CREATE Play")
            assert await rights(bob, "#user/alice@x.example/Play") == "[NONEXISTENT]"

    run(play())


@both_stores
def test_managing_mailboxes(tmp_path: Path, kind: str) -> None:
    """CREATE needs "k" above, DELETE "x", RENAME both (RFC 4314 §4)."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            base = "#user/alice@x.example"
            for name in ("Work", "Work/Old", "Attic"):
                await alice.ok(f"CREATE {name}")
            await alice.ok("SETACL Work bob@x.example lrk")
            await bob.ok(f"CREATE {base}/Work/New")
            assert (await bob.command(f"CREATE {base}/Work/New")).tagged.startswith(b"NO [ALREADYEXISTS]")
            assert (await bob.command(f"CREATE {base}/Work/Mine (USE (\\Flagged))")).tagged.startswith(b"NO [USEATTR]")
            assert (await bob.command(f"DELETE {base}/Work/New")).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SETACL Work/Old bob@x.example lrx")
            rename = f"RENAME {base}/Work/Old {base}/Attic/Old"
            assert (await bob.command(rename)).tagged.startswith(b"NO [NOPERM]")
            await alice.ok("SETACL Attic bob@x.example lk")
            await bob.ok(rename)
            assert [line.split()[-1] for line in await alice.ok('LIST "" (Work* Attic*)')] == [
                b"Attic",
                b"Attic/Old",
                b"Work",
                b"Work/New",
            ]
            for new in ("Mine", "#user/carol@x.example/Mine"):
                reply = await bob.command(f"RENAME {base}/Attic/Old {new}")
                assert reply.tagged.startswith(b"NO [CANNOT]" if new == "Mine" else b"NO [NOPERM]"), new
            await alice.ok("SETACL INBOX bob@x.example lrxte")
            assert (await bob.command(f"RENAME {base}/INBOX {base}/Attic/All")).tagged.startswith(b"NO [CANNOT]")
            assert (await bob.command(f"RENAME {base}/Nowhere {base}/Attic/All")).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


@both_stores
def test_rights_hold_from_the_next_command_on(tmp_path: Path, kind: str) -> None:
    """RFC 4314 §5.1.1: PERMANENTFLAGS again when they have changed."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await room.deliver(flags=frozenset({"\\Flagged"}))
            await alice.ok("SETACL INBOX bob@x.example lr")
            bob = await room.client(INBOX, name="bob")
            assert (await bob.command("STORE 1 +FLAGS (\\Seen)")).tagged.startswith(b"NO [READ-ONLY]")
            await alice.ok("SETACL INBOX bob@x.example +st")
            reply = await bob.command("NOOP")
            assert reply.untagged[-1] == b"* OK [PERMANENTFLAGS (\\Deleted \\Seen)] Flags permitted"
            assert await bob.ok("NOOP") == []
            assert await bob.ok("STORE 1 FLAGS (\\Seen \\Deleted \\Draft)") == [
                b"* 1 FETCH (FLAGS (\\Flagged \\Deleted \\Seen \\Recent))"
            ]
            assert await bob.ok("STORE 1 FLAGS ()") == [b"* 1 FETCH (FLAGS (\\Flagged \\Recent))"]
            assert await bob.ok("STORE 1 -FLAGS.SILENT (\\Deleted \\Flagged)") == []
            assert (await bob.command("STORE 1 -FLAGS (\\Flagged)")).tagged.startswith(b"NO [NOPERM]")
            assert (await bob.command("EXPUNGE")).tagged.startswith(b"NO [NOPERM]")
            await bob.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await bob.ok("CLOSE")  # without "e" it removes nothing
            await alice.ok("SELECT INBOX")
            assert await alice.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Flagged \\Deleted \\Recent))"]
            await alice.ok("SETACL INBOX bob@x.example +e")
            await bob.ok(f"SELECT {INBOX}")
            assert b"* 1 EXPUNGE" in await bob.ok("EXPUNGE")
            assert b"* 1 EXPUNGE" in await alice.ok("NOOP")

    run(play())


@both_stores
def test_idle_ends_when_the_right_to_read_does(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client("INBOX")
            await alice.ok("SETACL INBOX bob@x.example lr")
            bob = await room.client(INBOX, name="bob")
            bob.start("IDLE")
            assert await bob.response() == b"+ idling"
            await alice.append("INBOX", message("first"))
            assert await bob.response() == b"* 1 EXISTS"
            await bob.response()
            await alice.ok("SETACL INBOX bob@x.example +s")
            assert (await bob.response()).startswith(b"* FLAGS ")
            assert b"PERMANENTFLAGS (\\Seen)" in await bob.response()
            await alice.ok("DELETEACL INBOX bob@x.example")
            await alice.append("INBOX", message("second"))
            assert (await bob.eof()) == b"* BYE The selected mailbox was deleted\r\n"

    run(play())


@both_stores
def test_a_message_is_read_without_a_trace(tmp_path: Path, kind: str) -> None:
    r"""FETCH BODY[] sets \Seen only with "s" (RFC 4314 §4), and one who only reads takes nobody's \Recent."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice = await room.client()
            await room.deliver()
            await alice.ok("SETACL INBOX bob@x.example lrwit")
            await alice.ok("SETACL INBOX carol@x.example lr")
            carol = await room.client(INBOX, name="carol")
            assert await carol.ok("FETCH 1 (FLAGS BODY[1]<0.5>)") == [
                b"* 1 FETCH (FLAGS (\\Recent) BODY[1]<0> {5}\r\nHello)"
            ]
            bob = await room.client(INBOX, name="bob")
            assert await bob.ok("FETCH 1 (FLAGS BODY[1]<0.5>)") == [
                b"* 1 FETCH (FLAGS (\\Recent) BODY[1]<0> {5}\r\nHello)"
            ]
            await alice.ok("SETACL INBOX bob@x.example +s")
            assert (await bob.ok("FETCH 1 (FLAGS BODY[1]<0.5>)"))[0].startswith(b"* 1 FETCH (FLAGS (\\Seen \\Recent)")

    run(play())


@both_stores
def test_append_leaves_out_flags(tmp_path: Path, kind: str) -> None:
    """RFC 4314 §4; with "i" alone, a mailbox can be put into and not be looked at."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await room.client(), await room.client(name="bob")
            await alice.ok("CREATE Dropbox")
            await alice.ok("SETACL Dropbox bob@x.example i")
            dropbox = "#user/alice@x.example/Dropbox"
            flags = "\\Seen \\Deleted \\Flagged Work"
            for more in ("", "s", "t", "w"):
                await alice.ok(f"SETACL Dropbox bob@x.example +{more}")
                assert (await bob.append(dropbox, flags=flags)).ok
                await alice.ok(f"SETACL Dropbox bob@x.example -{more}")
            assert (await bob.command(f"SELECT {dropbox}")).tagged.startswith(b"NO [NONEXISTENT]")
            await alice.ok("SELECT Dropbox")
            assert [line.split(b"FLAGS ")[1] for line in await alice.ok("FETCH 1:* FLAGS")] == [
                b"(\\Recent))",
                b"(\\Seen \\Recent))",
                b"(\\Deleted \\Recent))",
                b"(\\Flagged Work \\Recent))",
            ]
            await alice.ok('SETACL Dropbox bob@x.example ""')
            assert (await bob.append(dropbox)).tagged.startswith(b"NO [NONEXISTENT]")
            await alice.ok("SETACL Dropbox bob@x.example lk")
            assert (await bob.append(dropbox)).tagged.startswith(b"NO [NOPERM]")
            assert (await bob.append(dropbox + "/New")).tagged.startswith(b"NO [TRYCREATE]")
            room.set_quota("alice@x.example", 1000, None)
            await alice.ok("SETACL Dropbox bob@x.example i")
            assert (await bob.append(dropbox)).tagged.startswith(b"NO [OVERQUOTA]")  # hers, not his

    run(play())


@both_stores
def test_changes_by_several_at_once_are_all_kept(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            clients = [await room.client() for _ in range(6)]
            for _ in range(5):
                await clients[0].ok('SETACL INBOX bob@x.example ""')
                tags = [
                    client.start(f"SETACL INBOX bob@x.example +{right}")
                    for client, right in zip(clients, "lrswit", strict=True)
                ]
                for client, tag in zip(clients, tags, strict=True):
                    assert (await client.finish(tag)).ok
                assert (await clients[0].ok("GETACL INBOX"))[0].endswith(b" bob@x.example lrswitd")

    run(play())
