"""What each address, network and account may do. Owns: the names, defaults and help. Raises: nothing."""

import ipaddress
from typing import Annotated

import msgspec
from msgspec import Meta

from postroom.base import SettingError


def _limit(what: str) -> Meta:
    return Meta(ge=0, description=f"{what}; 0: no limit.")


class GuardSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[guard]`: who is kept out for a while, and how much of what each address, network and account may do."""

    # ---- who is meant
    exempt_networks: Annotated[
        tuple[str, ...],
        Meta(
            description='Networks, like "192.0.2.0/24", that are never banned and have no budgets: other servers of '
            "ours, a monitoring host, an office behind one address. The proxies of all listeners are exempt as well."
        ),
    ] = ()
    exempt_loopback: Annotated[bool, Meta(description="The same for programs on this machine.")] = True
    ipv6_address_prefix: Annotated[
        int, Meta(ge=16, le=128, description="Bits of an IPv6 address that make one client, as it may choose the rest.")
    ] = 64
    ipv4_network_prefix: Annotated[
        int, Meta(ge=8, le=32, description="Bits of an IPv4 address that make a network.")
    ] = 24
    ipv6_network_prefix: Annotated[
        int, Meta(ge=16, le=64, description="Bits of an IPv6 address that make a network.")
    ] = 48
    max_remembered: Annotated[
        int,
        Meta(
            ge=1000,
            description="Addresses, networks and names of which is remembered, for each budget, what they have done "
            "lately; those not seen for longest are forgotten first.",
        ),
    ] = 50_000
    exchange_seconds: Annotated[
        float,
        Meta(gt=0, le=10, description="Seconds between two looks at what other workers and the command line did."),
    ] = 0.5

    # ---- connections
    address_connections_per_minute: Annotated[int, _limit("Connections a minute from one address")] = 600
    network_connections_per_minute: Annotated[int, _limit("Connections a minute from one network")] = 3000
    network_connections: Annotated[int, _limit("Connections open at once from one network, in one process")] = 2000
    account_connections: Annotated[int, _limit("IMAP connections at once of one account, in one process")] = 500
    account_sign_ins_per_minute: Annotated[
        int, _limit("Sign-ins a minute with one name from one address, whether they succeed or not")
    ] = 1200

    # ---- failed sign-ins
    failure_delay_seconds: Annotated[
        float,
        Meta(
            ge=0, description="Seconds until the first wrong password is refused; each further one takes twice as long."
        ),
    ] = 1.0
    max_failure_delay_seconds: Annotated[float, Meta(ge=0, description="Where that delay stops growing.")] = 15.0
    max_stranger_delay_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds that a sign-in waits at most before its password is looked at, while the account is "
            "under attack, from an address that the account has not signed in from before.",
        ),
    ] = 20.0
    stranger_interval_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds from one such sign-in to the next; who would wait for too long is put off to later.",
        ),
    ] = 1.0
    failures_until_ban: Annotated[
        int, _limit("Wrong passwords from one address within failure_memory_seconds, until it is banned")
    ] = 20
    known_failures_until_ban: Annotated[
        int, _limit("The same for an address from which somebody here has signed in before")
    ] = 100
    failures_until_attack: Annotated[
        int, Meta(ge=1, description="Wrong passwords for one account, from everywhere, until strangers are slowed.")
    ] = 10
    failures_until_storm: Annotated[
        int,
        _limit(
            "Wrong passwords a minute, for all accounts and from everywhere, until addresses from which nobody has "
            "signed in before have to take turns"
        ),
    ] = 120
    sign_ins_until_storm: Annotated[
        int, _limit("Sign-ins that wait for their answer, from everywhere, until the same is so")
    ] = 100
    stranger_sign_ins_per_second: Annotated[
        float, Meta(gt=0, description="Passwords of those that are looked at in a second, then.")
    ] = 20.0
    failure_memory_seconds: Annotated[
        float, Meta(gt=0, description="Seconds in which failures, so many as are allowed, are forgotten.")
    ] = 3600.0
    known_place_days: Annotated[
        float, Meta(gt=0, description="Days for which is remembered from which addresses an account has signed in.")
    ] = 60.0
    max_known_places: Annotated[int, Meta(ge=1, description="Such addresses of one account.")] = 50

    # ---- bans
    ban_seconds: Annotated[float, Meta(gt=0, description="Seconds of a first ban.")] = 900.0
    ban_growth: Annotated[float, Meta(ge=1, description="How many times longer the next one is.")] = 4.0
    max_ban_seconds: Annotated[float, Meta(gt=0, description="Where bans stop growing.")] = 604_800.0
    ban_memory_seconds: Annotated[
        float, Meta(ge=0, description="Seconds after the end of a ban until it is forgotten, and the next is a first.")
    ] = 1_209_600.0
    bans_until_network: Annotated[
        int, _limit("Addresses of one network that are banned at once, until the network is")
    ] = 16
    max_bans: Annotated[int, Meta(ge=100, description="Bans that are remembered at once.")] = 50_000

    # ---- recipients that nobody is
    unknown_recipients_slowed: Annotated[
        int, Meta(ge=0, description="Recipients that nobody here is, from one address, until its answers are slowed.")
    ] = 5
    unknown_recipient_delay_seconds: Annotated[
        float, Meta(ge=0, description="Seconds that the answer then takes, one more each time.")
    ] = 1.0
    max_unknown_recipient_delay_seconds: Annotated[float, Meta(ge=0, description="Where that stops growing.")] = 10.0
    unknown_recipients_closed: Annotated[
        int, _limit("Such recipients until the connection is closed, as are all later ones at the next")
    ] = 20
    unknown_recipients_until_ban: Annotated[int, _limit("Such recipients until the address is banned")] = 50
    unknown_recipient_memory_seconds: Annotated[
        float, Meta(gt=0, description="Seconds in which unknown_recipients_until_ban of them are forgotten.")
    ] = 3600.0
    known_recipient_worth: Annotated[
        float, Meta(ge=0, le=1, description="How many of them one recipient who is somebody makes good for.")
    ] = 0.25

    # ---- how much mail: strangers and other servers by address and network, people by account
    address_messages_per_hour: Annotated[int, _limit("Messages an hour from one address")] = 20_000
    address_messages_per_day: Annotated[int, _limit("Messages a day from one address")] = 200_000
    address_recipients_per_hour: Annotated[int, _limit("Recipients an hour from one address")] = 50_000
    address_recipients_per_day: Annotated[int, _limit("Recipients a day from one address")] = 500_000
    address_octets_per_hour: Annotated[int, _limit("Octets of mail an hour from one address")] = 20_000_000_000
    address_octets_per_day: Annotated[int, _limit("Octets of mail a day from one address")] = 100_000_000_000
    network_messages_per_hour: Annotated[int, _limit("Messages an hour from one network")] = 50_000
    network_messages_per_day: Annotated[int, _limit("Messages a day from one network")] = 500_000
    network_recipients_per_hour: Annotated[int, _limit("Recipients an hour from one network")] = 100_000
    network_recipients_per_day: Annotated[int, _limit("Recipients a day from one network")] = 1_000_000
    network_octets_per_hour: Annotated[int, _limit("Octets of mail an hour from one network")] = 50_000_000_000
    network_octets_per_day: Annotated[int, _limit("Octets of mail a day from one network")] = 200_000_000_000
    account_messages_per_hour: Annotated[int, _limit("Messages an hour that one person sends")] = 1000
    account_messages_per_day: Annotated[int, _limit("Messages a day that one person sends")] = 5000
    account_recipients_per_hour: Annotated[int, _limit("Recipients an hour to whom one person sends")] = 5000
    account_recipients_per_day: Annotated[int, _limit("Recipients a day to whom one person sends")] = 20_000
    account_octets_per_hour: Annotated[int, _limit("Octets of mail an hour that one person sends")] = 5_000_000_000
    account_octets_per_day: Annotated[int, _limit("Octets of mail a day that one person sends")] = 20_000_000_000

    # ---- an account that suddenly sends more than ever
    stop_factor: Annotated[
        float,
        Meta(
            ge=0,
            description="An account that sends to so many times more recipients elsewhere, in an hour or a day, than "
            "it usually does in its busy ones is stopped until postroom account release; 0: never.",
        ),
    ] = 5.0
    stop_floor_per_hour: Annotated[
        int, Meta(ge=1, description="Recipients elsewhere in an hour up to which nobody is stopped.")
    ] = 300
    stop_floor_per_day: Annotated[int, Meta(ge=1, description="The same for a day.")] = 1000
    usual_half_life_days: Annotated[
        float, Meta(gt=0, description="Days in which what an account usually sends is half forgotten.")
    ] = 30.0
    stop_bounces: Annotated[
        int,
        Meta(
            ge=0,
            description="Recipients of a day that bounce until an account is stopped, if they are also stop_bounce_part"
            " of all; 0: never.",
        ),
    ] = 50
    stop_bounce_part: Annotated[
        float,
        Meta(gt=0, le=1, description="The part of a day's recipients that bounces in an account that is misused."),
    ] = 0.3

    def __post_init__(self) -> None:
        for text in self.exempt_networks:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                raise SettingError(f"{text!r} is not a network", ("exempt_networks",)) from None
