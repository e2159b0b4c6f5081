"""Settings of the server as a whole, which belong to no package below. Owns: their names, defaults and help.
Raises: ValueError for an address that can't be listened on, which msgspec turns into its ValidationError."""

import os
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.net import parse_address

Addresses = tuple[str, ...]


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

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            for address in getattr(self, name):
                check_address(address, unix=name == "lmtp")


class ListenerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[listener.NAME]`: one listener more, or how one of `[listen]` treats its clients; docs/receiving.md has
    examples."""

    kind: Annotated[
        Literal["", "smtp", "submission", "submissions", "lmtp", "pop3", "pop3s", "imap", "imaps", "policy_host"],
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
    max_recipients: Annotated[
        Annotated[int, Meta(ge=100)] | None, Meta(description="As smtp.max_recipients, here.")
    ] = None
    max_message_octets: Annotated[
        Annotated[int, Meta(ge=65_536)] | None, Meta(description="As smtp.max_message_octets, here.")
    ] = None


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
