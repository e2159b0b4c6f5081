"""`postroom check ip`: how an address stands with this server, and why.

Owns: the words, and what would follow. Never: changes what is remembered; needs a running server. Raises: Refusal,
WrongUse.
"""

import asyncio
import datetime
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import config_option, json_option, read_settings
from .outcome import Refusal, WrongUse, print_json, tame

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.dns import Resolver
    from postroom.guard import Ban
    from postroom.intake.authentication import Checked
    from postroom.junk import Score
    from postroom.reputation import Remembered, ReputationDatabase, Strangers

_MAX_WAITING = 20  # attempts that are told
_FOLLOWS = {
    "accept": "its mail would be taken",
    "tag": "its mail would be taken, marked",
    "quarantine": "its mail would go into Junk",
    "reject": "its mail would be refused at the end of the message (550)",
}


@dataclass(slots=True)
class Look:
    """What was found."""

    address: str
    score: "Score"
    exempt: bool = False
    ban: "Ban | None" = None
    name: str = ""  # that is confirmed
    network: str = ""
    remembered: "dict[str, Remembered | None]" = field(default_factory=dict)  # by network and domain
    known: tuple[str, ...] = ()  # those that greylisting lets through
    waiting: list[tuple[str, float, float, int]] = field(default_factory=list)
    vouched: str = ""  # the domain for which SPF lets it send
    not_on: tuple[str, ...] = ()  # lists
    left_alone: dict[str, str] = field(default_factory=dict)  # lists that do not work


@click.command("ip", epilog="Example: postroom check ip 192.0.2.7 --hello mx.example.net --mail-from a@example.net")
@click.argument("address")
@click.option("--hello", metavar="NAME", default="", help="What it says with HELO or EHLO.")
@click.option("--mail-from", metavar="ADDRESS", help='The envelope sender of its mail; "" for the null sender.')
@json_option
@config_option
def check_ip(address: str, hello: str, mail_from: str | None, as_json: bool, config_path: Path | None) -> None:
    """Tell how the client at ADDRESS stands: bans, names, lists, what is remembered, its score, what would follow.

    By the settings in force, with the DNS as it is now, and what data/reputation.db remembers. What the client does in
    its visit, and what its message is, comes on top.
    """
    try:
        shown = str(ipaddress.ip_address(address.strip("[]").removeprefix("IPv6:")))
    except ValueError as error:
        raise WrongUse(f"{address} is not an IP address") from error
    config = read_settings(config_path)
    found = asyncio.run(_look(config, shown, hello, mail_from))
    if as_json:
        print_json(_as_json(found, config))
        return
    for line in lines(found, config):
        click.echo(tame(line))


# ---- what is found


async def _look(config: "Config", address: str, hello: str, mail_from: str | None) -> Look:
    from postroom.base import SystemClock
    from postroom.dns import DnsResolver

    resolver = DnsResolver(config.dns, SystemClock())
    database = _database(config)
    try:
        found = await look(config, resolver, database, address, hello, mail_from)
        found.ban = await _ban(config, address)
        return found
    finally:
        if database is not None:
            database.close()
        await resolver.close()


async def _ban(config: "Config", address: str) -> "Ban | None":
    """Whether the guard lets it in at all."""
    from postroom.base import SystemClock, SystemIds
    from postroom.guard import Guard, GuardFailure

    path = config.data / "guard.db"
    if not path.exists():
        return None
    try:
        guard = Guard(path, config.guard, SystemClock(), SystemIds())
        ban = guard.banned(address)
        await guard.close()
    except GuardFailure as error:
        raise Refusal(f"The bans can't be read: {error}") from error
    return ban


def _database(config: "Config") -> "ReputationDatabase | None":
    """What a server has remembered; None where it has not started yet."""
    from postroom.reputation import ReputationDatabase, ReputationFailure

    path = config.data / "reputation.db"
    if not path.exists():
        return None
    try:
        return ReputationDatabase(path)
    except ReputationFailure as error:
        raise Refusal(f"What is remembered can't be read: {error}") from error


async def look(
    config: "Config",
    resolver: "Resolver",
    database: "ReputationDatabase | None",
    address: str,
    hello: str,
    mail_from: str | None,
) -> Look:
    """How it stands, found out as a server does."""
    from postroom.accounts import SqliteDirectory
    from postroom.base import SystemClock, SystemIds
    from postroom.junk import NO_SCORE
    from postroom.net import Networks
    from postroom.reputation import Strangers

    directory = None
    if (config.data / "postroom.db").exists():
        directory = SqliteDirectory(config.data / "postroom.db", config.accounts, SystemClock(), SystemIds())
    strangers = Strangers(
        resolver,
        database,
        config.strangers,
        SystemClock(),
        hostname=config.hostname,
        domains=directory,
        trusted=Networks(config.authentication.trusted_networks),
    )
    try:
        visit = strangers.begin(address)
        if visit is None:
            return Look(address, NO_SCORE, exempt=True)
        visit.hello(hello)
        return await _found(strangers, address, await visit.assess(mail_from or ""), hello, mail_from)
    finally:
        await strangers.close()
        if directory is not None:
            await directory.close()


