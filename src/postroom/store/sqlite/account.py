"""One account, open: the event loop's side of it.

Owns: the queue of writes and the way of each from caller to commit and back; answers that need no disk. Never: blocks
the loop (beyond reading a few rows, see `read`). Raises: the StoreError family.
"""

import asyncio
import logging
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import apsw

from postroom.base import Clock, Ids
from postroom.message import MessageSettings
from postroom.store.api import (
    Appended,
    AppendOptions,
    Copied,
    FlagAction,
    Flagged,
    Mailbox,
    SortFact,
    Stored,
    StoreError,
    StoreFailure,
    Subscriber,
    TextQuery,
    Usage,
    View,
    Want,
)
from postroom.store.books import Books
from postroom.store.draft import Draft
from postroom.store.idle_views import IdleViews
from postroom.store.names import listing_key
from postroom.store.settings import StoreSettings
from postroom.store.states import DiskState, Probe
from postroom.store.views import OpenViews

from . import annotating, history, reading, runs, sorting
from .appending import Append, Item, delivered
from .files import AccountFiles, Readers, refusal
from .flagging import SetFlags
from .folders import Create, Delete, Rename, SetSpecialUse, Subscribe
from .fuzzy_searching import search_fuzzy
from .keeping import Keeper
from .moving import Copy, Expunge
from .pool import Pool
from .purging import Purge
from .replacing import Replace
from .searching import TextSearch, search_sent
from .sharing import SetAcl
from .writer import LIGHT_CHANGE_OCTETS, Outcome, Write, Writer

_log = logging.getLogger("postroom.store")

T = TypeVar("T")


class Surroundings(Protocol):
    """What an account needs of its store."""

    pool: Pool
    clock: Clock
    ids: Ids
    settings: StoreSettings
    message_settings: MessageSettings
    probe: Probe
    searches: asyncio.Semaphore
    spool: Path
    idle_views: IdleViews
    next_purge: dict[int, float]  # by account; outlives an account's being open

    async def share(self, account_id: int, identifier: str) -> None:
        """Make `sharers` say so, durably."""

    def has_work(self, account: "SqliteAccount") -> None:
        """Call `account.start_writing` soon."""

    def unused(self, account: "SqliteAccount") -> None:
        """Nobody holds it and nothing is under way."""


