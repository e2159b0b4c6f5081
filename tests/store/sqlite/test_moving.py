"""Where rows and references go; what a client sees of it is in tests/contract/test_store.py."""

from pathlib import Path

from tests.store.sqlite.stage import LARGE, Room, perform


def test_a_copy_shares_the_content(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for content in (LARGE, b"Subject: x\r\n\r\n"):
            await room.put(content)
        await room.account.copy(1, [1, 2], "Archive")
        await room.account.copy(1, [2], "INBOX")
        assert room.ask("SELECT count(*) FROM contents") == [(2,)]
        assert room.ask("SELECT * FROM shared_contents") == [(1, 1), (2, 2)]
        assert len(room.blobs()) == 1

    perform(tmp_path, play)


def test_an_expunged_message_is_kept_whole(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE, flags=frozenset({"\\Seen"}), internal_date=77)
        await room.account.remove(1, [1])
        now = int(room.clock.now())
        found = room.ask("SELECT uid, flags, content_id, size, internal_date, expunged_at FROM expunged")
        assert found == [(1, 1, 1, len(LARGE), 77, now)]
        assert room.ask("SELECT count(*) FROM messages") == [(0,)]
        assert len(room.blobs()) == 1

    perform(tmp_path, play)


def test_a_moved_message_leaves_a_tombstone_that_keeps_nothing(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        await room.account.move(1, [1], "Trash")
        assert room.ask("SELECT uid, content_id FROM expunged") == [(1, None)]
        assert room.ask("SELECT * FROM shared_contents") == []
        await room.account.move(1, [1], "Trash")
        assert room.ask("SELECT count(*) FROM messages") == [(1,)]

    perform(tmp_path, play)
