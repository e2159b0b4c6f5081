"""What is held against strangers, and how much. Owns: the names, defaults and help of `[strangers]`. Raises: ValueError
for what can't be meant, which msgspec turns into its ValidationError."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.dns import BadDomainName, to_question
from postroom.net import Networks

from .codes import read_code


class ListSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[strangers.list.NAME]`: a list in the DNS of those whose mail is not wanted, or of those whose mail is (RFC
    5782)."""

    zone: Annotated[str, Meta(description='Where it is asked: "bl.example.net".')]
    has: Annotated[
        Literal["addresses", "domains"],
        Meta(description="What it lists: IP addresses, or domains, of which those in HELO and MAIL FROM are asked."),
    ] = "addresses"
    points: Annotated[
        float,
        Meta(
            ge=-100,
            le=100,
            description="Points for an answer that codes does not have; below zero for a list of the good.",
        ),
    ] = 0.0
    codes: Annotated[
        dict[str, float],
        Meta(
            description='Points by answer: "127.0.0.4", "127.0.0.10-11", "127.0.*.3", or "&4" where the last number of '
            "the answer is a mask of bits; the points of all that match are added."
        ),
    ] = msgspec.field(default_factory=dict)
    test: Annotated[
        bool,
        Meta(
            description="Ask it for the entries that each list has, and for those that none has (RFC 5782 §5), before "
            "an answer of it counts."
        ),
    ] = True

    def __post_init__(self) -> None:
        try:
            to_question(self.zone)
        except BadDomainName as error:
            raise ValueError(f"zone: {error}") from None
        for text, points in self.codes.items():
            try:
                read_code(text)
            except ValueError as error:
                raise ValueError(f"codes: {error}") from None
            if not -100 <= points <= 100:
                raise ValueError(f"codes: {text!r} has {points:g} points; -100 to 100 are possible")
        if not self.points and not self.codes:
            raise ValueError("points or codes are needed: without them the list says nothing")


class StrangersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[strangers]`: what is held against clients that have not signed in, in points; docs/strangers.md explains it."""

    check: Annotated[
        bool,
        Meta(description="Look at who brings mail from outside. [listener.NAME] check_senders turns it off for one."),
    ] = True
    trusted_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of clients that are never looked at, besides this machine and those of "
            "authentication.trusted_networks: relays, backup servers, monitors."
        ),
    ] = ()
    list: Annotated[
        dict[str, ListSettings],
        Meta(description="Lists in the DNS, each with a section [strangers.list.NAME]; none is asked by default."),
    ] = msgspec.field(default_factory=dict)
    refuse_points: Annotated[
        float,
        Meta(
            ge=0,
            description="Points of the client alone from which its recipients are refused (550) before it sends the "
            "message, those for its HELO name left out; 0: never. Mail to postmaster and abuse is always taken.",
        ),
    ] = 20.0

    # ---- greylisting (RFC 6647)
    greylist_points: Annotated[
        float,
        Meta(
            ge=0,
            description="Points from which a client that greylisting does not know is asked to come again (450); 0: "
            "every client that it does not know.",
        ),
    ] = 2.0
    greylist: Annotated[bool, Meta(description="Whether greylisting is done at all.")] = True
    greylist_delay_seconds: Annotated[
        float, Meta(ge=0, description="Seconds after the first attempt from which another one is taken.")
    ] = 60.0
    greylist_window_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after the first attempt for which another one counts as the same mail.")
    ] = 86_400.0
    greylist_max_defers: Annotated[
        int,
        Meta(
            ge=1,
            description="Attempts for the same sender and recipient from changing networks after which the next one is "
            "taken: some senders never come from the same place twice.",
        ),
    ] = 4
    known_after: Annotated[
        int,
        Meta(
            ge=1, description="Good messages after which a network, or a domain that SPF vouches for, counts as known."
        ),
    ] = 5
    remember_seconds: Annotated[
        float,
        Meta(
            ge=604_800,
            description="Seconds without mail after which a network or domain is forgotten (RFC 6647 §5: a week at "
            "least).",
        ),
    ] = 3_110_400.0
    ipv4_prefix: Annotated[int, Meta(ge=8, le=32, description="Bits of an IPv4 address that are its network.")] = 24
    ipv6_prefix: Annotated[int, Meta(ge=16, le=128, description="Bits of an IPv6 address that are its network.")] = 64
    max_known: Annotated[
        int, Meta(ge=1000, description="Networks and domains that are remembered; the oldest are forgotten first.")
    ] = 200_000
    max_waiting: Annotated[
        int, Meta(ge=1000, description="First attempts that are remembered; the oldest are forgotten first.")
    ] = 200_000

    # ---- manners
    greeting_delay_seconds: Annotated[
        float,
        Meta(ge=0, le=60, description="Seconds that a client which is not known waits for the greeting; 0: none."),
    ] = 2.0
    first_time_delay_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=120,
            description="Seconds that it waits for the answer to the first recipient of a session; 0: none.",
        ),
    ] = 3.0
    max_delayed: Annotated[
        int, Meta(ge=0, description="Clients that are let wait like that at once in one process; others are not.")
    ] = 500
    early_greeting_points: Annotated[
        float, Meta(ge=0, description="Points for speaking before the greeting (RFC 5321 §4.3.1).")
    ] = 4.0
    early_hello_points: Annotated[
        float, Meta(ge=0, description="Points for speaking on before the answer to EHLO or HELO (RFC 2920 §3.1).")
    ] = 2.0
    early_message_points: Annotated[
        float, Meta(ge=0, description="Points for sending the message before the answer to DATA (RFC 2920 §3.1).")
    ] = 3.0

    # ---- names
    no_name_points: Annotated[
        float, Meta(ge=0, description="Points for an address without a name in the reverse DNS.")
    ] = 1.5
    unconfirmed_name_points: Annotated[
        float, Meta(ge=0, description="Points for a name there that does not lead back to the address.")
    ] = 1.0
    generic_name_points: Annotated[
        float, Meta(ge=0, description="Points for a name that is made from the address: 192-0-2-7.example.net.")
    ] = 1.5
    dynamic_name_points: Annotated[
        float, Meta(ge=0, description="Points for one that also says dsl, dyn, pool or the like.")
    ] = 2.5
    static_name_points: Annotated[
        float, Meta(ge=0, description="Points for one that also says static, or that it is a mail server.")
    ] = 0.5

    # ---- HELO (RFC 5321 §4.1.4)
    hello_ours_points: Annotated[
        float, Meta(ge=0, description="Points for calling itself this server, or a domain of people here.")
    ] = 4.0
    hello_bare_points: Annotated[
        float, Meta(ge=0, description="Points for a name without a dot, or an address without its brackets.")
    ] = 1.5
    hello_literal_points: Annotated[
        float, Meta(ge=0, description="Points for [an address] instead of a name, if it is the client's own.")
    ] = 0.5
    hello_wrong_literal_points: Annotated[float, Meta(ge=0, description="Points for [an address] of others.")] = 2.0
    hello_unknown_points: Annotated[
        float, Meta(ge=0, description="Points for a name that has no address in the DNS.")
    ] = 1.0

    # ---- what is remembered
    first_time_points: Annotated[
        float, Meta(ge=0, description="Points for coming from a network of which nothing is remembered.")
    ] = 0.5
    known_points: Annotated[
        float, Meta(le=0, description="Points for one of which good mail is remembered (known_after).")
    ] = -2.0
    junk_history_points: Annotated[
        float, Meta(ge=0, description="Points for one from which more junk than good mail came.")
    ] = 2.0

    # ---- what it may cost
    max_dns_questions: Annotated[
        int, Meta(ge=10, description="Questions to the DNS about one client; further ones count as not answered.")
    ] = 100
    max_dns_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds for which a client waits for the DNS; what has no answer by then gives no points.",
        ),
    ] = 5.0
    list_test_seconds: Annotated[
        float, Meta(ge=60, description="Seconds after which a list is tested again (RFC 5782 §5).")
    ] = 3600.0
    standing_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which what was found about an address is kept in memory.")
    ] = 600.0
    max_standings: Annotated[int, Meta(ge=100, description="Addresses of which that is kept.")] = 10_000
    learn_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for which what was learnt is gathered before it is written.")
    ] = 2.0

    def __post_init__(self) -> None:
        for network in self.trusted_networks:
            try:
                Networks((network,))
            except ValueError as error:
                raise ValueError(f"trusted_networks: {error}: a network is like 192.0.2.0/24") from None
        if self.greylist_window_seconds <= self.greylist_delay_seconds:
            raise ValueError("greylist_window_seconds has to be more than greylist_delay_seconds")
