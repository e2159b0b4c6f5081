"""Orders that are mended instead of made anew."""

import asyncio
from array import array
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.servers.imap import kept_orders
from postroom.servers.imap.kept_orders import _gone, _without, picked
from postroom.servers.imap.session import Session
from postroom.store.memory import MemoryAccount

from .room import Breathing, Client, Room, facts_asked_for, message, open_room, run


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)), st.integers(0, 3), st.integers(0, 3))
def test_what_has_gone_is_found_and_taken_out(uids: set[int], lost: set[int], unknown: int, added: int) -> None:
    old = array("L", sorted(uids))
    old.extend(range(100, 100 + unknown))  # the order is of the first ones only
    left = sorted(uids - lost)
    new = array("L", [*left, *range(100, 100 + added)])
    gone = _gone(old, len(uids), new)
    assert [old[at] for at in gone] == sorted(uids & lost)
    order = array("I", range(len(uids)))[::-1]
    assert [new[at] for at in asyncio.run(_without(cast(Session, Breathing()), order, gone))] == left[::-1]


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)), st.integers(0, 12), st.integers(0, 12))
def test_what_was_found_is_picked(order: list[int], some: set[int], start: int, stop: int) -> None:
    whole = array("I", order)
    assert picked(whole, sorted(some)) == [at for at in order if at in some]
    assert picked(whole, range(min(start, stop), stop)) == [at for at in order if start <= at < stop]


async def numbers(client: Client, command: str) -> list[int]:
    [line] = [line for line in await client.ok(command) if line.startswith(b"* SORT")]
    return [int(number) for number in line.split()[2:]]


async def fill(room: Room, count: int) -> None:
    for number in range(count):
        await room.deliver(message(f"{number * 7 % count:03}"))


def test_facts_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await fill(room, 100)
            client = await room.client("INBOX")
            with facts_asked_for(monkeypatch) as counts:
                order = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
                assert counts == [100]
                assert await numbers(client, "UID SORT (SUBJECT) UTF-8 1:*") == order
                assert await numbers(client, "SORT (SUBJECT) UTF-8 21:80") == [n for n in order if 20 < n < 81]
                [line] = await client.ok("SORT RETURN (PARTIAL 1:3) (SUBJECT) UTF-8 ALL")
                assert line.endswith(b"PARTIAL (1:3 1,44,87)")
                other = await room.client("INBOX")
                assert await numbers(other, "SORT (SUBJECT) UTF-8 UNDELETED") == order
                assert counts == [100]
                assert await numbers(client, "SORT (REVERSE SUBJECT) UTF-8 ALL") == order[::-1]
                assert counts == [100, 100]
                assert await numbers(client, "SORT (SUBJECT) UTF-8 1:2") == [1, 2]  # sooner found by itself
                assert counts == [100, 100, 2]

    run(play())


def test_a_new_message_is_put_in_by_halving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await fill(room, 100)
            client = await room.client("INBOX")
            order = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
            await room.deliver(message("000a"))
            await room.deliver(message("050"))
            await client.ok("NOOP")
            with facts_asked_for(monkeypatch) as counts:
                now = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
                assert [number for number in now if number <= 100] == order
                assert now.index(101) == now.index(1) + 1
                assert now.index(102) == now.index(order[50]) + 1  # behind the one that is alike
                assert sum(counts) <= 2 + 2 * 7

    run(play())


def test_an_expunge_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await fill(room, 100)
            client, other = await room.client("INBOX"), await room.client("INBOX")
            order = await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL")
            await client.ok("STORE 7,50:51 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            with facts_asked_for(monkeypatch) as counts:
                left = [uid for uid in order if uid not in (7, 50, 51)]
                assert await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL") == left
                assert counts == []
                # Who has not been told yet still sorts by its own numbers; of the expunged nothing is known any more.
                assert await numbers(other, "SORT (SUBJECT) UTF-8 ALL") == [7, 50, 51, *left]
                assert counts == [100]

    run(play())


def test_when_many_have_come_or_gone_the_order_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await fill(room, 30)
            client = await room.client("INBOX")
            order = await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL")
            with facts_asked_for(monkeypatch) as counts:
                await room.deliver(message("zzz"))
                await room.deliver(message("zzzz"))
                await client.ok("NOOP")
                assert await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL") == [*order, 31, 32]
                assert counts == [32]
                await client.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
                await client.ok("EXPUNGE")
                assert await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL") == [*[n for n in order if n > 2], 31, 32]
                assert counts == [32, 30]

    run(play())


def test_a_message_that_goes_while_a_new_one_is_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The view may not know yet that the store has it no more; its place in the order is nothing to go by then."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            monkeypatch.setattr(kept_orders, "_MANY", 1)
            await fill(room, 9)
            client = await room.client("INBOX")
            order = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
            await room.deliver(message("004a"))
            await client.ok("NOOP")
            middle, facts = order[4], MemoryAccount.sort_facts

            async def without(self: MemoryAccount, mailbox_id: int, names: Any, uids: Any = None) -> Any:
                return [row for row in await facts(self, mailbox_id, names, uids) if row[0] != middle]

            with monkeypatch.context() as patch:
                patch.setattr(MemoryAccount, "sort_facts", without)
                now = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
            assert [number for number in now if number != middle] == [*order[:4], 10, *order[5:]]
            await client.ok(f"STORE {middle} +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            uids = await numbers(client, "UID SORT (SUBJECT) UTF-8 ALL")
            assert uids == [*order[:4], 10, *order[5:]]

    run(play())


def test_nothing_is_kept_when_nothing_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path, store_settings={"max_view_cache_octets": 0}) as room:
            await fill(room, 10)
            client = await room.client("INBOX")
            with facts_asked_for(monkeypatch) as counts:
                first = await numbers(client, "SORT (SUBJECT) UTF-8 ALL")
                assert await numbers(client, "SORT (SUBJECT) UTF-8 ALL") == first
                assert counts == [10, 10]

    run(play())
