"""Annotations of mailboxes and of the account (RFC 5464).

Owns: the SQL of the table annotations, changing some entries as one write. Never: decides who may.
Raises: NoSuchMailbox, TooManyAnnotations, apsw.Error.
"""

import json
from collections.abc import Mapping

import apsw

from postroom.store.annotations import by_owner
from postroom.store.api import AnnotationsChanged, TooManyAnnotations
from postroom.store.views import Annotated

from .query import fetch
from .writer import Scope, Write

_READ = "SELECT entry, value FROM annotations WHERE mailbox_id = ? AND owner IN (0, ?) ORDER BY entry"
_READ_MANY = """
SELECT mailbox_id, entry, value FROM annotations
WHERE mailbox_id IN (SELECT value FROM json_each(?)) AND owner IN (0, ?) AND entry IN (SELECT value FROM json_each(?))
"""
_HAVE = "SELECT entry, value FROM annotations WHERE mailbox_id = ? AND owner = ?"
_PUT = "INSERT INTO annotations VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
_REMOVE = "DELETE FROM annotations WHERE mailbox_id = ? AND owner = ? AND entry = ?"
# Those of a deleted mailbox wait for the purge; nobody sees them.
_OCTETS = """
SELECT coalesce(sum(length(value)), 0) FROM annotations
WHERE mailbox_id = 0 OR mailbox_id IN (SELECT id FROM mailboxes WHERE deleted_at IS NULL)
"""


class SetAnnotations(Write):
    """Some entries, all or none."""

    __slots__ = ("_mailbox_id", "_origin", "_owner", "_values")

    def __init__(self, mailbox_id: int | None, owner: int, values: Mapping[str, bytes | None], origin: object) -> None:
        self._mailbox_id = mailbox_id
        self._owner = owner
        self._values = values
        self._origin = origin

    def apply(self, scope: Scope) -> None:
        if self._mailbox_id is not None:
            scope.books.numbered(self._mailbox_id)
        at = self._mailbox_id or 0
        changed: list[tuple[int, tuple[str, ...]]] = []
        for owner, values in by_owner(self._owner, self._values).items():
            have: dict[str, bytes] = dict(fetch(scope.db, _HAVE, (at, owner)))
            news = {entry: value for entry, value in values.items() if have.get(entry) != value}
            for entry, value in news.items():
                if value is None:
                    scope.db.execute(_REMOVE, (at, owner, entry))
                else:
                    scope.db.execute(_PUT, (at, owner, entry, value))
            count = len({entry for entry, value in {**have, **news}.items() if value is not None})
            if count > max(len(have), scope.settings.max_annotations):
                raise TooManyAnnotations(f"{count} annotations of mailbox {at}, owner {owner}")
            if news:
                changed.append((owner, tuple(sorted(news))))
        if changed:
            # RFC 7162 §3.2: the mailbox has changed
            modseq = scope.next_modseq(*() if self._mailbox_id is None else (scope.touch(self._mailbox_id),))
            for owner, entries in changed:
                change = AnnotationsChanged(self._mailbox_id, owner, entries, modseq, self._origin)
                scope.effects.append(Annotated(change))


def read_annotations(db: apsw.Connection, mailbox_id: int | None, reader: int) -> dict[str, bytes]:
    """What is shared, and what is the reader's own."""
    return dict(fetch(db, _READ, (mailbox_id or 0, reader)))


def read_many(
    db: apsw.Connection, mailbox_ids: list[int], reader: int, entries: list[str]
) -> dict[int, dict[str, bytes]]:
    """The same of many mailboxes, some entries only."""
    found: dict[int, dict[str, bytes]] = {}
    for mailbox_id, entry, value in fetch(db, _READ_MANY, (json.dumps(mailbox_ids), reader, json.dumps(entries))):
        found.setdefault(mailbox_id, {})[entry] = value
    return found


def octets(db: apsw.Connection) -> int:
    """Of all values that can be seen."""
    (total,) = fetch(db, _OCTETS)[0]
    return int(total)
