"""Several stores on one folder, as worker processes of one server have them. Not a test itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from postroom.base import Board, Clock, FakeClock, Pokes, SeededIds, WorkerPlace
from postroom.message import MessageSettings
from postroom.store import (
    STORE_ROWS,
    Account,
    AppendOptions,
    Change,
    Disk,
    FolderLock,
    MailStore,
    SqliteStore,
    StoreSettings,
    View,
    hold_folder,
)
from postroom.store.sqlite import reading
from postroom.store.sqlite.account import SqliteAccount
from postroom.store.sqlite.files import AccountFiles

SETTINGS = StoreSettings(inline_limit_octets=2000, draft_memory_octets=1000, threads=2, look_seconds=3600.0)
ACCOUNT = 1
Row = tuple[int, int, int, int, int, int]


def make_workers(
    directory: Path,
    settings: StoreSettings = SETTINGS,
    clock: Clock | None = None,
    *,
    count: int = 2,
    pokes: Sequence[Pokes] | None = None,
    disks: Sequence[Disk] | None = None,
    started_at: float = 1.0,
) -> list[SqliteStore]:
    """The parent's part, but for its lock, and the stores."""
    directory.mkdir(exist_ok=True)
    board = directory / "board"
    Board.create(board, STORE_ROWS, count, bytes(16))
    places = [WorkerPlace(number, count, started_at) for number in range(count)]
    return [
        SqliteStore(
            directory,
            settings,
            MessageSettings(),
            clock or FakeClock(),
            SeededIds(place.number),
            place=place,
            board=Board(board, STORE_ROWS, place),
            pokes=None if pokes is None else pokes[place.number],
            disk=None if disks is None else disks[place.number],
        )
        for place in places
    ]


async def put(store: MailStore, account: Account, content: bytes, mailbox: str, **options: object) -> int:
    with store.draft() as draft:
        draft.write(content)
        draft.finish()
        chosen = AppendOptions(**options)  # type: ignore[arg-type]
        return (await account.append(mailbox, draft, chosen)).uid


class Worker:
    """One store with the account open."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.account: SqliteAccount
        self.changes: list[Change] = []

    async def open(self) -> None:
        self.account = await self.store.open(ACCOUNT)
        self.account.subscribe_changes(self.changes.append)

    async def put(self, content: bytes = b"Subject: s\r\n\r\nhi\r\n", mailbox: str = "INBOX", **options: object) -> int:
        return await put(self.store, self.account, content, mailbox, **options)

    async def view(self, mailbox: str = "INBOX") -> View:
        return await self.account.view((await self.account.mailbox(mailbox)).mailbox_id)

    def take_changes(self) -> list[Change]:
        taken, self.changes[:] = list(self.changes), []
        return taken


def rows_of(view: View) -> list[Row]:
    return list(zip(view.uids, view.masks, view.modseqs, view.sizes, view.dates, view.content_ids, strict=True))


class Workers:
    """All of them."""

    def __init__(
        self, directory: Path, stores: Sequence[SqliteStore], lock: FolderLock, pokes: Sequence[Pokes]
    ) -> None:
        self.directory = directory
        self.clock = stores[0].clock
        self.lock = lock
        self.pokes = pokes
        self.all = [Worker(store) for store in stores]
        self.a, self.b, *_ = self.all

    def true_rows(self, mailbox_id: int = 1) -> list[Row]:
        """What the disk says."""
        files = AccountFiles(self.directory / "accounts" / str(ACCOUNT), Disk(), self.a.store.settings)
        db = files.connect_reader()
        try:
            return list(zip(*reading.view_columns(db, mailbox_id), strict=True))
        finally:
            db.close(True)


Play = Callable[[Workers], Awaitable[None]]


def perform(
    directory: Path,
    play: Play,
    settings: StoreSettings = SETTINGS,
    clock: Clock | None = None,
    *,
    count: int = 2,
    poke: bool = False,
    disks: Sequence[Disk] | None = None,
) -> None:
    """Run a play with an account that all have open; then the account must be whole."""

    async def scene() -> None:
        directory.mkdir(exist_ok=True)
        lock = hold_folder(directory, 0.0)
        Pokes.create(directory, count)
        pokes = [Pokes(directory, WorkerPlace(number, count, 1.0)) for number in range(count)]
        stores = make_workers(directory, settings, clock, count=count, pokes=pokes if poke else None, disks=disks)
        if poke:
            for one in pokes:
                one.start()
        workers = Workers(directory, stores, lock, pokes)
        try:
            async with asyncio.timeout(60):
                await stores[0].create_account(ACCOUNT)
                for worker in workers.all:
                    await worker.open()
                await play(workers)
                for worker in workers.all:
                    worker.account.close()
        finally:
            for worker in workers.all:
                await worker.store.close()
            for one in pokes:
                one.close()
            lock.close()
        if (directory / "accounts" / str(ACCOUNT)).exists():
            assert await stores[0].check(ACCOUNT) == []
            await stores[0].close()

    asyncio.run(scene())
