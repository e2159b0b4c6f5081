"""Who really sent a message: the evidence is gathered while it comes in, and weighed at its end.

Owns: which checks are made of whom, what runs beside what. Never: delivers or refuses (the pipeline does), reads the
evidence aloud (evidence.py does). Raises: SuffixFileUnreadable, at the start only; what the DNS does not tell is a
temperror.

SPF and the reverse name are asked for when the message begins, keys and the author's policy when its header is there,
so that their answers come while the body does, which is hashed piece by piece.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from postroom.accounts import domain_key
from postroom.base import Clock, TaskOwner
from postroom.dns import Resolver
from postroom.dns.inquiries import Inquiries
from postroom.mailauth.arc import ArcLimits, ArcVerdict, Chain, find_sets, validate
from postroom.mailauth.dkim import (
    BadSignature,
    BodyHashes,
    DkimLimits,
    DkimVerdict,
    HeaderFields,
    Signature,
    find_signatures,
    verify,
)
from postroom.mailauth.dmarc import Author, DmarcVerdict, Policy, author_domain, evaluate
from postroom.mailauth.dmarc.aggregate import Reason
from postroom.mailauth.iprev import IprevVerdict, check_iprev
from postroom.mailauth.questions import Question
from postroom.mailauth.results import claimed, parse
from postroom.mailauth.spf import SpfVerdict, check_sender
from postroom.net import Networks
from postroom.store import Draft

from .authentication_settings import AuthenticationSettings
from .evidence import Evidence, Facts, disposition, facts, reasons, received_spf, results_field
from .judgement import Judgement, heard, judge
from .sealing import SealingKeys, sealed
from .suffix_file import SuffixFile, SuffixFileUnreadable
from .trace import Source

_log = logging.getLogger("postroom.intake")


class DmarcCounts(Protocol):
    """Who tells the authors' domains what came in their name (delivery.DmarcResults)."""

    def record(
        self,
        verdict: DmarcVerdict,
        spf: Sequence[SpfVerdict],
        dkim: Sequence[DkimVerdict],
        *,
        source_ip: str,
        disposition: Policy,
        reasons: Sequence[Reason] = (),
    ) -> None: ...


class Authentication:
    """What all messages share. `close` it when no more are checked."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        settings: AuthenticationSettings,
        *,
        hostname: str,
        counts: DmarcCounts | None = None,
    ) -> None:
        self.counts = counts
        self.resolver = resolver
        self.clock = clock
        self.hostname = domain_key(hostname) or hostname
        self.tasks = TaskOwner("authentication")
        self._suffixes = SuffixFile()
        self._suffixes.take(settings.public_suffix_list)
        self._use(settings)

    def take(self, settings: AuthenticationSettings) -> None:
        """Use these for messages to come; where a public suffix list can't be read, the old one stays."""
        try:
            self._suffixes.take(settings.public_suffix_list)
        except SuffixFileUnreadable as error:
            _log.error("%s; the old list stays", error)
        self._use(settings)

    def _use(self, settings: AuthenticationSettings) -> None:
        self.settings = settings
        self.name = settings.name or self.hostname
        self.dkim_limits = DkimLimits(
            max_signatures=settings.max_signatures, max_header_octets=settings.max_header_octets
        )
        self.arc_limits = ArcLimits(max_header_octets=settings.max_header_octets)
        self.trusted_sealers = frozenset(filter(None, map(domain_key, settings.trusted_sealers)))
        self._ours = tuple({self.name, self.hostname})
        self._trusted = Networks(settings.trusted_networks)

    def organisation(self, domain: str) -> str | None:
        """The organisational domain by the public suffix list; None: there is none, or it does not say (SuffixList)."""
        return self._suffixes(domain)

    def trusts(self, address: str) -> bool:
        """A relay or a program of ours."""
        return address in self._trusted

    def is_forged(self, value: bytes) -> bool:
        """Nobody else writes Authentication-Results in our name, nor in a version not known here (RFC 8601 §5)."""
        return claimed(value, self._ours) or parse(value.partition(b";")[0]).version != 1

    def begin(self, source: Source, mail_from: str) -> "Checking | None":
        """Ask what can be asked before the message is here; None when nothing is to be checked."""
        return Checking(self, source, mail_from) if self.settings.check else None

    def look(self, source: Source, mail_from: str, *, envelope: bool = True) -> "Checking":
        """The same whatever the settings say; without `envelope` nothing is known of how the message came."""
        return Checking(self, source, mail_from, envelope=envelope)

    async def close(self) -> None:
        await self.tasks.close()


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out."""

    shared: Authentication
    evidence: Evidence
    judgement: Judgement
    header: bytes = b""  # as it came

    @property
    def junk(self) -> bool:
        """Mailboxes keep it apart."""
        return self.judgement.action == "quarantine"

    def heard_by(self, recipients: Sequence[str]) -> "Checked":
        """The same with what follows for these recipients."""
        return replace(self, judgement=heard(self.judgement, recipients, self.shared.settings))

    def fields(self, *, utf8: bool) -> bytes:
        """For the header, above Received (RFC 8601 §4.1)."""
        shared = self.shared
        told = results_field(shared.name, self.evidence, self.judgement, utf8=utf8)
        return told + received_spf(self.evidence, shared.hostname) if shared.settings.received_spf else told

    async def sealed(self, domain: str, draft: Draft, keys: SealingKeys) -> bytes:
        """Our ARC set on the message, by the key of a domain of ours; b"" where there is nothing to seal."""
        shared = self.shared
        if not shared.settings.seal_forwarded:
            return b""
        told = results_field(shared.name, self.evidence, self.judgement, utf8=False).partition(b":")[2]
        header = draft.facts.header
        return await sealed(domain, draft, header, told, keys, shared.clock, come=self.header)

    def facts(self) -> Facts:
        """For the journal."""
        return facts(self.evidence, self.judgement)

    def count(self) -> None:
        """For the reports to the author's domain (RFC 9990); a message that is to come again is not counted yet."""
        if self.shared.counts is not None and self.judgement.action != "defer":
            found = self.evidence
            self.shared.counts.record(
                found.dmarc,
                found.spf,
                found.dkim,
                source_ip=found.address.partition("%")[0],
                disposition=disposition(self.judgement),
                reasons=reasons(found, self.judgement),
            )