async def _found(strangers: "Strangers", address: str, score: "Score", hello: str, mail_from: str | None) -> Look:
    from postroom.reputation.greylist import waiting

    standing = await strangers.standing(address)
    await strangers.test_lists(address)  # else one that is dead seems to know nothing against anybody
    vouched = await strangers.vouched(standing, mail_from, hello) if mail_from is not None else ""
    origins = [origin for origin in (standing.network, vouched) if origin]
    remembered = {origin: strangers.remembered(origin) for origin in origins}
    left_alone = strangers.lists.standing()
    named = {part.name.removeprefix("list.") for part in score.parts} | set(left_alone)
    asked = (name for name, one in strangers.settings.list.items() if one.has == "addresses")
    database = strangers.database
    return Look(
        address,
        score,
        name=standing.name,
        network=standing.network,
        remembered=remembered,
        known=tuple(origin for origin, one in remembered.items() if strangers.is_known(one)),
        waiting=database.now(lambda db: waiting(db, origins, _MAX_WAITING)) if database is not None else [],
        vouched=vouched,
        not_on=tuple(name for name in asked if name not in named),
        left_alone=left_alone,
    )


async def score_of(config: "Config", resolver: "Resolver", address: str, hello: str, mail_from: str) -> "Score":
    """What speaks for and against a client, for `postroom check message`."""
    database = _database(config)
    try:
        return (await look(config, resolver, database, address, hello, mail_from)).score
    finally:
        if database is not None:
            database.close()


# ---- words


def lines(found: Look, config: "Config") -> Iterator[str]:
    """For people."""
    if found.ban is not None:
        until, why = _moment(found.ban.until), f"{found.ban.network}, {found.ban.reason}"
        yield f"{found.address} is banned until {until} ({why}): it can't even connect"
    if found.exempt:
        yield f"{found.address} is never looked at: it is this machine, or trusted, or strangers.check is off"
        return
    called = f" is called {found.name}," if found.name else ""
    yield f"{found.address}{called} in the network {found.network}"
    for name in found.not_on:
        yield f"not on the list {name} ({config.strangers.list[name].zone})"
    for name, why in found.left_alone.items():
        yield f"the list {name} ({config.strangers.list[name].zone}) is of no use: {why}"
    if found.vouched:
        yield f"SPF of {found.vouched} lets it send"
    for origin, one in found.remembered.items():
        yield _remembered(origin, one, origin in found.known)
    for origin, first, last, times in found.waiting:
        again = f", the last time {_moment(last)}" if times > 1 else ""
        yield f"{origin} was asked to come again {_moment(first)}; tried {times} times{again}"
    yield f"score {found.score.total:.1f}"
    for part in sorted(found.score.parts, key=lambda part: -abs(part.points)):
        yield f"  {part.points:+.1f} {part.name}: {part.words}"
    yield from consequences(found, config)


def _remembered(origin: str, one: "Remembered | None", known: bool) -> str:
    if one is None:
        return f"nothing is remembered of {origin}"
    came = ", came again when it was asked to" if one.passed else ""
    greylisting = "known to greylisting" if known else "not known to greylisting"
    mail = f"{one.good} good messages and {one.junk} of junk"
    return f"{origin}: {mail} since {_moment(one.first)}, the last one {_moment(one.last)}{came}; {greylisting}"


def consequences(found: Look, config: "Config") -> Iterator[str]:
    """What would happen to it."""
    from postroom.intake.scoring import weigh

    settings, total = config.strangers, found.score.total
    if not found.known and (settings.greeting_delay_seconds or settings.first_time_delay_seconds):
        yield (
            f"it would wait {settings.greeting_delay_seconds:g} s for the greeting and "
            f"{settings.first_time_delay_seconds:g} s for the answer to its first recipient"
        )
    if settings.refuse_points and found.score.without("hello.") >= settings.refuse_points:
        yield f"its recipients would be refused (550): strangers.refuse_points is {settings.refuse_points:g}"
        return
    if settings.greylist and not found.known and total >= settings.greylist_points:
        yield (
            f"it would have to come again (450), {settings.greylist_delay_seconds:g} s later or more: "
            f"strangers.greylist_points is {settings.greylist_points:g}"
        )
    weighed = weigh(found.score, None, config.scoring)
    reached = f", {weighed.limit:g} points or more" if weighed.limit else ""
    yield f"{_FOLLOWS[weighed.action]}{reached}, if nothing in it weighs more"


def points_told(score: "Score", checked: "Checked", config: "Config") -> tuple[list[str], str]:
    """The parts of a message's score, a line each, and what follows ("accept", "tag" …)."""
    from postroom.intake.scoring import weigh, weightiest

    weighed = weigh(score, checked, config.scoring)
    told = [f"points: {part.points:+.1f} {part.name}: {part.words}" for part in weightiest(weighed.score)]
    if told:
        told.append(f"points: {weighed.score.total:.1f} in all")
    return told, weighed.action


def _as_json(found: Look, config: "Config") -> dict[str, Any]:
    return {
        "address": found.address,
        "exempt": found.exempt,
        "ban": None
        if found.ban is None
        else {"network": found.ban.network, "until": _moment(found.ban.until), "reason": found.ban.reason},
        "name": found.name,
        "network": found.network,
        "spf": found.vouched,
        "not_on": list(found.not_on),
        "left_alone": found.left_alone,
        "remembered": {
            origin: None
            if one is None
            else {
                "first": _moment(one.first),
                "last": _moment(one.last),
                "came_again": one.passed,
                "good": one.good,
                "junk": one.junk,
                "known": origin in found.known,
            }
            for origin, one in found.remembered.items()
        },
        "waiting": [
            {"origin": origin, "first": _moment(first), "last": _moment(last), "times": times}
            for origin, first, last, times in found.waiting
        ],
        "points": round(found.score.total, 2),
        "parts": [{"name": part.name, "points": part.points, "words": part.words} for part in found.score.parts],
        "follows": [] if found.exempt else list(consequences(found, config)),
    }


def _moment(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
