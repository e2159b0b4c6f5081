from pathlib import Path

from tests.store.sqlite.stage import DAY, Room, indexed, perform

from postroom.store import StoreSettings

SETTINGS = StoreSettings(index_tail_messages=3, index_quiet_seconds=0, threads=2, purge_interval_seconds=DAY)


def test_purge_and_index_both_get_their_turn(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put()
        await indexed(room)
        assert room.account.background.indexed_to == 4
        await room.account.remove(1, [1])
        room.clock._now += 15 * DAY
        await room.put()
        await room.account.settle()
        assert not room.account.background.active
        assert room.ask("SELECT count(*) FROM expunged") == [(0,)]
        assert room.ask("SELECT texts FROM index_segments") == [(2,)]

    perform(tmp_path, play, SETTINGS)
