"""What a client sees of it is in tests/contract/test_store_extensions.py."""

from pathlib import Path

from tests.store.sqlite.stage import DAY, Room, perform

from postroom.base import FakeClock
from postroom.store import StoreSettings
from postroom.store.sqlite import history

START = FakeClock().now()
STEPS = StoreSettings(threads=2, purge_step_messages=2)


def test_few_changes_of_many_are_found_by_the_index(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        asked: list[str] = []
        db = room.files.connect_reader()

        def note(cursor: object, sql: str, bindings: object) -> bool:
            asked.append(sql)
            return True

        db.set_exec_trace(note)
        history.expunged(db, 1, 5, 9)
        db.set_exec_trace(None)
        db.close()
        plan = str(room.ask("EXPLAIN QUERY PLAN " + asked[2].replace("?", "1")))
        assert "COVERING INDEX expunged_by_modseq (modseq>? AND modseq<?)" in plan
        assert "SEARCH" in plan

    perform(tmp_path, play)


def test_what_is_committed_but_not_told_is_left_out(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put()
        for uid in (1, 2):
            await room.account.remove(1, [uid])
        db = room.files.connect_reader()
        assert history.expunged(db, 1, 1, 6) == (1, 2)
        assert history.expunged(db, 1, 1, 5) == (1,)
        assert history.expunged(db, 77, 1, 5) is None
        db.close()

    perform(tmp_path, play)


def test_an_expunge_that_is_purged_in_steps_is_forgotten_with_the_first(tmp_path: Path) -> None:
    modseqs: list[int] = []

    async def play(room: Room) -> None:
        for _ in range(6):
            await room.put()
        modseqs.append((await room.account.mailbox("INBOX")).highest_modseq)
        await room.account.remove(1, [1, 2, 3])
        modseqs.append((await room.account.mailbox("INBOX")).highest_modseq)

    async def later(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT purged_modseq FROM mailboxes WHERE id <= 2") == [(modseqs[1],), (0,)]
        assert await room.account.expunged_since(1, modseqs[0]) is None
        assert await room.account.expunged_since(1, modseqs[1]) == ()
        assert (await room.account.mailbox("INBOX")).highest_modseq == modseqs[1]
        await room.account.remove(1, [4])
        assert await room.account.expunged_since(1, modseqs[1]) == (4,)

    perform(tmp_path, play, STEPS)
    perform(tmp_path, later, STEPS, FakeClock(START + 15 * DAY))


def test_a_clock_that_went_back_makes_no_gap(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put()
        await room.account.remove(1, [1])
        room.clock._now -= DAY
        await room.account.remove(1, [2])  # later, and yet older

    async def later(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT uid FROM expunged") == [(1,), (2,)]  # it waits for the one before it
        assert await room.account.expunged_since(1, 0) == (1, 2)

    async def latest(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT uid FROM expunged") == []
        assert await room.account.expunged_since(1, 0) is None

    perform(tmp_path, play, STEPS)
    perform(tmp_path, later, STEPS, FakeClock(START + 13.5 * DAY))
    perform(tmp_path, latest, STEPS, FakeClock(START + 14.5 * DAY))


def test_what_went_while_the_clock_was_years_ahead_keeps_nothing_else_back(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(6):
            await room.put()
        room.clock._now += 5000 * DAY
        await room.account.remove(1, [1, 2, 3])  # more than a step
        room.clock._now -= 5000 * DAY
        for uid in (4, 5):
            await room.account.remove(1, [uid])

    async def later(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT uid FROM expunged") == [(1,), (2,), (3,)]
        assert await room.account.expunged_since(1, 0) is None

    perform(tmp_path, play, STEPS)
    perform(tmp_path, later, STEPS, FakeClock(START + 14.5 * DAY))


def test_modification_sequences_never_go_back(tmp_path: Path) -> None:
    seen: list[int] = []

    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put()
        made = await room.account.create(f"box {len(seen)}")
        assert made.highest_modseq > max(seen, default=0)
        await room.account.remove(1, [1 + len(seen)])
        highest = (await room.account.mailbox("INBOX")).highest_modseq
        assert highest > max(seen, default=0)
        seen.append(highest)
        await room.account.delete(made.name)
        again = await room.account.create(made.name)
        assert again.highest_modseq > highest

    for restart in range(3):
        perform(tmp_path, play, STEPS, FakeClock(START + restart * 15 * DAY))