class Checking:
    """One message: `header`, `body` as they come (arrival.Witness), `conclude` at the end, `close` always."""

    def __init__(
        self, authentication: Authentication, source: Source, mail_from: str, *, envelope: bool = True
    ) -> None:
        self._shared = authentication
        self._settings = settings = authentication.settings
        self._source = source
        self._now = authentication.clock.now()
        self._inquiries = Inquiries(authentication.resolver, authentication.tasks, settings.max_dns_questions)
        self._spf: asyncio.Future[tuple[SpfVerdict, ...]] | None = None
        self._iprev: asyncio.Future[IprevVerdict] | None = None
        if envelope:
            asked = check_sender(
                source.address, mail_from, source.hello, receiver=authentication.hostname, now=self._now
            )
            self._spf = self._inquiries.begin(asked)
        if envelope and settings.check_reverse_name:
            self._iprev = self._inquiries.begin(check_iprev(source.address))
        self._octets = b""
        self._header = HeaderFields(b"")
        self._author: Author = author_domain(b"")
        self._signatures: list[Signature | BadSignature] = []
        self._chain = Chain()
        self._hashes = BodyHashes(())

    def header(self, header: bytes) -> None:
        self._octets = header
        self._header = HeaderFields(header)
        self._author = author_domain(header)
        self._signatures = find_signatures(self._header, self._shared.dkim_limits)
        self._chain = find_sets(self._header, self._shared.arc_limits)
        hashed = [*self._signatures, *self._chain.signatures]
        if hashed:
            self._hashes = BodyHashes.for_signatures(hashed)
        for signature in hashed:
            if not isinstance(signature, BadSignature):
                self._inquiries.foresee(Question("TXT", signature.key_name))
        if self._author.domain:
            self._inquiries.foresee(Question("TXT", f"_dmarc.{self._author.domain}"))

    def body(self, piece: bytes) -> None:
        self._hashes.update(piece)

    async def conclude(self) -> Checked:
        """Wait for what is still missing, as long as the settings let."""
        shared, settings, inquiries = self._shared, self._settings, self._inquiries
        inquiries.hurry(settings.max_dns_seconds)
        dkim: list[DkimVerdict] = []
        arc: ArcVerdict | None = None
        if self._signatures:
            dkim = await inquiries.run(
                verify(self._header, self._signatures, self._hashes, now=self._now, limits=shared.dkim_limits)
            )
        if self._chain.highest or self._chain.problem:
            arc = await inquiries.run(
                validate(self._header, self._chain, self._hashes, now=self._now, limits=shared.arc_limits)
            )
        spf = await self._spf if self._spf is not None else ()
        iprev = await self._iprev if self._iprev is not None else None
        dmarc = await inquiries.run(evaluate(self._author, spf, dkim, suffixes=shared.organisation))
        found = Evidence(self._source.address, self._source.hello, self._author, spf, iprev, dkim, arc, dmarc)
        return Checked(shared, found, judge(found.findings(shared.trusted_sealers), settings), self._octets)

    def close(self) -> None:
        """Ask no more."""
        self._inquiries.close()
