"""Putting a source's messages into an account.

Owns: which message goes where, in which batches; that none goes in twice; the account of what did not. Never: knows a
format. Raises: Stopped; OSError when the source as a whole can't be read.

Each message carries a delivery id made of its mailbox, its place in its folder and a hash of its octets. The store
keeps it in the same transaction as the message, and remembers it as long as the mailbox. An import that was
interrupted, or that is made again when its source has grown, asks for those ids and passes over what is there, before
it parses it.
"""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from postroom.base import TaskOwner
from postroom.message import index_header, parse_date
from postroom.store import (
    IMPORT_IDS,
    Account,
    AppendOptions,
    Draft,
    MailStore,
    NoSuchMailbox,
    OverQuota,
    StoreError,
    StoreFailure,
    TooManyKeywords,
)

from .settings import InterchangeSettings
from .types import Folder, FoundMessage

_KEYWORD = re.compile(r'[^\x00-\x20\x7f-\U0010ffff(){%*"\\\]]{1,255}')  # RFC 3501 §9 flag-keyword: an atom
_SYSTEM = frozenset({"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"})
EMPTY = "it has no octets"
_HASH_OCTETS = 9
_KNOWN_FLAGS = 1000  # sets of flags that were looked at


class Stopped(Exception):
    """The import can't go on; the text says why. What is in stays in."""


@dataclass(slots=True)
class ImportReport:
    """What became of the messages."""

    imported: int = 0
    octets: int = 0  # of those, as stored
    already: int = 0  # imported before
    left_out: int = 0  # no mail: deleted, bookkeeping
    failed: int = 0
    without_keywords: int = 0  # imported, but the mailbox has no room for their keywords
    failures: list[tuple[str, str]] = field(default_factory=list)  # place and reason, the first ones
    mailboxes: dict[str, int] = field(default_factory=dict)  # messages imported into each

    @property
    def looked_at(self) -> int:
        return self.imported + self.already + self.left_out + self.failed


class Watcher(Protocol):
    """Who is told how far it is."""

    def begin(self, folder: Folder, mailbox: str) -> None: ...

    def reached(self, position: int, report: ImportReport) -> None: ...

    def failed(self, place: str, reason: str) -> None: ...


@dataclass(slots=True)
class _Entry:
    """A message that has been read."""

    found: FoundMessage
    delivery_id: str
    size: int
    content: bytes  # when there is no draft yet
    draft: Draft | None


