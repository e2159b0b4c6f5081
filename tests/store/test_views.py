import asyncio
import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store import Change, FlagsChanged, Mailbox, MailboxesChanged, MessagesAdded, StoreFailure, View
from postroom.store.api import SEEN
from postroom.store.books import Box
from postroom.store.idle_views import IdleViews
from postroom.store.view_cache import CacheRoom
from postroom.store.views import Added, Mailboxes, Masked, OpenViews, Row, added, append_rows, fold, gone

BOX = Mailbox(1, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0)


def row(uid: int, mask: int = 0, modseq: int = 1) -> Row:
    return uid, mask, modseq, uid * 10, uid * 100, uid * 1000


def rows_of(view: View) -> list[Row]:
    return list(zip(view.uids, view.masks, view.modseqs, view.sizes, view.dates, view.content_ids, strict=True))


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True))))
def test_folding_is_what_the_list_of_rows_says(steps: list[tuple[int, list[int]]]) -> None:
    view, model, next_uid = View(BOX), dict[int, Row](), 1
    for modseq, (kind, numbers) in enumerate(steps, 2):
        if kind == 0:
            rows = [row(next_uid + at, at, modseq) for at in range(len(numbers))]
            next_uid += len(rows)
            model |= {one[0]: one for one in rows}
            fold(view, added(Box(1, "INBOX", 1), rows, modseq, None))
        elif uids := sorted(uid for uid in numbers if uid in model):
            if kind == 1:
                masks = [uid % 7 for uid in uids]
                fold(view, Masked(1, masks, FlagsChanged(1, tuple(uids), modseq, None)))
                for uid, mask in zip(uids, masks, strict=True):
                    model[uid] = (uid, mask, modseq, *model[uid][3:])
            else:
                old = view.uids
                before = list(old)
                fold(view, gone(1, [model.pop(uid) for uid in uids], modseq, None))
                assert view.uids is not old
                assert list(old) == before
        assert rows_of(view) == list(model.values())
        unseen = [at for at, one in enumerate(model.values()) if not one[1] & SEEN]
        assert view.first_unseen() == (unseen[0] if unseen else -1)
        for since in range(2, modseq):
            if (recent := view.changes.after(since)) is not None:
                assert {uid for uid in recent if uid in model} == {one[0] for one in model.values() if one[2] > since}


def test_unseen_messages_are_looked_for_where_they_can_be() -> None:
    """A message that is seen is passed over once, not with every SELECT."""
    view = View(BOX)
    append_rows(view, [row(uid, SEEN) for uid in range(1, 1001)])
    assert view.first_unseen() == -1
    assert view.seen_below == 1001
    fold(view, Masked(1, [0], FlagsChanged(1, (700,), 2, None)))
    assert view.seen_below == 700
    assert view.first_unseen() == 699
    fold(view, Masked(1, [SEEN], FlagsChanged(1, (700,), 3, None)))
    fold(view, added(Box(1, "INBOX", 1), [row(1001, 0, 4)], 4, None))
    assert view.seen_below == 700
    assert view.first_unseen() == 1000
    assert view.seen_below == 1001


def test_a_change_of_nothing() -> None:
    view = View(BOX)
    append_rows(view, [])
    fold(view, Masked(1, [], FlagsChanged(1, (), 1, None)))
    fold(view, Mailboxes(MailboxesChanged((), 1, None)))
    assert rows_of(view) == []


def test_uids_of_a_flag_change_that_the_view_lacks_are_passed_over() -> None:
    view = View(BOX)
    append_rows(view, [row(2), row(5)])
    fold(view, Masked(1, [1, 2, 3], FlagsChanged(1, (1, 5, 9), 7, None)))
    assert list(view.masks) == [0, 2]


def test_index() -> None:
    view = View(BOX, uids=array("L", [2, 5, 9]))
    assert [view.index(uid) for uid in (1, 2, 5, 9, 10)] == [-1, 0, 1, 2, -1]


