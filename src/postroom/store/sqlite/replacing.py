"""Putting a message in the place of another.

Owns: REPLACE (RFC 8508) as one write. Never: decides who may. Raises: NoSuchMailbox, NoSuchMessage, OverQuota,
TooManyKeywords, BadMailboxName.
"""

from dataclasses import replace

from postroom.store.api import Appended, NoSuchMessage
from postroom.store.books import Books, with_room

from .appending import Append, Item
from .moving import take_out
from .runs import settle
from .selecting import among, is_little, rows
from .writer import Scope


class Replace(Append):
    """Append one message, then expunge another. The result is that of the append, a list of one."""

    __slots__ = ("_item", "_source_id", "_uid")

    def __init__(self, mailbox_id: int, uid: int, target: str, item: Item) -> None:
        super().__init__(target, [item])
        self._item = item
        self._source_id = mailbox_id
        self._uid = uid

    def light_octets(self, books: Books) -> int | None:
        return super().light_octets(books) if is_little(books, self._source_id, (self._uid,)) else None

    def apply(self, scope: Scope) -> list[Appended]:
        settle(scope, scope.books.numbered(self._source_id))
        condition = among(scope.db, self._source_id, [self._uid])
        found = rows(scope.db, condition)
        if not found:
            raise NoSuchMessage(f"mailbox {self._source_id} has no uid {self._uid}")  # RFC 8508 §3.4
        options = self._item.options
        self._items = [replace(self._item, options=with_room(options, found[0][3]))]
        done = super().apply(scope)
        modseq = scope.books.modseq if scope.changed else None  # None: a delivery made before
        take_out(scope, self._source_id, condition, "", found, "content_id", options.origin, modseq)
        return done
