"""One client's picture of the mailbox it has selected, drawn by the client's rules of RFC 3501 and RFC 7162 alone.

Whatever contradicts the picture is an assertion error. Not a test itself.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .ledger import Flags, FoundMailbox, Ledger

FETCHED = re.compile(rb"\* (\d+) (UID)?FETCH \((.*)\)\Z", re.DOTALL)
UID = re.compile(rb"UID (\d+)")
FLAG_LIST = re.compile(rb"FLAGS \(([^)]*)\)")
MODSEQ = re.compile(rb"MODSEQ \((\d+)\)")
SUBJECT = re.compile(rb"Subject: (\S+)\r\n")
VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([0-9:,]+)\Z")


def numbers_of(seqset: bytes) -> list[int]:
    found: list[int] = []
    for part in seqset.split(b","):
        low, _, high = part.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


def seqset_of(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


@dataclass(slots=True)
class Cache:
    """What a client keeps of a mailbox when it leaves."""

    validity: int
    modseq: int
    uids: list[int]
    flags: dict[int, Flags]
    modseqs: dict[int, int]


@dataclass(slots=True)
class Picture:
    ledger: Ledger
    name: str
    uid_only: bool = False
    condstore: bool = False
    read_only: bool = False
    late: bool = False  # what it hears now may have been said before others read what they were told
    validity: int = 0
    modseq: int = 0  # up to which the client believes to know everything (RFC 7162 §6)
    uids: list[int | None] = field(default_factory=list)  # None: the client has not asked yet
    flags: dict[int, Flags] = field(default_factory=dict)
    modseqs: dict[int, int] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)  # what FETCH responses have named since the last tagged one
    _said: int = 0  # HIGHESTMODSEQ since the last tagged response
    _seen: int = 0  # the highest MODSEQ since then
    _resyncing: Cache | None = None
    _exists: int = 0
    _early: list[tuple[int, bytes]] = field(default_factory=list)  # FETCH responses to the QRESYNC parameter

    # ---- selecting

    def resync(self, cache: Cache) -> None:
        self._resyncing = cache

    def selected(self) -> None:
        """The tagged OK of SELECT: the cache and what was said of it together are the mailbox."""
        cache = self._resyncing
        self._resyncing = None
        early, self._early = self._early, []
        assert self.validity
        if cache is not None and cache.validity == self.validity:
            assert len(cache.uids) <= self._exists, "the client knows more than there is"
            self.uids = [*cache.uids, *[None] * (self._exists - len(cache.uids))]
            self.flags, self.modseqs = cache.flags, cache.modseqs
        else:
            assert not early, "data of a mailbox that the client does not know"
            self.uids = [None] * self._exists
        for number, items in early:
            modseq = MODSEQ.search(items)
            assert cache is not None
            assert modseq is not None
            assert int(modseq[1]) > cache.modseq, "the client knew that already"
            self.fetched(number, items)
        self._seen = 0  # HIGHESTMODSEQ was said, and counts

    def hear(self, line: bytes, *, expunge: bool) -> None:
        """An untagged response."""
        if line.endswith(b" EXISTS"):
            count = int(line.split()[1])
            assert count >= len(self.uids), "EXISTS shrank"
            self._exists = count
            if self._resyncing is None:
                self.uids += [None] * (count - len(self.uids))
        elif line.endswith(b" EXPUNGE"):
            assert expunge, "EXPUNGE where it may not be said"
            number = int(line.split()[1])
            assert 1 <= number <= len(self.uids)
            del self.uids[number - 1]
        elif (vanished := VANISHED.match(line)) is not None:
            self._vanished(numbers_of(vanished[2]), earlier=vanished[1] is not None, expunge=expunge)
        elif (found := FETCHED.match(line)) is not None:
            if self._resyncing is not None:
                self._early.append((int(found[1]), found[3]))
            else:
                assert (found[2] is not None) == self.uid_only
                self.fetched(int(found[1]), found[3])
        elif line.startswith(b"* OK ["):
            self.code(line[5:])

    def code(self, text: bytes) -> None:
        """A response code that says something of the mailbox."""
        if (found := re.match(rb"\[UIDVALIDITY (\d+)\]", text)) is not None:
            self.validity = int(found[1])
        elif (found := re.match(rb"\[UIDNEXT (\d+)\]", text)) is not None:
            self.ledger.told_next(self.validity, int(found[1]))
        elif (found := re.match(rb"\[HIGHESTMODSEQ (\d+)\]", text)) is not None:
            self._said = int(found[1])

    def tagged(self, answer: bytes) -> None:
        """RFC 7162 §6: what the client takes for the modseq up to which it knows everything."""
        self.code(answer.partition(b" ")[2])
        if self._said:
            self.modseq = self._said
        elif self._seen > self.modseq:
            self.modseq = self._seen
        self._said = self._seen = 0
        self.answered.clear()

    def _vanished(self, uids: list[int], *, earlier: bool, expunge: bool) -> None:
        if earlier:
            cache = self._resyncing
            if cache is not None:
                assert cache.validity == self.validity
                gone = set(uids)
                cache.uids = [uid for uid in cache.uids if uid not in gone]
            else:
                assert not set(uids) & set(self.uids), "EARLIER of a message that the client sees"
            return
        assert expunge, "VANISHED where it may not be said"
        for uid in uids:
            if uid in self.uids:
                self.uids.remove(uid)
                continue
            # one that was counted and not asked for: it lies between its neighbours
            at = self.uids.index(None) if self.uid_only else self._unknown_place(uid)
            del self.uids[at]

    def _unknown_place(self, uid: int) -> int:
        low = 0
        for at, known in enumerate(self.uids):
            if known is not None:
                if known > uid:
                    break
                low = known
            elif low < uid and all(later is None or later > uid for later in self.uids[at:]):
                return at
        raise AssertionError(f"VANISHED {uid}, which the client does not see")

    def fetched(self, number: int, items: bytes) -> None:
        if self.uid_only:
            uid: int | None = number
            if uid not in self.uids:
                assert None in self.uids, "more messages than EXISTS has said"
                self.uids.remove(None)
                known = sorted([*(one for one in self.uids if one is not None), number])
                self.uids = [*known, *[None] * self.uids.count(None)]
        else:
            assert 1 <= number <= len(self.uids), f"number {number} of {len(self.uids)}"
            if (found := UID.search(items)) is not None:
                assert self.uids[number - 1] in (None, int(found[1])), "a number names another message"
                self.uids[number - 1] = int(found[1])
                known = [one for one in self.uids if one is not None]
                assert known == sorted(set(known)), "UIDs do not ascend"
            uid = self.uids[number - 1]
        self.answered.add(number)
        if uid is None:
            assert not self.condstore, "an unasked FETCH without UID"
            return
        self._fetched(uid, items)

    def _fetched(self, uid: int, items: bytes) -> None:
        flags = modseq = None
        self.ledger.has_uid(self.validity, uid)
        if (found := SUBJECT.search(items)) is not None:
            self.ledger.identity(self.validity, uid, found[1].decode())
        if (found := FLAG_LIST.search(items)) is not None:
            flags = self.flags[uid] = frozenset(found[1].decode().split()) - {"\\Recent"}
        if (found := MODSEQ.search(items)) is not None:
            modseq = int(found[1])
            assert modseq >= self.modseqs.get(uid, 0), "MODSEQ went back"
            self.modseqs[uid] = modseq
            self._seen = max(self._seen, modseq)
        assert modseq is not None or flags is None or not self.condstore, "no MODSEQ for a client of CONDSTORE"
        self.ledger.told(self.validity, uid, flags, modseq, late=self.late)

    # ---- leaving, comparing

    def cache(self) -> Cache | None:
        """What can be kept: all below the first message that the client has not asked for."""
        if not self.validity or not self.modseq or self._resyncing is not None:
            return None
        uids: list[int] = []
        for uid in self.uids:
            if uid is None:
                break
            uids.append(uid)
        return Cache(
            self.validity,
            self.modseq,
            uids,
            {uid: self.flags[uid] for uid in uids if uid in self.flags},
            {uid: self.modseqs[uid] for uid in uids if uid in self.modseqs},
        )

    def known(self) -> list[int]:
        return [uid for uid in self.uids if uid is not None]

    def unlike(self, truth: FoundMailbox) -> str:
        """What is wrong with the picture; "" when it is the mailbox itself."""
        if truth.validity != self.validity:
            return f"another mailbox, {truth.validity} for {self.validity}"
        real = {message.uid: message for message in truth.messages}
        if len(real) != len(self.uids):
            return f"{len(self.uids)} messages of {len(real)}: {self.uids}, {[*real]}"
        for known, uid in zip(self.uids, real, strict=True):
            if not self.uid_only and known not in (None, uid):
                return f"UID {known} for {uid}"
        for known in self.known():
            if known not in real:
                return f"UID {known} is not there"
            if known in self.flags and self.flags[known] != real[known].flags:
                return f"UID {known}: {set(self.flags[known])} for {set(real[known].flags)}"
            if self.condstore and self.modseqs.get(known, real[known].modseq) != real[known].modseq:
                return f"UID {known}: MODSEQ {self.modseqs[known]} for {real[known].modseq}"
        return ""
