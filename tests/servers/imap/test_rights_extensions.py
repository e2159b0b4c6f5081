"""Extensions on other people's mailboxes: the rights that their RFCs ask for."""

from pathlib import Path

from .room import Client, Room, both_stores, message, open_room, run

HERS = "#user/alice@x.example"


async def two(room: Room, rights: str) -> tuple[Client, Client]:
    """Alice, who shares her inbox of two messages with bob."""
    alice, bob = await room.client(), await room.client(name="bob")
    await alice.ok(f"SETACL INBOX bob@x.example {rights}")
    await room.deliver(message("one"), flags=frozenset({"\\Flagged", "work"}))
    await room.deliver(message("two"))
    return alice, bob


@both_stores
def test_conditional_store_with_some_of_the_rights(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1.3 with RFC 4314 §4: what others have changed is left alone, what may not be changed too."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lrs")
            await bob.ok(f"SELECT {HERS}/INBOX (CONDSTORE)")
            [line] = await bob.ok("FETCH 1 MODSEQ")
            before = int(line.split(b"(")[2].rstrip(b")"))
            await alice.ok("SELECT INBOX")
            await alice.ok("STORE 2 +FLAGS.SILENT (\\Draft)")
            reply = await bob.command(f"STORE 1:2 (UNCHANGEDSINCE {before}) FLAGS (\\Seen \\Deleted)")
            assert b"[MODIFIED 2]" in reply.tagged, reply
            await alice.ok("NOOP")
            assert [line.replace(b" \\Recent", b"") for line in await alice.ok("FETCH 1:2 FLAGS")] == [
                b"* 1 FETCH (FLAGS (\\Flagged \\Seen work))",
                b"* 2 FETCH (FLAGS (\\Draft))",
            ]
            reply = await bob.command(f"STORE 2 (UNCHANGEDSINCE {before}) FLAGS ()")  # nothing passes: no second step
            assert b"[MODIFIED 2]" in reply.tagged, reply
            assert (await bob.command("STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Draft)")).tagged.startswith(b"NO [NOPERM]")

    run(play())


@both_stores
def test_status_and_metadata_in_list(tmp_path: Path, kind: str) -> None:
    """RFC 5819 §2, RFC 9590 §3: no response where the command would be refused."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lr")
            await alice.ok("SETACL Sent bob@x.example l")
            await alice.ok('SETMETADATA INBOX (/shared/comment "for all" /private/comment "mine")')
            await bob.ok(f'SETMETADATA {HERS}/INBOX (/private/comment "his")')
            entries = "METADATA (/shared/comment /private/comment)"
            assert await bob.ok(f'LIST "" "{HERS}/%" RETURN (MYRIGHTS STATUS (MESSAGES) {entries})') == [
                b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/INBOX',
                b"* MYRIGHTS #user/alice@x.example/INBOX lr",
                b"* STATUS #user/alice@x.example/INBOX (MESSAGES 2)",
                b'* METADATA #user/alice@x.example/INBOX (/shared/comment "for all" /private/comment "his")',
                b'* LIST (\\HasNoChildren) "/" #user/alice@x.example/Sent',
                b"* MYRIGHTS #user/alice@x.example/Sent l",
            ]
            assert (await bob.command(f"STATUS {HERS}/Sent (MESSAGES)")).tagged.startswith(b"NO [NOPERM]")
            for command in ("GETMETADATA {} /shared/comment", 'SETMETADATA {} (/private/comment "x")'):
                await bob.ok(command.format(f"{HERS}/INBOX"))
                assert (await bob.command(command.format(f"{HERS}/Sent"))).tagged.startswith(b"NO [NOPERM]")
                assert (await bob.command(command.format(f"{HERS}/Junk"))).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())


@both_stores
def test_quota_of_a_shared_mailbox(tmp_path: Path, kind: str) -> None:
    """RFC 9208 §6: with "r"."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            _, bob = await two(room, "lr")
            room.set_quota("alice@x.example", None, 10)
            assert any(b"alice@x.example (MESSAGE 2 10" in line for line in await bob.ok(f"GETQUOTAROOT {HERS}/INBOX"))
            for name in ("Sent", "Nowhere"):
                assert (await bob.command(f"GETQUOTAROOT {HERS}/{name}")).tagged.startswith(b"NO [NONEXISTENT]")
            assert not (await bob.command("GETQUOTA alice@x.example")).ok

    run(play())


