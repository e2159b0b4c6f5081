"""Changing flags.

Owns: STORE as one write. Never: decides who may. Raises: NoSuchMailbox, TooManyKeywords.
"""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

from postroom.store.api import FIRST_KEYWORD_BIT, FlagAction, Flagged, FlagsChanged
from postroom.store.books import Books, Box
from postroom.store.flags import changed_mask, mask_of
from postroom.store.views import Masked

from . import runs
from .query import columns, fetch
from .selecting import FEW, among, is_little
from .writer import Scope, Write

_UPDATE = {  # what changes, and only rows that it changes
    FlagAction.ADD: ("flags = flags | ?", "flags & ? <> ?"),
    FlagAction.REMOVE: ("flags = flags & ~?", "flags & ? <> 0"),
    FlagAction.REPLACE: ("flags = ?", "flags <> ?"),
}


class SetFlags(Write):
    """One action with one set of flags on some messages of a mailbox."""

    __slots__ = ("_action", "_flags", "_known", "_mailbox_id", "_origin", "_uids", "_unchanged_since")

    def __init__(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        action: FlagAction,
        flags: frozenset[str],
        unchanged_since: int | None,
        origin: object,
        known: runs.Known | None = None,
    ) -> None:
        self._mailbox_id = mailbox_id
        self._uids = uids
        self._action = action
        self._flags = flags
        self._unchanged_since = unchanged_since
        self._origin = origin
        self._known = known  # of exactly these messages

    def light_octets(self, books: Books) -> int | None:
        return 0 if is_little(books, self._mailbox_id, self._uids) else None

    def apply(self, scope: Scope) -> Flagged:
        box = scope.books.numbered(self._mailbox_id)
        grow = self._action is not FlagAction.REMOVE
        mask, keywords = mask_of(sorted(self._flags), box.keywords, grow=grow)
        known = self._known
        if known is not None and known.modseq == box.highest_modseq and self._unchanged_since is None:
            becomes = self._becomes(known.masks, mask)
            if all(old != new for old, new in becomes.items()):
                return self._run(scope, box, mask, keywords, known.masks, becomes)
        return self._rows(scope, runs.settle(scope, box), mask, keywords)

    def _becomes(self, olds: "Sequence[int]", mask: int) -> dict[int, int]:
        """What each combination of flags that occurs becomes."""
        return {old: changed_mask(old, self._action, mask) for old in (olds[:1] if _uniform(olds) else set(olds))}

    def _run(
        self,
        scope: Scope,
        box: Box,
        mask: int,
        keywords: tuple[str, ...],
        olds: "Sequence[int]",
        becomes: Mapping[int, int],
    ) -> Flagged:
        """All of many neighbours change."""
        box, modseq = self._begin(scope, box, keywords)
        uids = tuple(self._uids)
        runs.add(scope, box, uids, modseq, runs.change_of(self._action, mask))
        news = self._count(box, olds, becomes)
        self._tell(scope, uids, news, modseq, mask)
        return Flagged(uids, news, modseq, (), (modseq,) * len(uids))

    def _begin(self, scope: Scope, box: Box, keywords: tuple[str, ...]) -> tuple[Box, int]:
        box = scope.touch(box.mailbox_id)
        modseq = scope.next_modseq(box)
        if keywords is not box.keywords:
            scope.add_keywords(box, keywords, FIRST_KEYWORD_BIT)
        return box, modseq

    def _count(self, box: Box, olds: "Sequence[int]", becomes: Mapping[int, int]) -> tuple[int, ...]:
        """Count the messages anew; what they have now."""
        uniform = len(becomes) == 1  # as they mostly are when there are many
        groups = {olds[0]: len(olds)} if uniform else Counter(olds)
        for old, count in groups.items():
            if becomes[old] != old:
                box.count(old, 0, -count)
                box.count(becomes[old], 0, count)
        return (becomes[olds[0]],) * len(olds) if uniform else tuple(map(becomes.__getitem__, olds))

    def _tell(self, scope: Scope, changed: tuple[int, ...], masks: tuple[int, ...], modseq: int, mask: int) -> None:
        touched = -1 if self._action is FlagAction.REPLACE else mask
        change = FlagsChanged(self._mailbox_id, changed, modseq, self._origin, touched)
        scope.effects.append(Masked(self._mailbox_id, masks, change))

    def _rows(self, scope: Scope, box: Box, mask: int, keywords: tuple[str, ...]) -> Flagged:
        """Each message for itself."""
        where, args = among(scope.db, self._mailbox_id, self._uids)
        uids, olds, unmodified = self._read(scope, where, args)
        if not uids:
            return Flagged((), (), box.highest_modseq, unmodified)
        becomes = self._becomes(olds, mask)
        modseqs: tuple[int, ...] = ()
        if any(old == new for old, new in becomes.items()):  # those keep the modseq they have
            modseqs = self._modseqs(scope, where, args)
        if all(old == new for old, new in becomes.items()):
            return Flagged(uids, olds, box.highest_modseq, unmodified, modseqs)

        box, modseq = self._begin(scope, box, keywords)
        self._update(scope, where, args, mask, modseq)
        news = self._count(box, olds, becomes)
        changed, masks = uids, news
        if modseqs:
            same = [old == new for old, new in zip(olds, news, strict=True)]
            modseqs = tuple([before if kept else modseq for before, kept in zip(modseqs, same, strict=True)])
            pairs = [(uid, new) for uid, kept, new in zip(uids, same, news, strict=True) if not kept]
            changed, masks = zip(*pairs, strict=True)
        else:
            modseqs = (modseq,) * len(uids)
        self._tell(scope, changed, masks, modseq, mask)
        return Flagged(uids, news, modseq, unmodified, modseqs)

    def _modseqs(self, scope: Scope, where: str, args: tuple[object, ...]) -> tuple[int, ...]:
        """Of the messages to change, before it."""
        since = self._unchanged_since
        only, more = ("", ()) if since is None else ("AND modseq <= ?", (since,))
        return columns(scope.db, ("modseq",), f"messages WHERE {where} {only} ORDER BY uid", (*args, *more))[0]

    def _read(
        self, scope: Scope, where: str, args: tuple[object, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Uids and masks of the messages to change, and the uids that were changed since (RFC 7162 §3.1.3)."""
        source = f"messages WHERE {where}"
        since = self._unchanged_since
        if since is None:
            return *self._read_all(scope, source, args), ()
        uids, olds = columns(scope.db, ("uid", "flags"), f"{source} AND modseq <= ? ORDER BY uid", (*args, since))
        (late,) = columns(scope.db, ("uid",), f"{source} AND modseq > ? ORDER BY uid", (*args, since))
        return uids, olds, late

    def _read_all(self, scope: Scope, source: str, args: tuple[object, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        count = len(self._uids)
        if count <= FEW:
            found = fetch(scope.db, f"SELECT uid, flags FROM {source} ORDER BY uid", args)
            return tuple([uid for uid, _ in found]), tuple([flags for _, flags in found])
        first, last = self._uids[0], self._uids[-1]
        if last - first == count - 1:  # most likely one run without gaps: then the flags are enough
            (olds,) = columns(scope.db, ("flags",), f"{source} ORDER BY uid", args)
            uids = tuple(range(first, last + 1))
            if len(olds) == count and tuple(self._uids) == uids:
                return uids, olds
        uids, olds = columns(scope.db, ("uid", "flags"), f"{source} ORDER BY uid", args)
        return uids, olds

    def _update(self, scope: Scope, where: str, args: tuple[object, ...], mask: int, modseq: int) -> None:
        change, needed = _UPDATE[self._action]
        values: list[object] = [mask, modseq, *args, mask]
        if self._action is FlagAction.ADD:
            values.append(mask)
        if self._unchanged_since is not None:
            needed += " AND modseq <= ?"
            values.append(self._unchanged_since)
        sql = f"UPDATE messages SET {change}, modseq = ? WHERE {where} AND {needed}"
        scope.db.execute(sql, values)


def _uniform(masks: Sequence[int]) -> bool:
    if isinstance(masks, array):
        return masks.tobytes() == masks[:1].tobytes() * len(masks)
    return masks.count(masks[0]) == len(masks)
