"""Which accounts are open; what can be done with one is in tests/contract/test_store.py."""

import asyncio
from pathlib import Path

import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.base import FakeClock
from postroom.store import NoSuchAccount, StoreFailure, StoreSettings, Want
from postroom.store.sqlite.account import SqliteAccount

FEW = StoreSettings(max_open_accounts=2, threads=2)


async def make(room: Room, count: int) -> None:
    for account_id in range(2, count + 1):
        await room.store.create_account(account_id)


async def quiet(room: Room) -> None:
    """Until nothing goes on in the background."""
    while room.store._changing or any(account._active for account in room.store._open.values()):
        await asyncio.gather(*room.store._changing.values(), *(one.settle() for one in room.store._open.values()))


def test_unused_accounts_stay_open_up_to_a_limit(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 6)
        for account_id in range(2, 7):
            account = await room.store.open(account_id)
            account.close()
        await asyncio.gather(*(room.store.open(6) for _ in range(3)))
        await quiet(room)
        assert sorted(room.store._open) == [1, 6]  # 1 is in use
        again = await room.store.open(2)
        assert again.users == 1
        again.close()

    perform(tmp_path, play, FEW)


def test_accounts_in_use_are_not_closed(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 5)
        held = [await room.store.open(account_id) for account_id in range(2, 6)]
        assert len(room.store._open) == 5
        for account in held:
            await account.create("x")
            account.close()
        await quiet(room)
        assert len(room.store._open) == 2

    perform(tmp_path, play, FEW)


def test_an_account_closed_while_it_writes_is_closed_when_it_has_written(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 4)
        account = await room.store.open(4)
        task = asyncio.ensure_future(account.create("x"))
        await asyncio.sleep(0)
        account.close()
        for account_id in (2, 3):
            (await room.store.open(account_id)).close()
        assert (await task).name == "x"
        account = await room.store.open(4)
        assert (await account.mailbox("x")).name == "x"
        account.close()

    perform(tmp_path, play, FEW)


def test_an_account_closed_for_want_of_room_keeps_its_log_and_is_whole(tmp_path: Path) -> None:
    """Emptying the log would cost two fsyncs each time; at the end of the server it is done."""

    async def play(room: Room) -> None:
        await make(room, 4)
        account = await room.store.open(4)
        await account.create("x")
        account.close()
        for account_id in (2, 3):
            (await room.store.open(account_id)).close()
        await quiet(room)
        assert 4 not in room.store._open
        logs = {path.parent.name: path.stat().st_size for path in tmp_path.glob("accounts/*/mail.db-wal")}
        assert logs["4"] > 0
        assert await room.store.check(4) == []
        account = await room.store.open(4)
        assert (await account.mailbox("x")).name == "x"
        account.close()
        await quiet(room)

    perform(tmp_path, play, FEW)
    assert not list(tmp_path.glob("accounts/4/mail.db-wal"))


def test_many_who_open_at_once_share_one(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 2)
        accounts = await asyncio.gather(*(room.store.open(2) for _ in range(5)))
        assert len({id(account) for account in accounts}) == 1
        assert accounts[0].users == 5
        for account in accounts:
            account.close()
        missing = await asyncio.gather(*(room.store.open(9) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(one, NoSuchAccount) for one in missing)

    perform(tmp_path, play)


def test_one_who_leaves_while_an_account_opens_leaves_it_open(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 2)
        task = asyncio.ensure_future(room.store.open(2))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        account = await room.store.open(2)
        await account.create("x")
        account.close()

    perform(tmp_path, play)


def test_close_finishes_what_is_under_way(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        task = asyncio.ensure_future(room.put())
        await asyncio.sleep(0)
        await room.store.close()
        assert await task == 1
        for late in (room.account.create("x"), room.account.view(1), room.account.read([1, 2, 3, 4, 5], Want.WHOLE)):
            with pytest.raises(StoreFailure):  # for now, not for good
                await late
        room.account = await room.store.open(1)  # it may start again
        assert (await room.account.mailbox("INBOX")).messages == 1

    perform(tmp_path, play)


def test_a_closing_store_opens_nothing(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        task = asyncio.ensure_future(room.put())
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(room.store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreFailure):
            await room.store.open(1)
        await closing
        await task
        room.account = await room.store.open(1)

    perform(tmp_path, play)


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def scene() -> None:
        room = Room(tmp_path / "file" / "data", StoreSettings(), FakeClock())
        with pytest.raises(StoreFailure):
            await room.store.create_account(1)
        with pytest.raises(StoreFailure):
            room.store.draft()
        await room.store.close()

    asyncio.run(scene())


def test_check_of_an_account_that_is_not_there(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchAccount):
            await room.store.check(9)

    perform(tmp_path, play)


def test_many_accounts_that_write_leave_turns_of_the_loop_to_others(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await make(room, 30)
        accounts = [await room.store.open(number) for number in range(1, 31)]
        await quiet(room)
        turns = 0
        writing = [asyncio.ensure_future(account.subscribe("x", True)) for account in accounts]
        prepared = 0

        def count(account: SqliteAccount) -> None:
            start = account.start_writing

            def note() -> None:
                nonlocal prepared
                prepared += 1
                start()

            account.start_writing = note  # type: ignore[method-assign]

        for account in accounts:
            count(account)
        while prepared < len(accounts):
            before = prepared
            await asyncio.sleep(0)
            assert prepared - before <= 8
            turns += 1
        assert turns >= 4
        await asyncio.gather(*writing)
        for account in accounts:
            account.close()

    perform(tmp_path, play)