def views() -> OpenViews:
    return OpenViews(lambda view: None, IdleViews(0))


def test_changes_during_the_loading_are_folded_once() -> None:
    async def scene() -> None:
        opened = views()
        loading = asyncio.Event()

        async def load(view: View) -> int:
            await loading.wait()
            append_rows(view, [row(1), row(2)])  # the state of modseq 5, where uid 2 is in already
            return 5

        task = asyncio.ensure_future(opened.hold(1, load, lambda: View(BOX)))
        second = asyncio.ensure_future(opened.hold(1, load, lambda: View(BOX)))
        await asyncio.sleep(0)
        for modseq, uid in ((5, 2), (6, 3)):
            opened.publish(Added(1, [row(uid)], MessagesAdded(1, (uid,), modseq, None)))
        loading.set()
        view = await task
        assert list(view.uids) == [1, 2, 3]
        assert await second is view
        opened.release(view)
        assert len(opened) == 1
        opened.release(view)
        assert len(opened) == 0
        opened.release(view)

    asyncio.run(scene())


def test_a_load_that_fails_fails_for_all_who_wait() -> None:
    async def scene() -> None:
        opened = views()

        async def load(view: View) -> int:
            await asyncio.sleep(0)
            raise StoreFailure("no")

        done = await asyncio.gather(
            *(opened.hold(1, load, lambda: View(BOX)) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(one, StoreFailure) for one in done)
        assert len(opened) == 0

    asyncio.run(scene())


def test_views_that_nobody_has() -> None:
    async def scene() -> None:
        described: list[int] = []
        idle = IdleViews(1000)
        opened = OpenViews(lambda view: described.append(view.mailbox.mailbox_id), idle)

        async def load(view: View) -> int:
            append_rows(view, [row(1), row(2)])
            return 5

        first = await opened.hold(1, load, lambda: View(BOX))
        opened.release(first)
        assert (len(opened), len(idle)) == (0, 1)
        opened.publish(added(Box(1, "INBOX", 1), [row(3)], 6, None))
        described.clear()
        assert await opened.hold(1, load, lambda: View(BOX)) is first
        assert (list(first.uids), described, len(opened), len(idle)) == ([1, 2, 3], [1], 1, 0)
        opened.publish(Mailboxes(MailboxesChanged((1,), 7, None)))  # deleted, while somebody looks at it
        opened.release(first)
        assert len(idle) == 0
        second = await opened.hold(1, load, lambda: View(BOX))
        assert second is not first
        opened.release(second)
        opened.publish(Mailboxes(MailboxesChanged((1,), 8, None)))  # and while nobody does
        assert len(idle) == 0
        opened.release(await opened.hold(1, load, lambda: View(BOX)))
        opened.forget_all_idle()
        assert len(idle) == 0
        assert await opened.hold(1, load, lambda: View(BOX)) is not second

    asyncio.run(scene())


def test_what_was_worked_out_of_a_view_ends_with_it() -> None:
    async def scene() -> None:
        room = CacheRoom(100_000)
        opened = OpenViews(lambda view: None, IdleViews(1000, room))

        async def load(view: View) -> int:
            return 5

        async def kept(*, idle: bool) -> View:
            view = await opened.hold(1, load, lambda: View(BOX))
            view.cache.put("order", [1, 2], 100)
            if idle:
                opened.release(view)
            assert room.octets
            return view

        await kept(idle=True)
        assert (await kept(idle=True)).cache.get("order")  # who comes back finds it
        opened.forget_idle(1)
        assert not room.octets
        await kept(idle=True)
        opened.publish(Mailboxes(MailboxesChanged((1,), 6, None)))
        assert not room.octets
        view = await kept(idle=False)
        opened.publish(Mailboxes(MailboxesChanged((1,), 7, None)))
        opened.release(view)
        assert not room.octets

    asyncio.run(scene())


def test_a_view_given_back_after_the_end_of_its_account_is_not_kept() -> None:
    async def scene() -> None:
        room = CacheRoom(100_000)
        idle = IdleViews(1000, room)
        opened = OpenViews(lambda view: None, idle)

        async def load(view: View) -> int:
            return 5

        view = await opened.hold(1, load, lambda: View(BOX))
        view.cache.put("order", [1, 2], 100)
        opened.forget_all_idle()
        assert room.octets
        opened.release(view)
        assert (len(idle), room.octets) == (0, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("who", [0, 1])
def test_one_who_leaves_while_a_view_is_loaded_does_not_take_it_along(who: int) -> None:
    async def scene() -> None:
        opened = views()
        go = asyncio.Event()

        async def load(view: View) -> int:
            await go.wait()
            return 1

        tasks = [asyncio.ensure_future(opened.hold(1, load, lambda: View(BOX))) for _ in range(2)]
        await asyncio.sleep(0)
        tasks[who].cancel()
        await asyncio.sleep(0)
        go.set()
        view = await tasks[1 - who]
        with pytest.raises(asyncio.CancelledError):
            await tasks[who]
        opened.release(view)
        assert len(opened) == 0

    asyncio.run(scene())


def test_recent_counts() -> None:
    async def scene() -> None:
        opened = views()
        opened.recall_recent(1, 5, 2)  # 5 and 7 are there
        assert opened.recent(1) == 2
        opened.publish(added(Box(1, "INBOX", 1), [row(8), row(9)], 2, None))
        opened.publish(gone(1, [row(2), row(7)], 3, None))
        assert opened.recent(1) == 3
        assert opened.claim_recent(1, 10) == (5, 10)
        assert opened.claimed == {1: 10}
        opened.publish(gone(1, [row(8)], 4, None))
        assert opened.recent(1) == 0
        assert opened.claim_recent(1, 10) == (10, 10)
        opened.publish(Mailboxes(MailboxesChanged((1,), 5, None)))
        assert opened.claimed == {}

    asyncio.run(scene())


def test_subscribers_may_come_and_go_while_they_are_told() -> None:
    async def scene() -> None:
        opened = views()
        heard: list[str] = []

        def first(change: Change) -> None:
            heard.append("first")
            opened.unsubscribe(first)
            opened.subscribe(lambda change: heard.append("late"))

        opened.subscribe(first)
        opened.subscribe(lambda change: heard.append("second"))
        opened.publish(Mailboxes(MailboxesChanged((), 1, None)))
        assert heard == ["first", "second"]
        opened.publish(Mailboxes(MailboxesChanged((), 2, None)))
        assert heard[2:] == ["second", "late"]

    asyncio.run(scene())


def test_many_rows_are_dropped_as_well_as_one() -> None:
    chance = random.Random(3)
    view = View(BOX)
    append_rows(view, [row(uid) for uid in range(1, 1001)])
    lost = sorted(chance.sample(range(1, 1001), 300))
    fold(view, gone(1, [row(uid) for uid in lost], 2, None))
    assert rows_of(view) == [row(uid) for uid in range(1, 1001) if uid not in set(lost)]
    assert view.uids.typecode == "L"


@pytest.mark.parametrize("lost", [[5], [200], [1, 5, 9], [3, 200], list(range(1, 200, 9)), list(range(1, 200, 2))])
def test_an_array_that_somebody_keeps_is_their_snapshot(lost: list[int]) -> None:
    view = View(BOX)
    append_rows(view, [row(uid) for uid in range(1, 201)])
    kept, reading = view.sizes, iter(view.dates)
    before, alone = list(kept), id(view.masks)
    next(reading)
    fold(view, gone(1, [row(uid) for uid in lost], 2, None))
    assert rows_of(view) == [row(uid) for uid in range(1, 201) if uid not in lost]
    assert list(kept) == before
    assert list(reading) == [uid * 100 for uid in range(2, 201)]
    assert id(view.masks) == alone or len(lost) > 1  # nobody could see the difference
