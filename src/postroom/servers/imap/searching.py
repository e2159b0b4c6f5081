"""Finding the messages of one mailbox that a key tree describes (RFC 3501 §6.4.4): what every searching command does.

Owns: Searching. Never: answers the client; looks into messages (the store's index does). Raises: Refused, StoreError.

A key is asked about candidates, ascending positions, and answers with those it holds for: keys that must all hold are
asked in turn, cheap ones first, each about what the ones before left over.
"""

from bisect import bisect_left
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import compress

from postroom.imap.seqset import Span, merge
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
    SeqSet,
    Smaller,
    Text,
    ThreadId,
    Within,
)
from postroom.store.api import SEEN, SYSTEM_FLAGS, TextField, TextQuery

from .candidates import Candidates, Columns, cost, union, within, without
from .object_ids import parse_object_id
from .refusal import no
from .rows import Rows
from .selected import SelectedMailbox
from .session import Session

_EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
_LAST_DAY = 3_652_059  # date.max.toordinal()
_SYSTEM_BITS = {name.lower(): bit for name, bit in SYSTEM_FLAGS}
_CHUNK = 50_000  # candidates looked at before other sessions get their turn


class Searching:
    """One search under way, over a mailbox as it was when the search began.

    `find(key, range(selected.count))` gives positions in the mailbox; `rows` are all its messages' columns.
    """

    def __init__(self, session: Session, selected: SelectedMailbox) -> None:
        self._session = session
        self._selected = selected
        self.rows: Rows = selected.everything()
        self._fuzzy = False  # inside a FUZZY key
        self._saved_spans: list[Span] | None = None  # see _saved
        self._scored: dict[int, tuple[int, int]] = {}  # by uid: sum and number of its scores
        self._deadline = session.service.clock.monotonic() + session.settings.max_search_seconds
        self._now = int(session.service.clock.now())  # RFC 5032 §2: one moment for the whole search

    @property
    def uid_validity(self) -> int:
        """Of the mailbox that is searched."""
        return self._selected.view.mailbox.uid_validity

    async def find(self, key: SearchKey, candidates: Candidates) -> Candidates:
        """Those of `candidates`, ascending positions, for which the key holds."""
        columns = Columns()
        others: list[SearchKey] = []
        self._join(key, columns, others)
        columns.settle(self._selected.count, self._saved)
        if columns.never:
            return ()
        candidates = await self._look(columns, candidates)
        for one in sorted(others, key=cost):
            if not candidates:
                break
            candidates = await self._find_other(one, candidates)
            await self._turn()
        return candidates

    def _join(self, key: SearchKey, columns: Columns, others: list[SearchKey]) -> None:
        """All that the view answers becomes one look at its columns; the rest are other keys, all of which must hold.

        Thousands of keys then cost hardly more than one.
        """
        match key:
            case All():
                pass
            case And(keys):
                for one in keys:
                    self._join(one, columns, others)
            case HasFlag(flag, present):
                self._join_flag(flag, present, columns)
            case InSet(seqset, uid):
                spans = self._selected.resolve(SeqSet(seqset.ranges), uid=uid, lenient=True)
                (columns.beside_saved if seqset.saved else columns.sets).append(spans)
            case Not(inner):
                self._join_not(inner, columns, others)
            case Larger(octets):
                columns.bound("sizes", least=octets + 1)
            case Smaller(octets):
                columns.bound("sizes", most=octets - 1)
            case ModSeq(value):
                columns.bound("modseqs", least=value)
            case Within(seconds, younger):  # RFC 5032 §2: the moment itself counts for both
                target = self._now - seconds
                columns.bound("dates", *((target, None) if younger else (None, target)))
            case DateRange(field) if field is DateField.INTERNAL:
                # The internal date "disregarding time and timezone" (RFC 3501 §6.4.4) is its day in UTC here.
                low, high = _seconds(key)
                columns.bound("dates", low, high - 1)
            case EmailId(objectid):  # RFC 8474 §6
                content_id = self._number(b"M", objectid)
                if content_id is None:
                    columns.never = True
                else:
                    columns.bound("content_ids", content_id, content_id)
            case _:
                others.append(key)

    def _join_not(self, key: SearchKey, columns: Columns, others: list[SearchKey]) -> None:
        """The same for a key that must not hold."""
        match key:
            case HasFlag(flag, present):
                self._join_flag(flag, not present, columns)
            case InSet(seqset, uid):
                columns.outside += self._selected.resolve(SeqSet(seqset.ranges), uid=uid, lenient=True)
                columns.outside_saved |= seqset.saved
            case Larger(octets):
                columns.bound("sizes", most=octets)
            case Smaller(octets):
                columns.bound("sizes", least=octets)
            case ModSeq(value):
                columns.bound("modseqs", most=value - 1)
            case Not(inner):
                self._join(inner, columns, others)
            case Or(left, right):
                self._join_not(left, columns, others)
                self._join_not(right, columns, others)
            case _:
                others.append(Not(key))

    def _join_flag(self, flag: str, present: bool, columns: Columns) -> None:
        if flag.lower() == "\\recent":
            spans = self._selected.recent_spans()
            if present:
                columns.among(merge(spans))
            else:
                columns.outside += spans
        elif flag.startswith("\\"):
            columns.flag(_SYSTEM_BITS.get(flag.lower(), 0), present)
        else:
            columns.flag(self._selected.keyword_bit(flag), present)

    def _saved(self) -> list[Span]:
        """What "$" names: looked up once a search, since it may have as many ranges as a mailbox has messages."""
        if self._saved_spans is None:
            self._saved_spans = self._selected.resolve(SeqSet((), saved=True), uid=True)
        return self._saved_spans

    async def _look(self, columns: Columns, candidates: Candidates) -> Candidates:
        """What the view answers, some candidates at a time."""
        if columns.spans is not None:
            candidates = within(candidates, columns.spans)
        if columns.missing & SEEN and candidates and self.rows.masks is self._selected.view.masks:
            first = self._selected.view.first_unseen()  # known already: none before it has to be looked at
            candidates = candidates[bisect_left(candidates, first) :] if first >= 0 else ()
        if len(candidates) <= _CHUNK:
            return columns.look(self.rows, candidates)
        if not (columns.there or columns.missing or columns.bounds):
            return candidates
        found: list[int] = []
        for start in range(0, len(candidates), _CHUNK):
            found += columns.look(self.rows, candidates[start : start + _CHUNK])
            await self._turn()
        return candidates if len(found) == len(candidates) else found

    async def _find_other(self, key: SearchKey, candidates: Candidates) -> Candidates:
        match key:
            case Or():
                left, right = sorted((key.left, key.right), key=cost)
                found = await self.find(left, candidates)
                return union(candidates, found, await self.find(right, without(candidates, found)))
            case Not():
                return await self._find_not(key, candidates)
            case Fuzzy(inner):
                fuzzy, self._fuzzy = self._fuzzy, True
                found = await self.find(inner, candidates)
                self._fuzzy = fuzzy
                return found
            case Text():
                return await self._find_text(key, candidates)
            case DateRange():
                return await self._find_dates(key, candidates)
            case ThreadId():
                return await self._find_thread(key, candidates)
        raise TypeError(f"no such key: {key!r}")

    async def _turn(self) -> None:
        """Others' turn, and a look at the clock: a search that goes on for ever is ended."""
        session = self._session
        await session.breathe()
        await session.progress()
        if session.service.clock.monotonic() > self._deadline:
            raise no(b"LIMIT", b"The search takes too long")  # RFC 5530 §3

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
        return without(candidates, found)

    async def _find_dates(self, key: DateRange, candidates: Candidates) -> Candidates:
        """Days that the view does not have: of the Date field, of being saved."""
        first, last = _days(key)
        account, mailbox_id = self._selected.account, self._selected.mailbox_id
        if key.field is DateField.SENT:
            return self._with_uid(await account.search_sent(mailbox_id, first, last), candidates)
        low, high = _seconds(key)
        uids, found = self.rows.uids, list[int]()
        for start in range(0, len(candidates), _CHUNK):
            some = candidates[start : start + _CHUNK]
            saved = await account.save_dates(mailbox_id, [uids[at] for at in some])
            dates = self.rows.dates  # RFC 8514 §4.3: what has no save date is judged by its internal date
            found += [at for at in some if low <= saved.get(uids[at], dates[at]) < high]
            await self._turn()
        return found

    async def _find_thread(self, key: ThreadId, candidates: Candidates) -> Candidates:
        if (thread_id := self._number(b"T", key.objectid)) is None or self._selected.guest is not None:
            return ()  # a guest is not told of threads (columns.py)
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
        if isinstance(candidates, range):
            start, stop = candidates.start, candidates.stop
            if uids[stop - 1] - uids[start] == stop - 1 - start:  # none between is missing: no need to look for any
                first, last = uids[start], uids[stop - 1]
                return [uid - first + start for uid in sorted(found) if first <= uid <= last]
            return list(compress(candidates, map(found.__contains__, uids[start:stop])))
        return [at for at in candidates if uids[at] in found]


def _days(key: DateRange) -> tuple[int, int]:
    """The first and the last day that count; the last comes before the first when none does."""
    return 1 if key.first is None else key.first, _LAST_DAY if key.last is None else key.last


def _seconds(key: DateRange) -> tuple[int, int]:
    """The same in seconds since 1970: from the first up to, not with, the last."""
    first, last = _days(key)
    return (first - _EPOCH_DAY) * 86400, (last - _EPOCH_DAY + 1) * 86400
