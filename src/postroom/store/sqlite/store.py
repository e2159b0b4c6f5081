"""All accounts' mail in one data folder.

Owns: the folder's lock, the threads, the bounded set of open accounts. Never: SQL. Raises: NoSuchAccount, StoreFailure.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from postroom.base import Clock, Ids, Spool
from postroom.message import MessageSettings, Scanner
from postroom.store.api import NoSuchAccount, StoreFailure
from postroom.store.draft import Draft
from postroom.store.idle_views import IdleViews
from postroom.store.settings import StoreSettings
from postroom.store.states import Probe, no_probe
from postroom.store.view_cache import CacheRoom

from .account import SqliteAccount
from .checking import problems
from .disk import Disk
from .files import AccountFiles, refusal
from .pool import Pool
from .recovery import FolderLock, build_account, open_account, remove_account, tidy_folders
from .sharing import Shares
from .writer import Writer

_log = logging.getLogger("postroom.store")
_BATCHES_A_TURN = 8  # of the event loop, each up to a millisecond or two of it

T = TypeVar("T")


class SqliteStore:
    """See store.api.MailStore. `directory` is the data folder; the constructor touches nothing.

    `create_account` needs no lock, so that the command line can make accounts beside a running server; everything else
    takes the folder's lock at first use. `disk` and `probe` are for tests.
    """

    def __init__(
        self,
        directory: Path,
        settings: StoreSettings,
        message_settings: MessageSettings,
        clock: Clock,
        ids: Ids,
        *,
        disk: Disk | None = None,
        probe: Probe = no_probe,
    ) -> None:
        self.settings = settings
        self.message_settings = message_settings
        self.clock = clock
        self.ids = ids
        self.probe = probe
        self.spool = directory / "spool"
        self.pool = Pool(settings.threads)
        self.searches = asyncio.Semaphore(settings.max_searches)
        self.idle_views = IdleViews(settings.max_idle_view_messages, CacheRoom(settings.max_view_cache_octets))
        self.next_purge: dict[int, float] = {}
        self._directory = directory
        self._accounts_folder = directory / "accounts"
        self._disk = disk or Disk()
        self._shares = Shares(directory / "shared.db", self._disk, settings, probe)
        self._lock: FolderLock | None = None
        self._open: dict[int, SqliteAccount] = {}
        self._unused: OrderedDict[int, SqliteAccount] = OrderedDict()  # of _open, the longest unused first
        self._changing: dict[int, asyncio.Future[None]] = {}  # accounts being opened, closed or removed
        self._swept: set[int] = set()  # accounts whose leftovers this process has removed
        self._with_work: list[SqliteAccount] = []
        self._closing = False

    # ---- life
    def start(self) -> None:
        """Take the folder's lock and tidy up. Called by whatever needs it first. Raises StoreFailure."""
        if self._lock is not None:
            return
        try:
            self._make_folders()
            lock = FolderLock(self._directory / "store.lock")
            tidy_folders(self._accounts_folder, self.spool, self._disk, self.clock.now())
        except OSError as error:
            raise StoreFailure(str(error)) from error
        self._lock = lock

    def _make_folders(self) -> None:
        for folder in (self._directory, self._accounts_folder, self.spool):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def close(self) -> None:
        self._closing = True
        while self._changing:
            await asyncio.wait(tuple(self._changing.values()))
        for account in list(self._open.values()):
            account.refuse_all(StoreFailure("the store is closing"))
            await account.settle()
        jobs = [account.shut() for account in self._open.values()]
        self._open.clear()
        self._unused.clear()
        for job in jobs:
            try:
                await self.pool.call(job)
            except Exception:  # the next start recovers
                _log.exception("an account did not close cleanly")
        await self.pool.call(self._shares.close)
        await self.pool.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        self._closing = False

    # ---- drafts
    def draft(self) -> Draft:
        self.start()
        return Draft(Spool(self.spool, self.settings.draft_memory_octets), Scanner(self.message_settings))

    # ---- accounts
    def _files(self, account_id: int) -> AccountFiles:
        return AccountFiles(self._accounts_folder / str(account_id), self._disk, self.settings)

    async def create_account(self, account_id: int) -> None:
        now = max(int(self.clock.now()), 1)
        token = self.ids.token(12)

        def job() -> None:
            self._make_folders()
            build_account(self._files(account_id), token, now, self.probe)

        await self._call(job)

    async def delete_account(self, account_id: int) -> None:
        self.start()
        done = await self._begin_change(account_id)
        try:
            account = self._open.pop(account_id, None)
            self._unused.pop(account_id, None)
            if account is not None:
                account.refuse_all(NoSuchAccount(f"account {account_id} has been deleted"))
                await account.settle()
                await self._call(account.shut())
            self.next_purge.pop(account_id, None)
            self._swept.discard(account_id)
            await self._call(partial(remove_account, self._files(account_id), self.ids.token(12), self.probe))
            await self._correct_shares(account_id, set())
        finally:
            del self._changing[account_id]
            done.set_result(None)

    async def open(self, account_id: int) -> SqliteAccount:
        while (change := self._changing.get(account_id)) is not None:
            await asyncio.wait((change,))
        if self._closing:
            raise StoreFailure("the store is closing")
        account = self._open.get(account_id)
        if account is not None and account.poisoned:
            del self._open[account_id]  # who has it will find out; the next ones get a fresh one
            self._unused.pop(account_id, None)
            account = None
        if account is None:
            account = await self._load(account_id)
        account.users += 1
        self._unused.pop(account_id, None)
        return account

    async def check(self, account_id: int) -> list[str]:
        """What is wrong with an account's data, for people; empty when all is well. May run beside a server."""
        files = self._files(account_id)

        def job() -> list[str]:
            if not files.database.exists():
                raise NoSuchAccount(f"no {files.database}")
            db = files.connect_reader()
            try:
                db.execute("BEGIN")
                return problems(db, files)
            finally:
                db.close(True)

        return await self._call(job)

    async def _load(self, account_id: int) -> SqliteAccount:
        self.start()
        done = await self._begin_change(account_id)
        try:
            if (other := self._open.get(account_id)) is not None:
                return other
            files = self._files(account_id)
            first_time = account_id not in self._swept
            db, books, recent = await self._call(partial(open_account, files, first_time=first_time))
            self._swept.add(account_id)
            await self._correct_shares(
                account_id, {identifier for box in books.boxes.values() for identifier, _ in box.acl}
            )
            account = SqliteAccount(self, account_id, files, Writer(files, db, books, self.probe), recent)
            self._open[account_id] = account
            account.purge_if_due()
            self._shrink()
            return account
        finally:
            del self._changing[account_id]
            done.set_result(None)

    async def _begin_change(self, account_id: int) -> "asyncio.Future[None]":
        while (change := self._changing.get(account_id)) is not None:
            await asyncio.wait((change,))
        done = self._changing[account_id] = asyncio.get_running_loop().create_future()
        return done

    async def _call(self, job: Callable[[], T]) -> T:
        try:
            # Through to the end: what a job opened must not be lost with a caller that left.
            return await self.pool.call_through(job)
        except (NoSuchAccount, StoreFailure):
            raise
        except Exception as error:
            told = refusal(error)
            if told is error:
                raise
            raise told from error

    # ---- what is shared
    async def sharers(self, identifiers: Sequence[str]) -> list[int]:
        if not self._shares.loaded:
            self.start()
            await self._call(self._shares.load)
        return self._shares.sharers(identifiers)

    async def share(self, account_id: int, identifier: str) -> None:
        if not self._shares.has(account_id, identifier):
            await self._call(partial(self._shares.add, account_id, (identifier,)))

    async def _correct_shares(self, account_id: int, identifiers: set[str]) -> None:
        """While nothing is under way in an account: what it says of itself holds."""
        if not self._shares.differs(account_id, identifiers):
            return
        try:
            await self._call(partial(self._shares.correct, account_id, identifiers))
        except StoreFailure:
            _log.exception("account %d: the index of shared mailboxes was not corrected", account_id)

    # ---- what accounts ask of their store
    def has_work(self, account: SqliteAccount) -> None:
        """Batches start in the next turn of the loop: what other tasks of this turn write comes along."""
        if not self._with_work:
            asyncio.get_running_loop().call_soon(self._start_batches)
        self._with_work.append(account)

    def _start_batches(self) -> None:
        """Some accounts' a turn: others than those who deliver have to be served as well."""
        accounts, self._with_work = self._with_work[:_BATCHES_A_TURN], self._with_work[_BATCHES_A_TURN:]
        if self._with_work:
            asyncio.get_running_loop().call_soon(self._start_batches)
        for account in accounts:
            account.start_writing()

    def unused(self, account: SqliteAccount) -> None:
        if self._open.get(account.account_id) is account:
            self._unused[account.account_id] = account
            self._unused.move_to_end(account.account_id)
            self._shrink()

    def _shrink(self) -> None:
        """Close the longest unused accounts beyond the limit."""
        while len(self._open) > self.settings.max_open_accounts and self._unused:
            account_id, account = self._unused.popitem(last=False)
            if not account.idle:
                continue  # it will report again
            del self._open[account_id]
            done = self._changing[account_id] = asyncio.get_running_loop().create_future()
            self.pool.run(account.shut(), partial(self._shut, account_id, done))

    def _shut(self, account_id: int, done: "asyncio.Future[None]", result: object, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d did not close cleanly", account_id, exc_info=error)
        del self._changing[account_id]
        done.set_result(None)