@both_stores
def test_searching_what_others_share(tmp_path: Path, kind: str) -> None:
    """RFC 7377 §2.2: "r", and for what was not named "l" as well."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lr")
            for name, rights in (("INBOX/a", "lr"), ("INBOX/b", "r"), ("INBOX/c", "l"), ("INBOX/d", '""')):
                await alice.ok(f"CREATE {name}")
                await alice.ok(f"SETACL {name} bob@x.example {rights}")
                await room.deliver(message("one"), name)
            found = await bob.ok(f"ESEARCH IN (subtree {HERS}/INBOX) SUBJECT one")
            names = {line.split(b"MAILBOX ")[1].split(b" ")[0].strip(b'"').decode() for line in found}
            assert names == {f"{HERS}/INBOX", f"{HERS}/INBOX/a"}
            assert len(await bob.ok(f"ESEARCH IN (mailboxes ({HERS}/INBOX/b {HERS}/INBOX/c)) SUBJECT one")) == 1

    run(play())


@both_stores
def test_replace_in_and_between_accounts(tmp_path: Path, kind: str) -> None:
    """RFC 8508 §4.1: "t" and "e" here, "i" there."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lri")
            text = message("new")
            replace = b"REPLACE 1 %b (\\Seen \\Draft) {%d+}\r\n%b"
            await bob.ok(f"SELECT {HERS}/INBOX")
            hers, own = f"{HERS}/INBOX".encode(), b"Drafts"
            for target in (hers, own):
                reply = await bob.command(replace % (target, len(text), text))
                assert reply.tagged.startswith(b"NO [NOPERM]"), reply
            await alice.ok("SETACL INBOX bob@x.example +te")
            assert (await bob.command(replace % (own, len(text), text))).ok  # and no text was taken for commands
            assert (await bob.command(replace % (hers, len(text), text))).ok
            await alice.ok("SELECT INBOX")
            assert await alice.ok("FETCH 1:* (UID FLAGS)") == [b"* 1 FETCH (UID 3 FLAGS ())"]
            room.set_quota("alice@x.example", None, 1)
            await bob.ok("SELECT Drafts")
            reply = await bob.command(replace % (hers, len(text), text))  # what goes makes room for him, not for her
            assert reply.tagged.startswith(b"NO [OVERQUOTA]"), reply

    run(play())


@both_stores
def test_names_as_imap4rev2_has_them(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §6.3.9.7: OLDNAME, with the name as the client knows it."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            alice, bob = await two(room, "lrk")
            await alice.ok("CREATE Work")
            await alice.ok("SETACL Work bob@x.example lrkx")
            await bob.ok("ENABLE IMAP4rev2")
            reply = await bob.ok(f"RENAME {HERS}/Work {HERS}/INBOX/Work")
            assert [line for line in reply if b"OLDNAME" in line] == [
                b'* LIST () "/" #user/alice@x.example/INBOX/Work ("OLDNAME" (#user/alice@x.example/Work))'
            ]
            assert not [line for line in await bob.ok(f"CREATE {HERS}/INBOX/New") if b"OLDNAME" in line]

    run(play())


@both_stores
def test_a_session_that_signs_out_leaves_the_accounts(tmp_path: Path, kind: str) -> None:
    """RFC 8437: who signs in next has their own rights."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            _, bob = await two(room, "lr")
            await bob.ok(f"SELECT {HERS}/INBOX")
            await bob.ok("UNAUTHENTICATE")
            await bob.ok("LOGIN carol@x.example carol-secret")
            assert (await bob.command(f"SELECT {HERS}/INBOX")).tagged.startswith(b"NO [NONEXISTENT]")

    run(play())
