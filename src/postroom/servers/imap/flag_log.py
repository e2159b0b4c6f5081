"""Which flags have changed lately, so that a conditional STORE fails only over flags that it names (RFC 7162 §3.1.12).

Owns: the latest changes of one selected mailbox, as far back as they are remembered. Never: knows what the flags are
now; guesses where it has forgotten. Raises: nothing.
"""

from collections import deque
from collections.abc import Sequence

from postroom.store.api import FlagsChanged, MessagesAdded

_MAX_UIDS = 10_000  # in all changes that are remembered
_ALL = -1


class FlagLog:
    """Begun when the mailbox is selected, at the modseq it has then."""

    def __init__(self, modseq: int, most: int = _MAX_UIDS) -> None:
        self._from = modseq  # everything that happened after it is remembered
        self._most = most
        self._changes: deque[tuple[int, tuple[int, ...], int]] = deque()  # modseq, uids, the flags
        self._uids = 0

    def add(self, change: FlagsChanged | MessagesAdded) -> None:
        """What the change feed has just said; a new message has all its flags anew."""
        flags = change.touched if isinstance(change, FlagsChanged) else _ALL
        self._changes.append((change.modseq, change.uids, flags))
        self._uids += len(change.uids)
        while self._uids > self._most:
            self._from, uids, _ = self._changes.popleft()
            self._uids -= len(uids)

    def untouched(self, uids: Sequence[int], flags: int, since: int) -> list[int]:
        """Those of `uids` with no change to any of the flags after the modseq `since`; none where that is not known."""
        if since < self._from:
            return []
        touched: set[int] = set()
        for modseq, changed, mask in reversed(self._changes):
            if modseq <= since:
                break
            if mask & flags or mask == _ALL:
                touched.update(changed)
        return [uid for uid in uids if uid not in touched]
