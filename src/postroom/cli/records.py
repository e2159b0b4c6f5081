"""The DNS records a mail domain should publish.

Owns: that list, how each is written in a zone file. Never: asks the DNS, reads settings. Raises: nothing.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.mailauth import mta_sts, tls_rpt
from postroom.servers.client_settings import ClientService

if TYPE_CHECKING:
    from postroom.signing import KeySets

_MAX_STRING = 255  # octets of one string of a TXT record (RFC 1035 §3.3)
_ALIGNED_VALUE = 48  # characters; longer values push aside what stands behind them


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a zone file, and why it is there."""

    name: str
    kind: str
    value: str  # as in a zone file
    why: str
    text: str = ""  # of a TXT record: as a program sees it

    @property
    def line(self) -> str:
        """To be pasted."""
        return f"{self.name} IN {self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class TlsRecords:
    """What is to be said of TLS; empty: nothing."""

    tlsa: str = ""  # "3 1 1 …", of the server's certificate
    policy_id: str = ""  # of the MTA-STS policy that is served
    reports_to: str = ""  # address for TLS reports


NOTHING = TlsRecords()
# What a new server offers to mail programs.
STANDARD_SERVICES = (
    ClientService("submissions", 465),
    ClientService("submission", 587),
    ClientService("imaps", 993),
    ClientService("pop3s", 995),
)


@dataclass(frozen=True, slots=True)
class Publication:
    """What the settings, the certificate and the keys make of the records of one domain."""

    tls: TlsRecords = NOTHING
    addresses: tuple[str, ...] = ()  # of the server; none: they are not known
    senders: tuple[str, ...] = ()  # other addresses from which mail leaves
    dkim: tuple[Record, ...] = ()  # of the keys (RFC 6376 §3.6.1)
    waiting: frozenset[str] = frozenset()  # names of those that do not sign yet, as in their records
    dmarc_policy: str = "quarantine"
    dmarc_reports_to: str = ""
    services: tuple[ClientService, ...] = STANDARD_SERVICES
    web_port: int = 0  # of the listener policy_host; 0: there is none
    authorities: tuple[str, ...] = ()  # who may issue certificates (RFC 8659)


PLAIN = Publication()


def txt_value(text: str) -> str:
    """A text in a zone file: quoted, in strings of at most 255 octets, which readers join (RFC 1035 §3.3, §5.1)."""
    octets = text.encode()
    pieces = [octets[k : k + _MAX_STRING] for k in range(0, len(octets), _MAX_STRING)] or [b""]
    return " ".join('"' + "".join(map(_escaped, piece)) + '"' for piece in pieces)


def _escaped(octet: int) -> str:
    """RFC 1035 §5.1."""
    char = chr(octet)
    if char in '"\\':
        return f"\\{char}"
    return char if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def txt(name: str, text: str, why: str) -> Record:
    return Record(name, "TXT", txt_value(text), why, text)


def records(domain: str, hostname: str, publication: Publication = PLAIN) -> list[Record]:
    """Absolute names, for a server `hostname` that takes mail for `domain`; both without a final dot."""
    host = f"{hostname}."
    found = [Record(f"{domain}.", "MX", f"10 {host}", "where mail for the domain goes (RFC 5321 §5.1)")]
    found += _addresses(host, publication.addresses)
    senders = [*map(_mechanism, publication.senders), "-all"]
    spf = " ".join(["v=spf1", "mx", *senders])
    found.append(txt(f"{domain}.", spf, "only this server sends for the domain (RFC 7208)"))
    if host != f"{domain}.":
        spf = " ".join(["v=spf1", "a", *senders])
        found.append(txt(host, spf, "the same for its own name in HELO (RFC 7208 §2.3)"))
    found += publication.dkim
    found += _dmarc(domain, publication)
    found += _tls_records(domain, host, publication.tls)
    found += [
        Record(host, "CAA", f'0 issue "{authority}"', "who may issue its certificates (RFC 8659)")
        for authority in publication.authorities
    ]
    return found + _client_records(domain, host, publication)


def _addresses(host: str, addresses: Sequence[str]) -> list[Record]:
    if not addresses:
        return [
            Record(host, "A", "<this machine's IPv4 address>", "where that is"),
            Record(host, "AAAA", "<this machine's IPv6 address>", "the same, if it has one"),
        ]
    return [Record(host, "AAAA" if ":" in address else "A", address, "where that is") for address in addresses]


def _mechanism(address: str) -> str:
    """RFC 7208 §5.6."""
    return f"ip{ipaddress.ip_address(address).version}:{address}"


def dmarc_text(publication: Publication) -> str:
    """RFC 7489 §6.3."""
    reports = f"; rua=mailto:{publication.dmarc_reports_to}" if publication.dmarc_reports_to else ""
    return f"v=DMARC1; p={publication.dmarc_policy}{reports}"


