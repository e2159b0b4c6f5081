"""Making, renaming, deleting and subscribing mailboxes.

Owns: CREATE, DELETE, RENAME, SUBSCRIBE and a new special use as one write each. Never: removes a mailbox's messages
(see purging).
Raises: NoSuchMailbox, MailboxExists, BadMailboxName.
"""

from collections.abc import Sequence

from postroom.store.annotations import uses_changed
from postroom.store.api import BadMailboxName, Mailbox, MailboxEvent, MailboxEventKind
from postroom.store.books import Box
from postroom.store.names import INBOX, SEPARATOR, checked
from postroom.store.views import event_of, mailboxes_changed

from . import ledger
from .moving import transfer
from .runs import settle
from .selecting import among, rows
from .writer import Scope, Write

# RFC 5464 §4.1: a rename of INBOX copies its annotations to the new mailbox, and INBOX keeps them
_COPY_ANNOTATIONS = """
INSERT INTO annotations SELECT ?, owner, entry, value FROM annotations WHERE mailbox_id = ?
"""


def _tell(scope: Scope, origin: object, events: Sequence[MailboxEvent], removed: tuple[int, ...] = ()) -> None:
    scope.effects.append(mailboxes_changed(scope.books, origin, events, removed))


class Create(Write):
    """The result: the new mailbox (which a change of the same batch may already have deleted)."""

    __slots__ = ("_name", "_origin", "_special_use")

    def __init__(self, name: str, special_use: str | None, origin: object) -> None:
        self._name = name
        self._special_use = special_use
        self._origin = origin

    def apply(self, scope: Scope) -> Mailbox:
        box = _create(scope, checked(self._name, scope.settings), self._special_use)
        _tell(scope, self._origin, [event_of(MailboxEventKind.CREATED, box)])
        return box.as_mailbox(0, box.name in scope.books.subscriptions)


def _create(scope: Scope, name: str, special_use: str | None = None) -> Box:
    box = scope.books.add(name, scope.now, special_use, scope.settings)
    scope.touched.add(box.mailbox_id)
    scope.next_modseq(box)
    ledger.insert_box(scope.db, box)
    return box


class Delete(Write):
    """The mailbox's rows stay, marked, for the undo time."""

    __slots__ = ("_name", "_origin")

    def __init__(self, name: str, origin: object) -> None:
        self._name = name
        self._origin = origin

    def apply(self, scope: Scope) -> None:
        box = scope.books.drop(self._name)
        scope.next_modseq()
        ledger.save_box(scope.db, box)  # what other changes of the batch did to it
        scope.db.execute("UPDATE mailboxes SET deleted_at = ? WHERE id = ?", (scope.now, box.mailbox_id))
        scope.db.execute("DELETE FROM acl WHERE mailbox_id = ?", (box.mailbox_id,))
        _tell(scope, self._origin, [event_of(MailboxEventKind.DELETED, box)], (box.mailbox_id,))


class Rename(Write):
    __slots__ = ("_new", "_old", "_origin")

    def __init__(self, old: str, new: str, origin: object) -> None:
        self._old = old
        self._new = new
        self._origin = origin

    def apply(self, scope: Scope) -> None:
        new, old = checked(self._new, scope.settings), scope.books.spelt(self._old.removesuffix(SEPARATOR))
        if old == INBOX:
            self._move_inbox(scope, new)
            return
        subscribed, before = scope.books.subscriptions, scope.books.boxes.copy()
        boxes = scope.books.rename(old, new)
        modseq = scope.next_modseq(*boxes)
        for box in boxes:
            checked(box.name, scope.settings)  # a child's name may have grown too long
            scope.touched.add(box.mailbox_id)
        # Out of the way first: a chain of renames may pass over a name that is still taken.
        rename = "UPDATE mailboxes SET name = ? WHERE id = ?"
        scope.db.executemany(rename, [(f"\x00{modseq}/{box.mailbox_id}", box.mailbox_id) for box in boxes])
        scope.db.executemany(rename, [(box.name, box.mailbox_id) for box in boxes])
        _resubscribe(scope, subscribed)
        events = [event_of(MailboxEventKind.RENAMED, box, before[box.mailbox_id].name) for box in boxes]
        _tell(scope, self._origin, events)

    def _move_inbox(self, scope: Scope, new: str) -> None:
        """RFC 3501 §6.3.5: the messages move to a new mailbox, INBOX stays, its children too."""
        inbox = settle(scope, scope.books.named(INBOX))
        target = _create(scope, new)
        scope.db.execute(_COPY_ANNOTATIONS, (target.mailbox_id, inbox.mailbox_id))
        _tell(scope, self._origin, [event_of(MailboxEventKind.CREATED, target, INBOX)])
        condition = among(scope.db, inbox.mailbox_id, None)
        if found := rows(scope.db, condition):
            transfer(scope, inbox.mailbox_id, target.mailbox_id, condition, found, move=True, origin=self._origin)


class SetSpecialUse(Write):
    """The result: the id of the mailbox that had it before, or None."""

    __slots__ = ("_mailbox_id", "_origin", "_owner", "_special_use")

    def __init__(self, mailbox_id: int, special_use: str | None, owner: int, origin: object) -> None:
        self._mailbox_id = mailbox_id
        self._special_use = special_use
        self._owner = owner
        self._origin = origin

    def apply(self, scope: Scope) -> int | None:
        changed = scope.books.use(self._mailbox_id, self._special_use)
        if not changed:
            return None
        modseq = scope.next_modseq(*changed)
        for box in changed:
            scope.touched.add(box.mailbox_id)
            scope.db.execute("UPDATE mailboxes SET special_use = ? WHERE id = ?", (box.special_use, box.mailbox_id))
        scope.effects += uses_changed(changed, self._owner, modseq, self._origin)
        return changed[1].mailbox_id if len(changed) > 1 else None


def _resubscribe(scope: Scope, before: frozenset[str]) -> None:
    now = scope.books.subscriptions
    for name in before - now:
        scope.db.execute("DELETE FROM subscriptions WHERE name = ?", (name,))
    for name in now - before:
        scope.db.execute("INSERT OR IGNORE INTO subscriptions VALUES (?)", (name,))


class Subscribe(Write):
    __slots__ = ("_name", "_on", "_origin")

    def __init__(self, name: str, on: bool, origin: object) -> None:
        self._name = name
        self._on = on
        self._origin = origin

    def apply(self, scope: Scope) -> None:
        before = scope.books.subscriptions
        if self._on:
            name = scope.books.spelt(checked(self._name, scope.settings))
            if name in before:
                return
            if len(before) >= scope.settings.max_subscriptions:
                raise BadMailboxName(f"{len(before)} subscriptions are enough", text="Too many subscriptions")
            scope.books.subscriptions = before | {name}
        else:
            name = scope.books.spelt(self._name.removesuffix(SEPARATOR))
            if name not in before:
                return
            scope.books.subscriptions = before - {name}
        scope.next_modseq()
        _resubscribe(scope, before)
        kind = MailboxEventKind.SUBSCRIBED if self._on else MailboxEventKind.UNSUBSCRIBED
        _tell(scope, self._origin, [MailboxEvent(kind, scope.books.names.get(name, 0), name)])