class SqliteAccount:
    """See store.api.Account."""

    def __init__(
        self,
        store: Surroundings,
        account_id: int,
        files: AccountFiles,
        writer: Writer,
        recent: dict[int, tuple[int, int]],
    ) -> None:
        self.account_id = account_id
        self.users = 0
        self._store = store
        self._files = files
        self._writer = writer
        self._readers = Readers(files)
        self._keeper = Keeper(store, files)
        self._books = writer.books
        self._views = OpenViews(self._describe, store.idle_views)
        for mailbox_id, (first, count) in recent.items():
            self._views.recall_recent(mailbox_id, first, count)
        self._waiting: deque[tuple[Write, asyncio.Future[Any]]] = deque()
        self._busy = False  # a batch or a checkpoint is under way, or about to start
        self._copying_log = False
        self._held = False  # writing goes on when the log has been copied
        self._log_left = False  # the log was copied while it grew: the writer copies the rest
        self._closed: StoreError | None = None  # what everybody is told from now on
        self._reads = 0
        self._purging = False

    # ---- life
    @property
    def idle(self) -> bool:
        return not (self.users or self._active)

    @property
    def _active(self) -> bool:
        """Something is under way."""
        return bool(self._busy or self._reads or self._waiting or self._copying_log or self._purging)

    @property
    def poisoned(self) -> bool:
        return self._writer.poisoned

    def close(self) -> None:
        self.users -= 1
        self._maybe_unused()

    def _maybe_unused(self) -> None:
        if self.idle:
            self._store.unused(self)

    def refuse_all(self, refusal: StoreError) -> None:
        """From now on nothing is done."""
        self._closed = refusal
        self._views.forget_all_idle()

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._active:
            await self._store.pool.call(_nothing)
            await asyncio.sleep(0)

    def shut(self) -> Callable[[], None]:
        """The job that closes the files; the account is of no use from now on."""
        self._closed = self._closed or StoreFailure(f"account {self.account_id} has been closed")
        self._views.forget_all_idle()
        claimed, self._views.claimed = self._views.claimed, {}
        now = int(self._store.clock.now())

        def job() -> None:
            self._readers.close()
            self._writer.close(claimed, now)

        return job

    # ---- writing
    async def _write(self, write: Write) -> Any:
        if self._closed:
            raise type(self._closed)(self._closed.detail)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if not self._busy:
            self._busy = True
            self._store.has_work(self)
        return await future

    def start_writing(self) -> None:
        """Begin with what waits: the whole of it in a thread, or only its commit."""
        batch, light = self._next_batch()
        claimed, self._views.claimed = self._views.claimed, {}
        writes, now = [write for write, _ in batch], int(self._store.clock.now())
        prepared = self._writer.prepare_at_once(writes, claimed, now) if light else None
        if prepared is not None:
            job = partial(self._writer.finish, prepared)
        else:
            job = partial(self._writer.commit, writes, claimed, now)
        self._store.pool.run(job, partial(self._written, batch))

    def _next_batch(self) -> tuple[list[tuple[Write, "asyncio.Future[Any]"]], bool]:
        """The changes to commit together, and whether they are light enough for the event loop."""
        waiting, settings = self._waiting, self._store.settings
        weights = [write.light_octets(self._books) for write, _ in islice(waiting, settings.max_batch)]
        count, at_once = len(weights), None not in weights
        if at_once:
            sums = accumulate(LIGHT_CHANGE_OCTETS + (octets or 0) for octets in weights)
            fitting = sum(octets <= settings.write_on_loop_octets for octets in sums)
            at_once = fitting > 0 or not count
            count = fitting or count
        return [waiting.popleft() for _ in range(count)], at_once

    def _written(
        self,
        batch: Sequence[tuple[Write, "asyncio.Future[Any]"]],
        outcomes: list[Outcome] | None,
        error: BaseException | None,
    ) -> None:
        """After the commit, on the loop: fold and tell in the order of the changes, then wake the callers."""
        if outcomes is None:
            _log.error("account %d: a batch failed", self.account_id, exc_info=error)
            outcomes = [Outcome(error=error) for _ in batch]
        for outcome in outcomes:
            if outcome.books is not None:
                self._books = outcome.books
                for effect in outcome.effects:
                    self._views.publish(effect)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # the caller has left
            if outcome.error is not None:
                future.set_exception(outcome.error)
            else:
                future.set_result(outcome.result)
        self._store.probe(DiskState.ACKNOWLEDGED)
        self._go_on()

    def _go_on(self) -> None:
        settings, log_octets = self._store.settings, self._writer.log_octets
        if log_octets >= settings.checkpoint_hard_octets:
            if self._copying_log:
                self._held = True  # two at once would be in each other's way
                return
            self._finish_log()
            return
        if log_octets < settings.checkpoint_octets:
            self._log_left = False
        elif not self._copying_log:
            if self._log_left:
                self._finish_log()
                return
            self._copying_log = True
            self._store.pool.run(self._copy_log, self._log_copied)
        if self._waiting:
            self._store.has_work(self)
            return
        self._busy = False
        self.purge_if_due()
        self._maybe_unused()

    def _finish_log(self) -> None:
        """Between two batches, so that the next one starts the log over. Most of it has been copied already."""
        self._log_left = False
        self._writer.log_octets = 0
        self._store.pool.run(self._writer.checkpoint, self._checkpointed)

    def _checkpointed(self, result: object, error: BaseException | None) -> None:
        if error is not None:
            _log.error("account %d: a checkpoint failed", self.account_id, exc_info=error)
        self._go_on()

    def _copy_log(self) -> None:
        """In a thread, beside the writer: readers and writers go on meanwhile."""
        with self._readers.one() as db:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._store.probe(DiskState.CHECKPOINTED)

    def _log_copied(self, result: object, error: BaseException | None) -> None:
        self._copying_log = False
        self._log_left = True
        if error is not None:
            _log.error("account %d: a checkpoint failed", self.account_id, exc_info=error)
        if self._held:
            self._held = False
            self._go_on()
        else:
            self._maybe_unused()

    def purge_if_due(self) -> None:
        """Start a purge in the background when the last one was long ago."""
        now = self._store.clock.now()
        if now < self._store.next_purge.get(self.account_id, 0) or self._closed or self._purging:
            return
        self._store.next_purge[self.account_id] = now + self._store.settings.purge_interval_seconds
        self._purging = True
        self._purge_step()

    def _purge_step(self) -> None:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        future.add_done_callback(self._purged)
        self._waiting.append((Purge(), future))
        if not self._busy:
            self._busy = True
            self._store.has_work(self)

    def _purged(self, future: "asyncio.Future[bool]") -> None:
        failed = future.cancelled() or future.exception() is not None  # logged by the writer; the next interval tries
        if not failed and future.result() and not self._closed:
            self._purge_step()
        else:
            self._purging = False
            self._maybe_unused()

    # ---- mailboxes
    def _mailbox(self, mailbox_id: int) -> Mailbox:
        box = self._books.numbered(mailbox_id)
        return box.as_mailbox(self._views.recent(mailbox_id), box.name in self._books.subscriptions)

    def _describe(self, view: View) -> None:
        box = self._books.boxes.get(view.mailbox.mailbox_id)
        if box is None:
            return  # deleted; who looks at it keeps the last state
        view.mailbox = self._mailbox(box.mailbox_id)
        if len(view.keywords) < len(box.keywords):
            view.keywords.extend(box.keywords[len(view.keywords) :])

    async def mailboxes(self) -> list[Mailbox]:
        names = self._books.names
        return [self._mailbox(names[name]) for name in sorted(names, key=listing_key)]

    async def mailbox(self, name: str) -> Mailbox:
        return self._mailbox(self._books.named(name).mailbox_id)

    async def create(self, name: str, *, special_use: str | None = None, origin: object = None) -> Mailbox:
        made: Mailbox = await self._write(Create(name, special_use, origin))
        return made

    async def delete(self, name: str, *, origin: object = None) -> None:
        await self._write(Delete(name, origin))

    async def rename(self, old: str, new: str, *, origin: object = None) -> None:
        await self._write(Rename(old, new, origin))

    async def set_special_use(
        self, mailbox_id: int, special_use: str | None, *, origin: object = None
    ) -> Mailbox | None:
        before = await self._write(SetSpecialUse(mailbox_id, special_use, self.account_id, origin))
        return self._mailbox(before) if before in self._books.boxes else None

    async def subscriptions(self) -> list[str]:
        return sorted(self._books.subscriptions, key=listing_key)

    async def subscribe(self, name: str, on: bool, *, origin: object = None) -> None:
        await self._write(Subscribe(name, on, origin))

    async def set_acl(self, mailbox_id: int, identifier: str, rights: str | None, *, origin: object = None) -> None:
        if rights:
            await self._store.share(self.account_id, identifier)  # first: the index may say too much, never too little
        await self._write(SetAcl(mailbox_id, identifier, rights or "", origin))

    # ---- messages
    async def append(self, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
        return (await self.append_many(mailbox, ((draft, options),)))[0]

    async def append_many(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Appended]:
        result: list[Appended] = await self._write(Append(mailbox, await self._items(mailbox, drafts)))
        return result

    async def delivered(self, delivery_ids: Sequence[str]) -> set[str]:
        return await self._read(partial(delivered, delivery_ids=tuple(delivery_ids)))

    async def replace(self, mailbox_id: int, uid: int, target: str, draft: Draft, options: AppendOptions) -> Appended:
        self._books.numbered(mailbox_id)
        [item] = await self._items(target, ((draft, options),))
        [result] = await self._write(Replace(mailbox_id, uid, target, item))
        return cast(Appended, result)

    async def _items(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Item]:
        """With the large ones in files of their own, durably."""
        items = await self._keeper.items(drafts, partial(self._books.named, mailbox))
        if self._closed:
            self._keeper.drop(items)
        return items

    async def set_flags(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        action: FlagAction,
        flags: frozenset[str],
        *,
        unchanged_since: int | None = None,
        origin: object = None,
    ) -> Flagged:
        known = runs.known(self._views.current(mailbox_id), self._books.boxes.get(mailbox_id), uids)
        write = SetFlags(mailbox_id, _still(uids), action, flags, unchanged_since, origin, known)
        result: Flagged = await self._write(write)
        return result

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None, *, origin: object = None) -> tuple[int, ...]:
        if self._books.numbered(mailbox_id).deleted == 0 and not self._busy:
            return ()
        write = Expunge(mailbox_id, None if uids is None else _still(uids), marked_only=True, origin=origin)
        gone: tuple[int, ...] = await self._write(write)
        return gone

    async def remove(self, mailbox_id: int, uids: Sequence[int], *, origin: object = None) -> tuple[int, ...]:
        gone: tuple[int, ...] = await self._write(Expunge(mailbox_id, _still(uids), marked_only=False, origin=origin))
        return gone

    async def copy(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        target: str,
        *,
        origin: object = None,
        quota_octets: int | None = None,
        quota_messages: int | None = None,
    ) -> Copied:
        quota = (quota_octets, quota_messages)
        write = Copy(mailbox_id, _still(uids), target, move=False, quota=quota, origin=origin)
        result: Copied = await self._write(write)
        return result

    async def move(self, mailbox_id: int, uids: Sequence[int], target: str, *, origin: object = None) -> Copied:
        write = Copy(mailbox_id, _still(uids), target, move=True, quota=(None, None), origin=origin)
        result: Copied = await self._write(write)
        return result

    # ---- annotations
    async def annotations(self, mailbox_id: int | None, reader: int) -> dict[str, bytes]:
        if mailbox_id is not None:
            self._books.numbered(mailbox_id)
        return await self._read(partial(annotating.read_annotations, mailbox_id=mailbox_id, reader=reader))

    async def annotations_of(
        self, mailbox_ids: Sequence[int], reader: int, entries: Sequence[str]
    ) -> dict[int, dict[str, bytes]]:
        return await self._read(
            partial(annotating.read_many, mailbox_ids=list(mailbox_ids), reader=reader, entries=list(entries))
        )

    async def set_annotations(
        self, mailbox_id: int | None, owner: int, values: Mapping[str, bytes | None], *, origin: object = None
    ) -> None:
        await self._write(annotating.SetAnnotations(mailbox_id, owner, dict(values), origin))

    async def annotation_octets(self) -> int:
        return await self._read(annotating.octets)

    # ---- reading
    async def view(self, mailbox_id: int) -> View:
        mailbox = self._mailbox(mailbox_id)

        async def load(view: View) -> int:
            return await self._read(partial(reading.load_view, view=view))

        return await self._views.hold(mailbox_id, load, lambda: View(mailbox))

    def release(self, view: View) -> None:
        self._views.release(view)

    async def expunged_since(self, mailbox_id: int, modseq: int) -> tuple[int, ...] | None:
        self._books.numbered(mailbox_id)
        # Not what is committed but not told yet: the view still has that, and the feed will tell.
        known = self._books.modseq
        return await self._read(partial(history.expunged, mailbox_id=mailbox_id, since=modseq, known=known))

    async def save_dates(self, mailbox_id: int, uids: Sequence[int] | None = None) -> dict[int, int]:
        self._books.numbered(mailbox_id)
        uids = None if uids is None else _still(uids)
        return await self._read(partial(history.save_dates, mailbox_id=mailbox_id, uids=uids))

    async def deleted_octets(self, mailbox_id: int) -> int:
        if not self._books.numbered(mailbox_id).deleted:
            return 0
        return await self._read(partial(history.deleted_octets, mailbox_id=mailbox_id))

    async def claim_recent(self, mailbox_id: int) -> tuple[int, int]:
        claimed = self._views.claim_recent(mailbox_id, self._books.numbered(mailbox_id).uid_next)
        self._views.refresh(mailbox_id)
        return claimed

    async def read(self, content_ids: Sequence[int], want: Want, budget: int = 4 << 20) -> list[Stored]:
        if not content_ids:
            return []
        job = partial(reading.read, files=self._files, content_ids=_still(content_ids), want=want, budget=budget)
        if len(content_ids) <= self._store.settings.read_on_loop_messages and self._readers.ready:
            return self._read_here(job)
        return await self._read(job)

    async def read_range(self, content_id: int, start: int, end: int) -> bytes:
        job = partial(reading.read_range, files=self._files, content_id=content_id, start=start, end=end)
        return await self._read(job)

    async def search_text(self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None) -> set[int]:
        self._books.numbered(mailbox_id)
        if uids is not None:
            uids = _still(uids)
        search = TextSearch(self._files, self._store.message_settings)
        async with self._store.searches:
            return await self._read(partial(search.find, mailbox_id=mailbox_id, query=query, uids=uids))

    async def search_fuzzy(
        self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None
    ) -> dict[int, int]:
        self._books.numbered(mailbox_id)
        if uids is not None:
            uids = _still(uids)
        job = partial(search_fuzzy, mailbox_id=mailbox_id, query=query, uids=uids, settings=self._files.settings)
        async with self._store.searches:
            return await self._read(job)

    async def search_sent(self, mailbox_id: int, first_day: int, last_day: int) -> set[int]:
        self._books.numbered(mailbox_id)
        return await self._read(partial(search_sent, mailbox_id=mailbox_id, first_day=first_day, last_day=last_day))

    async def sort_facts(
        self, mailbox_id: int, facts: Sequence[SortFact], uids: Sequence[int] | None = None
    ) -> list[tuple[Any, ...]]:
        self._books.numbered(mailbox_id)
        uids = None if uids is None else _still(uids)
        return await self._read(partial(sorting.sort_facts, mailbox_id=mailbox_id, facts=facts, uids=uids))

    async def search_thread(self, mailbox_id: int, thread_id: int) -> set[int]:
        self._books.numbered(mailbox_id)
        return await self._read(partial(sorting.search_thread, mailbox_id=mailbox_id, thread_id=thread_id))

    async def line_end_octets(self) -> dict[int, int]:
        return await self._read(reading.line_end_octets)

    async def usage(self) -> Usage:
        return Usage(self._books.octets, self._books.messages)

    def _read_here(self, job: Callable[[apsw.Connection], T]) -> T:
        """A read so small that the way to a thread and back would cost more."""
        try:
            with self._readers.one() as db:
                return job(db)
        except (apsw.Error, OSError) as error:
            raise refusal(error) from error

    async def _read(self, job: Callable[[apsw.Connection], T]) -> T:
        if self._closed:
            raise type(self._closed)(self._closed.detail)
        self._reads += 1

        def run() -> T:
            with self._readers.one() as db:
                return job(db)

        try:
            return await self._store.pool.call(run)
        except (apsw.Error, OSError) as error:
            raise refusal(error) from error
        finally:
            self._reads -= 1
            self._maybe_unused()

    # ---- change feed
    def subscribe_changes(self, subscriber: Subscriber) -> None:
        self._views.subscribe(subscriber)

    def unsubscribe_changes(self, subscriber: Subscriber) -> None:
        self._views.unsubscribe(subscriber)

    @property
    def books(self) -> Books:
        """As of the last change that was told."""
        return self._books


def _still(numbers: Sequence[int]) -> Sequence[int]:
    """A view's array grows while we wait; what was asked for must not."""
    return numbers[:] if isinstance(numbers, array) else numbers


def _nothing() -> None:
    return None