def _dmarc(domain: str, publication: Publication) -> list[Record]:
    why = "what others do with mail that is forged (DMARC, RFC 7489 §6.3)"
    found = [txt(f"_dmarc.{domain}.", dmarc_text(publication), why)]
    other = publication.dmarc_reports_to.rpartition("@")[2].lower()
    if other and other != domain:  # RFC 7489 §7.1: whoever gets reports on others has to want them
        why = f"that {other} takes the reports on {domain} (RFC 7489 §7.1)"
        found.append(txt(f"{domain}._report._dmarc.{other}.", "v=DMARC1", why))
    return found


def _tls_records(domain: str, host: str, tls: TlsRecords) -> list[Record]:
    found: list[Record] = []
    if tls.tlsa:
        why = "the server's key; only in a zone that is signed (RFC 7672 §3.1.1)"
        found.append(Record(f"_25._tcp.{host}", "TLSA", tls.tlsa, why))
    if tls.policy_id:
        place = mta_sts.policy_host(domain)
        found.append(Record(f"{place}.", "CNAME", host, "where the MTA-STS policy is (RFC 8461 §3.3)"))
        text = mta_sts.record_text(tls.policy_id)
        found.append(txt(f"{mta_sts.record_name(domain)}.", text, "that there is one (RFC 8461 §3.1)"))
    if tls.reports_to:
        text = tls_rpt.record_text(tls.reports_to)
        found.append(txt(f"{tls_rpt.record_name(domain)}.", text, "where TLS reports go (RFC 8460 §3)"))
    return found


_WHY_SERVICE = {
    "submissions": "mail programs: sending",
    "submission": "mail programs: sending, with STARTTLS",
    "imaps": "mail programs: reading",
    "imap": "mail programs: reading, with STARTTLS",
    "pop3s": "mail programs: fetching",
    "pop3": "mail programs: fetching, with STARTTLS",
}


def _client_records(domain: str, host: str, publication: Publication) -> list[Record]:
    """RFC 6186 §3, RFC 8314 §5.1: how mail programs find the servers from an address alone."""
    found: list[Record] = []
    for one in publication.services:
        preference = 10 if one.protocol == "pop3" else 0
        name = f"_{one.kind}._tcp.{domain}."
        why = f"{_WHY_SERVICE[one.kind]} (RFC 6186)"
        found.append(Record(name, "SRV", f"{preference} 1 {one.port} {host}", why))
    if publication.web_port:
        for label, whose in (("autoconfig", "Thunderbird and others"), ("autodiscover", "Outlook and others")):
            found.append(Record(f"{label}.{domain}.", "CNAME", host, f"settings for {whose}, over HTTPS"))
        name = f"_autodiscover._tcp.{domain}."
        found.append(Record(name, "SRV", f"0 1 {publication.web_port} {host}", "the same, by the server's own name"))
    return found


@dataclass(frozen=True, slots=True)
class Zone:
    """The records of one domain, for looking things up."""

    domain: str
    hostname: str
    publication: Publication = PLAIN

    @property
    def records(self) -> list[Record]:
        return records(self.domain, self.hostname, self.publication)

    def at(self, name: str, kind: str) -> list[Record]:
        """Those of that name, which has no final dot."""
        return [one for one in self.records if (one.name, one.kind) == (f"{name}.", kind)]

    def publish(self, name: str, kind: str) -> str:
        """The fix for what is missing or wrong there."""
        return "publish: " + " and ".join(one.line for one in self.at(name, kind))


def dkim_records(domain: str, sets: "KeySets", now: float) -> list[Record]:
    """The keys of a domain (RFC 6376 §3.6), the newest first."""
    from postroom.signing import Phase, key_records

    why = {
        Phase.WAITING: "DKIM: a key that will sign",
        Phase.SIGNING: "DKIM: a key that signs",
        Phase.REPLACED: "DKIM: a key whose mail is still on its way",
        Phase.REVOKED: "DKIM: a key that is revoked",
    }
    return [
        txt(f"{one.name}.", one.text, f"{why[one.phase]} (RFC 6376 §3.6)") for one in key_records(domain, sets, now)
    ]


def zone_lines(domain: str, hostname: str, publication: Publication = PLAIN) -> list[str]:
    """The same as lines of a zone file."""
    return aligned(records(domain, hostname, publication))


def aligned(found: Sequence[Record]) -> list[str]:
    """As lines of a zone file, aligned; what a long value would push aside stands behind it."""
    names = max((len(one.name) for one in found), default=0)
    values = max((len(one.value) for one in found if len(one.value) <= _ALIGNED_VALUE), default=0)
    return [f"{one.name:<{names}}  IN {one.kind:<5}  {one.value:<{values}}  ; {one.why}" for one in found]
