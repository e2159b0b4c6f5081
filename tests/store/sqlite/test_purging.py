import asyncio
from pathlib import Path

from tests.store.sqlite.stage import DAY, LARGE, Room, perform

from postroom.base import FakeClock
from postroom.store import IMPORT_IDS, StoreSettings

SETTINGS = StoreSettings(inline_limit_octets=2000, purge_step_messages=3, purge_interval_seconds=DAY, threads=2)
START = FakeClock().now()


async def settled(room: Room) -> None:
    await room.account.settle()


def test_what_was_expunged_goes_after_its_time_and_not_before(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for content in (LARGE, b"Subject: x\r\n\r\n") * 5:
            await room.put(content)
        await room.account.copy(1, [1, 2], "Archive")
        await room.account.remove(1, range(1, 9))

    def look(days: float, contents: int, tombstones: int, files: int) -> None:
        async def later(room: Room) -> None:
            await settled(room)
            assert room.ask("SELECT count(*) FROM contents") == [(contents,)]
            assert room.ask("SELECT count(*) FROM search_text") == [(contents,)]
            assert room.ask("SELECT count(*) FROM expunged") == [(tombstones,)]
            assert len(room.blobs()) == files
            assert (await room.account.mailbox("INBOX")).messages == 2
            assert (await room.account.mailbox("Archive")).messages == 2

        perform(tmp_path, later, SETTINGS, FakeClock(START + days * DAY))

    perform(tmp_path, play, SETTINGS)
    look(13.9, 10, 8, 5)
    look(14.1, 4, 0, 2)


def test_an_account_opened_again_does_not_look_again(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.store.create_account(2)
        await room.put()
        await room.account.remove(1, [1])
        await room.account.settle()
        room.clock._now += 14.5 * DAY
        room.store.next_purge[1] = room.clock.now() + DAY
        room.account.close()
        (await room.store.open(2)).close()
        room.account = await room.store.open(1)
        assert not room.account._active
        room.clock._now += 2 * DAY
        await room.put()
        await room.account.settle()
        assert room.ask("SELECT count(*) FROM expunged") == [(0,)]

    perform(tmp_path, play, StoreSettings(max_open_accounts=1, threads=2, purge_interval_seconds=DAY))


def test_copies_are_let_go_one_by_one(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        for _ in range(3):
            await room.account.copy(1, [1], "INBOX")
        for uid in (1, 2, 3, 4):
            await room.account.remove(1, [uid])
            room.clock._now += 15 * DAY
            await room.account.subscribe(str(uid), True)
            await settled(room)
            assert len(room.blobs()) == (0 if uid == 4 else 1)
        assert room.ask("SELECT * FROM shared_contents") == []

    perform(tmp_path, play, SETTINGS)


def test_a_deleted_mailbox_goes_with_all_it_held(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(7):
            await room.put(LARGE, mailbox="a", create=True, flags=frozenset({"kw"}))
        await room.account.remove(7, [1])
        await room.account.delete("a")
        await room.account.create("b")

    async def later(room: Room) -> None:
        await settled(room)
        assert room.ask("SELECT count(*) FROM mailboxes WHERE deleted_at IS NOT NULL") == [(0,)]
        assert room.ask("SELECT count(*) FROM messages") == [(0,)]
        assert room.ask("SELECT count(*) FROM contents") == [(0,)]
        assert room.ask("SELECT count(*) FROM keywords") == [(0,)]
        assert room.blobs() == []
        made = await room.account.create("a")
        assert made.mailbox_id == 9  # never used twice

    perform(tmp_path, play, SETTINGS)
    perform(tmp_path, later, SETTINGS, FakeClock(START + 15 * DAY))


def test_delivery_ids_are_forgotten_in_time(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for at in range(10):
            await room.put(delivery_id=f"d{at}")

    def look(days: float, left: int) -> None:
        async def later(room: Room) -> None:
            await settled(room)
            assert room.ask("SELECT count(*) FROM deliveries") == [(left,)]

        perform(tmp_path, later, SETTINGS, FakeClock(START + days * DAY))

    perform(tmp_path, play, SETTINGS)
    look(13, 10)
    look(15, 0)


def test_imports_are_remembered_as_long_as_their_mailbox(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for name in ("a", "b"):
            made = await room.account.create(name)
            for at in range(10):
                await room.put(mailbox=name, delivery_id=f"{IMPORT_IDS}{made.mailbox_id}:{at}")
        await room.put(delivery_id="in")

    async def remove(room: Room) -> None:
        await settled(room)
        assert room.ask("SELECT count(*) FROM deliveries") == [(20,)]
        await room.account.delete("a")

    async def later(room: Room) -> None:
        await settled(room)
        kept = (await room.account.mailbox("b")).mailbox_id
        left = room.ask("SELECT delivery_id FROM deliveries")
        assert {str(delivery_id).split(":")[1] for (delivery_id,) in left} == {str(kept)}
        assert len(left) == 10
        assert room.ask("SELECT count(*) FROM mailboxes WHERE name = 'a'") == [(0,)]

    perform(tmp_path, play, SETTINGS)
    perform(tmp_path, remove, SETTINGS, FakeClock(START + 100 * DAY))
    perform(tmp_path, later, SETTINGS, FakeClock(START + 200 * DAY))


def test_writers_go_on_while_much_is_purged(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(20):
            await room.put()
        await room.account.remove(1, range(1, 21))
        room.clock._now += 15 * DAY
        uids = await asyncio.gather(*(room.put() for _ in range(5)))
        assert uids == [21, 22, 23, 24, 25]
        await settled(room)
        assert room.ask("SELECT count(*) FROM expunged") == [(0,)]

    perform(tmp_path, play, SETTINGS)
