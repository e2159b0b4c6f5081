"""Which messages the last changes of a mailbox touched, so that who was away for a moment need not look at all.

Owns: RecentChanges, a part of a view. Never: outlives the view; what it does not reach back to is asked of the view's
modification sequences. Raises: nothing.
"""

from collections import deque
from collections.abc import Sequence

MAX_REMEMBERED_UIDS = 4096  # of all remembered changes together; with more of them a look at all is as quick


class RecentChanges:
    """New messages and new flags by modseq, from some modseq on."""

    __slots__ = ("_changes", "_count", "_since")

    def __init__(self, since: int | None = None) -> None:
        """`since`: the modseq that the view was loaded at; None: not known, and nothing is before the next change."""
        self._since = since
        self._changes: deque[tuple[int, Sequence[int]]] = deque()
        self._count = 0

    def add(self, modseq: int, uids: Sequence[int]) -> None:
        """The next change, with a higher modseq than any before."""
        if self._since is None:
            self._since = modseq
            return
        self._changes.append((modseq, uids))
        self._count += len(uids)
        while self._count > MAX_REMEMBERED_UIDS:
            self._since, forgotten = self._changes.popleft()
            self._count -= len(forgotten)

    def after(self, modseq: int) -> set[int] | None:
        """The uids that were touched after a modseq, some of which may be gone; None: that is not remembered."""
        if self._since is None or modseq < self._since:
            return None
        found: set[int] = set()
        for changed_at, uids in reversed(self._changes):
            if changed_at <= modseq:
                break
            found.update(uids)
        return found
