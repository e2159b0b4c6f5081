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

from postroom.base import ALONE, Board, Clock, FileLock, Ids, Pokes, Spool, WorkerPlace
from postroom.message import MessageSettings, Scanner
from postroom.store.api import NoSuchAccount, StoreFailure
from postroom.store.draft import Draft
from postroom.store.idle_views import IdleViews
from postroom.store.settings import StoreSettings
from postroom.store.states import Probe, no_probe
from postroom.store.view_cache import CacheRoom

from .account import SqliteAccount
from .checking import problems
from .company import Company
from .disk import Disk
from .files import AccountFiles, refusal
from .indexer import Turn
from .outside import MailReader
from .pool import Pool
from .recovery import (
    FolderLock,
    build_account,
    hold_folder,
    make_folders,
    open_account,
    remove_account,
    tidy_spool,
)
from .sharing import Shares, named_in, shared_with
from .writer import Writer

_log = logging.getLogger("postroom.store")
_BATCHES_A_TURN = 8  # of the event loop, each up to a millisecond or two of it

T = TypeVar("T")


class SqliteStore:
    """See store.api.MailStore. `directory` is the data folder; the constructor touches nothing.

    `create_account` needs no lock, so that the command line can make accounts beside a running server; everything else
    takes the folder's lock at first use. Where `place` is one of several, their parent has the lock (`hold_folder`);
    `board` (with STORE_ROWS) and `pokes` are theirs. `disk` and `probe` are for tests.
    """

    def __init__(
        self,
        directory: Path,
        settings: StoreSettings,
        message_settings: MessageSettings,
        clock: Clock,
        ids: Ids,
        *,
        place: WorkerPlace = ALONE,
        board: Board | None = None,
        pokes: Pokes | None = None,
        disk: Disk | None = None,
        probe: Probe = no_probe,
    ) -> None:
        self.settings = settings
        self.message_settings = message_settings
        self.clock = clock
        self.ids = ids
        self.probe = probe
        self.place = place
        # Each worker has a folder of its own: what a dead one left there can be told from what the others have.
        self.spool = directory / "spool" if place.alone else directory / "spool" / f"worker-{place.number}"
        self.company: Company | None = None
        if not place.alone:
            if board is None:
                raise ValueError("several workers need a board")
            self.company = Company(place, board, pokes, self._look)
        self.pool = Pool(settings.threads)
        self.lock_pool = Pool(settings.threads)  # waits for other processes' locks
        self.searches = asyncio.Semaphore(settings.max_searches)
        self.idle_views = IdleViews(settings.max_idle_view_messages, CacheRoom(settings.max_view_cache_octets))
        self.next_purge: dict[int, float] = {}
        self.index_turn = Turn()
        self._directory = directory
        self._accounts_folder = directory / "accounts"
        self._disk = disk or Disk()
        self._shares = Shares(directory / "shared.db", self._disk, settings, probe)
        self._shares_state = b""
        self._next_look: asyncio.TimerHandle | None = None
        self._started = False
        self._lock: FolderLock | None = None
        self._open: dict[int, SqliteAccount] = {}
        self._unused: OrderedDict[int, SqliteAccount] = OrderedDict()  # of _open, the longest unused first
        self._changing: dict[int, asyncio.Future[None]] = {}  # accounts being opened, closed or removed
        self._swept: set[int] = set()  # accounts whose leftovers this process has removed
        self._forgotten: set[SqliteAccount] = set()  # somebody still has them
        self._with_work: list[SqliteAccount] = []
        self._closing = False

    # ---- life
    def start(self) -> None:
        """Take the folder's lock and tidy up. Called by whatever needs it first. Raises FolderInUse, StoreFailure."""
        if self._started:
            return
        try:
            if self.place.alone:
                self._lock = hold_folder(self._directory, self.clock.now(), self._disk)
            else:
                make_folders(self._accounts_folder, self.spool)
                tidy_spool(self.spool, self._disk)
        except OSError as error:
            raise StoreFailure(str(error)) from error
        self._started = True
        if self.company is not None:
            self.company.arrive()

    async def close(self) -> None:
        self._closing = True
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        while self._changing:
            await asyncio.wait(tuple(self._changing.values()))
        accounts = [*self._open.values(), *self._forgotten]
        for account in accounts:
            account.refuse_all(StoreFailure("the store is closing"))
            await account.settle()
        jobs = [account.shut() for account in accounts]
        self._open.clear()
        self._unused.clear()
        self._forgotten.clear()
        for job in jobs:
            try:
                await self.pool.call(job)
            except Exception:  # the next start recovers
                _log.exception("an account did not close cleanly")
        await self.pool.call(self._shares.close)
        await self.lock_pool.close()
        await self.pool.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        self._started = False
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
            make_folders(self._directory, self._accounts_folder)
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
            await self._remove(account_id)
            await self._correct_shares(account_id, set())
        finally:
            del self._changing[account_id]
            done.set_result(None)

    async def _remove(self, account_id: int) -> None:
        files, token = self._files(account_id), self.ids.token(12)
        if self.company is None:
            await self._call(partial(remove_account, files, token, self.probe))
            return
        # Between two changes of other processes: each looks whether the lock is in its place before it makes one.
        lock = await self._lock_of(files)
        if lock is None:
            return
        try:
            await self._call(partial(remove_account, files, token, self.probe))
        finally:
            self.company.changed(account_id)
            await self._call(lock.close)
        self.company.poke(account_id)

    async def _lock_of(self, files: AccountFiles) -> FileLock | None:
        """An account's lock, taken; None where there is no account."""

        def job() -> FileLock | None:
            try:
                lock = FileLock(files.lock)
            except FileNotFoundError:
                return None
            lock.take()
            return lock

        return await self._call(job, self.lock_pool)

    async def open(self, account_id: int) -> SqliteAccount:
        while (change := self._changing.get(account_id)) is not None:
            await asyncio.wait((change,))
        if self._closing:
            raise StoreFailure("the store is closing")
        account = self._open.get(account_id)
        if account is not None:
            account.check_place()
            if account.unusable:
                self.forget(account)  # who has it will find out; the next ones get a fresh one
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

    def reader(self, account_id: int) -> MailReader:
        """To read an account's mail beside a server; blocks. Raises NoSuchAccount, StoreFailure."""
        return MailReader(self._files(account_id))

    async def _load(self, account_id: int) -> SqliteAccount:
        self.start()
        done = await self._begin_change(account_id)
        try:
            if (other := self._open.get(account_id)) is not None:
                return other
            files, company = self._files(account_id), self.company
            job = partial(open_account, files, sweep=account_id not in self._swept)
            known = b""
            if company is not None:
                known = company.state(account_id)
                job = partial(job, shared=True, older_than=self.place.started_at)
            db, books, recent, lock = await self._call(job)
            self._swept.add(account_id)
            await self._correct_shares(account_id, named_in(books))
            account = SqliteAccount(self, account_id, files, Writer(files, db, books, self.probe, lock), recent, known)
            self._open[account_id] = account
            if company is not None:
                self._look_later()
            account.background.start()
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

    async def _call(self, job: Callable[[], T], pool: Pool | None = None) -> T:
        try:
            # Through to the end: what a job opened must not be lost with a caller that left.
            return await (pool or self.pool).call_through(job)
        except (NoSuchAccount, StoreFailure):
            raise
        except Exception as error:
            told = refusal(error)
            if told is error:
                raise
            raise told from error

    # ---- what is shared
    async def sharers(self, identifiers: Sequence[str]) -> list[int]:
        await self._read_shares()
        return self._shares.sharers(identifiers)

    async def _read_shares(self) -> None:
        """The index as it is now, when it was not read yet or another process has changed it."""
        state = b"" if self.company is None else self.company.shares_state()
        if not self._shares.loaded or state != self._shares_state:
            self.start()
            await self._call(partial(self._shares.load, again=self._shares.loaded))
            self._shares_state = state

    async def share(self, account_id: int, identifier: str) -> None:
        if self.company is not None:
            # Whatever was read of it: another process may just have found, before this one's change, that nothing is
            # shared. It looks while it has the account's lock, so to ask for this again after the change is enough.
            await self._call(partial(self._shares.add, account_id, (identifier,), whatever=True))
            self.company.shares_changed()
        elif not self._shares.has(account_id, identifier):
            await self._call(partial(self._shares.add, account_id, (identifier,)))

    async def _correct_shares(self, account_id: int, identifiers: set[str]) -> None:
        """While nothing is under way in an account: what it says of itself holds."""
        try:
            await self._read_shares()
            if not self._shares.differs(account_id, identifiers):
                return
            if self.company is None:
                await self._call(partial(self._shares.correct, account_id, identifiers))
            else:
                await self._correct_shares_in_turn(self.company, account_id)
        except StoreFailure:
            _log.exception("account %d: the index of shared mailboxes was not corrected", account_id)

    async def _correct_shares_in_turn(self, company: Company, account_id: int) -> None:
        files = self._files(account_id)
        lock = await self._lock_of(files)
        try:
            identifiers = set() if lock is None else await self._call(partial(shared_with, files))
            await self._call(partial(self._shares.correct, account_id, identifiers))
            company.shares_changed()
        except NoSuchAccount:
            await self._call(partial(self._shares.correct, account_id, set()))
            company.shares_changed()
        finally:
            if lock is not None:
                await self._call(lock.close)

    # ---- what other processes say
    def _look(self, account_id: int | None) -> None:
        accounts = self._open.values() if account_id is None else (self._open.get(account_id),)
        for account in list(accounts):
            if account is not None:
                account.look()

    def _look_later(self) -> None:
        """Should a poke be lost, or somebody die before it."""
        if self._next_look is None and not self._closing:
            loop = asyncio.get_running_loop()
            self._next_look = loop.call_later(self.settings.look_seconds, self._look_around)

    def _look_around(self) -> None:
        self._next_look = None
        self._look(None)
        if self._open:
            self._look_later()

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
        elif account in self._forgotten:
            self._forgotten.discard(account)
            self.pool.run(account.shut(), partial(self._closed, account.account_id))

    def forget(self, account: SqliteAccount) -> None:
        """Give it to nobody any more; its files are closed when the last who has it has left."""
        if self._open.get(account.account_id) is account:
            del self._open[account.account_id]
            self._unused.pop(account.account_id, None)
            self._forgotten.add(account)
            if account.idle:
                self.unused(account)

    def _shrink(self) -> None:
        """Close the longest unused accounts beyond the limit."""
        while len(self._open) > self.settings.max_open_accounts and self._unused:
            account_id, account = self._unused.popitem(last=False)
            if not account.idle:
                continue  # it will report again
            del self._open[account_id]
            done = self._changing[account_id] = asyncio.get_running_loop().create_future()
            self.pool.run(account.shut(keep_log=True), partial(self._shut, account_id, done))

    def _closed(self, account_id: int, result: object, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d did not close cleanly", account_id, exc_info=error)

    def _shut(self, account_id: int, done: "asyncio.Future[None]", result: object, error: BaseException | None) -> None:
        self._closed(account_id, result, error)
        del self._changing[account_id]
        done.set_result(None)
