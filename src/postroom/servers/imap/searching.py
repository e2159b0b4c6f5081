"""Finding the messages of one mailbox that a key tree describes (RFC 3501 §6.4.4): what every searching command does.

Owns: Searching. Never: answers the client; looks into messages (the store's index does). Raises: Refused, StoreError.

A key is asked about candidates, ascending positions, and answers with those it holds for: keys that must all hold are
asked in turn, cheap ones first, each about what the ones before left over.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import compress

from postroom.imap.seqset import Span
from postroom.imap.types import (
    All,
    And,
    DateField,
    DateRange,
    EmailId,
    Fuzzy,
    HasFlag,
    InSet,
    Larger,
    ModSeq,
    Not,
    Or,
    SearchKey,
    Smaller,
    Text,
    ThreadId,
    Within,
)
from postroom.store.api import SYSTEM_FLAGS, TextField, TextQuery

from .object_ids import parse_object_id
from .selected import LOWEST_OCTET, Rows, SelectedMailbox
from .session import Session

_EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
_LAST_DAY = 3_652_059  # date.max.toordinal()
_SYSTEM_BITS = {name.lower(): bit for name, bit in SYSTEM_FLAGS}
_CHUNK = 50_000  # candidates looked at before other sessions get their turn

_ONE = re.compile(b"\1")

Candidates = Sequence[int]


@dataclass(frozen=True, slots=True)
class _Flags:
    """A key that stands for several flags of the view: all of `there` and none of `missing`."""

    there: int
    missing: int


class Searching:
    """One search under way, over a mailbox as it was when the search began.

    `find(key, range(selected.count))` gives positions in the mailbox; `rows` are all its messages' columns.
    """

    def __init__(self, session: Session, selected: SelectedMailbox) -> None:
        self._session = session
        self._selected = selected
        self.rows: Rows = selected.everything()
        self._fuzzy = False  # inside a FUZZY key
        self._scored: dict[int, tuple[int, int]] = {}  # by uid: sum and number of its scores
        self._now = int(session.service.clock.now())  # RFC 5032 §2: one moment for the whole search

    @property
    def uid_validity(self) -> int:
        """Of the mailbox that is searched."""
        return self._selected.view.mailbox.uid_validity

    async def find(self, key: SearchKey, candidates: Candidates) -> Candidates:
        """Those of `candidates` for which the key holds."""
        if not candidates or isinstance(key, All):
            return candidates
        if isinstance(key, And):
            flags, others = self._join_flags(key.keys)
            if flags is not None:
                candidates = await self._look(flags, candidates)
            for one in sorted(others, key=_cost):
                candidates = await self.find(one, candidates)
                await self._session.progress()
            return candidates
        if isinstance(key, Or):
            left, right = sorted((key.left, key.right), key=_cost)
            found = await self.find(left, candidates)
            return sorted([*found, *await self.find(right, _without(candidates, found))])
        if isinstance(key, Not):
            return await self._find_not(key, candidates)
        if isinstance(key, Fuzzy):
            fuzzy, self._fuzzy = self._fuzzy, True
            found = await self.find(key.key, candidates)
            self._fuzzy = fuzzy
            return found
        if isinstance(key, Text):
            return await self._find_text(key, candidates)
        if isinstance(key, DateRange) and key.field is not DateField.INTERNAL:
            return await self._find_dates(key, candidates)
        if isinstance(key, ThreadId):
            return await self._find_thread(key, candidates)
        return await self._look(key, candidates)

    def uids(self, found: Candidates) -> Sequence[int]:
        """The uids at ascending positions; a range where they are one."""
        uids = self.rows.uids
        if not found:
            return ()
        first, last = uids[found[0]], uids[found[-1]]
        if last - first + 1 == len(found):
            return range(first, last + 1)
        if isinstance(found, range):
            return uids[found.start : found.stop]
        return [uids[at] for at in found]

    def scores(self, found: Candidates) -> list[int]:
        """Relevancy (RFC 6203 §4): the mean over the fuzzy keys that found a message, 100 where none judged it."""
        uids, scored = self.rows.uids, self._scored
        pairs = [scored.get(uids[at], (100, 1)) for at in found]
        return [total // count for total, count in pairs]

    def highest_modseq(self, found: Candidates) -> int:
        """Of the messages at these positions; 0 for none."""
        modseqs = self.rows.modseqs
        return max([modseqs[at] for at in found], default=0)

    def _join_flags(self, keys: Sequence[SearchKey]) -> tuple["_Flags | None", list[SearchKey]]:
        """All flags that must be there and must not as one key, and the other keys."""
        wanted = {True: 0, False: 0}
        others: list[SearchKey] = []
        for key in keys:
            if isinstance(key, HasFlag) and (bit := self._bit(key.flag)):
                wanted[key.present] |= bit
            else:
                others.append(key)
        there, missing = wanted[True], wanted[False]
        return (_Flags(there, missing) if there | missing else None), others

    async def _look(self, key: "SearchKey | _Flags", candidates: Candidates) -> Candidates:
        """A key that the view answers, some candidates at a time."""
        if len(candidates) <= _CHUNK:
            return self._look_at(key, candidates)
        found: list[int] = []
        for start in range(0, len(candidates), _CHUNK):
            found += self._look_at(key, candidates[start : start + _CHUNK])
            await self._session.breathe()
            await self._session.progress()
        return found

    def _look_at(self, key: "SearchKey | _Flags", candidates: Candidates) -> Candidates:
        rows = self.rows
        match key:
            case _Flags(there, missing):
                return _flagged(rows.masks, candidates, there, missing)
            case HasFlag(flag, present) if flag.lower() == "\\recent":
                recent = _within(candidates, self._selected.recent_spans())
                return recent if present else _without(candidates, recent)
            case HasFlag(flag, present):
                if not (bit := self._bit(flag)):  # a keyword that no message has
                    return () if present else candidates
                return _flagged(rows.masks, candidates, *((bit, 0) if present else (0, bit)))
            case Larger(octets):
                sizes = rows.sizes
                return [at for at in candidates if sizes[at] > octets]
            case Smaller(octets):
                sizes = rows.sizes
                return [at for at in candidates if sizes[at] < octets]
            case ModSeq(value):
                modseqs = rows.modseqs
                return [at for at in candidates if modseqs[at] >= value]
            case Within(seconds, younger):  # RFC 5032 §2: the moment itself counts for both
                dates, target = rows.dates, self._now - seconds
                if younger:
                    return [at for at in candidates if dates[at] >= target]
                return [at for at in candidates if dates[at] <= target]
            case EmailId(objectid):
                contents, content = rows.content_ids, self._number(b"M", objectid)
                return [at for at in candidates if contents[at] == content] if content is not None else ()
            case DateRange():
                # The internal date "disregarding time and timezone" (RFC 3501 §6.4.4) is its day in UTC here.
                dates = rows.dates
                first, last = _days(key)
                low, high = (first - _EPOCH_DAY) * 86400, (last - _EPOCH_DAY + 1) * 86400
                return [at for at in candidates if low <= dates[at] < high]
            case InSet(seqset, uid):
                return _within(candidates, self._selected.resolve(seqset, uid=uid, lenient=True))
        raise TypeError(f"no such key: {key!r}")

    def _bit(self, flag: str) -> int:
        if flag.startswith("\\"):
            return _SYSTEM_BITS.get(flag.lower(), 0)
        return self._selected.keyword_bit(flag)

    async def _find_text(self, key: Text, candidates: Candidates) -> Candidates:
        query = TextQuery(TextField(key.where.value), key.needle, key.name)
        # Naming the candidates pays when few are left; for most of the mailbox it would only be a long list.
        few = len(candidates) * 2 < self._selected.count
        uids = [self.rows.uids[at] for at in candidates] if few else None
        account, mailbox_id = self._selected.account, self._selected.mailbox_id
        if self._fuzzy and key.needle:
            scores = await account.search_fuzzy(mailbox_id, query, uids)
            for uid, score in scores.items():
                total, count = self._scored.get(uid, (0, 0))
                self._scored[uid] = (total + score, count + 1)
            return self._with_uid(scores.keys(), candidates)
        return self._with_uid(await account.search_text(mailbox_id, query, uids), candidates)

    async def _find_not(self, key: Not, candidates: Candidates) -> Candidates:
        scored = dict(self._scored)
        found = await self.find(key.key, candidates)
        self._scored = scored  # how well a message fits what it must not be says nothing of it
        return _without(candidates, found)

    async def _find_dates(self, key: DateRange, candidates: Candidates) -> Candidates:
        """Days that the view does not have: of the Date field, of being saved."""
        first, last = _days(key)
        account, mailbox_id = self._selected.account, self._selected.mailbox_id
        if key.field is DateField.SENT:
            return self._with_uid(await account.search_sent(mailbox_id, first, last), candidates)
        saved = await account.save_dates(mailbox_id)
        low, high = (first - _EPOCH_DAY) * 86400, (last - _EPOCH_DAY + 1) * 86400
        return self._with_uid({uid for uid, date in saved.items() if low <= date < high}, candidates)

    async def _find_thread(self, key: ThreadId, candidates: Candidates) -> Candidates:
        if (thread_id := self._number(b"T", key.objectid)) is None:
            return ()
        found = await self._selected.account.search_thread(self._selected.mailbox_id, thread_id)
        return self._with_uid(found, candidates)

    def _number(self, kind: bytes, objectid: bytes) -> int | None:
        return parse_object_id(objectid, kind, self._selected.account.account_id)

    def _with_uid(self, found: AbstractSet[int], candidates: Candidates) -> Candidates:
        uids = self.rows.uids
        if len(found) * 16 < len(candidates):
            position = self._selected.position
            some = [at for uid in sorted(found) if (at := position(uid)) >= 0]
            if len(candidates) == self._selected.count:
                return some
            wanted = set(candidates)
            return [at for at in some if at in wanted]
        return [at for at in candidates if uids[at] in found]


def _days(key: DateRange) -> tuple[int, int]:
    """The first and the last day that count; the last comes before the first when none does."""
    return 1 if key.first is None else key.first, _LAST_DAY if key.last is None else key.last


def _flagged(masks: Sequence[int], candidates: Candidates, there: int, missing: int) -> Candidates:
    """The candidates that have all flags of `there` and none of `missing`."""
    if there & missing:
        return ()
    asked = there | missing
    if asked > 255 or not isinstance(masks, array) or not isinstance(candidates, range):
        return [at for at in candidates if masks[at] & asked == there]
    # The system flags lie in the lowest octet of a mask: sixteen times faster by octets than by numbers.
    octets = masks[candidates.start : candidates.stop].tobytes()[LOWEST_OCTET :: masks.itemsize]
    hits = octets.translate(bytes([mask & asked == there for mask in range(256)]))
    count = hits.count(1)
    if count == len(candidates):
        return candidates
    if count * 4 > len(candidates):
        return list(compress(candidates, hits))
    first = candidates.start
    return [first + hit.start() for hit in _ONE.finditer(hits)]


def _within(candidates: Candidates, spans: Sequence[Span]) -> Candidates:
    found: list[int] = []
    for start, stop in spans:
        found += candidates[bisect_left(candidates, start) : bisect_left(candidates, stop)]
    return found


def _without(candidates: Candidates, found: Candidates) -> Candidates:
    if not found:
        return candidates
    if len(found) == len(candidates):
        return ()
    out = set(found)
    return [at for at in candidates if at not in out]


def _cost(key: SearchKey) -> int:
    """What to ask first: the view before the index, the narrow field before the whole text."""
    if isinstance(key, And):
        return max((_cost(one) for one in key.keys), default=0)
    if isinstance(key, Or):
        return max(_cost(key.left), _cost(key.right))
    if isinstance(key, Not | Fuzzy):
        return _cost(key.key)
    if isinstance(key, InSet):
        return 0
    if isinstance(key, Text):
        return 4 if key.where.value in ("body", "text") else 3
    if isinstance(key, ThreadId) or (isinstance(key, DateRange) and key.field is not DateField.INTERNAL):
        return 2
    return 1
