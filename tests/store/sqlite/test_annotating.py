"""What a client sees of it is in tests/contract/test_store_extensions.py."""

from pathlib import Path

from tests.store.sqlite.stage import DAY, Room, perform

from postroom.base import FakeClock

START = FakeClock().now()


def test_annotations_of_a_deleted_mailbox_go_with_it(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        made = await room.account.create("a")
        await room.account.set_annotations(made.mailbox_id, 1, {"/shared/a": b"1", "/private/a": b"2"})
        await room.account.set_annotations(None, 1, {"/private/a": b"2"})
        await room.account.set_acl(made.mailbox_id, "bob", "l")
        await room.account.delete("a")
        assert room.ask("SELECT count(*) FROM annotations") == [(3,)]  # kept as long as the mailbox is
        assert room.ask("SELECT count(*) FROM acl") == [(0,)]
        assert await room.account.annotation_octets() == 1

    async def later(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT mailbox_id, owner, entry FROM annotations") == [(0, 1, "/private/a")]

    perform(tmp_path, play)
    perform(tmp_path, later, clock=FakeClock(START + 15 * DAY))


def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.account.set_annotations(1, 5, {"/Private/A": b"1"})

    async def later(room: Room) -> None:
        assert await room.account.annotations(1, 5) == {"/private/a": b"1"}
        assert await room.account.annotations(1, 6) == {}

    perform(tmp_path, play)
    perform(tmp_path, later)
