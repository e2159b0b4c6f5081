"""SELECT, EXAMINE, CLOSE, UNSELECT."""

from pathlib import Path
from typing import Any

import pytest

from postroom.store.api import View

from .room import both_stores, open_room, run

FLAGS = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"


@both_stores
def test_select_tells_all_it_must(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(flags=frozenset(("\\Seen",)))
            await room.deliver()
            await room.deliver(flags=frozenset(("$Work",)))
            client = await room.client()
            reply = await client.command("SELECT INBOX")
            mailbox = await room.store.open(1)
            validity = (await mailbox.mailbox("INBOX")).uid_validity
            mailbox.close()
            assert reply.untagged == [
                b"* FLAGS (%b $Work)" % FLAGS,
                b"* OK [PERMANENTFLAGS (%b $Work \\*)] Flags permitted" % FLAGS,
                b"* 3 EXISTS",
                b"* 3 RECENT",
                b"* OK [UIDVALIDITY %d] UIDs valid" % validity,
                b"* OK [UIDNEXT 4] Predicted next UID",
                b"* OK [HIGHESTMODSEQ 4] Highest modification sequence",
                b"* OK [MAILBOXID (F1-1)] Ok",
                b"* OK [UNSEEN 2] First unseen",
            ]
            assert reply.tagged == b"OK [READ-WRITE] SELECT completed"
            again = await client.command("SELECT inbox")
            assert b"* 0 RECENT" in again.untagged

    run(play())


@both_stores
def test_examine_changes_nothing(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client()
            for _ in range(2):
                reply = await client.command("EXAMINE INBOX")
                assert reply.tagged == b"OK [READ-ONLY] EXAMINE completed"
                assert b"* 1 RECENT" in reply.untagged
                assert b"* OK [PERMANENTFLAGS ()] No permanent flags permitted" in reply.untagged
            assert await client.ok("FETCH 1 (FLAGS)") == [b"* 1 FETCH (FLAGS (\\Recent))"]
            for command in ("STORE 1 +FLAGS (\\Seen)", "EXPUNGE", "MOVE 1 Trash", "UID EXPUNGE 1"):
                assert (await client.command(command)).tagged.startswith(b"NO [READ-ONLY]")
            [line] = await client.ok("FETCH 1 (BODY[TEXT])")
            assert b"\\Seen" not in line
            assert await client.ok("FETCH 1 (FLAGS)") == [b"* 1 FETCH (FLAGS (\\Recent))"]
            assert (await client.command("COPY 1 Trash")).ok
            await client.ok("CLOSE")

    run(play())


def test_a_failed_select_leaves_nothing_selected(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            assert (await client.command("SELECT nowhere")).tagged.startswith(b"NO [NONEXISTENT]")
            assert (await client.command("FETCH 1 FLAGS")).tagged.startswith(b"BAD")
            assert (await client.command("CLOSE")).tagged.startswith(b"BAD")

    run(play())


@both_stores
def test_close_expunges_in_silence_and_unselect_does_not(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(3):
                await room.deliver()
            client, other = await room.client("INBOX"), await room.client("INBOX")
            await client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            assert await client.ok("UNSELECT") == []
            await client.ok("SELECT INBOX")
            assert (await client.command("CLOSE")).untagged == []
            assert (await client.command("FETCH 1 FLAGS")).tagged.startswith(b"BAD")
            reply = await client.command("SELECT INBOX")
            assert b"* 2 EXISTS" in reply.untagged
            assert await other.ok("NOOP") == [b"* 2 EXPUNGE"]
            await client.ok("EXAMINE INBOX")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await client.ok("CLOSE")  # read-only: removes nothing
            assert b"* 2 EXISTS" in (await client.command("SELECT INBOX")).untagged

    run(play())


def test_recent_goes_to_one_session(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            one, two = await room.client(), await room.client()
            assert b"* 1 RECENT" in await one.ok("SELECT INBOX")
            assert b"* 0 RECENT" in await two.ok("SELECT INBOX")
            await room.deliver()
            assert await two.ok("NOOP") == [b"* 2 EXISTS", b"* 1 RECENT"]
            assert await one.ok("NOOP") == [b"* 2 EXISTS", b"* 1 RECENT"]
            assert await one.ok("FETCH 1:2 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))", b"* 2 FETCH (FLAGS ())"]
            assert await two.ok("FETCH 1:2 FLAGS") == [b"* 1 FETCH (FLAGS ())", b"* 2 FETCH (FLAGS (\\Recent))"]
            assert await two.ok("SEARCH RECENT") == [b"* SEARCH 2"]
            assert await two.ok("SEARCH OLD") == [b"* SEARCH 1"]
            assert await one.ok("SEARCH NEW") == [b"* SEARCH 1"]
            assert b"* 0 RECENT" in await one.ok("SELECT INBOX")

    run(play())


def test_a_name_that_spells_none_is_no_mailbox(tmp_path: Path) -> None:
    """RFC 3501 §6.3.1: whatever was selected is deselected, and then the new one fails."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            for verb in ("SELECT", "EXAMINE"):
                for name in (b"a&b", b'"' + b"x" * 1100 + b'"'):
                    await client.ok("SELECT INBOX")
                    assert (await client.command(verb.encode() + b" " + name)).tagged.startswith(b"NO ")
                    assert (await client.command("CHECK")).tagged.startswith(b"BAD")

    run(play())


@both_stores
def test_examine_shows_what_arrives_as_recent_and_takes_it_from_nobody(tmp_path: Path, kind: str) -> None:
    """RFC 3501 §2.3.2: a session that can't know that it is not the first to be told considers it recent."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            reader = await room.client()
            await reader.ok("EXAMINE INBOX")
            await room.deliver()
            assert await reader.ok("NOOP") == [b"* 1 EXISTS", b"* 1 RECENT"]
            assert await reader.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]
            writer = await room.client()
            assert b"* 1 RECENT" in await writer.ok("SELECT INBOX")

    run(play())


@both_stores
def test_imap4rev2_is_told_of_the_mailbox_and_not_of_recent(tmp_path: Path, kind: str) -> None:
    """RFC 9051 §6.3.2: LIST with the right attributes; neither RECENT nor UNSEEN."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(mailbox="Sent")
            client = await room.client()
            await client.ok("ENABLE IMAP4rev2")
            for subscribed in (True, False):
                if not subscribed:
                    await client.ok("UNSUBSCRIBE Sent")
                lines = await client.ok("SELECT Sent")
                attributes = b"\\Subscribed \\Sent" if subscribed else b"\\Sent"
                assert b'* LIST (%b) "/" Sent' % attributes in lines
                assert not [line for line in lines if b"RECENT" in line or b"UNSEEN" in line]
            assert b"* OK [CLOSED] What was selected is closed" in await client.ok("EXAMINE INBOX")
            assert await client.ok("UNSELECT") == []

    run(play())


@both_stores
def test_the_end_of_what_was_selected_is_told_to_every_client(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.2.11: whether or not it has enabled anything."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client()
            assert not any(b"[CLOSED]" in line for line in await client.ok("SELECT INBOX"))
            assert (await client.ok("SELECT Archive"))[0] == b"* OK [CLOSED] What was selected is closed"
            reply = await client.command("EXAMINE Nowhere")
            assert not reply.ok
            assert reply.untagged == [b"* OK [CLOSED] What was selected is closed"]

    run(play())


@both_stores
def test_a_mailbox_that_is_deleted_while_it_is_opened_is_not_selected(tmp_path: Path, kind: str) -> None:
    """The session would hold on to it for ever, for nobody tells of its end a second time."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client, other = await room.client(), await room.client("INBOX")
            await client.ok("CREATE Box")
            account = await room.store.open(1)
            real = type(account).view

            async def deleted_meanwhile(self: Any, mailbox_id: int) -> View:
                view = await real(self, mailbox_id)
                await self.delete("Box")
                return view

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(account), "view", deleted_meanwhile)
                reply = await client.command("SELECT Box")
            account.close()
            assert reply.tagged == b"NO [NONEXISTENT] Mailbox doesn't exist"
            await other.ok("NOOP")

    run(play())
