"""The N-th write, fsync, link or removal fails, for N = 1, 2 … until none does: a refusal leaves nothing behind, what
was acknowledged is there, and the store works on as soon as the disk does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.fault.failing_disk import FailingDisk

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import AppendOptions, FlagAction, SqliteStore, StoreFailure, StoreSettings
from postroom.store.sqlite.account import SqliteAccount

SETTINGS = StoreSettings(inline_limit_octets=2000, draft_memory_octets=1000, threads=2)
SMALL, LARGE = b"Subject: small\r\n\r\nhi\r\n", b"Subject: large\r\n\r\n" + b"x" * 5000
Act = Callable[[SqliteStore, SqliteAccount], Awaitable[object]]


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    yield disk
    disk.unregister()


def make(directory: Path, disk: FailingDisk) -> SqliteStore:
    return SqliteStore(directory, SETTINGS, MessageSettings(), FakeClock(), SeededIds(), disk=disk)


async def put(store: SqliteStore, account: SqliteAccount, content: bytes) -> int:
    with store.draft() as draft:
        draft.write(content)
        draft.finish()
        return (await account.append("INBOX", draft, AppendOptions(flags=frozenset({"kept"})))).uid


async def picture(account: SqliteAccount) -> object:
    """Everything a client could see."""
    rows = []
    for mailbox in await account.mailboxes():
        view = await account.view(mailbox.mailbox_id)
        for position, uid in enumerate(view.uids):
            octets = await account.read_range(view.content_ids[position], 0, 1 << 20)
            rows.append((mailbox.name, uid, view.flag_names(view.masks[position]), octets))
        account.release(view)
    boxes = [(box.name, box.unseen, box.acl) for box in await account.mailboxes()]
    notes = [await account.annotations(at, 1) for at in (None, 1)]
    return rows, boxes, await account.subscriptions(), notes, await account.save_dates(1)


async def flag(store: SqliteStore, account: SqliteAccount) -> object:
    return await account.set_flags(1, [1, 2], FlagAction.ADD, frozenset({"\\Seen", "new"}))


async def make_and_fill(store: SqliteStore, account: SqliteAccount) -> object:
    with store.draft() as draft:
        draft.write(LARGE)
        draft.finish()
        return await account.append("new/one", draft, AppendOptions(create=True))


async def put_several(store: SqliteStore, account: SqliteAccount, *contents: bytes) -> object:
    with ExitStack() as drafts:
        pairs = []
        for content in contents:
            draft = drafts.enter_context(store.draft())
            draft.write(content)
            draft.finish()
            pairs.append((draft, AppendOptions()))
        return await account.append_many("INBOX", pairs)


async def replace(store: SqliteStore, account: SqliteAccount, content: bytes, target: str) -> object:
    with store.draft() as draft:
        draft.write(content)
        draft.finish()
        return await account.replace(1, 1, target, draft, AppendOptions(create=True))


ACTS: dict[str, Act] = {
    "append": lambda store, account: put(store, account, SMALL),
    "append large": lambda store, account: put(store, account, LARGE),
    "append several": lambda store, account: put_several(store, account, LARGE, SMALL, LARGE),
    "make and fill": make_and_fill,
    "flags": flag,
    "copy": lambda store, account: account.copy(1, [1, 2], "Archive"),
    "move": lambda store, account: account.move(1, [1, 2], "Archive"),
    "remove": lambda store, account: account.remove(1, [1]),
    "create": lambda store, account: account.create("x"),
    "delete": lambda store, account: account.delete("Junk"),
    "rename": lambda store, account: account.rename("Junk", "Spam"),
    "rename inbox": lambda store, account: account.rename("INBOX", "old"),
    "replace": lambda store, account: replace(store, account, SMALL, "INBOX"),
    "replace large": lambda store, account: replace(store, account, LARGE, "new"),
    "share": lambda store, account: account.set_acl(1, "bob@b.test", "lr"),
    "annotate": lambda store, account: account.set_annotations(
        1, 1, {"/shared/comment": b"x", "/private/comment": b"y"}
    ),
    "annotate the account": lambda store, account: account.set_annotations(None, 1, {"/private/comment": b"y" * 9000}),
    "subscribe": lambda store, account: account.subscribe("x", True),
}


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("act", ACTS)
def test_a_change_happens_wholly_or_not_at_all(
    tmp_path: Path, disk: FailingDisk, act: str, lasting: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    async def scene(number: int) -> bool:
        """True when the failure was met."""
        directory = tmp_path / str(number)
        store = make(directory, disk)
        await store.create_account(1)
        account = await store.open(1)
        for content in (SMALL, LARGE):
            await put(store, account, content)
        before = await picture(account)
        disk.fail(number, lasting=lasting)
        try:
            await ACTS[act](store, account)
            refused = False
        except StoreFailure:
            refused = True
        met = disk.calls >= number
        disk.fail(0)
        assert refused <= met
        after = await picture(account)
        assert (after == before) == refused
        uid = await put(store, account, SMALL)
        assert uid in [row[1] for row in (await picture(account))[0]]  # type: ignore[index]
        last = await picture(account)
        account.close()
        await store.close()

        store = make(directory, disk)  # and so it is after a restart, which removes what could not be removed then
        account = await store.open(1)
        assert await picture(account) == last
        acl = (await account.mailbox("INBOX")).acl
        assert await store.sharers(["bob@b.test"]) == ([1] if acl else [])
        account.close()
        await store.close()
        assert await store.check(1) == []
        assert list((directory / "spool").iterdir()) == []
        return met

    number = 1
    while asyncio.run(scene(number)):
        number += 1
    assert number > 2


def test_one_that_fails_does_not_sink_the_others(tmp_path: Path, disk: FailingDisk) -> None:
    async def scene() -> None:
        store = make(tmp_path, disk)
        await store.create_account(1)
        account = await store.open(1)
        await put(store, account, SMALL)
        done = await asyncio.gather(
            put(store, account, SMALL),
            account.create("Junk"),
            account.delete("INBOX"),
            put(store, account, SMALL),
            account.copy(1, [1], "nowhere"),
            account.create("fine"),
            return_exceptions=True,
        )
        assert [isinstance(one, Exception) for one in done] == [False, True, True, False, True, False]
        assert (await account.mailbox("INBOX")).messages == 3
        account.close()
        await store.close()
        assert await store.check(1) == []

    asyncio.run(scene())


def test_when_the_whole_batch_is_lost_each_is_tried_alone(tmp_path: Path, disk: FailingDisk) -> None:
    async def scene() -> None:
        store = make(tmp_path, disk)
        await store.create_account(1)
        account = await store.open(1)
        disk.fail(1)
        done = await asyncio.gather(*(put(store, account, SMALL) for _ in range(5)), return_exceptions=True)
        disk.fail(0)
        assert sorted(uid for uid in done if isinstance(uid, int)) == [1, 2, 3, 4, 5]
        account.close()
        await store.close()
        assert await store.check(1) == []

    asyncio.run(scene())


def test_one_fsync_of_the_log_for_a_batch(tmp_path: Path, disk: FailingDisk) -> None:
    async def scene() -> None:
        store = make(tmp_path, disk)
        await store.create_account(1)
        account = await store.open(1)
        await put(store, account, SMALL)
        disk.log_syncs = disk.syncs = 0
        await asyncio.gather(*(put(store, account, SMALL) for _ in range(20)), account.create("x"))
        assert (disk.log_syncs, disk.syncs) == (1, 0)
        await put(store, account, SMALL)
        assert (disk.log_syncs, disk.syncs) == (2, 0)
        await put(store, account, LARGE)  # its file, the folder, the log
        assert (disk.log_syncs, disk.syncs) == (3, 2)
        await account.set_flags(1, [1], FlagAction.ADD, frozenset({"kept"}))  # no change, no fsync
        await account.expunge(1, None)
        assert (disk.log_syncs, disk.syncs) == (3, 2)
        account.close()
        await store.close()

    asyncio.run(scene())


def test_statements_for_a_message_are_bounded(tmp_path: Path, disk: FailingDisk) -> None:
    async def scene() -> None:
        store = make(tmp_path, disk)
        await store.create_account(1)
        account = await store.open(1)
        await put(store, account, SMALL)
        statements: list[str] = []

        def note(cursor: object, sql: str, bindings: object) -> bool:
            statements.append(sql)
            return True

        account._writer._db.set_exec_trace(note)
        await put(store, account, SMALL)
        alone = len(statements)
        # begin; message, content, text, sort keys, body; mailbox, account; commit
        assert alone == 9, statements
        statements.clear()
        await put(store, account, b"Message-ID: <a@x>\r\n" + SMALL)
        assert len(statements) == 10, statements  # and its id, which no message has named before
        statements.clear()
        await put(store, account, b"Message-ID: <b@x>\r\nReferences: <a@x>\r\n" + SMALL)
        assert len(statements) == 11, statements  # which of its ids are known; those that are not
        statements.clear()
        await asyncio.gather(*(put(store, account, SMALL) for _ in range(20)))
        assert len(statements) == 4 + 20 * 7, statements  # five rows each, between a savepoint and its release
        statements.clear()
        await account.set_flags(1, range(1, 25), FlagAction.ADD, frozenset({"\\Seen"}))
        assert len(statements) == 6
        account.close()
        await store.close()

    asyncio.run(scene())


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_an_account_is_made_wholly_or_not_at_all(tmp_path: Path, disk: FailingDisk, lasting: bool) -> None:
    async def scene(number: int) -> bool:
        directory = tmp_path / str(number)
        store = make(directory, disk)
        disk.fail(number, lasting=lasting)
        try:
            await store.create_account(1)
        except StoreFailure:
            pass
        met = disk.calls >= number
        disk.fail(0)
        await store.create_account(1)
        account = await store.open(1)
        assert len(await account.mailboxes()) == 6
        account.close()
        await store.close()
        assert await store.check(1) == []
        return met

    number = 1
    while asyncio.run(scene(number)):
        number += 1
    assert number > 5
