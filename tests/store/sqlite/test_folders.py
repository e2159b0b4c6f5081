"""The rows of mailboxes; the rules of names are in tests/contract/test_store.py."""

import asyncio
from pathlib import Path

from tests.store.sqlite.stage import Room, perform

from postroom.store import FlagAction


def test_a_deleted_mailbox_keeps_its_rows_and_frees_its_name(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(mailbox="a", create=True)
        await room.account.delete("a")
        await room.account.create("a")
        now = int(room.clock.now())
        assert room.ask("SELECT deleted_at FROM mailboxes WHERE name = 'a' ORDER BY id") == [(now,), (None,)]
        assert room.ask("SELECT count(*) FROM messages") == [(1,)]

    perform(tmp_path, play)


def test_changes_of_one_batch_see_each_other(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await asyncio.gather(
            room.account.create("a"),
            room.account.create("a/b"),
            room.account.rename("a", "c"),
            room.account.create("a"),
            room.put(mailbox="c/b"),
            room.account.subscribe("c/b", True),
            room.account.rename("c", "d"),
            room.account.delete("a"),
        )
        names = [box.name for box in await room.account.mailboxes()]
        assert [name for name in names if name.islower()] == ["d", "d/b"]
        box = await room.account.mailbox("d/b")
        assert (box.messages, box.subscribed) == (1, True)

    async def later(room: Room) -> None:
        box = await room.account.mailbox("d/b")
        assert (box.messages, box.subscribed) == (1, True)

    perform(tmp_path, play)
    perform(tmp_path, later)


def test_names_swapped_in_one_batch(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a")
        await room.account.create("b")
        ids = [(await room.account.mailbox(name)).mailbox_id for name in "ab"]
        await asyncio.gather(
            room.account.rename("a", "t"), room.account.rename("b", "a"), room.account.rename("t", "b")
        )
        assert [(await room.account.mailbox(name)).mailbox_id for name in "ba"] == ids

    perform(tmp_path, play)


def test_a_special_use_that_was_set_is_there_after_reopening(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        made = await room.account.create("a")
        await room.account.set_special_use(made.mailbox_id, "\\Sent")

    async def later(room: Room) -> None:
        uses = {box.name: box.special_use for box in await room.account.mailboxes()}
        assert (uses["a"], uses["Sent"], uses["Drafts"]) == ("\\Sent", None, "\\Drafts")

    perform(tmp_path, play)
    perform(tmp_path, later)


def test_a_mailbox_that_is_changed_and_deleted_in_one_batch_keeps_its_last_state(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(mailbox="box", create=True)
        box = (await room.account.mailbox("box")).mailbox_id
        await asyncio.gather(
            room.account.set_flags(box, [1], FlagAction.ADD, frozenset({"\\Seen"})), room.account.delete("box")
        )
        assert room.ask(f"SELECT unseen, highest_modseq FROM mailboxes WHERE id = {box}") == room.ask(
            f"SELECT 0, modseq FROM messages WHERE mailbox_id = {box}"
        )

    perform(tmp_path, play)
