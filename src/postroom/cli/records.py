"""The DNS records a mail domain should publish.

Owns: that list. Never: asks the DNS. Raises: nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.mailauth import mta_sts, tls_rpt

if TYPE_CHECKING:
    from postroom.signing import KeySets


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a zone file, and why it is there."""

    name: str
    kind: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class TlsRecords:
    """What is to be said of TLS; empty: nothing."""

    tlsa: str = ""  # "3 1 1 …", of the server's certificate
    policy_id: str = ""  # of the MTA-STS policy that is served
    reports_to: str = ""  # address for TLS reports


NOTHING = TlsRecords()
_ALIGNED_VALUE = 100  # characters


def records(domain: str, hostname: str, tls: TlsRecords = NOTHING) -> list[Record]:
    """Absolute names, for a server `hostname` that takes mail for `domain`."""
    host = f"{hostname}."
    found = [
        Record(f"{domain}.", "MX", f"10 {host}", "where mail for the domain goes (RFC 5321 §5.1)"),
        Record(host, "A", "<this machine's IPv4 address>", "where that is"),
        Record(host, "AAAA", "<this machine's IPv6 address>", "the same, if it has one"),
        Record(f"{domain}.", "TXT", '"v=spf1 mx -all"', "only this server sends for the domain (RFC 7208)"),
    ]
    if host != f"{domain}.":
        found.append(Record(host, "TXT", '"v=spf1 a -all"', "the same for its own name in HELO (RFC 7208 §2.3)"))
    # RFC 6186 §3, RFC 8314 §5.1: how mail programs find the servers from an address alone.
    for service, port, why in (
        ("_submissions", 465, "mail programs: sending"),
        ("_submission", 587, "mail programs: sending, with STARTTLS"),
        ("_imaps", 993, "mail programs: reading"),
        ("_pop3s", 995, "mail programs: fetching"),
    ):
        preference = 10 if service == "_pop3s" else 0
        found.append(Record(f"{service}._tcp.{domain}.", "SRV", f"{preference} 1 {port} {host}", f"{why} (RFC 6186)"))
    return found + _tls_records(domain, host, tls)


def _tls_records(domain: str, host: str, tls: TlsRecords) -> list[Record]:
    found: list[Record] = []
    if tls.tlsa:
        why = "the server's key; only in a zone that is signed (RFC 7672 §3.1.1)"
        found.append(Record(f"_25._tcp.{host}", "TLSA", tls.tlsa, why))
    if tls.policy_id:
        place = mta_sts.policy_host(domain)
        found.append(Record(f"{place}.", "CNAME", host, "where the MTA-STS policy is (RFC 8461 §3.3)"))
        text = f'"{mta_sts.record_text(tls.policy_id)}"'
        found.append(Record(f"{mta_sts.record_name(domain)}.", "TXT", text, "that there is one (RFC 8461 §3.1)"))
    if tls.reports_to:
        text = f'"{tls_rpt.record_text(tls.reports_to)}"'
        found.append(Record(f"{tls_rpt.record_name(domain)}.", "TXT", text, "where TLS reports go (RFC 8460 §3)"))
    return found


def dkim_records(domain: str, sets: "KeySets", now: float) -> list[Record]:
    """The keys of a domain (RFC 6376 §3.6), the newest first."""
    from postroom.signing import Phase, key_records, record_strings

    why = {
        Phase.WAITING: "DKIM: a key that will sign",
        Phase.SIGNING: "DKIM: a key that signs",
        Phase.REPLACED: "DKIM: a key whose mail is still on its way",
        Phase.REVOKED: "DKIM: a key that is revoked",
    }
    return [
        Record(f"{one.name}.", "TXT", record_strings(one.text), f"{why[one.phase]} (RFC 6376 §3.6)")
        for one in key_records(domain, sets, now)
    ]


def zone_lines(domain: str, hostname: str, tls: TlsRecords = NOTHING, more: Sequence[Record] = ()) -> list[str]:
    """The same, and `more`, as lines of a zone file."""
    return aligned([*records(domain, hostname, tls), *more])


def aligned(found: Sequence[Record]) -> list[str]:
    """As lines of a zone file, aligned; what a long value would push aside stands behind it."""
    names = max((len(one.name) for one in found), default=0)
    values = max((len(one.value) for one in found if len(one.value) <= _ALIGNED_VALUE), default=0)
    return [f"{one.name:<{names}}  IN {one.kind:<4}  {one.value:<{values}}  ; {one.why}" for one in found]
