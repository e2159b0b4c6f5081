"""Putting messages into a mailbox.

Owns: APPEND and delivery as one write, the file of a large content until its row names it. Never: decides what is
accepted. Raises: NoSuchMailbox, OverQuota, TooManyKeywords, BadMailboxName.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from postroom.base import Spool
from postroom.message import Facts
from postroom.store.api import (
    FIRST_KEYWORD_BIT,
    Appended,
    AppendOptions,
    MailboxEventKind,
    NoSuchMailbox,
)
from postroom.store.books import Books, Box
from postroom.store.flags import mask_of
from postroom.store.names import checked
from postroom.store.states import DiskState, Probe
from postroom.store.views import Row, added, event_of, mailboxes_changed

from . import ledger
from .files import AccountFiles
from .query import fetch
from .sorting import insert_keys, without_surrogates
from .writer import Scope, Write

_INSERT_MESSAGE = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_CONTENT = "INSERT INTO contents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_BODY = "INSERT INTO bodies VALUES (?, ?)"
_INSERT_TEXT = "INSERT INTO search_text VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_DELIVERY = "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?)"
_FIND_DELIVERIES = "SELECT delivery_id FROM deliveries WHERE delivery_id IN (SELECT value FROM carray(?))"
_FIND_DELIVERY = "SELECT mailbox_id, uid_validity, uid FROM deliveries WHERE delivery_id = ?"


@dataclass(slots=True)
class Item:
    """One message to append: its facts, and its octets either here or in a durable file."""

    facts: Facts
    options: AppendOptions
    data: bytes | None
    blob: str | None


def keep_blob(files: AccountFiles, spool: Spool, name: str, spool_folder: Path, probe: Probe) -> None:
    """Give the octets of a draft a durable name of their own. Until a row names it, it is an orphan."""
    disk, target = files.disk, files.blob(name)
    source: Path | None = None
    try:
        if spool.in_memory:
            source = spool_folder / f"spool-{name}"
            disk.write_file(source, spool.getvalue())
            probe(DiskState.BLOB_SYNCED)
            source.rename(target)
        else:
            disk.sync_spool(spool)
            probe(DiskState.BLOB_SYNCED)
            disk.link_spool(spool, target)
        probe(DiskState.BLOB_LINKED)
        disk.sync_folder(files.blobs)
        probe(DiskState.BLOB_DURABLE)
    except BaseException:
        for left in (source, target):
            if left is not None:
                left.unlink(missing_ok=True)
        raise


class Append(Write):
    """Some messages into one mailbox, all or none."""

    __slots__ = ("_items", "_mailbox", "_unused")

    def __init__(self, mailbox: str, items: Sequence[Item]) -> None:
        self._mailbox = mailbox
        self._items = items
        self._unused: list[str] = []

    def light_octets(self, books: Books) -> int | None:
        return sum(item.facts.size for item in self._items if item.data is not None)

    def apply(self, scope: Scope) -> list[Appended]:
        self._unused = []
        results: list[Appended] = []
        rows: list[Row] = []
        box: Box | None = None
        modseq = origin = None
        for item in self._items:
            options = item.options
            if (earlier := _delivered(scope, options.delivery_id)) is not None:
                results.append(earlier)
                if item.blob is not None:
                    self._unused.append(item.blob)
                continue
            if box is None or modseq is None:
                box = self._target(scope, options)
                modseq = scope.next_modseq(box)
                origin = options.origin
            row = _insert(scope, box, modseq, item)
            rows.append(row)
            results.append(Appended(box.mailbox_id, box.uid_validity, row[0]))
        if box is not None and modseq is not None:
            scope.effects.append(added(box, rows, modseq, origin))
        return results

    def _target(self, scope: Scope, options: AppendOptions) -> Box:
        try:
            box = scope.books.named(self._mailbox)
        except NoSuchMailbox:
            if not options.create:
                raise
            made = scope.books.add(checked(self._mailbox, scope.settings), scope.now, None, scope.settings)
            scope.touched.add(made.mailbox_id)
            scope.next_modseq(made)
            ledger.insert_box(scope.db, made)
            events = [event_of(MailboxEventKind.CREATED, made)]
            if made.name not in scope.books.subscriptions:  # nobody would look into it otherwise
                scope.books.subscriptions |= {made.name}
                scope.db.execute("INSERT INTO subscriptions VALUES (?)", (made.name,))
                events.append(event_of(MailboxEventKind.SUBSCRIBED, made))
            scope.effects.append(mailboxes_changed(scope.books, options.origin, events))
            return made
        return scope.touch(box.mailbox_id)

    def settle(self, files: AccountFiles, committed: bool, probe: Probe) -> None:
        names = self._unused if committed else [item.blob for item in self._items if item.blob is not None]
        for name in names:
            files.disk.remove(files.blob(name))


def _delivered(scope: Scope, delivery_id: str | None) -> Appended | None:
    """Where this delivery went, if it was made before (a crash may have kept the sender from knowing)."""
    if delivery_id is None:
        return None
    found = fetch(scope.db, _FIND_DELIVERY, (delivery_id,))
    return Appended(*found[0]) if found else None


def delivered(db: apsw.Connection, delivery_ids: tuple[str, ...]) -> set[str]:
    """Those that are remembered."""
    if not delivery_ids:
        return set()
    return {found for (found,) in fetch(db, _FIND_DELIVERIES, (apsw.carray(delivery_ids),))}


def _insert(scope: Scope, box: Box, modseq: int, item: Item) -> Row:
    """The rows of one message."""
    facts, options, db, books = item.facts, item.options, scope.db, scope.books
    size = len(options.prefix) + facts.size
    books.check_room(size, 1, options.quota_octets, options.quota_messages)
    mask = 0
    if options.flags:
        mask, keywords = mask_of(options.flags, box.keywords)
        if keywords is not box.keywords:
            scope.add_keywords(box, keywords, FIRST_KEYWORD_BIT)
    date = scope.now if options.internal_date is None else options.internal_date
    content_id, uid = books.content_next, box.uid_next
    books.content_next += 1
    box.uid_next += 1
    db.execute(_INSERT_MESSAGE, (box.mailbox_id, uid, modseq, mask, content_id, size, date, scope.now))
    _insert_content(db, content_id, size, item)
    if options.delivery_id is not None:
        db.execute(_INSERT_DELIVERY, (options.delivery_id, box.mailbox_id, box.uid_validity, uid, scope.now))
    books.count(box, ((mask, size, 1),))
    return uid, mask, modseq, size, date, content_id


def _insert_content(db: apsw.Connection, content_id: int, size: int, item: Item) -> None:
    facts, prefix = item.facts, item.options.prefix
    prefix_len = len(prefix)

    def insert(clean: Callable[[str], str]) -> None:
        db.execute(
            _INSERT_CONTENT,
            (
                content_id,
                size,
                facts.header_len + prefix_len,
                prefix_len,
                facts.line_end_octets,
                facts.sent_day,
                item.blob,
                facts.envelope,
                facts.body_structure,
                facts.body,
                facts.parts,
                clean(facts.message_id),
                prefix + facts.header,
                clean(facts.preview),
            ),
        )
        text = facts.search
        words = (text.from_, text.to, text.cc, text.bcc, text.subject, text.headers, text.body)
        db.execute(_INSERT_TEXT, (content_id, text.complete, *map(clean, words)))
        insert_keys(db, content_id, facts.sort, clean)

    try:
        insert(_as_it_is)
    except UnicodeEncodeError:  # lone surrogates have no place in UTF-8
        for table, column in (("contents", "id"), ("search_text", "content_id")):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", (content_id,))
        insert(without_surrogates)
    if item.data is not None:
        db.execute(_INSERT_BODY, (content_id, item.data[facts.header_len :]))


def _as_it_is(text: str) -> str:
    return text
