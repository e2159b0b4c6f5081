"""The tree walk of RFC 9989: which records stand above a domain, and so which domain its organisation's is.

Owns: the walk and its limits, what a record's psd tag means for it, the public suffix list as a second opinion.
Never: keeps anything beyond one evaluation. Raises: nothing; trouble with the DNS is in `Walk.failed`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from postroom.mailauth.domains import is_within
from postroom.mailauth.questions import Inquiry, Question

from .record import Psd, Record, choose_record

MAX_QUESTIONS = 8  # of one walk (RFC 9989)
MAX_WALKS = 8  # of one message, beside those for its author; domains that come later count as not aligned
_LABELS_LEFT = 7  # of a name with more than MAX_QUESTIONS labels, after its first question

SuffixList: TypeAlias = Callable[[str], str | None]
"""The organisational domain of a domain by a public suffix list (RFC 7489 §3.2); None where the list does not say."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at _dmarc of one domain. `exists` is False for a name that the DNS denies (NXDOMAIN)."""

    domain: str
    record: Record | None = None
    several: int = 0
    exists: bool = True
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk, from its domain upwards. `failed`: it could not be ended, and nothing may be concluded from it."""

    domain: str
    found: tuple[Found, ...]
    organisational: str
    by_list: bool = False  # the public suffix list decided
    failed: str = ""

    @property
    def policy(self) -> Found | None:
        """Whose record holds for the domain: its own, its organisation's, that of the public suffix above (RFC 9989).

        A record in between does not count.
        """
        records = [one for one in self.found if one.record is not None]
        for wanted in (self.domain, self.organisational):
            for one in records:
                if one.domain == wanted:
                    return one
        return records[-1] if records else None


@dataclass(slots=True)
class Walks:
    """The walks of one evaluation: no name is asked for twice."""

    suffixes: SuffixList | None = None
    questions: int = 0
    _found: dict[str, Found] = field(default_factory=dict)
    _walks: dict[str, Walk] = field(default_factory=dict)

    @property
    def made(self) -> int:
        """How many walks."""
        return len(self._walks)

    def known(self, domain: str) -> Walk | None:
        """The walk from a domain, if it was made."""
        return self._walks.get(domain)

    def look(self, domain: str) -> Inquiry[Found]:
        """What stands at _dmarc of one domain."""
        if (known := self._found.get(domain)) is not None:
            return known
        self.questions += 1
        reply = yield Question("TXT", f"_dmarc.{domain}")
        if reply.failed:
            found = Found(domain, failed=reply.failed)
        else:
            record, count = choose_record(reply.texts)
            found = Found(domain, record, several=count if count > 1 else 0, exists=reply.exists)
        self._found[domain] = found
        return found

    def walk(self, domain: str) -> Inquiry[Walk]:
        """Walk from a domain (A-labels, lower case, no final dot) towards the root (RFC 9989)."""
        if (known := self._walks.get(domain)) is not None:
            return known
        found: list[Found] = []
        failed = ""
        for name in names_to_ask(domain):
            one = yield from self.look(name)
            found.append(one)
            if one.failed:
                failed = f"{name}: {one.failed}"
                break
            if one.record is not None and one.record.psd is not Psd.UNKNOWN:
                break
        organisational, by_list = organisation(domain, found, self.suffixes)
        walk = Walk(domain, tuple(found), organisational, by_list, failed)
        self._walks[domain] = walk
        return walk


def names_to_ask(domain: str) -> list[str]:
    """The domains of a walk in order: itself, then its parents; of a long one only the last seven labels are."""
    labels = domain.split(".")
    first = 1 if len(labels) <= MAX_QUESTIONS else len(labels) - _LABELS_LEFT
    return [domain] + [".".join(labels[at:]) for at in range(first, len(labels))]


def organisation(domain: str, found: list[Found], suffixes: SuffixList | None = None) -> tuple[str, bool]:
    """The organisational domain by what a walk found, and whether the list had to say (RFC 9989).

    psd=n marks it, psd=y stands one label above it; of the records without that tag the highest marks it, unless there
    is a list: those who published them before RFC 9989 went by one.
    """
    records = [(one.domain, one.record) for one in found if one.record is not None]
    if records:
        name, record = records[-1]  # a walk ends at the first psd tag, so only this one can have it
        if record.psd is Psd.NO:
            return name, False
        if record.psd is Psd.YES:
            return _one_label_below(name, domain), False
    if suffixes is not None and (listed := suffixes(domain)) is not None and is_within(domain, listed):
        return listed, True
    return (records[-1][0] if records else domain), False


def _one_label_below(suffix: str, domain: str) -> str:
    """The domain between; the suffix itself when it is the domain (it is its own organisation's)."""
    if suffix == domain:
        return domain
    return ".".join(domain.split(".")[-(suffix.count(".") + 2) :])
