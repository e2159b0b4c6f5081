"""The store in plain dictionaries: for tests, and to keep the contract honest.

Owns: nothing that outlives the process. Never: touches a disk (drafts excepted, when they are large) or a thread.
Raises: the StoreError family.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from postroom.base import Clock, Ids, Spool
from postroom.message import MessageSettings, Scanner
from postroom.message.fuzzy import FuzzyNeedle

from .acl import with_rights
from .annotations import uses_changed
from .api import (
    DELETED,
    Appended,
    AppendOptions,
    Copied,
    FlagAction,
    Flagged,
    FlagsChanged,
    Mailbox,
    MailboxEvent,
    MailboxEventKind,
    NoSuchAccount,
    NoSuchContent,
    NoSuchMailbox,
    NoSuchMessage,
    SortFact,
    Stored,
    Subscriber,
    TextQuery,
    Usage,
    View,
    Want,
)
from .books import Books, Box, with_room
from .draft import Draft
from .flags import changed_mask, mask_of, translated
from .idle_views import IdleViews
from .memory_annotations import MemoryAnnotations
from .memory_contents import Content, octets_of
from .memory_history import MemoryHistory
from .memory_search import fuzzy_score, matches
from .names import INBOX, SEPARATOR, USUAL_MAILBOXES, checked, listing_key
from .settings import StoreSettings
from .view_cache import CacheRoom
from .views import Effect, Masked, OpenViews, Row, added, append_rows, event_of, gone, mailboxes_changed


class MemoryAccount:
    """See store.api.Account. Every call is done at once; awaiting it never waits."""

    def __init__(self, account_id: int, settings: StoreSettings, clock: Clock, idle_views: IdleViews) -> None:
        self.account_id = account_id
        self._settings = settings
        self._clock = clock
        self._books = Books()
        self._rows: dict[int, dict[int, Row]] = {}
        self._contents: dict[int, Content] = {}
        self._deliveries: dict[str, Appended] = {}
        self._threads: dict[str, int] = {}  # by message id
        self._annotations = MemoryAnnotations(settings)
        self._history = MemoryHistory(settings, clock)
        self._views = OpenViews(self._describe, idle_views)
        self.gone = False
        for name, special_use in USUAL_MAILBOXES:
            box = self._books.add(name, int(clock.now()), special_use, settings)
            self._rows[box.mailbox_id] = {}
        self._books.subscriptions = frozenset(self._books.names)

    @property
    def behind(self) -> bool:
        return False

    async def catch_up(self) -> None:
        """Nobody else has it."""

    def end(self) -> None:
        """It was deleted: nothing is done any more, and no view of it kept."""
        self.gone = True
        self._views.forget_all_idle()

    # ---- changes
    def _begin(self) -> Books:
        if self.gone:
            raise NoSuchAccount(f"account {self.account_id}")
        return self._books.copy()

    def _commit(self, books: Books, effects: Iterable[Effect]) -> None:
        self._books = books
        for effect in effects:
            self._views.publish(effect)

    def _number(self, books: Books, *boxes: Box) -> int:
        modseq = books.next_modseq()
        for box in boxes:
            box.highest_modseq = modseq
        return modseq

    # ---- mailboxes
    def _mailbox(self, mailbox_id: int) -> Mailbox:
        box = self._books.numbered(mailbox_id)
        return box.as_mailbox(self._views.recent(mailbox_id), box.name in self._books.subscriptions)

    def _describe(self, view: View) -> None:
        box = self._books.boxes.get(view.mailbox.mailbox_id)
        if box is not None:
            view.mailbox = self._mailbox(box.mailbox_id)
            view.keywords.extend(box.keywords[len(view.keywords) :])

    async def mailboxes(self) -> list[Mailbox]:
        return [self._mailbox(self._books.names[name]) for name in sorted(self._books.names, key=listing_key)]

    async def mailbox(self, name: str) -> Mailbox:
        return self._mailbox(self._books.named(name).mailbox_id)

    async def create(self, name: str, *, special_use: str | None = None, origin: object = None) -> Mailbox:
        books = self._begin()
        box = self._add(books, name, special_use)
        self._commit(books, [mailboxes_changed(books, origin, [event_of(MailboxEventKind.CREATED, box)])])
        return self._mailbox(box.mailbox_id)

    def _add(self, books: Books, name: str, special_use: str | None = None) -> Box:
        box = books.add(checked(name, self._settings), int(self._clock.now()), special_use, self._settings)
        self._number(books, box)
        self._rows[box.mailbox_id] = {}
        return box

    async def delete(self, name: str, *, origin: object = None) -> None:
        books = self._begin()
        box = books.drop(name)
        books.next_modseq()
        self._rows.pop(box.mailbox_id)
        self._history.forget(box.mailbox_id)
        self._annotations.forget(box.mailbox_id)
        event = event_of(MailboxEventKind.DELETED, box)
        self._commit(books, [mailboxes_changed(books, origin, [event], (box.mailbox_id,))])

    async def rename(self, old: str, new: str, *, origin: object = None) -> None:
        books = self._begin()
        new, old = checked(new, self._settings), books.spelt(old.removesuffix(SEPARATOR))
        if old == INBOX:
            made = self._add(books, new)
            inbox, target = books.named(INBOX).mailbox_id, made.mailbox_id
            self._annotations.copy(inbox, target)
            effects: list[Effect] = [
                mailboxes_changed(books, origin, [event_of(MailboxEventKind.CREATED, made, INBOX)])
            ]
            found = list(self._rows[inbox].values())
            if found:
                self._transfer(books, inbox, target, found, effects, move=True, origin=origin)
            self._commit(books, effects)
            return
        boxes = books.rename(old, new)
        for box in boxes:
            checked(box.name, self._settings)
        self._number(books, *boxes)
        names = {box.mailbox_id: box.name for box in self._books.boxes.values()}
        events = [event_of(MailboxEventKind.RENAMED, box, names[box.mailbox_id]) for box in boxes]
        self._commit(books, [mailboxes_changed(books, origin, events)])

    async def set_special_use(
        self, mailbox_id: int, special_use: str | None, *, origin: object = None
    ) -> Mailbox | None:
        books = self._begin()
        if changed := books.use(mailbox_id, special_use):
            self._commit(books, list(uses_changed(changed, self.account_id, self._number(books, *changed), origin)))
        return self._mailbox(changed[1].mailbox_id) if len(changed) > 1 else None

    async def subscriptions(self) -> list[str]:
        return sorted(self._books.subscriptions, key=listing_key)

    async def subscribe(self, name: str, on: bool, *, origin: object = None) -> None:
        books = self._begin()
        name = books.spelt(checked(name, self._settings) if on else name.removesuffix(SEPARATOR))
        if on:
            books.subscriptions |= {name}
        else:
            books.subscriptions -= {name}
        if books.subscriptions != self._books.subscriptions:
            kind = MailboxEventKind.SUBSCRIBED if on else MailboxEventKind.UNSUBSCRIBED
            books.next_modseq()
            self._commit(
                books, [mailboxes_changed(books, origin, [MailboxEvent(kind, books.names.get(name, 0), name)])]
            )

    async def set_acl(
        self, mailbox_id: int, identifier: str, rights: str | None, *, held: str | None = None, origin: object = None
    ) -> None:
        books = self._begin()
        old = books.numbered(mailbox_id)
        acl = with_rights(old.acl, identifier, rights or "", self._settings, held)
        if acl != old.acl:
            box = books.touch(mailbox_id)
            box.acl = acl
            books.next_modseq()
            self._commit(books, [mailboxes_changed(books, origin, [event_of(MailboxEventKind.ACL, box)])])

    @property
    def identifiers(self) -> set[str]:
        """All that have a place in an access control list."""
        return {identifier for box in self._books.boxes.values() for identifier, _ in box.acl}

    # ---- annotations
    async def annotations(self, mailbox_id: int | None, reader: int) -> dict[str, bytes]:
        if mailbox_id is not None:
            self._books.numbered(mailbox_id)
        return self._annotations.read(mailbox_id, reader)

    async def annotations_of(
        self, mailbox_ids: Sequence[int], reader: int, entries: Sequence[str]
    ) -> dict[int, dict[str, bytes]]:
        return self._annotations.read_many(mailbox_ids, reader, entries)

    async def set_annotations(
        self, mailbox_id: int | None, owner: int, values: Mapping[str, bytes | None], *, origin: object = None
    ) -> None:
        books = self._begin()
        boxes = () if mailbox_id is None else (books.touch(mailbox_id),)  # RFC 7162 §3.2: the mailbox has changed
        if effects := self._annotations.change(mailbox_id, owner, values, self._number(books, *boxes), origin):
            self._commit(books, effects)

    async def annotation_octets(self) -> int:
        return self._annotations.octets()

    # ---- messages
    async def append(self, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
        return (await self.append_many(mailbox, ((draft, options),)))[0]

    async def append_many(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Appended]:
        books = self._begin()
        effects: list[Effect] = []
        results = self._append(books, mailbox, drafts, effects)
        self._commit(books, effects)
        return results

    async def delivered(self, delivery_ids: Sequence[str]) -> set[str]:
        return self._deliveries.keys() & set(delivery_ids)

    async def replace(self, mailbox_id: int, uid: int, target: str, draft: Draft, options: AppendOptions) -> Appended:
        books = self._begin()
        effects: list[Effect] = []
        found = self._find(mailbox_id, [uid])
        if not found:
            raise NoSuchMessage(f"mailbox {mailbox_id} has no uid {uid}")
        [done] = self._append(books, target, ((draft, with_room(options, found[0][3])),), effects)
        modseq = books.modseq if effects else books.next_modseq()
        box = books.touch(mailbox_id)
        box.highest_modseq = modseq
        self._take_out(books, box, found, effects, modseq, options.origin)
        self._commit(books, effects)
        return done

    def _append(
        self,
        books: Books,
        mailbox: str,
        drafts: Sequence[tuple[Draft, AppendOptions]],
        effects: list[Effect],
    ) -> list[Appended]:
        rows: list[Row] = []
        results: list[Appended] = []
        contents: dict[int, Content] = {}
        deliveries: dict[str, Appended] = {}
        threads: dict[str, int] = {}
        box: Box | None = None
        origin: object = None
        for draft, options in drafts:
            facts, delivery = draft.facts, options.delivery_id
            if delivery is not None and (done := deliveries.get(delivery) or self._deliveries.get(delivery)):
                results.append(done)
                continue
            if box is None:
                box = self._target(books, mailbox, options, effects)
                self._number(books, box)
                origin = options.origin
            size = len(options.prefix) + facts.size
            books.check_room(size, 1, options.quota_octets, options.quota_messages)
            mask, box.keywords = mask_of(options.flags, box.keywords)
            date = int(self._clock.now()) if options.internal_date is None else options.internal_date
            thread_id = self._join_thread(books.content_next, facts.sort.related_ids, threads)
            contents[books.content_next] = Content(facts, options.prefix, draft.spool.getvalue(), thread_id)
            rows.append((box.uid_next, mask, books.modseq, size, date, books.content_next))
            results.append(Appended(box.mailbox_id, box.uid_validity, box.uid_next))
            if delivery is not None:
                deliveries[delivery] = results[-1]
            books.content_next += 1
            box.uid_next += 1
            books.count(box, ((mask, size, 1),))
        if box is not None:
            self._contents.update(contents)
            self._deliveries.update(deliveries)
            self._threads.update(threads)
            self._rows.setdefault(box.mailbox_id, {}).update({row[0]: row for row in rows})
            self._history.saved(box.mailbox_id, rows)
            effects.append(added(box, rows, books.modseq, origin))
        return results

    def _join_thread(self, content_id: int, ids: Sequence[str], new: dict[str, int]) -> int:
        """The thread of the first id that is known, else one of its own; `new` takes the ids that now lead there."""
        known = [found for one in ids if (found := self._threads.get(one, new.get(one))) is not None]
        thread_id = known[0] if known else content_id
        new.update({one: thread_id for one in ids if one not in self._threads and one not in new})
        return thread_id

    def _target(self, books: Books, mailbox: str, options: AppendOptions, effects: list[Effect]) -> Box:
        try:
            return books.touch(books.named(mailbox).mailbox_id)
        except NoSuchMailbox:
            if not options.create:
                raise
        box = self._add(books, mailbox)
        events = [event_of(MailboxEventKind.CREATED, box)]
        if box.name not in books.subscriptions:
            books.subscriptions |= {box.name}
            events.append(event_of(MailboxEventKind.SUBSCRIBED, box))
        effects.append(mailboxes_changed(books, options.origin, events))
        return box

    def _find(self, mailbox_id: int, uids: Sequence[int] | None) -> list[Row]:
        self._books.numbered(mailbox_id)
        rows = self._rows[mailbox_id]
        if uids is None:
            return list(rows.values())
        return [rows[uid] for uid in sorted(set(uids)) if uid in rows]

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
        books = self._begin()
        found = self._find(mailbox_id, uids)
        box = books.touch(mailbox_id)
        late = tuple(row[0] for row in found if unchanged_since is not None and row[2] > unchanged_since)
        found = [row for row in found if row[0] not in late]
        mask, keywords = mask_of(sorted(flags), box.keywords, grow=action is not FlagAction.REMOVE and bool(found))
        news = {row[0]: changed_mask(row[1], action, mask) for row in found}
        changed = [row for row in found if news[row[0]] != row[1]]
        modseqs = {row[0]: row[2] for row in found}
        if changed:
            box.keywords = keywords
            modseq = self._number(books, box)
            for uid, old, _, size, date, content in changed:
                box.count(old, 0, -1)
                box.count(news[uid], 0, 1)
                self._rows[mailbox_id][uid] = (uid, news[uid], modseq, size, date, content)
            uids_changed = tuple(row[0] for row in changed)
            modseqs.update(dict.fromkeys(uids_changed, modseq))
            touched = -1 if action is FlagAction.REPLACE else mask
            change = FlagsChanged(mailbox_id, uids_changed, modseq, origin, touched)
            self._commit(books, [Masked(mailbox_id, [news[uid] for uid in uids_changed], change)])
        return Flagged(tuple(news), tuple(news.values()), box.highest_modseq, late, tuple(modseqs.values()))

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None, *, origin: object = None) -> tuple[int, ...]:
        return self._expunge(mailbox_id, [row for row in self._find(mailbox_id, uids) if row[1] & DELETED], origin)

    async def remove(self, mailbox_id: int, uids: Sequence[int], *, origin: object = None) -> tuple[int, ...]:
        return self._expunge(mailbox_id, self._find(mailbox_id, uids), origin)

    def _expunge(self, mailbox_id: int, found: list[Row], origin: object) -> tuple[int, ...]:
        if not found:
            return ()
        books = self._begin()
        effects: list[Effect] = []
        box = books.touch(mailbox_id)
        self._take_out(books, box, found, effects, self._number(books, box), origin)
        self._commit(books, effects)
        return tuple(row[0] for row in found)

    def _take_out(
        self, books: Books, box: Box, found: list[Row], effects: list[Effect], modseq: int, origin: object
    ) -> None:
        for row in found:
            del self._rows[box.mailbox_id][row[0]]
        self._history.expunged(box.mailbox_id, [row[0] for row in found], modseq)
        books.count(box, [(row[1], -row[3], -1) for row in found])
        effects.append(gone(box.mailbox_id, found, modseq, origin))

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
        books = self._begin()
        found = self._find(mailbox_id, uids)
        books.check_room(sum(row[3] for row in found), len(found), quota_octets, quota_messages)
        return self._copy(books, mailbox_id, found, target, move=False, origin=origin)

    async def move(self, mailbox_id: int, uids: Sequence[int], target: str, *, origin: object = None) -> Copied:
        return self._copy(self._begin(), mailbox_id, self._find(mailbox_id, uids), target, move=True, origin=origin)

    def _copy(
        self, books: Books, mailbox_id: int, found: list[Row], target: str, *, move: bool, origin: object
    ) -> Copied:
        box = books.named(target)
        if not found:
            return Copied(box.uid_validity, (), ())
        effects: list[Effect] = []
        copied = self._transfer(books, mailbox_id, box.mailbox_id, found, effects, move=move, origin=origin)
        self._commit(books, effects)
        return copied

    def _transfer(
        self,
        books: Books,
        source_id: int,
        target_id: int,
        found: list[Row],
        effects: list[Effect],
        *,
        move: bool,
        origin: object,
    ) -> Copied:
        source = books.touch(source_id)
        target = source if source_id == target_id else books.touch(target_id)
        keywords = target.keywords
        masks = []
        for row in found:
            mask, keywords = translated(row[1], source.keywords, keywords)
            masks.append(mask)
        target.keywords = keywords
        modseq = self._number(books, target)
        first = target.uid_next
        target.uid_next += len(found)
        rows: list[Row] = [
            (uid, mask, modseq, row[3], row[4], row[5])
            for uid, (mask, row) in enumerate(zip(masks, found, strict=True), first)
        ]
        self._rows[target_id].update({row[0]: row for row in rows})
        self._history.saved(target_id, rows)
        books.count(target, [(row[1], row[3], 1) for row in rows])
        effects.append(added(target, rows, modseq, origin))
        if move:
            source.highest_modseq = modseq
            self._take_out(books, source, found, effects, modseq, origin)
        return Copied(target.uid_validity, tuple(row[0] for row in found), tuple(row[0] for row in rows))

    # ---- reading
    async def view(self, mailbox_id: int) -> View:
        if self.gone:
            raise NoSuchAccount(f"account {self.account_id}")
        mailbox = self._mailbox(mailbox_id)

        async def load(view: View) -> int:
            append_rows(view, list(self._rows[mailbox_id].values()))
            return self._books.modseq

        return await self._views.hold(mailbox_id, load, lambda: View(mailbox))

    def release(self, view: View) -> None:
        self._views.release(view)

    async def expunged_since(self, mailbox_id: int, modseq: int) -> tuple[int, ...] | None:
        self._books.numbered(mailbox_id)
        return self._history.expunged_since(mailbox_id, modseq)

    async def save_dates(self, mailbox_id: int, uids: Sequence[int] | None = None) -> dict[int, int]:
        return self._history.save_dates(mailbox_id, [row[0] for row in self._find(mailbox_id, uids)])

    async def deleted_octets(self, mailbox_id: int) -> int:
        return sum(row[3] for row in self._find(mailbox_id, None) if row[1] & DELETED)

    async def claim_recent(self, mailbox_id: int) -> tuple[int, int]:
        claimed = self._views.claim_recent(mailbox_id, self._books.numbered(mailbox_id).uid_next)
        self._views.refresh(mailbox_id)
        return claimed

    def _content(self, content_id: int) -> Content:
        try:
            return self._contents[content_id]
        except KeyError:
            raise NoSuchContent(f"content {content_id}") from None

    async def read(self, content_ids: Sequence[int], want: Want, budget: int = 4 << 20) -> list[Stored]:
        result: list[Stored] = []
        for content_id in content_ids:
            stored = self._content(content_id).stored(content_id, want, self._settings.inline_limit_octets)
            budget -= octets_of(stored)
            if budget < 0 and result:
                break
            result.append(stored)
        return result

    async def read_range(self, content_id: int, start: int, end: int) -> bytes:
        return self._content(content_id).whole[max(start, 0) : max(end, 0)]

    async def search_text(self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None) -> set[int]:
        return {row[0] for row in self._find(mailbox_id, uids) if matches(self._contents[row[5]].facts.search, query)}

    async def search_fuzzy(
        self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None
    ) -> dict[int, int]:
        needle = FuzzyNeedle(query.needle, self._settings.max_fuzzy_words)
        most, contents = self._settings.max_fuzzy_text_characters, self._contents
        scored = {
            row[0]: fuzzy_score(contents[row[5]].facts.search, query, needle, most)
            for row in self._find(mailbox_id, uids)
        }
        return {uid: score for uid, score in scored.items() if score}

    async def search_sent(self, mailbox_id: int, first_day: int, last_day: int) -> set[int]:
        found: set[int] = set()
        for row in self._find(mailbox_id, None):
            day = self._contents[row[5]].facts.sent_day
            if day is not None and first_day <= day <= last_day:
                found.add(row[0])
        return found

    async def sort_facts(
        self, mailbox_id: int, facts: Sequence[SortFact], uids: Sequence[int] | None = None
    ) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for row in self._find(mailbox_id, uids):
            content = self._contents[row[5]]
            values = content.sort_facts()
            rows.append((row[0], *[values[fact] for fact in facts]))
        return rows

    async def search_thread(self, mailbox_id: int, thread_id: int) -> set[int]:
        return {row[0] for row in self._find(mailbox_id, None) if self._contents[row[5]].thread_id == thread_id}

    async def line_end_octets(self) -> dict[int, int]:
        return {at: more for at, content in self._contents.items() if (more := content.facts.line_end_octets)}

    async def usage(self) -> Usage:
        return Usage(self._books.octets, self._books.messages)

    # ---- change feed
    def subscribe_changes(self, subscriber: Subscriber) -> None:
        self._views.subscribe(subscriber)

    def unsubscribe_changes(self, subscriber: Subscriber) -> None:
        self._views.unsubscribe(subscriber)

    def close(self) -> None:
        """Nothing to close."""


class MemoryStore:
    """See store.api.MailStore."""

    def __init__(
        self,
        directory: Path,
        settings: StoreSettings,
        message_settings: MessageSettings,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._spool = directory / "spool"
        self._settings = settings
        # Nothing is read a second time here, so all the text is kept at once.
        room = max(settings.max_searched_text_octets, message_settings.max_search_text_octets)
        self._message_settings = msgspec.structs.replace(message_settings, max_search_text_octets=room)
        self._clock = clock
        self._ids = ids
        self._idle_views = IdleViews(settings.max_idle_view_messages, CacheRoom(settings.max_view_cache_octets))
        self._accounts: dict[int, MemoryAccount] = {}

    def draft(self) -> Draft:
        return Draft(Spool(self._spool, self._settings.draft_memory_octets), Scanner(self._message_settings))

    async def create_account(self, account_id: int) -> None:
        if account_id not in self._accounts:
            self._accounts[account_id] = MemoryAccount(account_id, self._settings, self._clock, self._idle_views)

    async def delete_account(self, account_id: int) -> None:
        account = self._accounts.pop(account_id, None)
        if account is not None:
            account.end()

    async def sharers(self, identifiers: Sequence[str]) -> list[int]:
        asked = set(identifiers)
        return sorted(at for at, account in self._accounts.items() if asked & account.identifiers)

    async def open(self, account_id: int) -> MemoryAccount:
        try:
            return self._accounts[account_id]
        except KeyError:
            raise NoSuchAccount(f"account {account_id}") from None

    async def close(self) -> None:
        """Nothing to close."""
