"""What the store in memory remembers beside its rows: expunged uids, and when messages came.

Owns: the tombstones and save dates of one account's mailboxes. Never: outlives the process. Raises: nothing.
"""

from collections.abc import Iterable, Sequence

from postroom.base import Clock

from .settings import StoreSettings
from .views import Row

_DAY = 86_400


class MemoryHistory:
    """By mailbox. What was expunged is forgotten after the undo time, as on disk."""

    def __init__(self, settings: StoreSettings, clock: Clock) -> None:
        self._keep = settings.undo_days * _DAY
        self._clock = clock
        self._gone: dict[int, list[tuple[int, int, int]]] = {}  # (modseq, uid, when), in order
        self._purged: dict[int, int] = {}  # the highest modseq that was forgotten
        self._saved: dict[int, dict[int, int]] = {}

    def saved(self, mailbox_id: int, rows: Iterable[Row]) -> None:
        """Messages came into a mailbox, now."""
        now = int(self._clock.now())
        self._saved.setdefault(mailbox_id, {}).update({row[0]: now for row in rows})

    def expunged(self, mailbox_id: int, uids: Iterable[int], modseq: int) -> None:
        """Messages went, now."""
        now = int(self._clock.now())
        gone, saved = self._gone.setdefault(mailbox_id, []), self._saved.get(mailbox_id, {})
        for uid in uids:
            gone.append((modseq, uid, now))
            saved.pop(uid, None)

    def expunged_since(self, mailbox_id: int, modseq: int) -> tuple[int, ...] | None:
        """In order; None when the history does not reach back so far."""
        expired = int(self._clock.now()) - self._keep
        gone = self._gone.get(mailbox_id, [])
        if lost := [one for one in gone if one[2] <= expired]:
            self._purged[mailbox_id] = max(self._purged.get(mailbox_id, 0), *[one[0] for one in lost], 0)
            gone[:] = [one for one in gone if one[2] > expired]
        if self._purged.get(mailbox_id, 0) > modseq:
            return None
        return tuple(sorted(uid for changed, uid, _ in gone if changed > modseq))

    def save_dates(self, mailbox_id: int, uids: Sequence[int]) -> dict[int, int]:
        """Of those it is known of."""
        saved = self._saved.get(mailbox_id, {})
        return {uid: saved[uid] for uid in uids if uid in saved}

    def forget(self, mailbox_id: int) -> None:
        """The mailbox was deleted."""
        for kept in (self._gone, self._purged, self._saved):
            kept.pop(mailbox_id, None)
