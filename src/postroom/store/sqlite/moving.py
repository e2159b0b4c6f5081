"""Copying, moving and expunging messages.

Owns: COPY, MOVE and EXPUNGE as one write each. Rows move, contents stay where they are. Never: removes a content (see
purging). Raises: NoSuchMailbox, OverQuota, TooManyKeywords.
"""

from collections.abc import Sequence

from postroom.store.api import DELETED, FIRST_KEYWORD_BIT, Copied
from postroom.store.books import Books, Box
from postroom.store.flags import translated
from postroom.store.views import Row, added, gone

from .runs import settle
from .selecting import Condition, among, is_little, rows
from .writer import Scope, Write

_TO_TOMBSTONES = """
INSERT INTO expunged SELECT mailbox_id, uid, ?, flags, {content}, size, internal_date, ? FROM messages
WHERE {where} {more}
"""
_COPY_ROWS = """
INSERT INTO messages SELECT ?, ? + row_number() OVER (ORDER BY uid), ?, flags, content_id, size, internal_date, ?
FROM messages WHERE {where}
"""
_SHARE = """
INSERT INTO shared_contents SELECT content_id, 1 FROM messages WHERE {where}
ON CONFLICT (content_id) DO UPDATE SET copies = copies + 1
"""


class Expunge(Write):
    """Take messages out of a mailbox; they are kept for the undo time. The result: their uids."""

    __slots__ = ("_mailbox_id", "_marked_only", "_origin", "_uids")

    def __init__(self, mailbox_id: int, uids: Sequence[int] | None, *, marked_only: bool, origin: object) -> None:
        self._mailbox_id = mailbox_id
        self._uids = uids
        self._marked_only = marked_only
        self._origin = origin

    def light_octets(self, books: Books) -> int | None:
        return 0 if is_little(books, self._mailbox_id, self._uids) else None

    def apply(self, scope: Scope) -> tuple[int, ...]:
        settle(scope, scope.books.numbered(self._mailbox_id))
        condition = among(scope.db, self._mailbox_id, self._uids)
        more = f"AND flags & {DELETED}" if self._marked_only else ""
        found = rows(scope.db, condition, more)
        if not found:
            return ()
        take_out(scope, self._mailbox_id, condition, more, found, "content_id", self._origin)
        return tuple([row[0] for row in found])


def take_out(
    scope: Scope,
    mailbox_id: int,
    condition: Condition,
    more: str,
    found: Sequence[Row],
    content: str,
    origin: object,
    modseq: int | None = None,
) -> None:
    """Turn rows into tombstones."""
    where, args = condition
    box = scope.touch(mailbox_id)
    if modseq is None:
        modseq = scope.next_modseq()
    box.highest_modseq = modseq
    sql = _TO_TOMBSTONES.format(content=content, where=where, more=more)
    scope.db.execute(sql, (modseq, scope.now, *args))
    scope.db.execute(f"DELETE FROM messages WHERE {where} {more}", args)
    _count(scope, box, found, -1)
    scope.effects.append(gone(mailbox_id, found, modseq, origin))


def _count(scope: Scope, box: Box, found: Sequence[Row], by: int) -> None:
    _, masks, _, sizes, _, _ = zip(*found, strict=True)
    if masks.count(masks[0]) == len(masks):  # as when all are marked alike
        scope.books.count(box, ((masks[0], by * sum(sizes), by * len(masks)),))
        return
    groups: dict[int, list[int]] = {}
    for mask, size in zip(masks, sizes, strict=True):
        if (group := groups.get(mask)) is None:
            groups[mask] = [size, 1]
        else:
            group[0] += size
            group[1] += 1
    scope.books.count(box, [(mask, by * octets, by * count) for mask, (octets, count) in groups.items()])


class Copy(Write):
    """Put the same contents into another mailbox as well, or (move) instead."""

    __slots__ = ("_mailbox_id", "_move", "_origin", "_quota", "_target", "_uids")

    def __init__(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        target: str,
        *,
        move: bool,
        quota: tuple[int | None, int | None],
        origin: object,
    ) -> None:
        self._mailbox_id = mailbox_id
        self._uids = uids
        self._target = target
        self._move = move
        self._quota = quota
        self._origin = origin

    def light_octets(self, books: Books) -> int | None:
        return 0 if is_little(books, self._mailbox_id, self._uids) else None

    def apply(self, scope: Scope) -> Copied:
        settle(scope, scope.books.numbered(self._mailbox_id))
        target = scope.books.named(self._target)
        condition = among(scope.db, self._mailbox_id, self._uids)
        found = rows(scope.db, condition)
        if not found:
            return Copied(target.uid_validity, (), ())
        if target.mailbox_id == self._mailbox_id:  # the copies must not fall under the condition
            condition = among(scope.db, self._mailbox_id, [row[0] for row in found])
        if not self._move:
            scope.books.check_room(sum([row[3] for row in found]), len(found), *self._quota)
        return transfer(
            scope, self._mailbox_id, target.mailbox_id, condition, found, move=self._move, origin=self._origin
        )


def transfer(
    scope: Scope,
    source_id: int,
    target_id: int,
    condition: Condition,
    found: Sequence[Row],
    *,
    move: bool,
    origin: object,
) -> Copied:
    """Copy or move the rows that `condition` describes and `found` lists."""
    where, args = condition
    source, target = scope.touch(source_id), scope.touch(target_id)
    modseq = scope.next_modseq(target)
    first = target.uid_next
    target.uid_next += len(found)
    new_rows = _new_rows(scope, source, target, found, modseq, first)
    if not move:
        scope.db.execute(_SHARE.format(where=where), args)
    if all(new[1] == old[1] for new, old in zip(new_rows, found, strict=True)):
        scope.db.execute(_COPY_ROWS.format(where=where), (target_id, first - 1, modseq, scope.now, *args))
    else:  # the two mailboxes have their keywords at different bits
        scope.db.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (target_id, uid, modseq, mask, content, size, date, scope.now)
                for uid, mask, _, size, date, content in new_rows
            ],
        )
    _count(scope, target, new_rows, 1)
    scope.effects.append(added(target, new_rows, modseq, origin))
    if move:
        # RFC 6851: one transaction. The tombstone names no content: there is nothing to bring back.
        take_out(scope, source_id, condition, "", found, "NULL", origin, modseq)
    source_uids = tuple([row[0] for row in found])
    return Copied(target.uid_validity, source_uids, tuple(range(first, first + len(found))))


def _new_rows(scope: Scope, source: Box, target: Box, found: Sequence[Row], modseq: int, first: int) -> list[Row]:
    keywords = target.keywords
    becomes: dict[int, int] = {}
    for mask in {row[1] for row in found}:
        becomes[mask], keywords = translated(mask, source.keywords, keywords)
    if keywords is not target.keywords:
        scope.add_keywords(target, keywords, FIRST_KEYWORD_BIT)
    return [
        (uid, becomes[mask], modseq, size, date, content)
        for uid, (_, mask, _, size, date, content) in enumerate(found, first)
    ]
