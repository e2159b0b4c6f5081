"""Which rows of a mailbox a change is about, as a condition in SQL.

Owns: turning a list of uids into the cheapest condition, and the columns of a view's row. Never: changes anything.
Raises: nothing of its own.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import apsw

from postroom.store.books import Books
from postroom.store.views import Row

from .query import fetch

# A condition on `messages` and the values it binds
Condition = tuple[str, tuple[Any, ...]]

ROW = ("uid", "flags", "modseq", "size", "internal_date", "content_id")
_ROW = ", ".join(ROW)
FEW = 20  # messages that are little work, row by row
_DENSE = 8  # uids spread over at most that many times their number are worth counting


def among(db: apsw.Connection, mailbox_id: int, uids: Sequence[int] | None) -> Condition:
    """The messages of a mailbox with these uids; all of them when None."""
    if uids is None:
        return "mailbox_id = ?", (mailbox_id,)
    numbers = sorted(set(uids))
    if not numbers:
        return "0", ()
    first, last, count = numbers[0], numbers[-1], len(numbers)
    span = last - first + 1
    if span == count or (span <= count * _DENSE and _covers(db, mailbox_id, numbers)):
        return "mailbox_id = ? AND uid BETWEEN ? AND ?", (mailbox_id, first, last)
    listed = apsw.carray(array("q", numbers))
    return "mailbox_id = ? AND uid IN (SELECT value FROM carray(?))", (mailbox_id, listed)


def _covers(db: apsw.Connection, mailbox_id: int, numbers: Sequence[int]) -> bool:
    """True when the mailbox has no other messages between the first and the last of them."""
    found = fetch(
        db,
        "SELECT uid FROM messages WHERE mailbox_id = ? AND uid BETWEEN ? AND ?",
        (mailbox_id, numbers[0], numbers[-1]),
    )
    return len(found) <= len(numbers) and {uid for (uid,) in found}.issubset(numbers)


def is_little(books: Books, mailbox_id: int, uids: Sequence[int] | None) -> bool:
    """True when a change of these messages, row by row, is done in no time."""
    if uids is None or len(uids) > FEW:
        return False
    box = books.boxes.get(mailbox_id)
    return box is None or not box.runs  # which would have to be brought into all their messages first


def rows(db: apsw.Connection, condition: Condition, more: str = "") -> list[Row]:
    """The rows, in uid order."""
    where, args = condition
    found: list[Row] = fetch(db, f"SELECT {_ROW} FROM messages WHERE {where} {more} ORDER BY uid", args)
    return found
