"""A store on disk with one account open, for the tests beside this file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import AppendOptions, Disk, SqliteStore, StoreSettings
from postroom.store.sqlite.account import SqliteAccount
from postroom.store.sqlite.files import AccountFiles

SETTINGS = StoreSettings(inline_limit_octets=2000, draft_memory_octets=1000, threads=2)
DAY = 86_400
LARGE = b"Subject: large\r\n\r\n" + b"x" * 5000


class Room:
    def __init__(self, directory: Path, settings: StoreSettings, clock: FakeClock, disk: Disk | None = None) -> None:
        self.directory = directory
        self.clock = clock
        self.store = SqliteStore(directory, settings, MessageSettings(), clock, SeededIds(), disk=disk)
        self.files = AccountFiles(directory / "accounts" / "1", disk or Disk(), settings)
        self.account: SqliteAccount

    async def put(self, content: bytes = b"Subject: s\r\n\r\nhi\r\n", mailbox: str = "INBOX", **options: object) -> int:
        with self.store.draft() as draft:
            draft.write(content)
            draft.finish()
            chosen = AppendOptions(**options)  # type: ignore[arg-type]
            return (await self.account.append(mailbox, draft, chosen)).uid

    def blobs(self) -> list[str]:
        return [path.name for path in self.files.blobs.iterdir()]

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """What the database says, seen from outside."""
        db = self.files.connect_reader()
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()


async def indexed(room: Room) -> None:
    """Wait until no more messages are in the tail than may be."""
    account, settings = room.account, room.store.settings
    async with asyncio.timeout(60):
        while (
            account.background.active
            or account.books.content_next - account.background.indexed_to >= settings.index_tail_messages
        ):
            await asyncio.sleep(0)


Play = Callable[[Room], Awaitable[None]]


def perform(
    directory: Path,
    play: Play,
    settings: StoreSettings = SETTINGS,
    clock: FakeClock | None = None,
    disk: Disk | None = None,
    *,
    whole: bool = True,
) -> None:
    """Run a play in an account that is new or, with the same directory and a later play, as it was left."""

    async def scene() -> None:
        room = Room(directory, settings, clock or FakeClock(), disk)
        try:
            await room.store.create_account(1)
            room.account = await room.store.open(1)
            await play(room)
            room.account.close()
        finally:
            await room.store.close()
        if whole:
            assert await room.store.check(1) == []
            await room.store.close()

    asyncio.run(scene())
