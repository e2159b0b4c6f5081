"""How mail leaves: limits, patience, schedule, way out.

Owns: their names, defaults and help, and what two of them can't say together. Never: reads a file. Raises: ValueError.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError
from postroom.dns import to_question
from postroom.net import Networks

from .next_hop import (
    check_relay_name,
    check_source,
    is_address,
    parse_place,
    parse_route,
    route_key,
    sender_key,
)

Route = str | tuple[str, ...]
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@contextmanager
def _at(*place: str) -> Iterator[None]:
    """Say which setting a problem is about."""
    try:
        yield
    except ValueError as error:
        raise SettingError(str(error), place) from error


def _seconds(default_text: str) -> Meta:
    return Meta(gt=0, description=default_text)


# Loopback, "this network", link-local, multicast, reserved, broadcast (RFC 6890).
REFUSED = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/3",
    "::/96",
    "fe80::/10",
    "ff00::/8",
)


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[delivery.relay.NAME]`: a way out that routes can name; docs/routing.md has examples."""

    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description='Servers to give the mail to, "host" or "host:port", in the order in which they are tried; '
            "none: those of the recipient's domain, called as the settings below say."
        ),
    ] = ()
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None,
        Meta(description="TCP port of hosts that name none; not set: as delivery.port."),
    ] = None
    tls: Annotated[
        Literal["never", "may", "encrypt", "verify", "implicit"] | None,
        Meta(
            description="TLS: never, STARTTLS if offered, required, required with a certificate of the host's name "
            'from an authority of the system, or the same from the start; not set: "verify" with a username, else as '
            "delivery.tls."
        ),
    ] = None
    username: Annotated[str, Meta(description="Name to sign in with; empty: no AUTH.")] = ""
    password: Annotated[str, Meta(description="Password that belongs to username.")] = ""
    password_file: Annotated[
        str, Meta(description="Path of a file that holds the password instead, on one line; read at the start.")
    ] = ""
    source_ipv4: Annotated[str, Meta(description="Own IPv4 address to call from; empty: as delivery.source_ipv4.")] = ""
    source_ipv6: Annotated[str, Meta(description="Own IPv6 address to call from; empty: as delivery.source_ipv6.")] = ""
    max_connections: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Connections to the relay's hosts in use at once, where it allows fewer than "
            "delivery.max_connections_per_destination; without hosts: to each domain."
        ),
    ] = None

    def __post_init__(self) -> None:
        with _at("hosts"):
            for host in self.hosts:
                parse_place(host)
        with _at("source_ipv4"):
            check_source(self.source_ipv4, 4)
        with _at("source_ipv6"):
            check_source(self.source_ipv6, 6)
        if _CONTROLS.search(self.username + self.password):
            raise ValueError("a username or password has no control characters")
        if self.password and self.password_file:
            raise ValueError("password and password_file can't both be set")
        if bool(self.username) != bool(self.password or self.password_file):
            raise ValueError("username and password (or password_file) belong together")
        if self.username and self.tls == "may":
            raise ValueError('with a password, tls = "may" would let anybody on the way read it: "verify", or "never"')


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[delivery]`: how messages for other hosts are sent, retried and given up."""

    # where to
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of other hosts' SMTP servers.")] = 25
    relay: Annotated[
        dict[str, RelaySettings], Meta(description="Named ways out, each with a section [delivery.relay.NAME].")
    ] = {}
    routes: Annotated[
        dict[str, Route],
        Meta(
            description='Ways by recipient: "example.net", ".example.net" (all below it) or "*" = a relay\'s name, '
            '"host", "host:port", several of these in a list, "mx" (as usual) or "mx:DOMAIN" (that domain\'s hosts).'
        ),
    ] = {}
    sender_routes: Annotated[
        dict[str, Route],
        Meta(
            description='The same by sender, where routes say nothing: "alice@example.org", "example.org", '
            '".example.org", "<>" (bounces) or "*".'
        ),
    ] = {}
    source_ipv4: Annotated[
        str, Meta(description="Own IPv4 address from which other hosts are called; empty: the system chooses.")
    ] = ""
    source_ipv6: Annotated[
        str, Meta(description="Own IPv6 address from which other hosts are called; empty: the system chooses.")
    ] = ""
    own_addresses: Annotated[
        tuple[str, ...],
        Meta(
            description="IP addresses under which the world reaches this server, beside those of its listeners; an MX "
            "there is never called."
        ),
    ] = ()
    own_names: Annotated[
        tuple[str, ...],
        Meta(
            description="Further names under which the world knows this server, beside hostname; an MX of such a name "
            "is never called."
        ),
    ] = ()
    refuse_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses that are never called because an MX record, a domain or an address literal says so; "
            "routes and relays may name them. Private networks may be added."
        ),
    ] = REFUSED
    max_mx_hosts: Annotated[
        int, Meta(ge=2, description="Hosts of a domain that count, however many MX records it has; the best ones.")
    ] = 20
    prefer_ipv6: Annotated[
        bool,
        Meta(
            description="Begin with a host's IPv6 address, then the two kinds alternate (RFC 8305 §4); false: begin "
            "with IPv4."
        ),
    ] = True
    max_addresses: Annotated[
        int, Meta(ge=2, description="Addresses of a destination tried in one attempt (RFC 5321 §5.1 asks for two).")
    ] = 10

    # through another server
    smarthost: Annotated[
        str,
        Meta(
            description='Send everything without another route through this server, "host", "host:port" or a relay\'s '
            "name; empty: look up the MX."
        ),
    ] = ""
    smarthost_tls: Annotated[
        Literal["starttls", "implicit", "opportunistic", "never"],
        Meta(description="TLS towards the smarthost: required by STARTTLS, from the start, if offered, or never."),
    ] = "starttls"
    smarthost_verify: Annotated[
        bool, Meta(description="Check the smarthost's certificate against its name and the system's authorities.")
    ] = True
    smarthost_username: Annotated[str, Meta(description="Name to sign in with at the smarthost; empty: no AUTH.")] = ""
    smarthost_password: Annotated[str, Meta(description="Password that belongs to smarthost_username.")] = ""

    # TLS
    tls: Annotated[
        Literal["opportunistic", "required", "never"],
        Meta(description="STARTTLS with other hosts: if offered (certificates unchecked), always, or never."),
    ] = "opportunistic"
    plaintext_after_tls_failure: Annotated[
        bool, Meta(description="With opportunistic TLS: when the handshake fails, call the host again without TLS.")
    ] = True

    # how much at once
    max_connections: Annotated[int, Meta(ge=1, description="Outgoing SMTP connections in use at once.")] = 200
    max_suspect_connections: Annotated[
        int,
        Meta(
            ge=1,
            description="Further connections for destinations of which nothing was heard since a connection failed.",
        ),
    ] = 50
    max_connections_per_destination: Annotated[
        int, Meta(ge=1, description="Outgoing SMTP connections in use at once for one destination domain.")
    ] = 20
    initial_connections_per_destination: Annotated[
        int, Meta(ge=1, description="With so many a destination begins; each answer lets it have one more.")
    ] = 2
    site_pause_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which a destination where nobody answers is not called; twice as long each time.",
        ),
    ] = 60.0
    max_site_pause_seconds: Annotated[float, Meta(ge=0, description="Seconds of such a pause at most.")] = 600.0
    max_remembered_sites: Annotated[
        int, Meta(ge=1, description="Destinations of which it is remembered how they do.")
    ] = 10_000
    new_destination_share: Annotated[
        int, Meta(ge=1, description="Recipients of a destination taken from the queue at first.")
    ] = 20
    max_local_deliveries: Annotated[
        int, Meta(ge=1, description="Queued messages delivered to local mailboxes at once.")
    ] = 8
    max_claimed: Annotated[int, Meta(ge=1, description="Recipients taken from the queue and under way at once.")] = 5000
    max_waiting_per_destination: Annotated[
        int,
        Meta(ge=1, description="Messages waiting in memory for one destination; more stay in the queue."),
    ] = 1000
    trouble_retry_seconds: Annotated[
        float, _seconds("Seconds to wait when the queue itself can't be read or written.")
    ] = 10.0
    max_recipients_per_transaction: Annotated[
        int, Meta(ge=1, description="Recipients of one message given to a host at once (RFC 5321 §4.5.3.1.8: 100).")
    ] = 100
    chunk_octets: Annotated[
        int,
        Meta(
            ge=1024,
            le=16_777_216,
            description="Octets of a BDAT command (RFC 3030). Messages that are longer, or binary, are sent in such "
            "chunks where a host offers CHUNKING.",
        ),
    ] = 262_144
    chunk_large: Annotated[
        bool, Meta(description="Send messages longer than chunk_octets in chunks; false: only what is binary.")
    ] = True
    max_messages_per_connection: Annotated[
        int, Meta(ge=1, description="Messages sent over one connection before it is closed.")
    ] = 100
    max_idle_connections: Annotated[
        int, Meta(ge=0, description="Connections kept open for a next message to the same destination.")
    ] = 20
    idle_connection_seconds: Annotated[
        float, _seconds("Seconds such a connection is kept while there is nothing to send.")
    ] = 5.0

    # when again
    first_retry_seconds: Annotated[
        float, _seconds("Seconds from the first failed attempt to the second; each further wait is twice as long.")
    ] = 300.0
    max_retry_seconds: Annotated[float, _seconds("Seconds between two attempts at most.")] = 14_400.0
    retry_jitter: Annotated[
        float, Meta(ge=0, le=0.5, description="Part of each wait by which it may be shorter or longer, at random.")
    ] = 0.1
    retry_by_age: Annotated[
        tuple[tuple[float, float], ...],
        Meta(
            description="Instead of that: [age, wait] pairs in seconds: up to this age of a message so long a wait to "
            "its next attempt. The last wait holds for all older ones."
        ),
    ] = ()
    give_up_seconds: Annotated[
        float, _seconds("Seconds after arrival when a message is returned to its sender (RFC 5321 §4.5.4.1: 4-5 days).")
    ] = 432_000.0
    give_up_null_sender_seconds: Annotated[
        float, _seconds("The same for messages with the null sender (bounces), which are then dropped.")
    ] = 172_800.0
    delay_warning_seconds: Annotated[
        float, Meta(ge=0, description="Seconds after arrival when the sender is told of a delay; 0: never.")
    ] = 14_400.0
    unreachable_memory_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which a host that could not be connected to is not called again.")
    ] = 60.0
    max_unreachable_hosts: Annotated[int, Meta(ge=1, description="Such hosts that are remembered.")] = 10_000

    # how long to wait (RFC 5321 §4.5.3.2)
    connect_timeout_seconds: Annotated[float, _seconds("Seconds for a TCP connection to be established.")] = 30.0
    connection_attempt_delay_seconds: Annotated[
        float,
        Meta(
            ge=0.01,
            le=2,
            description="Seconds until the next address of a host is called beside one that has not answered; the "
            "first connection is used (RFC 8305 §5).",
        ),
    ] = 0.25
    resolution_delay_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=2,
            description="Seconds for which a host's addresses of one kind wait for those of the kind to begin with; "
            "what comes later is called later (RFC 8305 §3).",
        ),
    ] = 0.05
    greeting_timeout_seconds: Annotated[float, _seconds("Seconds to wait for a host's greeting.")] = 300.0
    hello_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to EHLO, HELO or RSET.")] = 300.0
    starttls_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to STARTTLS.")] = 120.0
    auth_timeout_seconds: Annotated[float, _seconds("Seconds to wait for each reply of an AUTH exchange.")] = 120.0
    mail_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to MAIL.")] = 300.0
    rcpt_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to each RCPT.")] = 300.0
    data_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to DATA.")] = 120.0
    content_timeout_seconds: Annotated[float, _seconds("Seconds for a host to take one block of the message.")] = 180.0
    end_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to the end of the message.")] = 600.0
    max_transaction_seconds: Annotated[
        float,
        _seconds(
            "Seconds until a host has to have answered everything about one message, however often it is heard of."
        ),
    ] = 1800.0
    max_attempt_seconds: Annotated[
        float, _seconds("Seconds that an attempt may take in all, with every host and address it calls.")
    ] = 3600.0
    min_content_octets_per_second: Annotated[
        int,
        Meta(ge=1, description="For so many octets of a message each of these two limits is one second longer."),
    ] = 8192
    quit_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to QUIT.")] = 5.0
    stop_timeout_seconds: Annotated[
        float, _seconds("Seconds that attempts under way have to end when the server stops.")
    ] = 10.0

    # what to take from them, and what to give back
    max_reply_line_octets: Annotated[int, Meta(ge=512, description="Octets of one line of a host's reply.")] = 4096
    max_reply_lines: Annotated[int, Meta(ge=16, description="Lines of one reply of a host.")] = 256
    send_8bit_anyway: Annotated[
        bool,
        Meta(description="Send 8-bit messages as they are to hosts that do not offer 8BITMIME too, against RFC 6152."),
    ] = False
    long_lines: Annotated[
        Literal["recode", "recode-unsigned", "keep"],
        Meta(
            description="Texts with lines of over 998 octets (RFC 5321 §4.5.3.1.6), which other hosts refuse, or cut: "
            "send them as quoted-printable or base64, from which they come back as they were; the same, but leave "
            "signed mail alone, whose signature would no longer fit; or send all as it is."
        ),
    ] = "recode-unsigned"
    double_bounce_to: Annotated[
        str,
        Meta(description="Address here that is told when a report can't be delivered; empty: nobody, it is logged."),
    ] = "postmaster"
    max_returned_octets: Annotated[
        int, Meta(ge=1024, description="Octets of a message given back whole in a bounce; else only its header is.")
    ] = 65_536

    def next_hops(self) -> list[str]:
        """The names of hosts that relays and routes lead to."""
        hops = [parse_route(route, self.relay) for route in (*self.routes.values(), *self.sender_routes.values())]
        places = [place for hop in hops for place in hop.hosts]
        places += [parse_place(host) for relay in self.relay.values() for host in relay.hosts]
        if self.smarthost and self.smarthost not in self.relay:
            places.append(parse_place(self.smarthost))
        return sorted({place.name for place in places if not is_address(place.name)})

    def __post_init__(self) -> None:
        for name in self.relay:
            with _at("relay", name):
                check_relay_name(name)
        for text, route in self.routes.items():
            with _at("routes", text):
                route_key(text)
                parse_route(route, self.relay)
        for text, route in self.sender_routes.items():
            with _at("sender_routes", text):
                sender_key(text)
                parse_route(route, self.relay)
        with _at("own_addresses"):
            for address in self.own_addresses:
                if not is_address(address):
                    raise ValueError(f"{address!r} is not an IP address")
        with _at("own_names"):
            for name in self.own_names:
                to_question(name)
        with _at("refuse_networks"):
            Networks(self.refuse_networks)
        with _at("source_ipv4"):
            check_source(self.source_ipv4, 4)
        with _at("source_ipv6"):
            check_source(self.source_ipv6, 6)
        with _at("smarthost"):
            if self.smarthost and self.smarthost not in self.relay:
                parse_place(self.smarthost)
            elif self.smarthost and (self.smarthost_username or self.smarthost_password):
                raise ValueError(f"the relay {self.smarthost!r} has a username and password of its own")
