"""The tables behind SORT and THREAD; what they answer is in tests/contract/test_store.py."""

from pathlib import Path

import pytest
from tests.store.sqlite.stage import DAY, Room, perform

from postroom.base import FakeClock
from postroom.store import AppendOptions, SortFact, StoreSettings
from postroom.store.sqlite.sorting import id_hash, without_surrogates

SETTINGS = StoreSettings(inline_limit_octets=2000, purge_interval_seconds=DAY, threads=2)
START = FakeClock().now()


def test_hashes_are_for_ever() -> None:
    assert id_hash("1@x") == 162_177_018_425_832_772
    assert -(1 << 63) <= id_hash("\udc80") < 1 << 63


def test_surrogates() -> None:
    assert without_surrogates("a\udc80é") == "a?é"


def test_lone_surrogates_in_a_key_do_not_stop_a_message(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with room.store.draft() as draft:
            draft.write(b"Message-ID: <a@x>\r\n\r\n")
            draft.finish().sort.subject = "a\udc80b"
            await room.account.append("INBOX", draft, AppendOptions())
        assert await room.account.sort_facts(1, [SortFact.SUBJECT, SortFact.THREAD_ID]) == [(1, "a?b", 1)]

    perform(tmp_path, play)


@pytest.mark.parametrize(("removed", "ids", "keys"), [((1,), 4, 2), ((1, 2), 1, 1), ((3,), 3, 2), ((1, 2, 3), 0, 0)])
def test_a_purge_forgets_keys_and_the_ids_of_dead_threads(
    tmp_path: Path, removed: tuple[int, ...], ids: int, keys: int
) -> None:
    async def play(room: Room) -> None:
        await room.put(b"Message-ID: <a@x>\r\n\r\n")
        await room.put(b"Message-ID: <b@x>\r\nReferences: <0@x> <a@x>\r\n\r\n")
        await room.put(b"Message-ID: <c@x>\r\n\r\n")
        await room.account.remove(1, removed)

    async def later(room: Room) -> None:
        await room.account.settle()
        assert room.ask("SELECT count(*) FROM sort_keys") == [(keys,)]
        assert room.ask("SELECT count(*) FROM thread_ids") == [(ids,)]

    perform(tmp_path, play, SETTINGS)
    perform(tmp_path, later, SETTINGS, FakeClock(START + 15 * DAY))


def test_the_facts_of_many_take_one_statement_and_no_sorting(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        sql = "SELECT uid, subject FROM messages JOIN sort_keys USING (content_id) WHERE mailbox_id = 1 ORDER BY uid"
        plan = " ".join(str(row[3]) for row in room.ask(f"EXPLAIN QUERY PLAN {sql}"))
        assert "TEMP B-TREE" not in plan
        assert "SEARCH sort_keys USING INTEGER PRIMARY KEY" in plan

    perform(tmp_path, play)
