"""What is known of the mailboxes whichever session looks: the reference model. Not a test itself.

Commands of several sessions run at the same time, so nothing here says which came first. A command has a beginning,
when it is sent, and an end, when its tagged answer is read; what all of them leave behind must be explainable by some
order in which each takes place between its own two moments.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work", "$Later")
Flags = frozenset[str]
Name = tuple[int, int]  # UIDVALIDITY and UID name one message for ever (RFC 3501 §2.3.1.1)


@dataclass(slots=True)
class Effect:
    """Flags that a command sets and clears."""

    validity: int
    uids: frozenset[int] | None  # None: perhaps any
    adds: Flags
    removes: Flags
    start: float
    end: float = math.inf
    sure: bool = False  # acknowledged: it has happened
    anything: bool = False  # the flags of copies: whatever they were

    def value(self, flag: str) -> bool | None:
        if flag in self.adds:
            return True
        return False if flag in self.removes else None


@dataclass(slots=True)
class Found:
    """A message as a fresh session sees it."""

    uid: int
    flags: Flags
    modseq: int
    subject: str


@dataclass(slots=True)
class FoundMailbox:
    name: str
    validity: int
    highest: int
    messages: list[Found] = field(default_factory=list)


class Ledger:
    """All that was sent and acknowledged, and what follows from it."""

    def __init__(self) -> None:
        self._now = 0
        self._subjects: dict[Name, str] = {}
        self._effects: list[Effect] = []
        self._flags_at: dict[tuple[Name, int], Flags] = {}
        self._modseqs: dict[Name, int] = {}  # the highest seen
        self._modseq_floor: dict[Name, int] = {}  # the highest that everybody must see by now
        self._highest: dict[int, int] = {}
        self._highest_floor: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._next_floor: dict[int, int] = {}
        self._born: set[Name] = set()
        self._doubtful: Counter[str] = Counter()  # unacknowledged creations by subject
        self._made: Counter[str] = Counter()
        self.may_go: set[Name] = set()  # \Deleted was set on it, or it was moved or replaced
        self.must_go: set[Name] = set()
        self._won: dict[tuple[Name, int], int] = {}
        self.deletes = 0  # DELETEs sent
        self.inbox_renames = 0
        self._subject_count = 0

    # ---- time

    def tick(self) -> int:
        self._now += 1
        return self._now

    def everything_read(self) -> None:
        """No command is under way: whatever anybody was told counts for all from now on."""
        self._modseq_floor.update(self._modseqs)
        self._highest_floor.update(self._highest)
        self._next_floor.update(self._next)

    # ---- what sessions are told

    def new_subject(self) -> str:
        self._subject_count += 1
        return f"s{self._subject_count}"

    def identity(self, validity: int, uid: int, subject: str) -> None:
        known = self._subjects.setdefault((validity, uid), subject)
        assert known == subject, f"two messages under UID {uid} of {validity}: {known} and {subject}"

    def subject(self, validity: int, uid: int) -> str | None:
        return self._subjects.get((validity, uid))

    def told(self, validity: int, uid: int, flags: Flags | None, modseq: int | None, *, late: bool = False) -> None:
        if modseq is None:
            return
        name = (validity, uid)
        floor = 0 if late else self._modseq_floor.get(name, 0)
        assert modseq >= floor, f"MODSEQ of {uid} went back from {floor} to {modseq}"
        self._modseqs[name] = max(modseq, self._modseqs.get(name, 0))
        if flags is not None:
            known = self._flags_at.setdefault((name, modseq), flags)
            assert known == flags, f"{uid} had flags {set(known)} and {set(flags)} at one MODSEQ {modseq}"

    def told_highest(self, validity: int, highest: int) -> None:
        floor = self._highest_floor.get(validity, 0)
        assert highest >= floor, f"HIGHESTMODSEQ went back from {floor} to {highest}"
        self._highest[validity] = max(highest, self._highest.get(validity, 0))

    def told_next(self, validity: int, uid_next: int) -> None:
        floor = self._next_floor.get(validity, 0)
        assert uid_next >= floor, f"UIDNEXT {uid_next} where UID {floor - 1} has been"
        self._next[validity] = max(uid_next, self._next.get(validity, 0))

    def has_uid(self, validity: int, uid: int) -> None:
        self._next[validity] = max(uid + 1, self._next.get(validity, 0))

    # ---- what sessions do

    def effect(self, effect: Effect) -> Effect:
        self._effects.append(effect)
        if "\\Deleted" in effect.adds and effect.uids is not None:
            self.may_go.update((effect.validity, uid) for uid in effect.uids)
        return effect

    def forget(self, effect: Effect) -> None:
        """It was refused."""
        self._effects.remove(effect)

    def acknowledged(self, effect: Effect, but: Iterable[int] = ()) -> None:
        effect.end, effect.sure = self.tick(), effect.uids is not None
        if effect.uids is not None:
            effect.uids -= frozenset(but)

    def create(self, subjects: Iterable[str | None]) -> None:
        """A command is sent that makes messages; what they are stays doubtful until it is acknowledged."""
        self._doubtful.update(subject or "?" for subject in subjects)

    def created(self, subjects: Iterable[str | None], validity: int, uids: Iterable[int]) -> None:
        for subject, uid in zip(subjects, uids, strict=True):
            self._born.add((validity, uid))
            self.has_uid(validity, uid)
            self._doubtful[subject or "?"] -= 1
            if subject is not None:
                self.identity(validity, uid, subject)

    def not_created(self, subjects: Iterable[str | None]) -> None:
        self._doubtful.subtract(subject or "?" for subject in subjects)

    def won(self, validity: int, uid: int, unchanged_since: int, wanted: Flags) -> None:
        """A conditional STORE of FLAGS went through. Of those at one modseq only one can (RFC 7162 §3.1.3)."""
        name = (validity, uid)
        for modseq in range(unchanged_since + 1):
            if self._flags_at.get((name, modseq)) == wanted:
                return  # it may have changed nothing
        key = (name, unchanged_since)
        self._won[key] = self._won.get(key, 0) + 1
        if name in self._modseqs and self._modseqs[name] <= unchanged_since:
            return
        assert self._won[key] < 2, f"two conditional STOREs of {uid} at {unchanged_since} went through"

    # ---- what is left in the end

    def judge(self, mailboxes: list[FoundMailbox]) -> None:
        there: set[Name] = set()
        unknown: Counter[str] = Counter()
        for mailbox in mailboxes:
            self.told_highest(mailbox.validity, mailbox.highest)
            for message in mailbox.messages:
                name = (mailbox.validity, message.uid)
                there.add(name)
                self.identity(mailbox.validity, message.uid, message.subject)
                self.told(mailbox.validity, message.uid, message.flags, message.modseq)
                assert message.modseq <= mailbox.highest
                if name not in self._born:
                    unknown[message.subject] += 1
                for flag in FLAGS:
                    self._explain(name, flag, flag in message.flags)
        assert not there & self.must_go, f"moved, and still there: {there & self.must_go}"
        validities = {mailbox.validity for mailbox in mailboxes}
        inbox = next(mailbox.validity for mailbox in mailboxes if mailbox.name == "INBOX")
        for name in self._born - there - self.may_go:
            if name[0] not in validities:
                assert self.deletes, f"mailbox of {name} is gone, nobody deleted it"
            else:
                renamed = name[0] == inbox and self.inbox_renames
                assert renamed, f"{name} {self._subjects.get(name)} was lost"
        if not self.inbox_renames and self._doubtful["?"] <= 0:
            doubled = {subject: count for subject, count in unknown.items() if count > self._doubtful[subject]}
            assert not doubled, f"nobody made these messages: {doubled}"

    def _explain(self, name: Name, flag: str, value: bool) -> None:
        """Some effect could have been the last one."""
        validity, uid = name
        if name not in self._born:
            return
        concerned = [e for e in self._effects if e.validity == validity and (e.uids is None or uid in e.uids)]
        against = [e for e in concerned if e.sure and e.value(flag) is (not value)]
        latest = max((e.start for e in against), default=-1)
        last = [e for e in concerned if (e.anything or e.value(flag) is value) and latest <= e.end]
        assert last, f"{flag} of {name} is {value} in the end, after {concerned}"
