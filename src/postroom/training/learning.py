"""Learning from what people do with their mail, behind their backs: no command waits for it.

Owns: what counts as teaching, the accounts that wait to be looked at, how far each was looked at. Never: judges mail,
changes a mailbox. Raises: nothing; what fails is logged and found again at the next look.

Moved or put into the mailbox whose use is \\Junk, or marked $Junk: junk. Taken out of it to another mailbox but Trash,
or marked $NotJunk: no junk, as is what was read and kept elsewhere for some days. What the server itself has put into
Junk teaches nothing, else it would teach itself.

A session's changes are heard on the account's change feed, in the process that makes them. What was not heard, or not
learnt before the server died, is found by a look: when the account is first opened, and from time to time. The database
knows how far the last look went, and no message counts twice however often it is seen, by however many processes.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from weakref import WeakSet

from postroom.base import Clock, MailError, TaskOwner
from postroom.junk import MAX_OCTETS, read_letter, words_of
from postroom.message import PartMap
from postroom.store import (
    FIRST_KEYWORD_BIT,
    Account,
    AnnotationsChanged,
    Change,
    FlagsChanged,
    Mailbox,
    MailboxesChanged,
    MessagesAdded,
    MessagesExpunged,
    NoSuchContent,
    Want,
)

from .books import Books
from .database import HAM, SPAM, Progress, WordBook, content_name
from .looking import by_mark, in_use, junk_of, kept, newly_in, still_elsewhere
from .settings import TrainingSettings

_log = logging.getLogger("postroom.training")
T = TypeVar("T")
_MOST_CHANGES = 500  # of one account that wait; the rest is found by the look
_KEPT_A_LOOK = 500  # messages that were kept and are learnt by one look
_FIRST_KEPT_DAYS = 120  # how far back the first look goes
_DAY, _HOUR = 86_400, 3600
_MARKS = (b"\nPostroom-Quarantine:", b"\nPostroom-Training: junk")  # of what the server has put into Junk
_KEYWORDS = -1 << FIRST_KEYWORD_BIT


class Store(Protocol):
    """What is asked of the mail store."""

    async def open(self, account_id: int) -> Account: ...


@dataclass(slots=True)
class _News:
    """What has happened in one account."""

    changes: list[Change] = field(default_factory=list)


class Learning:
    """For all accounts, in one process."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        clock: Clock,
        settings: TrainingSettings,
        new_key: Callable[[], bytes],
        changed: Callable[[int], None],
        *,
        first: bool = True,
    ) -> None:
        """`changed` is told which account has learnt something; the `first` process looks at all accounts in turn."""
        self.settings = settings
        self._store = store
        self._clock = clock
        self._books = Books(folder, new_key)
        self._changed = changed
        self._first = first
        self._waiting: dict[int, _News] = {}
        self._there_is_work = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._watched: WeakSet[Account] = WeakSet()
        self._looked_at: dict[int, float] = {}  # accounts, and when mail that was kept is next looked for
        self._junk_ids: dict[int, int] = {}  # the mailbox of junk, 0: none
        self._tasks = TaskOwner("training")
        self._thread = ThreadPoolExecutor(1, "postroom-training")

    def start(self) -> None:
        self._tasks.spawn(self._work(), name="learning")
        if self._first:
            self._tasks.spawn(self._look_at_all(), name="looks")

    async def close(self) -> None:
        """Stop; what waits is found at the next start."""
        await self._tasks.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._books.close)
        self._thread.shutdown()

    async def settle(self) -> None:
        """Until nothing waits: for tests, and for commands."""
        await self._at_rest.wait()

    # ---- what there is to do
    def watch(self, account: Account) -> None:
        """Somebody has opened this account: hear of its changes for as long as it is open."""
        if account in self._watched or not self.settings.enabled:
            return
        self._watched.add(account)
        account_id = account.account_id
        account.subscribe_changes(lambda change: self._hear(account_id, change))
        if account_id not in self._looked_at:
            self.look(account_id)

    def _hear(self, account_id: int, change: Change) -> None:
        if isinstance(change, MailboxesChanged | AnnotationsChanged):
            self._junk_ids.pop(account_id, None)  # its use may have been given to another
            return
        if change.origin is None:
            return  # a delivery, or done in another process, which hears it itself
        junk_id = self._junk_ids.get(account_id, change.mailbox_id)
        if isinstance(change, FlagsChanged):
            if change.touched & _KEYWORDS:
                self.look(account_id, change)
        elif change.mailbox_id == junk_id:
            self.look(account_id, change)

    def look(self, account_id: int, change: Change | None = None) -> None:
        """Have the account looked at soon."""
        if not self.settings.enabled:
            return
        news = self._waiting.get(account_id)
        if news is None:
            if len(self._waiting) >= self.settings.max_waiting_accounts:
                return
            news = self._waiting[account_id] = _News()
        if change is not None and len(news.changes) < _MOST_CHANGES:
            news.changes.append(change)
        self._at_rest.clear()
        self._there_is_work.set()

    async def _look_at_all(self) -> None:
        while True:
            for account_id in await self._call(self._books.accounts):
                self._looked_at.pop(account_id, None)
                self.look(account_id)
            await self._clock.sleep(self.settings.look_interval_hours * _HOUR)

    async def _work(self) -> None:
        while True:
            while self._waiting:
                account_id = next(iter(self._waiting))
                news = self._waiting.pop(account_id)
                try:
                    await self._look(account_id, news)
                except MailError as error:
                    _log.warning("account %d: what it teaches waits for the next look: %s", account_id, error)
                except Exception:
                    _log.exception("account %d: what it teaches waits for the next look", account_id)
            self._there_is_work.clear()
            self._at_rest.set()
            await self._there_is_work.wait()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # ---- one account
    async def _look(self, account_id: int, news: _News) -> None:
        self._looked_at.setdefault(account_id, 0.0)  # before it is opened, which would have it looked at again
        account = await self._store.open(account_id)
        try:
            boxes = await account.mailboxes()
            junk = junk_of(boxes)
            self._junk_ids[account_id] = junk.mailbox_id if junk is not None else 0
            if not await self._call(lambda: self._books.exists(account_id)):
                marked = any(isinstance(change, FlagsChanged) for change in news.changes)
                if not marked and (junk is None or not junk.messages):
                    return  # nothing was ever taught
            look = _Look(self, account, boxes, junk, await self._progress(account_id))
            await look.marks(news.changes)
            if junk is not None:
                await look.junk(junk, news.changes)
            if self._clock.monotonic() >= self._looked_at.get(account_id, 0.0) and await self._has_junk(account_id):
                await look.kept(int(self._clock.now()))
                self._looked_at[account_id] = self._clock.monotonic() + self.settings.look_interval_hours * _HOUR
            await self.with_book(account_id, lambda book: book.advance(look.reached))
            if look.learnt:
                self._changed(account_id)
                _log.debug("account %d: learnt from %d messages", account_id, look.learnt)
        finally:
            account.close()

    async def _progress(self, account_id: int) -> Progress:
        return await self._call(
            lambda: self._books.book(account_id).progress if self._books.exists(account_id) else Progress()
        )

    async def _has_junk(self, account_id: int) -> bool:
        return await self._call(lambda: self._books.exists(account_id) and self._books.book(account_id).learnt.spam > 0)

    async def with_book(self, account_id: int, work: Callable[[WordBook], T]) -> T:
        """In the thread."""
        return await self._call(lambda: work(self._books.book(account_id)))


