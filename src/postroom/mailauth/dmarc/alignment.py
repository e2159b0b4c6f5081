"""Which of the domains that SPF and DKIM have authenticated are the author's own (RFC 9989; RFC 7489 §3.1).

Owns: strict and relaxed alignment. Never: checks SPF or DKIM itself. Raises: nothing.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from postroom.mailauth.domains import is_within
from postroom.mailauth.questions import Inquiry

from .author import domain_name
from .record import Record
from .tree import MAX_WALKS, Walks


class SpfResult(Protocol):
    """What is needed of mailauth.spf's verdict."""

    @property
    def result(self) -> enum.Enum: ...  # its value is RFC 8601's word
    @property
    def identity(self) -> str: ...  # "mailfrom" or "helo"
    @property
    def domain(self) -> str: ...


class DkimResult(Protocol):
    """What is needed of mailauth.dkim's verdict on one signature."""

    @property
    def result(self) -> enum.Enum: ...
    @property
    def domain(self) -> str: ...
    @property
    def selector(self) -> str: ...


class Identifier(NamedTuple):
    """A domain that one of the methods spoke of. `result`: RFC 8601's word."""

    method: str  # "spf" or "dkim"
    domain: str
    result: str


class Alignment(NamedTuple):
    """`aligned`: those that passed and are the author's; `unsure`: those that would be, had the DNS answered."""

    aligned: tuple[Identifier, ...]
    unsure: tuple[Identifier, ...]
    failed: str  # of a walk that was needed and could not be ended
    words: tuple[str, ...]


def identifiers(spf: Sequence[SpfResult], dkim: Sequence[DkimResult]) -> list[Identifier]:
    """The domains that may count, each once; MAIL FROM's alone of SPF's (RFC 9989)."""
    found = [Identifier("spf", one.domain, str(one.result.value)) for one in spf if one.identity == "mailfrom"]
    found += [Identifier("dkim", one.domain, str(one.result.value)) for one in dkim]
    out: list[Identifier] = []
    for one in found:
        name = domain_name(one.domain.encode("utf-8", "replace"))
        if name is not None:
            out.append(one._replace(domain=name))
    return list(dict.fromkeys(out))


def align(author: str, record: Record, known: Sequence[Identifier], walks: Walks) -> Inquiry[Alignment]:
    """Compare each identifier that passed, or might have, with the author's domain.

    A walk is made for those only whose answer needs it: not in strict mode, not for the very same domain, not for a
    domain outside the author's organisation.
    """
    aligned: list[Identifier] = []
    unsure: list[Identifier] = []
    words: list[str] = []
    failed = ""
    for one in sorted(known, key=lambda one: one.domain != author):
        if one.result not in ("pass", "temperror"):
            words.append(f"{one.method} {one.result} for {one.domain}")
            continue
        strict = record.strict_spf if one.method == "spf" else record.strict_dkim
        if one.domain == author:
            why, same = "the author's own domain", True
        elif strict:
            why, same = "not the author's own domain, and alignment is strict", False
        elif aligned and one.result != "pass":
            continue  # decided without it
        else:
            same, why, trouble = yield from _share_organisation(author, one.domain, walks)
            failed = failed or trouble
        words.append(f"{one.method} {one.result} for {one.domain}: {why}")
        if same:
            (aligned if one.result == "pass" else unsure).append(one)
    return Alignment(tuple(aligned), tuple(unsure), failed, tuple(words))


def _share_organisation(author: str, domain: str, walks: Walks) -> Inquiry[tuple[bool, str, str]]:
    """Whether both have one organisational domain, why, and what failed."""
    ours = yield from walks.walk(author)
    if ours.failed:
        return False, "the author's organisation could not be found", ours.failed
    if not is_within(domain, ours.organisational):
        return False, f"outside {ours.organisational}, the author's organisation", ""
    if walks.made > MAX_WALKS and walks.known(domain) is None:
        return False, f"not looked at: more than {MAX_WALKS} other domains", ""
    theirs = yield from walks.walk(domain)
    if theirs.failed:
        return False, "its organisation could not be found", theirs.failed
    if theirs.organisational != ours.organisational:
        return False, f"of the organisation {theirs.organisational}, the author's is {ours.organisational}", ""
    return True, f"of the author's organisation {ours.organisational}", ""
