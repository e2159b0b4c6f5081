"""A store in memory and one account, for tests of learning."""

from pathlib import Path

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import Account, AppendOptions, MemoryStore, StoreSettings
from postroom.training.books import Books
from postroom.training.learning import Learning
from postroom.training.settings import TrainingSettings

DAY = 86_400


class Room:
    """Account 1, what has been learnt for it, and who learns."""

    def __init__(self, folder: Path, settings: TrainingSettings | None = None) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(folder, StoreSettings(), MessageSettings(), self.clock, SeededIds())
        self.settings = settings or TrainingSettings()
        self.folder = folder / "training"
        self.changed: list[int] = []
        self.books = Books(self.folder, lambda: bytes(32))
        self.learning = self._learning()

    def _learning(self) -> Learning:
        return Learning(
            self.folder, self.store, self.clock, self.settings, lambda: bytes(32), self.changed.append, first=False
        )

    async def open(self) -> Account:
        """The account, watched."""
        await self.store.create_account(1)
        account = await self.store.open(1)
        self.learning.start()
        self.learning.watch(account)
        await self.learning.settle()
        return account

    async def restart(self) -> None:
        """Another process takes over."""
        await self.learning.close()
        self.learning = self._learning()
        self.learning.start()

    async def add(
        self, account: Account, mailbox: str, text: str, *, prefix: bytes = b"", age: float = 0, origin: object = None,
        flags: frozenset[str] = frozenset(),
    ) -> int:  # fmt: skip
        """Put a message there; its uid."""
        with self.store.draft() as draft:
            draft.write(f"Subject: x\r\n\r\n{text}\r\n".encode())
            draft.finish()
            when = int(self.clock.now() - age)
            options = AppendOptions(prefix=prefix, internal_date=when, origin=origin, flags=flags)
            return (await account.append(mailbox, draft, options)).uid

    def reasons(self) -> dict[tuple[int, str], int]:
        """What was learnt, and why."""
        return self.books.book(1).reasons() if self.books.exists(1) else {}

    async def close(self) -> None:
        await self.learning.close()
        self.books.close()
