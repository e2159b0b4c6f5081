"""Several workers have one account open: each sees what any of them has acknowledged, and tells it once."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fault.failing_disk import FailingDisk
from tests.store.sqlite.company import ACCOUNT, SETTINGS, Workers, make_workers, perform, put, rows_of

from postroom.base import FakeClock, FileLock, SeededIds
from postroom.message import MessageSettings
from postroom.store import (
    AppendOptions,
    DiskState,
    FlagAction,
    FlagsChanged,
    MailboxesChanged,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    NoSuchAccount,
    NoSuchMailbox,
    SqliteStore,
    StoreFailure,
    StoreSettings,
)
from postroom.store.sqlite.files import AccountFiles

ADD = FlagAction.ADD
SEEN, DELETED = frozenset({"\\Seen"}), frozenset({"\\Deleted"})


def test_what_one_does_the_other_sees_and_tells(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        view = await b.view()
        assert await a.put() == 1
        assert await a.put(flags=frozenset({"word"})) == 2
        assert b.account.behind
        assert b.changes == []
        await b.account.catch_up()
        assert list(view.uids) == [1, 2]
        assert view.flag_names(view.masks[1]) == ("word",)
        assert view.mailbox.uid_next == 3
        assert [type(change) for change in b.take_changes()] == [MessagesAdded, MessagesAdded]
        done = await b.account.set_flags(1, [1], FlagAction.ADD, SEEN)
        assert done.uids == (1,)
        assert await b.put() == 3
        seen = await a.view()
        assert list(seen.masks) == [1, 32, 0]
        assert await a.account.remove(1, [2]) == (2,)
        await b.account.catch_up()
        kinds = [type(change) for change in b.take_changes()]
        assert kinds == [FlagsChanged, MessagesAdded, MessagesExpunged]
        assert rows_of(view) == rows_of(seen) == workers.true_rows()
        await a.account.create("new")
        assert (await b.account.mailbox("new")).uid_next == 1
        assert [type(change) for change in b.take_changes()] == [MailboxesChanged]
        await b.account.delete("new")
        assert "new" not in [box.name for box in await a.account.mailboxes()]

    perform(tmp_path, play)


def changed(**values: Any) -> StoreSettings:
    return msgspec.structs.replace(SETTINGS, **values)


def test_a_poke_wakes_who_waits(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        view = await workers.b.view()
        await workers.a.put()
        while not view.uids:
            await asyncio.sleep(0)
        assert [type(change) for change in workers.b.changes] == [MessagesAdded]
        assert workers.a.store._next_look is not None

    perform(tmp_path, play, poke=True)


def test_a_poke_that_was_lost_is_made_up_for(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        view = await workers.b.view()
        await workers.a.put()
        while not view.uids:
            await asyncio.sleep(0.001)

    perform(tmp_path, play, changed(look_seconds=0.01))


def test_nobody_looks_for_an_account_that_nobody_uses(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        b.account.close()
        await a.put()
        b.store._look(ACCOUNT)
        b.store._look(77)
        b.store._look(None)
        assert b.account.behind
        await b.open()
        assert (await b.account.mailbox("INBOX")).messages == 1

    perform(tmp_path, play)


def test_a_change_whose_maker_died_before_saying_so(tmp_path: Path) -> None:
    """It was acknowledged to nobody, yet the next change is made upon it, and a successor has everybody look."""

    async def play(workers: Workers) -> None:
        a, b, c = workers.all
        for worker in (b, c):
            await worker.view()
        assert a.store.company is not None
        a.store.company.changed = lambda account_id: None  # type: ignore[method-assign]
        await a.put()
        assert not b.account.behind
        assert not c.account.behind
        assert await b.put() == 2
        assert [(type(change), change.uids) for change in b.changes] == [  # type: ignore[union-attr]
            (MessagesAdded, (1,)),
            (MessagesAdded, (2,)),
        ]
        await a.put()
        await c.account.catch_up()
        c.take_changes()
        await a.put()
        seen = [c.account.behind]
        a.store.company.arrive()  # what its successor does
        assert [*seen, c.account.behind] == [False, True]
        await c.account.catch_up()
        assert [type(change) for change in c.changes] == [MessagesAdded]

    perform(tmp_path, play, count=3)


def test_who_has_missed_too_much_is_told_the_difference(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        for _ in range(6):
            await a.put()
        await b.account.create("idle")
        views = [await b.view(), await b.view("idle"), await b.view("Archive")]
        b.account.release(views[1])
        b.take_changes()
        await a.account.remove(1, [2])
        await a.account.set_flags(1, [3, 4], ADD, frozenset({"word"}))
        await a.account.set_flags(1, [4], ADD, SEEN)
        await a.put()
        await a.account.delete("Archive")
        await a.account.rename("idle", "busy")
        await a.put(mailbox="busy")
        for _ in range(100):
            await a.account.subscribe("x", True)
            await a.account.subscribe("x", False)
        await a.account.claim_recent(1)
        await b.account.catch_up()
        [boxes, gone, first, second, added] = b.take_changes()
        assert isinstance(boxes, MailboxesChanged)
        assert {event.kind for event in boxes.events} == {MailboxEventKind.DELETED, MailboxEventKind.RENAMED}
        assert isinstance(gone, MessagesExpunged)
        assert [lost.uid for lost in gone.gone] == [2]
        assert isinstance(first, FlagsChanged)
        assert isinstance(second, FlagsChanged)
        assert (first.uids, second.uids) == ((3,), (4,))
        assert isinstance(added, MessagesAdded)
        assert added.uids == (7,)
        assert rows_of(views[0]) == workers.true_rows()
        assert views[0].flag_names(views[0].masks[2]) == ("\\Seen", "word")
        assert rows_of(views[2]) == []  # who looks at a deleted mailbox keeps what there was
        assert list((await b.view("busy")).uids) == [1]
        assert await b.account.mailboxes() == await a.account.mailboxes()

    perform(tmp_path, play, changed(max_feed_changes=64))


def test_a_view_that_is_loaded_while_too_much_is_missed(tmp_path: Path) -> None:
    """It was read before the state from which on everything is known."""

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        await a.put()
        await b.account.catch_up()
        read, entered, go_on = b.account._read, asyncio.Event(), asyncio.Event()

        async def late(job: Any) -> Any:
            found = await read(job)
            entered.set()
            await go_on.wait()
            return found

        b.account._read = late  # type: ignore[method-assign]
        opening = asyncio.ensure_future(b.view())
        await entered.wait()
        await a.account.remove(1, [1])
        await a.put()
        await b.account.catch_up()
        go_on.set()
        view = await opening
        assert rows_of(view) == workers.true_rows()
        assert list(view.uids) == [2]

    perform(tmp_path, play, changed(max_feed_change_octets=0))


@pytest.mark.parametrize("count", [1, 2])
def test_a_view_that_is_ahead_of_what_was_told(tmp_path: Path, count: int) -> None:
    """It was read between a commit and its telling: nothing is folded in twice, nor told to who has the view."""

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.all[-1]
        for _ in range(3):
            await a.put()
        await b.account.catch_up()
        await b.account.settle()
        b.take_changes()
        go_on, committed = threading.Event(), threading.Event()
        finish = b.account._writer.finish

        def late(prepared: Any) -> Any:
            outcomes = finish(prepared)
            committed.set()
            go_on.wait()
            return outcomes

        b.account._writer.finish = late  # type: ignore[method-assign]
        changes = [
            asyncio.ensure_future(b.account.remove(1, [2])),
            asyncio.ensure_future(b.put()),
        ]
        while not committed.is_set():
            await asyncio.sleep(0)
        opening = asyncio.ensure_future(b.view())
        reads = 0
        while b.account._reads or not reads:
            reads += b.account._reads
            await asyncio.sleep(0)
        assert not opening.done()
        go_on.set()
        view = await opening
        known = list(view.uids)
        b.account.subscribe_changes(lambda change: known.clear())
        await asyncio.gather(*changes)
        assert known == list(view.uids)
        assert rows_of(view) == workers.true_rows()

    if count > 1:
        perform(tmp_path, play, count=count)
        return

    async def alone() -> None:
        from tests.store.sqlite.company import Worker

        store = SqliteStore(tmp_path, SETTINGS, MessageSettings(), FakeClock(), SeededIds())
        await store.create_account(ACCOUNT)
        worker = Worker(store)
        await worker.open()
        workers = Workers.__new__(Workers)
        workers.directory, workers.all, workers.a = tmp_path, [worker], worker
        await play(workers)
        worker.account.close()
        await store.close()

    asyncio.run(alone())


def test_keywords_get_the_same_bits(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        views = [await worker.view() for worker in workers.all]
        await workers.a.put()
        await asyncio.gather(
            *(
                worker.account.set_flags(1, [1], ADD, frozenset({f"{word}{number}"}))
                for number, worker in enumerate(workers.all)
                for word in ("x", "y", "z")
            )
        )
        for worker in workers.all:
            await worker.account.catch_up()
        assert views[0].keywords == views[1].keywords == views[2].keywords
        assert len(views[0].keywords) == 9
        assert rows_of(views[0]) == rows_of(views[1]) == rows_of(views[2])

    perform(tmp_path, play, count=3)


def test_a_run_of_one_is_known_to_the_other(tmp_path: Path) -> None:
    """Flags of many that were changed alike are kept beside the messages: who changes one looks there first."""

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        await a.put()
        for last in (1, 2, 4, 8, 16):
            await a.account.copy(1, range(1, last + 1), "INBOX")
        views = [await worker.view() for worker in workers.all]
        for maker, other in ((a, b), (b, a)):
            assert (await maker.account.set_flags(1, views[0].uids, ADD, SEEN)).modseq
            assert maker.account.books.boxes[1].runs == 1
            await other.account.catch_up()
            assert other.account.books.boxes[1].runs == 1
            await other.account.set_flags(1, [5], FlagAction.REMOVE, SEEN)
            await maker.account.catch_up()
            assert rows_of(views[0]) == rows_of(views[1]) == workers.true_rows()
            assert [uid for uid, mask, *_ in rows_of(views[0]) if not mask & 1] == [5]
            await other.account.set_flags(1, views[1].uids, FlagAction.REMOVE, SEEN)
            await maker.account.set_flags(1, views[1].uids, ADD, DELETED)
            await other.account.remove(1, [1 if maker is a else 2])
            for worker in workers.all:
                await worker.account.catch_up()
            assert rows_of(views[0]) == rows_of(views[1]) == workers.true_rows()

    perform(tmp_path, play)


def test_many_accounts_do_not_keep_each_other_from_ending(tmp_path: Path) -> None:
    """The threads that wait for locks are not those by which locks are let go."""
    accounts = range(1, 13)

    async def play(workers: Workers) -> None:
        for account_id in accounts[1:]:
            await workers.a.store.create_account(account_id)

        async def write(store: SqliteStore, account_id: int) -> list[int]:
            account = await store.open(account_id)
            uids = [await put(store, account, b"Subject: x\r\n\r\n" + b"y" * size, "INBOX") for size in (1, 5000) * 3]
            account.close()
            return uids

        tasks = [write(worker.store, account_id) for account_id in accounts for worker in workers.all]
        uids = await asyncio.gather(*tasks)
        for at in range(0, len(uids), 2):
            assert sorted(uids[at] + uids[at + 1]) == list(range(1, 13))

    perform(tmp_path, play)


def test_the_loop_does_not_wait_for_another_worker(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a = workers.a
        lock = FileLock(a.account._files.lock)
        lock.take()
        putting = asyncio.ensure_future(a.put())
        await workers.b.store.create_account(2)
        other = await a.store.open(2)
        assert await put(a.store, other, b"Subject: x\r\n\r\ny", "INBOX") == 1
        other.close()
        view = await a.view()  # and to know what others have done needs no lock
        await a.account.catch_up()
        assert not putting.done()
        lock.release()
        assert await putting == 1
        assert list(view.uids) == [1]
        lock.close()

    perform(tmp_path, play)


def test_a_removed_account_is_gone_for_all(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        await b.put()
        large = b.store.draft()
        large.write(b"Subject: x\r\n\r\n" + b"y" * 9000)
        large.finish()
        a.account.close()
        await a.store.delete_account(ACCOUNT)
        with pytest.raises(NoSuchAccount):
            await b.put()
        with pytest.raises((NoSuchAccount, StoreFailure)):
            await b.account.append("INBOX", large, AppendOptions())
        large.close()
        with pytest.raises(NoSuchAccount):
            await b.account.mailboxes()
        with pytest.raises(NoSuchAccount):
            await b.store.open(ACCOUNT)
        assert not (workers.directory / "accounts" / str(ACCOUNT)).exists()
        old = b.account
        await a.store.create_account(ACCOUNT)
        await a.open()
        assert await a.put() == 1
        await b.open()
        assert b.account is not old
        assert await b.put() == 2
        with pytest.raises(NoSuchAccount):
            await old.mailboxes()
        old.close()
        while b.store._forgotten:
            await asyncio.sleep(0)
        assert await a.put() == 3  # the new one's log is not taken away with the old one's files
        assert rows_of(await b.view()) == workers.true_rows()

    perform(tmp_path, play)


def test_an_account_removed_while_its_lock_is_waited_for(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        a.account.close()
        await a.account.settle()
        lock = FileLock(a.account._files.lock)
        lock.take()
        deleting = asyncio.ensure_future(a.store.delete_account(ACCOUNT))
        putting = asyncio.ensure_future(b.put())
        for _ in range(20):
            await asyncio.sleep(0)
        lock.close()
        await deleting
        result = (await asyncio.gather(putting, return_exceptions=True))[0]
        assert result == 1 or isinstance(result, NoSuchAccount)  # before it, or not at all
        with pytest.raises(NoSuchAccount):
            await b.put()
        b.account.close()
        with pytest.raises(NoSuchAccount):
            await b.store.open(ACCOUNT)
        for worker in workers.all:
            await worker.store.create_account(ACCOUNT)
            await worker.open()

    perform(tmp_path, play)


def test_what_is_shared_is_known_to_all(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        assert await b.store.sharers(["bob"]) == []
        await a.account.set_acl(1, "bob", "l")
        assert await b.store.sharers(["bob"]) == [ACCOUNT]
        # b finds, before a's change, that nothing is shared, and corrects the index after it
        await a.account.set_acl(1, "bob", None)
        add, corrected = a.store._shares.add, 0

        def and_then_corrected(*args: Any, **options: Any) -> None:
            nonlocal corrected
            add(*args, **options)
            if not corrected:
                corrected += 1
                b.store._shares.load(again=True)
                b.store._shares.correct(ACCOUNT, set())

        a.store._shares.add = and_then_corrected  # type: ignore[method-assign]
        await a.account.set_acl(1, "carol", "l")
        assert corrected
        assert await b.store.sharers(["carol"]) == [ACCOUNT]
        await a.account.set_acl(1, "carol", None)
        await b.store.create_account(2)
        b.account.close()
        await b.account.settle()
        b.store.forget(b.account)
        while b.store._forgotten:
            await asyncio.sleep(0)
        await b.open()  # what is stale goes when the account is opened
        assert await a.store.sharers(["bob", "carol"]) == []

    perform(tmp_path, play)


def test_files_on_their_way_into_an_account_are_left_alone(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        orphan = a.account._files.blobs / "orphan"
        orphan.write_bytes(b"linked, not yet named by a row")
        changed_at = os.stat(orphan).st_ctime
        for started_at, left in ((0.0, True), (changed_at - 1, True), (changed_at + 2, False)):
            b.account.close()
            await b.account.settle()
            await b.store.close()
            b.store = make_workers_at(workers, started_at)
            await b.open()
            assert orphan.exists() == left

    perform(tmp_path, play)


def make_workers_at(workers: Workers, started_at: float) -> SqliteStore:
    return make_workers(workers.directory, started_at=started_at)[1]


def test_each_purges_at_its_own_time(tmp_path: Path) -> None:
    clock = FakeClock(1000.0)

    async def play(workers: Workers) -> None:
        due = [worker.store.next_purge[ACCOUNT] for worker in workers.all]
        assert due == [1000.0 + 3600, 1000.0 + 1200, 1000.0 + 2400]

    perform(tmp_path, play, clock=clock, count=3)


def test_one_append_waits_for_the_disk_once(tmp_path: Path) -> None:
    disks = [FailingDisk(), FailingDisk()]

    async def play(workers: Workers) -> None:
        for worker in workers.all:
            await worker.put()
            await worker.account.settle()
        for _ in range(3):
            for worker, disk in zip(workers.all, disks, strict=True):
                disk.log_syncs = disk.syncs = 0
                await worker.put()
                assert (disk.log_syncs, disk.syncs) == (1, 0)
        disks[0].log_syncs = 0
        await asyncio.gather(*(workers.a.put() for _ in range(20)))
        assert disks[0].log_syncs == 1

    perform(tmp_path, play, disks=disks)
    for disk in disks:
        disk.unregister()


def test_whatever_one_disk_refuses_the_other_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disks = [FailingDisk(), FailingDisk()]

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        for worker in workers.all:
            await worker.put()
        number, refused = 0, 1
        while refused:
            number += 1
            refused = 0
            await b.put()
            disks[0].fail(number)
            for doing in (
                a.put(flags=frozenset({f"w{number}"})),
                a.account.claim_recent(1),
                a.account.mailbox("INBOX"),
            ):
                try:
                    await doing
                except StoreFailure:
                    refused += 1
            disks[0].fail(0)
            assert await b.put() > 0
            await a.account.catch_up()
            views = [await worker.view() for worker in workers.all]
            assert rows_of(views[0]) == rows_of(views[1]) == workers.true_rows()
            for worker, view in zip(workers.all, views, strict=True):
                worker.account.release(view)
        assert number > 5

    perform(tmp_path, play, disks=disks)
    for disk in disks:
        disk.unregister()


def test_a_worker_needs_a_board(tmp_path: Path) -> None:
    place = make_workers(tmp_path)[0].place
    with pytest.raises(ValueError, match="board"):
        SqliteStore(tmp_path, SETTINGS, MessageSettings(), FakeClock(), SeededIds(), place=place)


def test_a_file_that_went_back_is_opened_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        await a.account.subscribe("x", True)
        await b.account.catch_up()
        files: AccountFiles = a.account._files
        db = files.connect_writer()
        db.execute("UPDATE account SET modseq = modseq - 1")
        db.close()
        with pytest.raises(StoreFailure):
            await b.put()
        assert b.account.unusable
        old = b.account
        await b.open()
        assert b.account is not old
        old.close()
        with pytest.raises(NoSuchMailbox):
            await b.account.mailbox("nothing")

    perform(tmp_path, play)
    assert "not known" in caplog.text


def test_the_state_between_commit_and_saying_so_is_told_of(tmp_path: Path) -> None:
    reached: list[tuple[DiskState, bool]] = []

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        a.account._writer._probe = lambda state: reached.append((state, b.account.behind))
        a.account._store.probe = lambda state: reached.append((state, b.account.behind))
        await a.put()
        assert (DiskState.COMMITTED, False) in reached
        assert (DiskState.ACKNOWLEDGED, True) in reached

    perform(tmp_path, play)


@pytest.mark.parametrize("hard", [False, True])
def test_the_log_does_not_grow_for_ever(tmp_path: Path, hard: bool, caplog: pytest.LogCaptureFixture) -> None:
    limits = {"checkpoint_octets": 65_536, "checkpoint_hard_octets": 65_536 if hard else 1 << 30}

    async def play(workers: Workers) -> None:
        async def write(number: int) -> None:
            for _ in range(60):
                await workers.all[number].put(b"Subject: x\r\n\r\n" + b"y" * 1900)

        await asyncio.gather(write(0), write(1))
        log = workers.a.account._files.database.with_name("mail.db-wal")
        assert log.stat().st_size < (700_000 if hard else 2_000_000)  # some 5 MB without checkpoints

    perform(tmp_path, play, changed(**limits))
    assert caplog.text == ""
