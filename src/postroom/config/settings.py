"""Settings of the server as a whole, which belong to no package below. Owns: their names, defaults and help.
Raises: ValueError for an address that can't be listened on, which msgspec turns into its ValidationError."""

import ipaddress
import os
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError
from postroom.dns import BadDomainName, to_question
from postroom.net import parse_address

Addresses = tuple[str, ...]
# What needs no escapes in a "mailto:" within a DMARC record (RFC 7489 §6.2: no "," and "!").
_ADDRESS = re.compile(r"[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9.-]{1,253}")


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where clients and other servers connect: lists of "address:port"; an empty list turns a service off."""

    smtp: Annotated[
        Addresses, Meta(description="Mail from other servers for the domains here (RFC 5321); standard port 25.")
    ] = ()
    submission: Annotated[
        Addresses, Meta(description="Mail from people who sign in, with STARTTLS (RFC 6409); standard port 587.")
    ] = ()
    submissions: Annotated[
        Addresses, Meta(description="Mail from people who sign in, TLS from the start (RFC 8314); standard port 465.")
    ] = ()
    lmtp: Annotated[
        Addresses,
        Meta(
            description='Mail from a relay in front of this server (RFC 2033); "unix:/path" is possible. Keep it local.'
        ),
    ] = ()
    pop3: Annotated[Addresses, Meta(description="POP3 with STLS (RFC 1939, RFC 2595); standard port 110.")] = ()
    pop3s: Annotated[Addresses, Meta(description="POP3, TLS from the start (RFC 8314); standard port 995.")] = ()
    imap: Annotated[Addresses, Meta(description="IMAP with STARTTLS (RFC 3501); standard port 143.")] = ()
    imaps: Annotated[Addresses, Meta(description="IMAP, TLS from the start (RFC 8314); standard port 993.")] = ()
    policy_host: Annotated[
        Addresses,
        Meta(
            description="The MTA-STS policy of the domains here, over HTTPS (RFC 8461), at mta-sts.DOMAIN, and where "
            "mail programs find their settings, at autoconfig.DOMAIN and autodiscover.DOMAIN; standard port 443. "
            "The certificate has to have these names too. See tls.md and dns.md."
        ),
    ] = ()
    acme_http: Annotated[
        Addresses,
        Meta(
            description="Answers for an authority that makes certificates (acme.challenge http-01), over plain HTTP, "
            "and nothing else; standard port 80."
        ),
    ] = ()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            for address in getattr(self, name):
                check_address(address, unix=name == "lmtp")


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[listener.NAME]`: one listener more, or how one of `[listen]` treats its clients; docs/receiving.md has
    examples."""

    kind: Annotated[
        Literal[
            "",
            "smtp",
            "submission",
            "submissions",
            "lmtp",
            "pop3",
            "pop3s",
            "imap",
            "imaps",
            "policy_host",
            "acme_http",
        ],
        Meta(description="What is spoken there; empty: NAME says it."),
    ] = ""
    addresses: Annotated[
        Addresses,
        Meta(description='Each "address:port"; empty: where NAME is a kind, those of the section listen.'),
    ] = ()
    sign_in: Annotated[
        Literal["", "never", "possible", "required"],
        Meta(
            description="Whether clients may or have to sign in before they send mail; those who have not may send to "
            "people here alone. Empty: required for submission and submissions, never for smtp and lmtp."
        ),
    ] = ""
    require_tls: Annotated[bool, Meta(description="Take no mail before STARTTLS; port 25 needs to take it.")] = False
    check_senders: Annotated[
        bool,
        Meta(
            description="Check who really sent the mail of those who have not signed in, by the section "
            "authentication; never for lmtp."
        ),
    ] = True
    proxies: Annotated[
        tuple[str, ...],
        Meta(
            description='Networks, like "192.0.2.0/24", from which all connections begin with a header of the PROXY '
            "protocol (version 1 or 2): the client is who that header names."
        ),
    ] = ()
    vrfy: Annotated[
        Literal["off", "signed-in", "on"],
        Meta(
            description="Whom VRFY and EXPN tell who is here and whom an address leads to; others, and all when off, "
            "get 252 for any address."
        ),
    ] = "off"
    priority_networks: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose mail may have any priority (MT-PRIORITY, RFC 6710); others may lower it."),
    ] = ()
    tls_profile: Annotated[
        Literal["", "intermediate", "modern"], Meta(description="As tls.profile, here; empty: as there.")
    ] = ""
    client_certificates: Annotated[
        Literal["off", "ask", "need"],
        Meta(
            description="Whether clients are asked for a certificate of tls.client_authorities, by which people may "
            "sign in (EXTERNAL), or have to show one. One of another authority ends the connection, so that this is "
            "not for listeners of the kind smtp, where any server may call."
        ),
    ] = "off"
    max_recipients: Annotated[
        Annotated[int, Meta(ge=100)] | None, Meta(description="As smtp.max_recipients, here.")
    ] = None
    max_message_octets: Annotated[
        Annotated[int, Meta(ge=65_536)] | None, Meta(description="As smtp.max_message_octets, here.")
    ] = None


class ZoneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[zone]`: what `postroom dns` prints, and whom `postroom check dns` asks what the world sees of this server."""

    addresses: Annotated[
        tuple[str, ...],
        Meta(
            description="The addresses by which others reach this server, and from which it calls them; none: those of "
            "the machine that are not private."
        ),
    ] = ()
    certificate_authorities: Annotated[
        tuple[str, ...],
        Meta(
            description="Who issues this server's certificates, as its CAA record names them (RFC 8659); none: nothing "
            "is said of it."
        ),
    ] = ("letsencrypt.org",)
    dmarc_policy: Annotated[
        Literal["none", "quarantine", "reject"],
        Meta(description="What others are asked to do with mail of the domains here that is forged (DMARC)."),
    ] = "quarantine"
    dmarc_reports_to: Annotated[
        str, Meta(description="The address to which others send DMARC reports on the domains here; empty: none.")
    ] = ""
    block_lists: Annotated[
        tuple[str, ...], Meta(description="Block lists that are asked for this server's addresses (RFC 5782).")
    ] = ("zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com", "dnsbl.dronebl.org")
    outbound_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Domains that take mail, or hosts, of which one should be reached on port 25; the first that "
            "answers will do."
        ),
    ] = ("gmail.com", "outlook.com")
    signed_name: Annotated[
        str, Meta(description="A name with addresses that is signed, for seeing whether the resolver validates DNSSEC.")
    ] = "ietf.org"
    time_hosts: Annotated[
        tuple[str, ...],
        Meta(description='Web servers, "HOST" or "HOST:PORT", whose Date is compared with the clock of this machine.'),
    ] = ("www.ietf.org", "www.debian.org")
    max_clock_offset_seconds: Annotated[
        float, Meta(gt=0, description="Seconds by which the clock may be wrong before that is said.")
    ] = 30.0
    timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for one answer of the DNS, or of one server.")
    ] = 5.0
    total_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which what has no answer counts as one that could not be asked.")
    ] = 30.0

    def __post_init__(self) -> None:
        for address in self.addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise SettingError(f"{address!r} is not an IP address", ("addresses",)) from None
        for key in ("certificate_authorities", "block_lists", "outbound_hosts"):
            for name in getattr(self, key):
                _check_name(name, key)
        _check_name(self.signed_name, "signed_name")
        for place in self.time_hosts:
            host, colon, port = place.partition(":")
            _check_name(host, "time_hosts")
            if colon and not (port.isdecimal() and 0 < int(port) < 65536):
                raise SettingError(f"{place!r} is not HOST:PORT", ("time_hosts",))
        if self.dmarc_reports_to and not _ADDRESS.fullmatch(self.dmarc_reports_to):
            raise SettingError(f"{self.dmarc_reports_to!r} is not an address", ("dmarc_reports_to",))


def _check_name(name: str, key: str) -> None:
    try:
        to_question(name)
    except BadDomainName as error:
        raise SettingError(str(error), (key,)) from None


def check_address(address: str, *, unix: bool) -> None:
    """Raises ValueError unless `address` is "192.0.2.1:25", "[2001:db8::1]:25" or, where possible, "unix:/path"."""
    try:
        host, _ = parse_address(address)
    except ValueError:
        raise ValueError(f'{address!r} is not like "127.0.0.1:25" or "[::1]:25"') from None
    if host.startswith("unix:") and not unix:
        raise ValueError(f"{address!r}: only lmtp can listen on a Unix socket")


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's log, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important events that are logged.")
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="One line of text, or one JSON object a line, for each event.")
    ] = "text"


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server as a process of the operating system."""

    user: Annotated[
        str, Meta(description="When started by root: the user the server becomes once its ports are open; empty: none.")
    ] = ""
    group: Annotated[str, Meta(description="The group it changes to; empty: the user's own.")] = ""
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=128)] | Literal["auto"],
        Meta(
            description='Processes that serve, for machines with several processors; "auto": one for each of them. '
            "See workers.md."
        ),
    ] = 1
    restart_pause_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds until a worker is started again that ended soon after its start; twice as many each "
            "time. One that had been up for a while is started again at once.",
        ),
    ] = 0.5
    max_restart_pause_seconds: Annotated[float, Meta(gt=0, description="Where that pause stops growing.")] = 8.0
    steady_after_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which a worker that ends has not ended soon after its start.")
    ] = 30.0
    stop_timeout_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds that workers have to end when the server stops, before they are killed; more than "
            "net.stop_timeout_seconds and delivery.stop_timeout_seconds together.",
        ),
    ] = 30.0

    @property
    def worker_count(self) -> int:
        """How many workers that is on this machine."""
        return available_processors() if self.workers == "auto" else self.workers


def available_processors() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # there is no such call, or it is not allowed
        return os.cpu_count() or 1
