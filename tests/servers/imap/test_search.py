"""SEARCH's answers: ESEARCH, the saved result. Which messages are found is tested in test_searching.py."""

from pathlib import Path

import pytest

from postroom.servers.imap.session import Session
from postroom.store.api import StoreFailure

from .room import Room, both_stores, message, open_room, run


async def seven(room: Room) -> None:
    """Seven messages; 2, 4 and 5 have \\Flagged, 4 the keyword $Work."""
    for number in range(1, 8):
        flags = {2: ("\\Flagged",), 4: ("\\Flagged", "$Work"), 5: ("\\Flagged",)}.get(number, ())
        await room.deliver(message(f"number {number}"), flags=frozenset(flags))


@both_stores
def test_esearch_tells_what_is_asked(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await seven(room)
            client = await room.client("INBOX")
            await client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")  # numbers are uids less one now
            for command, answer in {
                "SEARCH RETURN (MIN MAX COUNT ALL) FLAGGED": b"MIN 1 MAX 4 COUNT 3 ALL 1,3:4",
                "UID SEARCH RETURN (MIN MAX COUNT ALL) FLAGGED": b"UID MIN 2 MAX 5 COUNT 3 ALL 2,4:5",
                "SEARCH RETURN () ALL": b"ALL 1:6",
                "UID SEARCH RETURN () ALL": b"UID ALL 2:7",
                "UID SEARCH RETURN (COUNT) DRAFT": b"UID COUNT 0",
                "UID SEARCH RETURN (PARTIAL -1:-2) FLAGGED": b"UID PARTIAL (-1:-2 4:5)",
                "UID SEARCH RETURN (PARTIAL 4:9) FLAGGED": b"UID PARTIAL (4:9 NIL)",
            }.items():
                tag = client.start(command)
                reply = await client.finish(tag)
                assert reply.untagged == [b'* ESEARCH (TAG "%b") %b' % (tag, answer)], command
                assert reply.ok

    run(play())


@both_stores
def test_the_highest_modseq_of_what_is_returned(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.1.5, RFC 4731 §3.2"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await seven(room)
            client = await room.client("INBOX")
            await client.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
            modseqs = {}
            for number in range(1, 8):
                account = await room.store.open(1)
                view = await account.view(client_mailbox := (await account.mailbox("INBOX")).mailbox_id)
                modseqs[number] = view.modseqs[number - 1]
                assert client_mailbox
                account.release(view)
                account.close()
            assert max(modseqs.values()) == modseqs[2]
            [highest, line] = await client.ok("SEARCH 1:3 MODSEQ 1")
            assert highest.startswith(b"* OK [HIGHESTMODSEQ %d]" % modseqs[2])  # RFC 7162 §3.1: for the first time
            assert line == b"* SEARCH 1 2 3 (MODSEQ %d)" % modseqs[2]
            [line] = await client.ok('SEARCH MODSEQ "/flags/\\\\seen" all 99999 SEEN')
            assert line == b"* SEARCH"
            for options, numbers in {
                "MIN": [1],
                "MAX": [7],
                "MIN MAX": [1, 7],
                "MIN COUNT": [1, 2, 7],
                "": [2],
            }.items():
                [line] = await client.ok(f"SEARCH RETURN ({options}) 1:2,7 MODSEQ 0")
                assert line.endswith(b" MODSEQ %d" % max(modseqs[number] for number in numbers)), options

    run(play())


@both_stores
def test_the_saved_result_stands_wherever_a_set_may(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await seven(room)
            client = await room.client("INBOX")
            assert await client.ok("FETCH $ FLAGS") == []  # RFC 5182 §2.1: valid, and empty
            assert await client.ok("SEARCH RETURN (SAVE) FLAGGED") == []
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 4 5"]
            assert await client.ok("UID SEARCH NOT UID $") == [b"* SEARCH 1 3 6 7"]
            assert await client.ok("SEARCH 1,$") == [b"* SEARCH 1 2 4 5"]
            assert [line.split()[1] for line in await client.ok("FETCH $ UID")] == [b"2", b"4", b"5"]
            await client.ok("UID STORE $ +FLAGS (\\Seen)")
            await client.ok("CREATE x")
            assert b"COPYUID" in (await client.command("COPY $ x")).tagged
            await client.ok("STORE 4 +FLAGS.SILENT (\\Deleted)")
            await client.ok("STORE 7 +FLAGS.SILENT (\\Deleted)")
            assert await client.ok("UID EXPUNGE $") == [b"* 4 EXPUNGE"]
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 4"]  # what is expunged has left it
            assert await client.ok("UID SEARCH $") == [b"* SEARCH 2 5"]
            await room.deliver(flags=frozenset(("\\Flagged",)))
            await client.ok("NOOP")
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 4"]
            moved = await client.ok("MOVE $ x")
            assert moved[1:] == [b"* 2 EXPUNGE", b"* 3 EXPUNGE"]
            assert await client.ok("SEARCH $") == [b"* SEARCH"]
            await client.ok("SEARCH RETURN (SAVE) ALL")
            await client.ok("SELECT INBOX")
            assert await client.ok("SEARCH $") == [b"* SEARCH"]

    run(play())


@both_stores
def test_saved_with_min_and_max(tmp_path: Path, kind: str) -> None:
    """RFC 5182 §2.4"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await seven(room)
            client = await room.client("INBOX")
            for options, saved in {
                "SAVE MIN": b" 2",
                "MAX SAVE": b" 5",
                "SAVE MIN MAX": b" 2 5",
                "SAVE MIN COUNT": b" 2 4 5",
                "SAVE ALL MAX": b" 2 4 5",
                "SAVE PARTIAL 2:9": b" 4 5",
            }.items():
                assert len(await client.ok(f"UID SEARCH RETURN ({options}) FLAGGED")) == 1
                assert await client.ok("SEARCH $") == [b"* SEARCH" + saved], options
            await client.ok("SEARCH RETURN (SAVE) DRAFT")
            assert await client.ok("SEARCH $") == [b"* SEARCH"]

    run(play())


def test_a_refused_search_empties_what_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5182 §2.1: NO with SAVE does, BAD and NO without SAVE do not."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await seven(room)
            client = await room.client("INBOX")
            save = "SEARCH RETURN (SAVE) "
            for command, answer, left in (
                (save + "NONSENSE", b"BAD", b" 2 4 5"),
                ("SEARCH CHARSET X-NONE TEXT x", b"NO [BADCHARSET", b" 2 4 5"),
                ("SEARCH RETURN (ALL) CHARSET X-NONE TEXT x", b"NO [BADCHARSET", b" 2 4 5"),
                (save + "CHARSET X-NONE TEXT x", b"NO [BADCHARSET", b""),
                (save + "ALL", b"OK", b" 1 2 3 4 5 6 7"),
            ):
                await client.ok(save + "FLAGGED")
                assert (await client.command(command)).tagged.startswith(answer)
                assert await client.ok("SEARCH $") == [b"* SEARCH" + left], command

            async def fail(*_: object) -> set[int]:
                raise StoreFailure

            account = await room.store.open(1)
            monkeypatch.setattr(type(account), "search_text", fail)
            assert (await client.command("SEARCH RETURN (ALL) TEXT x")).tagged.startswith(b"NO [UNAVAILABLE]")
            assert await client.ok("SEARCH $") == [b"* SEARCH 1 2 3 4 5 6 7"]
            assert (await client.command(save + "TEXT x")).tagged.startswith(b"NO [UNAVAILABLE]")
            assert await client.ok("SEARCH $") == [b"* SEARCH"]
            account.close()

    run(play())


def test_a_result_with_too_many_parts_is_not_saved(tmp_path: Path) -> None:
    """RFC 5182 §2.5"""

    async def play() -> None:
        async with open_room(tmp_path, max_saved_result_ranges=2) as room:
            await seven(room)
            client = await room.client("INBOX")
            await client.ok("SEARCH RETURN (SAVE) FLAGGED")
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 4 5"]
            reply = await client.command("SEARCH RETURN (SAVE) 1,3,5")
            assert reply.tagged.startswith(b"NO [NOTSAVED]")
            assert await client.ok("SEARCH $") == [b"* SEARCH"]

    run(play())


def test_what_another_session_expunges_leaves_the_saved_result(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await seven(room)
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("SEARCH RETURN (SAVE) 2:6")
            await other.ok("STORE 3,7 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 3 4 5 6"]  # not said yet: the numbers still stand
            await client.ok("NOOP")
            assert await client.ok("SEARCH $") == [b"* SEARCH 2 3 4 5"]
            assert await client.ok("UID SEARCH $") == [b"* SEARCH 2 4 5 6"]

    run(play())


def test_imap4rev2_and_uidonly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9051 §6.4.4, RFC 9586 §3"""
    enabled: set[bytes] = set()

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await seven(room)
            monkeypatch.setattr(
                Session, "enabled", property(lambda self: enabled, lambda self, value: None), raising=False
            )
            client = await room.client("INBOX")
            enabled.add(b"IMAP4REV2")
            [line] = await client.ok("SEARCH FLAGGED")
            assert line.endswith(b") ALL 2,4:5")
            [line] = await client.ok("UID SEARCH DRAFT")
            assert line.endswith(b") UID")
            enabled.add(b"UIDONLY")
            for command in ("SEARCH ALL", "UID SEARCH OR SEEN NOT 1:5", "UID SEARCH FUZZY (SEEN 1)"):
                assert (await client.command(command)).tagged.startswith(b"BAD [UIDREQUIRED]"), command
            await client.ok("UID SEARCH RETURN (SAVE) UID 1:3")
            [line] = await client.ok("UID SEARCH $")
            assert line.endswith(b") UID ALL 1:3")

    run(play())


@both_stores
def test_no_charset_once_utf8_is_enabled(tmp_path: Path, kind: str) -> None:
    """RFC 6855 §3; for IMAP4rev2 alone it is superfluous, not wrong (RFC 9051 §6.4.4)."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("caf\u00e9"))
            client = await room.client()
            await client.ok("ENABLE IMAP4rev2")
            await client.ok("SELECT INBOX")
            [line] = await client.ok('SEARCH CHARSET UTF-8 SUBJECT "caf\u00e9"')
            assert line.endswith(b"ALL 1")
            assert (await client.command("SEARCH CHARSET KLINGON ALL")).tagged.startswith(b"NO [BADCHARSET ")
            await client.ok("SEARCH RETURN (SAVE) ALL")
            await client.ok("ENABLE UTF8=ACCEPT")
            for command in (
                "SEARCH CHARSET UTF-8 ALL",
                "UID SEARCH RETURN (SAVE) CHARSET US-ASCII SEEN",
                "ESEARCH IN (personal) CHARSET UTF-8 ALL",
            ):
                assert (await client.command(command)).tagged.startswith(b"BAD"), command
            for command in ("SORT (DATE) US-ASCII ALL", "UID THREAD REFERENCES ISO-8859-1 ALL"):
                assert (await client.command(command)).tagged.startswith(b"BAD"), command
                await client.ok(command.replace("US-ASCII", "utf-8").replace("ISO-8859-1", "UTF-8"))
            [line] = await client.ok('SEARCH $ SUBJECT "caf\u00e9"')  # RFC 9051 §6.4.4.1: BAD leaves "$" as it is
            assert line.endswith(b"ALL 1")

    run(play())


@both_stores
def test_imap4rev2_has_no_keys_for_recent(tmp_path: Path, kind: str) -> None:
    """RFC 9051 Appendix E, 12"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client("INBOX")
            commands = ("SEARCH NEW", "SEARCH NOT OLD", "UID SEARCH OR SEEN RECENT", "SORT (DATE) UTF-8 RECENT")
            for command in commands:
                assert (await client.command(command)).ok, command
            await client.ok("ENABLE IMAP4rev2")
            for command in (*commands, "ESEARCH IN (selected) NEW", "THREAD ORDEREDSUBJECT UTF-8 (NEW)"):
                assert (await client.command(command)).tagged == b"BAD Unknown search key", command

    run(play())


@both_stores
@pytest.mark.parametrize(
    "command", ["UID SEARCH 1:3", "UID SORT (SUBJECT) UTF-8 OR SEEN 3", "UID THREAD REFERENCES UTF-8 2"]
)
def test_no_expunge_while_a_uid_search_uses_message_numbers(tmp_path: Path, kind: str, command: str) -> None:
    """RFC 7162 §3.2.10.2"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await seven(room)
            plain, quick, other = await room.client("INBOX"), await room.client(), await room.client("INBOX")
            await quick.ok("ENABLE QRESYNC")
            await quick.ok("SELECT INBOX")
            await other.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            for client in (plain, quick):
                said = await client.ok(command)
                assert not any(b"EXPUNGE" in line or b"VANISHED" in line for line in said)
            assert b"* 1 EXPUNGE" in await plain.ok("UID SEARCH SEEN")
            assert b"* VANISHED 1" in await quick.ok("UID SEARCH UID 1:3")

    run(play())