class Importer:
    """Imports into one open account; `close` whatever `run` did."""

    def __init__(
        self,
        store: MailStore,
        account: Account,
        settings: InterchangeSettings,
        watcher: Watcher,
        *,
        memory_octets: int,
        again: bool = False,
        quota: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.report = ImportReport()
        self._store = store
        self._account = account
        self._settings = settings
        self._watcher = watcher
        self._memory_octets = memory_octets  # of one message, above which it goes to a file
        self._again = again
        self._quota = quota
        self._tasks = TaskOwner("import")
        self._batch: list[_Entry] = []
        self._commits = 0
        self._commit_task: asyncio.Task[None] | None = None
        self._failures_in_a_row = 0
        self._stopped: Stopped | None = None
        self._flags: dict[frozenset[str], frozenset[str]] = {}

    async def run(self, folders: Iterable[Folder], prefix: str | None) -> None:
        """Import all of them. `prefix`: the mailbox for the source itself, the others below it; None: INBOX, and the
        others by their own names."""
        for folder in folders:
            name = mailbox_name(folder.name, prefix)
            self._watcher.begin(folder, name)
            await self._folder(folder, name)
        await self._committed()

    async def close(self) -> None:
        """Wait for what is being committed; what was read and not handed over is left for the next time."""
        await self._tasks.wait()
        _close(self._batch)
        self._batch = []

    async def _folder(self, folder: Folder, name: str) -> None:
        mailbox_id = await self._mailbox(name)
        if mailbox_id is None:
            return
        octets = 0
        for found in self._readable(folder, name):
            entry = self._take(found, mailbox_id)
            if entry is None:
                continue
            self._batch.append(entry)
            octets += entry.size
            if len(self._batch) >= self._settings.batch_messages or octets >= self._settings.batch_octets:
                await self._commit_soon(name)
                octets = 0
                self._watcher.reached(found.position, self.report)
        await self._commit_soon(name)
        self._watcher.reached(folder.extent, self.report)

    def _readable(self, folder: Folder, name: str) -> Iterator[FoundMessage]:
        """The messages up to where the source can be read: those are mail, whatever comes then."""
        try:
            yield from folder.messages()
        except OSError as error:
            self._fail(name, f"the source can't be read (any further): {error}")

    async def _mailbox(self, name: str) -> int | None:
        """Its id; it is made when it is missing. None: it can't be."""
        try:
            return (await self._account.mailbox(name)).mailbox_id
        except NoSuchMailbox:
            pass
        try:
            made = await self._account.create(name)
            await self._account.subscribe(made.name, True)
        except StoreError as error:
            self._fail(name, f"the mailbox can't be made: {error.text} ({error.detail})")
            return None
        return made.mailbox_id

    # ---- reading
    def _take(self, found: FoundMessage, mailbox_id: int) -> _Entry | None:
        """Read one message; None when there is nothing to import."""
        if found.left_out or found.refused:
            if found.left_out:
                self.report.left_out += 1
            else:
                self._fail(found.place, found.refused)
            return None
        digest = blake2b(found.salt, digest_size=_HASH_OCTETS)
        kept: list[bytes] = []
        size = 0
        draft: Draft | None = None
        try:
            for piece in found.pieces:
                digest.update(piece)
                size += len(piece)
                if draft is None:
                    kept.append(piece)
                    if size <= self._memory_octets:
                        continue
                    draft = self._store.draft()
                    for one in kept:
                        draft.write(one)
                    kept.clear()
                else:
                    draft.write(piece)
        except OSError as error:
            if draft is not None:
                draft.close()
            self._fail(found.place, f"it can't be read: {error}")
            return None
        if not size:
            self._fail(found.place, EMPTY)
            return None
        mark = urlsafe_b64encode(digest.digest()).decode("ascii")
        return _Entry(found, f"{IMPORT_IDS}{mailbox_id}:{found.key}:{mark}", size, b"".join(kept), draft)

    def _options(self, entry: _Entry, draft: Draft, *, keywords: bool = True) -> AppendOptions:
        found = entry.found
        flags = self._flags.get(found.flags)
        if flags is None:
            flags = frozenset(flag for flag in found.flags if flag in _SYSTEM or _KEYWORD.fullmatch(flag))
            if len(self._flags) >= _KNOWN_FLAGS:
                self._flags.clear()
            self._flags[found.flags] = flags
        date = found.date
        if date is None:
            date = header_date(draft.facts.header)
        return AppendOptions(
            flags=flags if keywords else flags & _SYSTEM,
            internal_date=found.file_date if date is None else date,
            delivery_id=None if self._again else entry.delivery_id,
            quota_octets=self._quota[0],
            quota_messages=self._quota[1],
        )

    # ---- committing
    async def _commit_soon(self, mailbox: str) -> None:
        """Begin to commit what is new of the batch, when the one before it has been."""
        batch = self._batch
        if not batch:
            return
        known: set[str] = set()
        if not self._again:
            known = await self._account.delivered([entry.delivery_id for entry in batch])
        new = [entry for entry in batch if entry.delivery_id not in known]
        for entry in new:
            if entry.draft is None:
                entry.draft = self._store.draft()
                entry.draft.write(entry.content)
                entry.content = b""
            entry.draft.finish()
        await self._committed()
        self._batch = []
        self.report.already += len(batch) - len(new)
        _close(entry for entry in batch if entry.delivery_id in known)
        if new:
            self._commits += 1
            self._commit_task = self._tasks.spawn(self._commit(mailbox, new), name=f"batch {self._commits}")

    async def _committed(self) -> None:
        """Wait for the batch that is being committed. Raises Stopped when there is no sense in going on."""
        await self._tasks.wait()
        if self._commit_task is not None and (error := self._commit_task.exception()) is not None:
            raise error
        if self._stopped is not None:
            raise self._stopped

    async def _commit(self, mailbox: str, batch: list[_Entry]) -> None:
        try:
            drafts = [(entry.draft, self._options(entry, entry.draft)) for entry in batch if entry.draft is not None]
            try:
                await self._account.append_many(mailbox, drafts)
            except StoreError as error:
                if len(batch) == 1:
                    await self._alone(mailbox, batch[0], error)
                    return
            else:
                self._note(mailbox, batch)
                return
            for entry in batch:
                if self._stopped is not None:
                    break
                await self._alone(mailbox, entry)
        finally:
            _close(batch)

    async def _alone(self, mailbox: str, entry: _Entry, known: StoreError | None = None) -> None:
        """One message for itself, after its batch was refused (`known`: why it was itself)."""
        assert entry.draft is not None
        error = known
        if error is None:
            try:
                await self._account.append(mailbox, entry.draft, self._options(entry, entry.draft))
            except StoreError as refused:
                error = refused
        if isinstance(error, TooManyKeywords):
            try:
                await self._account.append(mailbox, entry.draft, self._options(entry, entry.draft, keywords=False))
                self.report.without_keywords += 1
                error = None
            except StoreError as refused:
                error = refused
        if error is None:
            self._note(mailbox, [entry])
            return
        self._fail(entry.found.place, f"{error.text} ({error.detail})" if error.detail else error.text)
        if isinstance(error, OverQuota):
            self._stopped = Stopped("the account's quota is used up")
        elif isinstance(error, StoreFailure):
            self._failures_in_a_row += 1
            if self._failures_in_a_row >= self._settings.max_failures_in_a_row:
                self._stopped = Stopped(f"the disk or the database refuses: {error.detail}")

    # ---- the account of it
    def _note(self, mailbox: str, batch: list[_Entry]) -> None:
        report = self.report
        self._failures_in_a_row = 0
        report.imported += len(batch)
        report.octets += sum(entry.size for entry in batch)
        report.mailboxes[mailbox] = report.mailboxes.get(mailbox, 0) + len(batch)

    def _fail(self, place: str, reason: str) -> None:
        self.report.failed += 1
        if len(self.report.failures) < self._settings.max_reported_failures:
            self.report.failures.append((place, reason))
        self._watcher.failed(place, reason)


def _close(batch: Iterable[_Entry]) -> None:
    for entry in batch:
        if entry.draft is not None:
            entry.draft.close()


def mailbox_name(folder: str, prefix: str | None) -> str:
    """Where a folder of the source goes."""
    if prefix is None:
        return folder or "INBOX"
    return f"{prefix}/{folder}" if folder else prefix


def header_date(header: bytes) -> int | None:
    """When the last server received it, else when it was sent; seconds since 1970."""
    fields = index_header(header)
    received = fields.first(b"received")
    if received is not None and (found := parse_date(received.rpartition(b";")[2])) is not None:
        return found
    sent = fields.first(b"date")
    return parse_date(sent) if sent is not None else None


def survey(
    folders: Iterable[Folder], prefix: str | None, settings: InterchangeSettings, watcher: Watcher
) -> ImportReport:
    """What an import would find, without one."""
    report = ImportReport()

    def failed(place: str, reason: str) -> None:
        report.failed += 1
        if len(report.failures) < settings.max_reported_failures:
            report.failures.append((place, reason))
        watcher.failed(place, reason)

    for folder in folders:
        name = mailbox_name(folder.name, prefix)
        watcher.begin(folder, name)
        try:
            for found in folder.messages():
                if found.left_out:
                    report.left_out += 1
                elif found.refused:
                    failed(found.place, found.refused)
                elif not (size := sum(map(len, found.pieces))):
                    failed(found.place, EMPTY)
                else:
                    report.imported += 1
                    report.octets += size
                    report.mailboxes[name] = report.mailboxes.get(name, 0) + 1
                if report.looked_at % settings.batch_messages == 0:
                    watcher.reached(found.position, report)
        except OSError as error:
            failed(name, f"the source can't be read (any further): {error}")
        watcher.reached(folder.extent, report)
    return report
