"""The verdict: is the message from whom it says, and what does the author's domain wish when it is not (RFC 9989).

Owns: policy discovery, the verdict of one domain and of a message with several. Never: checks SPF or DKIM, decides
what is done (the server's own policy does). Raises: nothing; trouble with the DNS is TEMPERROR.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from postroom.mailauth.questions import Inquiry, Question

from .alignment import Alignment, DkimResult, Identifier, SpfResult, align, identifiers
from .author import Author
from .record import Policy, Record
from .tree import Found, SuffixList, Walks

MAX_AUTHORS = 4  # domains of one message that are evaluated (RFC 7489 §6.6.1 leaves it to us); with more none is


class DmarcResult(StrEnum):
    """RFC 8601 §2.7.7 and RFC 7489 §11.2."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DmarcVerdict:
    """What came out for one author's domain. Domains are A-labels in lower case.

    `policy` is what the record wishes for this domain, by its tag `policy_tag`; `disposition` what that comes to for
    this message: none when it passed, one step milder in test mode.
    """

    result: DmarcResult
    words: str  # why, for people
    domain: str = ""
    organisational: str = ""  # "" where nobody needed it
    policy: Policy = Policy.NONE
    policy_tag: str = ""
    disposition: Policy = Policy.NONE
    policy_domain: str = ""  # where the record is
    record: str = ""  # as published
    published: Record | None = None
    testing: bool = False
    exists: bool | None = None  # of the author's domain; None: not asked for
    aligned_by: tuple[str, ...] = ()  # "spf", "dkim"
    spf_aligned: bool = False
    dkim_aligned: bool = False
    by_list: bool = False  # the public suffix list was needed
    evidence: tuple[str, ...] = ()  # a line for each domain that SPF and DKIM spoke of
    questions: int = 0


def evaluate(
    author: Author,
    spf: Sequence[SpfResult],
    dkim: Sequence[DkimResult],
    *,
    suffixes: SuffixList | None = None,
) -> Inquiry[DmarcVerdict]:
    """Weigh what SPF and DKIM found against the author's domain.

    Without one author's domain: PERMERROR, or, where From names a few, the strictest verdict on any of them
    (RFC 7489 §6.6.1); never PASS, because nobody can say which of them a reader is shown.
    """
    known = identifiers(spf, dkim)
    if author.domain:
        verdict = yield from _Evaluation(author.domain, known, Walks(suffixes)).verdict()
        if author.problem:
            return replace(verdict, words=f"{verdict.words}; {author.problem.value}")
        return verdict
    if not author.domains or len(author.domains) > MAX_AUTHORS:
        return DmarcVerdict(DmarcResult.PERMERROR, author.problem.value)
    walks = Walks(suffixes)
    worst: DmarcVerdict | None = None
    for domain in author.domains:
        verdict = yield from _Evaluation(domain, known, walks).verdict()
        if worst is None or _rank(verdict) > _rank(worst):
            worst = verdict
    assert worst is not None
    result = DmarcResult.PERMERROR if worst.result in (DmarcResult.PASS, DmarcResult.NONE) else worst.result
    return replace(worst, result=result, words=f"{author.problem.value}; {worst.words}", questions=walks.questions)


def _rank(verdict: DmarcVerdict) -> tuple[int, int]:
    order = (DmarcResult.PASS, DmarcResult.NONE, DmarcResult.PERMERROR, DmarcResult.TEMPERROR, DmarcResult.FAIL)
    return order.index(verdict.result), verdict.disposition.severity


@dataclass(slots=True)
class _Evaluation:
    """Of one author's domain."""

    domain: str
    known: Sequence[Identifier]
    walks: Walks

    def verdict(self) -> Inquiry[DmarcVerdict]:
        own = yield from self.walks.look(self.domain)
        place, failed = (own, own.failed) if own.failed or own.record else (yield from self._above())
        if failed:
            return self._end(DmarcResult.TEMPERROR, f"the DNS has no answer: {failed}")
        if place is None or place.record is None:
            words = f"{own.several} records at _dmarc.{self.domain}, none counts" if own.several else "no record"
            return self._end(DmarcResult.NONE, words)
        if not place.record.applies:
            words = f"the record at _dmarc.{place.domain} has no valid policy"
            return replace(self._end(DmarcResult.NONE, words), record=place.record.text)
        found = yield from align(self.domain, place.record, self.known, self.walks)
        return (yield from self._judged(place, place.record, found))

    def _above(self) -> Inquiry[tuple[Found | None, str]]:
        """The record of the organisation, or of the public suffix above it (RFC 9989, policy discovery)."""
        walk = yield from self.walks.walk(self.domain)
        return (None, walk.failed) if walk.failed else (walk.policy, "")

    def _judged(self, place: Found, record: Record, found: Alignment) -> Inquiry[DmarcVerdict]:
        subdomain = place.domain != self.domain
        exists: bool | None = None
        trouble = ""
        if subdomain and record.np is not None and not found.aligned:
            exists, trouble = yield from self._exists()
        tag, policy = record.policy(subdomain=subdomain, exists=exists is not False)
        walk = self.walks.known(self.domain)
        aligned_by = tuple(dict.fromkeys(one.method for one in found.aligned))
        verdict = replace(
            self._end(DmarcResult.PASS, ""),
            organisational=walk.organisational if walk else "",
            by_list=walk.by_list if walk else False,
            policy=policy,
            policy_tag=tag,
            policy_domain=place.domain,
            record=record.text,
            published=record,
            testing=record.testing,
            exists=exists,
            aligned_by=aligned_by,
            spf_aligned="spf" in aligned_by,
            dkim_aligned="dkim" in aligned_by,
            evidence=found.words,
        )
        if found.aligned:
            ways = " and ".join(f"{one.method} ({one.domain})" for one in found.aligned)
            return replace(verdict, words=f"aligned by {ways}")
        if trouble or found.failed or found.unsure:
            unsure = ", ".join(f"{one.method} for {one.domain}" for one in found.unsure)
            words = f"the DNS has no answer: {trouble or found.failed or unsure}"
            return replace(verdict, result=DmarcResult.TEMPERROR, words=words)
        disposition = policy.milder if record.testing else policy
        words = f"nothing aligned; {tag}={policy.value} of {place.domain}"
        if record.testing and policy is not Policy.NONE:
            words += f" in test mode (t=y): {disposition.value}"
        return replace(verdict, result=DmarcResult.FAIL, disposition=disposition, words=words)

    def _exists(self) -> Inquiry[tuple[bool | None, str]]:
        """Whether the author's domain is there at all: only NXDOMAIN says no (RFC 9989; RFC 8020 §2)."""
        own = yield from self.walks.look(self.domain)
        if own.exists:
            return True, ""  # what is below a name is not there without it
        self.walks.questions += 1
        reply = yield Question("A", self.domain)
        return (None, reply.failed) if reply.failed else (reply.exists, "")

    def _end(self, result: DmarcResult, words: str) -> DmarcVerdict:
        return DmarcVerdict(result, words, self.domain, questions=self.walks.questions)
