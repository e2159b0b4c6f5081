"""Settings of TLS towards other servers.

Owns: their names, defaults and help, how a demand is written. Never: knows what a domain publishes. Raises: ValueError
for a demand that can't be, which msgspec turns into its ValidationError.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from postroom.dns import to_question

from .report_settings import ReportSettings

Level = Literal["never", "may", "encrypt", "verify", "dane"]
_LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class Demanded:
    """What an operator demands for a destination."""

    level: Level
    names: tuple[str, ...] = ()  # for "verify": what the certificate may be for; none: the host's own name


def parse_demand(text: str) -> Demanded:
    """ "may", "verify", "verify mx.example.net *.example.org". Raises ValueError."""
    level, *names = text.split()[:33] or [""]
    if level not in _LEVELS:
        raise ValueError(f"{text!r}: a demand begins with one of {', '.join(_LEVELS)}")
    if names and level != "verify":
        raise ValueError(f'{text!r}: names belong to "verify" only')
    for name in names:
        to_question(name.removeprefix("*."))
    return Demanded(level, tuple(name.lower() for name in names))


class OutboundTlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[outbound_tls]`: how sure we are of the servers that mail is sent to."""

    dane: Annotated[
        bool, Meta(description="Keep to the TLSA records of hosts (RFC 7672), where the resolver validates DNSSEC.")
    ] = True
    mta_sts: Annotated[bool, Meta(description="Keep to the policies that domains publish on the Web (RFC 8461).")] = (
        True
    )
    demands: Annotated[
        dict[str, str],
        Meta(
            description='By domain, in place of what it publishes: "never", "may", "encrypt", "verify" (the '
            'certificate, by the host\'s name), "verify NAME …" (by one of these; "*.example.net" is possible), or '
            '"dane" (no delivery without TLSA records). ".example.net" is for all below it.'
        ),
    ] = {}
    authorities: Annotated[
        str, Meta(description="Path of a PEM file of the authorities that are trusted; empty: those of the system.")
    ] = ""
    mta_sts_port: Annotated[int, Meta(ge=1, le=65535, description="TCP port where policies are fetched.")] = 443
    mta_sts_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to fetch a policy in (RFC 8461 §3.3 suggests 60).")
    ] = 60.0
    mta_sts_max_octets: Annotated[int, Meta(ge=1024, le=65_536, description="Octets a policy may have.")] = 65_536
    mta_sts_retry_seconds: Annotated[
        float, Meta(ge=300, description="Seconds after a failed fetch until the next (RFC 8461 §3.3: 300 or more).")
    ] = 300.0
    mta_sts_refresh_seconds: Annotated[
        float, Meta(gt=0, description="Age in seconds from which a policy that is used is fetched again.")
    ] = 86_400.0
    max_mta_sts_policies: Annotated[int, Meta(ge=1, description="Policies that are kept.")] = 10_000
    max_mta_sts_fetches: Annotated[int, Meta(ge=1, description="Policies that are fetched at once.")] = 20

    def __post_init__(self) -> None:
        for domain, demand in self.demands.items():
            to_question(domain.removeprefix("."))
            parse_demand(demand)


class TlsReportSettings(ReportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tls_reports]`: what others are told of the TLS we had with them, and what they tell us (RFC 8460)."""

    send: Annotated[
        bool, Meta(description="Send a report a day to each domain that asks for one, on the connections to it.")
    ] = False
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds to hand over a report by HTTPS.")] = 60.0