class _Look:
    """One look at one account."""

    def __init__(
        self, learning: Learning, account: Account, boxes: Sequence[Mailbox], junk: Mailbox | None, progress: Progress
    ) -> None:
        self._learning = learning
        self._account = account
        self._boxes = boxes
        self._progress = progress
        self.learnt = 0
        self.reached = Progress(
            junk.mailbox_id if junk is not None else 0,
            progress.junk_uid if junk is not None and progress.junk_mailbox == junk.mailbox_id else 0,
            max((box.highest_modseq for box in boxes), default=0),
            progress.kept_until,
        )

    async def marks(self, changes: Iterable[Change]) -> None:
        """Keywords that were set or taken away (the IANA's registry of IMAP keywords: $Junk, $NotJunk)."""
        for change in changes:
            if isinstance(change, FlagsChanged) and change.mailbox_id in {box.mailbox_id for box in self._boxes}:
                for content_id, kind in await by_mark(self._account, change):
                    if kind is not None:
                        await self._learn(content_id, kind, "keyword")
                    else:
                        await self._unmark(content_id)

    async def _unmark(self, content_id: int) -> None:
        name = content_name(content_id)

        def work(book: WordBook) -> bool:
            known = book.kind_of(name)
            return known is not None and known[1] == "keyword" and book.unlearn(name)

        if await self._learning.with_book(self._account.account_id, work):
            self.learnt += 1

    async def junk(self, junk: Mailbox, changes: Sequence[Change]) -> None:
        """What came into the mailbox of junk, and what left it."""
        account, learning = self._account, self._learning
        mine = [change for change in changes if not isinstance(change, MailboxesChanged | AnnotationsChanged)
                and change.mailbox_id == junk.mailbox_id]  # fmt: skip
        added = {uid for change in mine if isinstance(change, MessagesAdded) for uid in change.uids}
        gone = {message.content_id for change in mine if isinstance(change, MessagesExpunged)
                for message in change.gone}  # fmt: skip
        if junk.highest_modseq <= self._progress.modseq and not mine:
            return
        found = await newly_in(account, junk, self.reached.junk_uid, added)
        for uid, content_id in found.new[-learning.settings.max_messages :]:
            if uid in added or not await self._is_placed(content_id):
                await self._learn(content_id, SPAM, "junk")
        names = await learning.with_book(account.account_id, lambda book: book.names(SPAM, "junk"))
        missing = {content for name in names if (content := _content(name))}
        since = min([self._progress.modseq, *[change.modseq - 1 for change in mine]])
        left = (missing | gone) - found.contents
        for content_id in await still_elsewhere(account, self._boxes, left, gone, since):
            await self._learn(content_id, HAM, "moved out")
        self.reached = Progress(junk.mailbox_id, found.last_uid, self.reached.modseq, self.reached.kept_until)

    async def kept(self, now: int) -> None:
        """What was read and kept."""
        until = now - int(self._learning.settings.ham_days * _DAY)
        since = self._progress.kept_until or now - _FIRST_KEPT_DAYS * _DAY
        contents: list[tuple[int, int]] = []
        for box in self._boxes:
            if in_use(box):
                contents += await kept(self._account, box, since, until)
        for _, content_id in sorted(contents)[-_KEPT_A_LOOK:]:
            await self._learn(content_id, HAM, "kept", only_new=True)
        self.reached = Progress(self.reached.junk_mailbox, self.reached.junk_uid, self.reached.modseq, until)

    async def _is_placed(self, content_id: int) -> bool:
        """The server itself has put it there."""
        try:
            [stored] = await self._account.read([content_id], Want.HEADER)
        except NoSuchContent:
            return True
        header = b"\n" + (stored.header or b"")
        return any(mark in header for mark in _MARKS)

    async def _learn(self, content_id: int, kind: int, why: str, *, only_new: bool = False) -> None:
        learning, account, name = self._learning, self._account, content_name(content_id)
        known = await learning.with_book(account.account_id, lambda book: book.kind_of(name))
        if known is not None and (only_new or known[0] == kind):
            return
        try:
            [stored] = await account.read([content_id], Want.HEADER | Want.PARTS)
            start = stored.prefix_len
            octets = await account.read_range(content_id, start, start + MAX_OCTETS)
        except NoSuchContent:
            return
        prefix, parts = (stored.header or b"")[:start], stored.parts or b""
        most = learning.settings.max_messages

        def work(book: WordBook) -> bool:
            words = words_of(read_letter(octets, PartMap.unpack(parts), prefix))
            return book.learn(name, kind, why, words, most)

        if await learning.with_book(account.account_id, work):
            self.learnt += 1


def _content(name: str) -> int:
    """The content that a name means, 0 for a file's."""
    kind, _, number = name.partition(" ")
    return int(number) if kind == "content" and number.isdecimal() else 0
