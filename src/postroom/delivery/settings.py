"""How mail leaves: limits, patience, schedule, way out. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


def _seconds(default_text: str) -> Meta:
    return Meta(gt=0, description=default_text)


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[delivery]`: how messages for other hosts are sent, retried and given up."""

    # where to
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of other hosts' SMTP servers.")] = 25
    routes: Annotated[
        dict[str, str],
        Meta(description='Domains that skip the MX look-up: "example.net" = "192.0.2.1:25" (address or host, port).'),
    ] = {}
    own_addresses: Annotated[
        tuple[str, ...],
        Meta(description="IP addresses under which the world reaches this server; an MX there is never called."),
    ] = ()
    prefer_ipv6: Annotated[bool, Meta(description="Try a host's IPv6 addresses before its IPv4 ones.")] = False
    max_addresses: Annotated[
        int, Meta(ge=2, description="Addresses of a destination tried in one attempt (RFC 5321 §5.1 asks for two).")
    ] = 10

    # through another server
    smarthost: Annotated[
        str, Meta(description='Send everything through this server, "host" or "host:port"; empty: look up the MX.')
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
        Meta(
            ge=1, description="Messages waiting in memory for one destination; more go back to the queue for a while."
        ),
    ] = 1000
    busy_retry_seconds: Annotated[
        float, _seconds("Seconds after which a message that found its destination too busy is looked at again.")
    ] = 2.0
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
    greeting_timeout_seconds: Annotated[float, _seconds("Seconds to wait for a host's greeting.")] = 300.0
    hello_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to EHLO, HELO or RSET.")] = 300.0
    starttls_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to STARTTLS.")] = 120.0
    auth_timeout_seconds: Annotated[float, _seconds("Seconds to wait for each reply of an AUTH exchange.")] = 120.0
    mail_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to MAIL.")] = 300.0
    rcpt_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to each RCPT.")] = 300.0
    data_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to DATA.")] = 120.0
    content_timeout_seconds: Annotated[float, _seconds("Seconds for a host to take one block of the message.")] = 180.0
    end_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to the end of the message.")] = 600.0
    quit_timeout_seconds: Annotated[float, _seconds("Seconds to wait for the reply to QUIT.")] = 5.0
    stop_timeout_seconds: Annotated[
        float, _seconds("Seconds that attempts under way have to end when the server stops.")
    ] = 10.0

    # what to take from them, and what to give back
    max_reply_line_octets: Annotated[int, Meta(ge=512, description="Octets of one line of a host's reply.")] = 4096
    max_reply_lines: Annotated[int, Meta(ge=16, description="Lines of one reply of a host.")] = 256
    send_8bit_anyway: Annotated[
        bool,
        Meta(description="Send 8-bit messages also to hosts that do not offer 8BITMIME, against RFC 6152, not bounce."),
    ] = False
    double_bounce_to: Annotated[
        str,
        Meta(description="Address here that is told when a report can't be delivered; empty: nobody, it is logged."),
    ] = "postmaster"
    max_returned_octets: Annotated[
        int, Meta(ge=1024, description="Octets of a message given back whole in a bounce; else only its header is.")
    ] = 65_536
