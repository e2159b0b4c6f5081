"""One account, open: the event loop's side of it.

Owns: what each call asks of the writer and the readers; answers that need no disk; when there is something to purge.
Never: blocks the loop (beyond reading a few rows, see `read`). Raises: the StoreError family.
"""

import asyncio
import logging
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import apsw

from postroom.base import Clock, Ids
from postroom.message import MessageSettings
from postroom.store import reloading
from postroom.store.api import (
    Appended,
    AppendOptions,
    Copied,
    FlagAction,
    Flagged,
    Mailbox,
    NoSuchAccount,
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
from postroom.store.states import Probe
from postroom.store.views import Effect, OpenViews

from . import annotating, feed, history, reading, runs, sorting
from .appending import Append, Item, delivered
from .background import Background
from .claiming import ClaimRecent
from .committing import Commits
from .company import Company
from .files import AccountFiles, Readers, refusal
from .flagging import SetFlags
from .folders import Create, Delete, Rename, SetSpecialUse, Subscribe
from .fuzzy_searching import search_fuzzy
from .indexer import Turn
from .keeping import Keeper
from .moving import Copy, Expunge
from .pool import Pool
from .replacing import Replace
from .searching import Messages, TextSearch, search_sent
from .sharing import SetAcl
from .writer import Write, Writer

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
    lock_pool: Pool
    company: Company | None
    index_turn: Turn

    async def share(self, account_id: int, identifier: str) -> None:
        """Make `sharers` say so, durably."""

    def has_work(self, account: "SqliteAccount") -> None:
        """Call `account.start_writing` soon."""

    def unused(self, account: "SqliteAccount") -> None:
        """Nobody holds it and nothing is under way."""

    def forget(self, account: "SqliteAccount") -> None:
        """Give it to nobody any more."""


class SqliteAccount:
    """See store.api.Account."""

    def __init__(
        self,
        store: Surroundings,
        account_id: int,
        files: AccountFiles,
        writer: Writer,
        recent: dict[int, tuple[int, int]],
        known: bytes = b"",
    ) -> None:
        """`known`: see Commits."""
        self.account_id = account_id
        self.users = 0
        self._store = store
        self._shared = store.company is not None
        self._files = files
        self._writer = writer
        self._readers = Readers(files)
        self._keeper = Keeper(store, files)
        self._books = writer.books
        self._views = OpenViews(self._describe, store.idle_views)
        for mailbox_id, (first, count) in recent.items():
            self._views.recall_recent(mailbox_id, first, count)
        self._commits = Commits(store, self, writer, self._readers, self._views, known)
        self._closed: StoreError | None = None  # what everybody is told from now on
        self._removed = False  # by another process
        self._reads = 0
        self.background = Background(self, store, writer.indexed_to)

    # ---- life
    @property
    def idle(self) -> bool:
        return not (self.users or self._active)

    @property
    def _active(self) -> bool:
        """Something is under way."""
        return bool(self._reads or self._commits.active or self.background.active)

    @property
    def unusable(self) -> bool:
        """The next one who opens the account needs another object."""
        return self._writer.poisoned or self._removed

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

    def shut(self, *, keep_log: bool = False) -> Callable[[], None]:
        """The job that closes the files; the account is of no use from now on. `keep_log`: see Writer.close."""
        self.background.stop()
        self._closed = self._closed or StoreFailure(f"account {self.account_id} has been closed")
        self._views.forget_all_idle()
        claimed, self._views.claimed = self._views.claimed, {}
        now = int(self._store.clock.now())

        def job() -> None:
            self._readers.close()
            self._writer.close(claimed, now, keep_log=keep_log)

        return job

    # ---- writing
    async def _write(self, write: Write) -> Any:
        self._check_open()
        return await self._commits.put(write)

    def _check_open(self) -> None:
        if self._closed:
            raise type(self._closed)(self._closed.detail)

    def start_writing(self) -> None:
        self._commits.start()

    # ---- what other processes do
    @property
    def behind(self) -> bool:
        return self._shared and self._commits.behind

    async def catch_up(self) -> None:
        if self._shared and self._commits.behind:
            self._check_open()
            await asyncio.shield(self._commits.look())

    def look(self) -> None:
        """Somebody says that there is news."""
        if self.users and self._commits.behind and not self._closed:
            self._commits.look()

    def check_place(self) -> None:
        """Whether another process has removed the account; without its having to be asked for news."""
        lock = self._writer.lock
        if self.behind and lock is not None and not (self._closed or lock.in_place):
            self.removed()
            self._maybe_unused()

    # ---- for Commits
    def has_work(self) -> None:
        self._store.has_work(self)

    def at_rest(self) -> None:
        self.background.start()
        self._maybe_unused()

    def publish(self, books: Books, effects: Iterable[Effect]) -> None:
        self._books = books
        for effect in effects:
            self._views.publish(effect)

    def follow(self, news: feed.News) -> None:
        for record in news.records:
            self.publish(news.books, feed.effects_of(record, self._views.current))

    def start_anew(self) -> None:
        # All on the loop, where no view can come or change meanwhile. It is not often that a process misses so much.
        before = self._books
        self._views.forget_all_idle()
        anew = self._writer.look_at_all(self._views.in_use(), reading.view_columns)
        effects = reloading.differences(before, anew.books, self._views.current, anew.rows, self.account_id)
        self.publish(anew.books, effects)
        self._views.start_anew(anew.books.modseq, anew.recent)

    def removed(self) -> StoreError:
        refusal = NoSuchAccount(f"account {self.account_id} has been deleted")
        if not self._closed:
            self._removed = True
            self.refuse_all(refusal)
            self._store.forget(self)
        return refusal

    # ---- work that nobody waits for
    def write_behind(self, write: Write, done: Callable[["asyncio.Future[Any]"], None]) -> None:
        self._commits.put(write).add_done_callback(done)

    def read_behind(self, job: Callable[[apsw.Connection], T]) -> Callable[[], T]:
        def run() -> T:
            with self._readers.one() as db:
                return job(db)

        return run

    def rested(self) -> None:
        self._maybe_unused()

    @property
    def closed(self) -> bool:
        return self._closed is not None

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
        await self.catch_up()
        names = self._books.names
        return [self._mailbox(names[name]) for name in sorted(names, key=listing_key)]

    async def mailbox(self, name: str) -> Mailbox:
        await self.catch_up()
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
        await self.catch_up()
        return sorted(self._books.subscriptions, key=listing_key)

    async def subscribe(self, name: str, on: bool, *, origin: object = None) -> None:
        await self._write(Subscribe(name, on, origin))

    async def set_acl(
        self, mailbox_id: int, identifier: str, rights: str | None, *, held: str | None = None, origin: object = None
    ) -> None:
        if rights:
            await self._store.share(self.account_id, identifier)  # first: the index may say too much, never too little
        await self._write(SetAcl(mailbox_id, identifier, rights or "", held, origin))
        if rights and self._shared:
            await self._store.share(self.account_id, identifier)  # another process may have corrected it meanwhile

    # ---- messages
    async def append(self, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
        return (await self.append_many(mailbox, ((draft, options),)))[0]

    async def append_many(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Appended]:
        result: list[Appended] = await self._write(Append(mailbox, await self._items(mailbox, drafts)))
        return result

    async def delivered(self, delivery_ids: Sequence[str]) -> set[str]:
        return await self._read(partial(delivered, delivery_ids=tuple(delivery_ids)))

    async def replace(self, mailbox_id: int, uid: int, target: str, draft: Draft, options: AppendOptions) -> Appended:
        await self.catch_up()
        self._books.numbered(mailbox_id)
        [item] = await self._items(target, ((draft, options),))
        [result] = await self._write(Replace(mailbox_id, uid, target, item))
        return cast(Appended, result)

    async def _items(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Item]:
        """With the large ones in files of their own, durably."""
        limit = self._store.settings.inline_limit_octets
        if any(draft.facts.size > limit for draft, _ in drafts):
            await self.catch_up()  # the mailbox is looked for before much is written in vain
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
        await self.catch_up()
        if self._books.numbered(mailbox_id).deleted == 0 and not self._commits.busy:
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
        await self.catch_up()
        mailbox = self._mailbox(mailbox_id)

        async def load(view: View) -> int:
            modseq = await self._read(partial(reading.load_view, view=view))
            if self._books.modseq < modseq:  # committed, and not published yet
                self._check_open()
                await asyncio.shield(self._commits.look())
            return modseq

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
        await self.catch_up()
        if not self._books.numbered(mailbox_id).deleted:
            return 0
        return await self._read(partial(history.deleted_octets, mailbox_id=mailbox_id))

    async def claim_recent(self, mailbox_id: int) -> tuple[int, int]:
        if self._shared:
            await self.catch_up()
            uid_next = self._books.numbered(mailbox_id).uid_next
            if not self._views.recent(mailbox_id):
                return uid_next, uid_next
            taken: tuple[int, int] = await self._write(ClaimRecent(mailbox_id))
            return taken
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
            view = self._views.current(mailbox_id)
            messages = None if view is None else Messages(view.uids, view.content_ids, len(view.uids))
            job = partial(search.find, mailbox_id=mailbox_id, query=query, uids=uids, messages=messages)
            del view  # its arrays are a snapshot while somebody else has them
            return await self._read(job)

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
        await self.catch_up()
        return Usage(self._books.octets, self._books.messages)

    def _read_here(self, job: Callable[[apsw.Connection], T]) -> T:
        """A read so small that the way to a thread and back would cost more."""
        try:
            with self._readers.one() as db:
                return job(db)
        except (apsw.Error, OSError) as error:
            raise refusal(error) from error

    async def _read(self, job: Callable[[apsw.Connection], T]) -> T:
        self._check_open()
        self._reads += 1
        try:
            return await self._store.pool.call(self.read_behind(job))
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
