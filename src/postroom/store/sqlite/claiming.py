"""Taking the \\Recent marks of a mailbox where several processes may want them (RFC 3501 §2.3.2).

Owns: that as one write. Never: is used by a process that has the account alone; it keeps the marks in memory. Raises:
NoSuchMailbox.
"""

from postroom.store.books import Books
from postroom.store.views import Claimed

from .writer import Scope, Write


class ClaimRecent(Write):
    """The result: the first uid that nobody had, and the one up to which (not with) they are now taken."""

    __slots__ = ("_mailbox_id",)
    durable = False  # after a power loss \Recent may be shown again

    def __init__(self, mailbox_id: int) -> None:
        self._mailbox_id = mailbox_id

    def light_octets(self, books: Books) -> int | None:
        return 0

    def apply(self, scope: Scope) -> tuple[int, int]:
        first, end = (box := scope.books.numbered(self._mailbox_id)).recent_uid, box.uid_next
        if first < end:
            box = scope.touch(self._mailbox_id)
            box.recent_uid = end
            scope.next_modseq()  # the account's: to clients nothing has changed
            scope.effects.append(Claimed(self._mailbox_id, end))
        return first, end
