"""`postroom guard`: who is kept out, and what an address or an account has done.

Owns: its sub-commands. Never: decides (guard does; the running server hears of changes within a second). Raises:
Refusal.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from .options import config_option, in_directory, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, WrongUse, print_json, print_table
from .queue import moment, with_queue

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.guard import Ban, Guard

T = TypeVar("T")
_HOUR = 3600.0


def with_guard(config: "Config", work: "Callable[[Guard], T]") -> T:
    """Run `work` on the guard's file, beside a running server."""
    import asyncio

    from postroom.accounts import address_key
    from postroom.base import SystemClock, SystemIds
    from postroom.guard import Guard, GuardFailure
    from postroom.net import Networks

    async def whole() -> T:
        config.data.mkdir(parents=True, exist_ok=True)
        guard = Guard(
            config.data / "guard.db",
            config.guard,
            SystemClock(),
            SystemIds(),
            exempt=Networks(config.guard.exempt_networks),
            sign_in_domain=config.accounts.sign_in_domain,
            name_key=address_key,
        )
        try:
            return work(guard)
        finally:
            await guard.close()

    try:
        return asyncio.run(whole())
    except GuardFailure as error:
        raise Refusal(f"{error.text} ({error.detail})") from error


def _network(value: str) -> str:
    from postroom.guard import network_of

    try:
        return network_of(value)[1]
    except ValueError as error:
        raise WrongUse(f"{value!r} is neither an address nor a network") from error


@click.group()
def guard() -> None:
    """Who is kept out for a while, and what addresses and accounts have done.

    Changes take effect in the running server within a second. See docs/guard.md.
    """


def _facts(ban: "Ban") -> dict[str, object]:
    return {
        "network": ban.network,
        "since": moment(ban.since),
        "until": moment(ban.until),
        "times": ban.times,
        "by": "operator" if ban.by_operator else "guard",
        "reason": ban.reason,
    }


@guard.command("list", epilog="Example: postroom guard list")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List the bans in force, those that end first at the top."""
    bans = with_guard(read_settings(config_path), lambda guard: [ban for ban, _ in guard.in_force()])
    facts = [_facts(ban) for ban in sorted(bans, key=lambda ban: ban.until)]
    if as_json:
        print_json(facts)
        return
    rows = [tuple(map(str, one.values())) for one in facts]
    print_table(("network", "since", "until", "times", "by", "reason"), rows, empty="Nobody is banned.")


@guard.command(epilog='Example: postroom guard ban 198.51.100.0/24 --hours 48 --reason "scans every night"')
@click.argument("network")
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=24.0, show_default=True, help="For how long.")
@click.option("--reason", default="by the postmaster", show_default=True, help="For the log and the list.")
@config_option
def ban(network: str, hours: float, reason: str, config_path: Path | None) -> None:
    """Keep an address or a network out, by every protocol.

    Exempt networks (guard.exempt_networks, proxies) are let in all the same.
    """
    text = _network(network)
    made = with_guard(read_settings(config_path), lambda guard: guard.ban(text, hours * _HOUR, reason))
    click.echo(f"{made.network} is banned until {moment(made.until)}.")


@guard.command(epilog="Example: postroom guard forgive 198.51.100.7")
@click.argument("network")
@config_option
def forgive(network: str, config_path: Path | None) -> None:
    """Lift all bans that keep an address or network out, and forget what led there."""
    text = _network(network)
    lifted = with_guard(read_settings(config_path), lambda guard: guard.forgive(text))
    click.echo(f"Lifted: {', '.join(ban.network for ban in lifted)}." if lifted else f"{text} was not banned.")


@guard.command(epilog="Example: postroom guard show bob@example.org")
@click.argument("address", metavar="ADDRESS")
@json_option
@config_option
def show(address: str, as_json: bool, config_path: Path | None) -> None:
    """Show what the guard knows of an IP address, or of an account by its mail address.

    What only the running server has in memory (connections, strangers' mail of a server with one process) is not shown.
    """
    config = read_settings(config_path)
    facts = _of_account(config, address) if "@" in address else _of_network(config, address)
    if as_json:
        print_json(facts)
        return
    rows = [(name, value) for name, value in facts.items()]
    print_table(("what", "how it stands"), rows, empty="Nothing is known.")


def _of_network(config: "Config", address: str) -> dict[str, str]:
    _network(address)
    return with_guard(config, lambda guard: guard.known_of(address))


def _of_account(config: "Config", address: str) -> dict[str, str]:
    person = in_directory(config, lambda directory: directory.person_of(address))
    if person is None:
        raise MissingOrPresent(f"{address} has no account")
    return with_guard(config, lambda guard: guard.known_of_account(person.account_id, person.address))


def release(config_path: Path | None, address: str) -> tuple[str, int]:
    """Let a stopped account send again, what waits in the queue too; why it was stopped, and how much that is."""
    import time

    from postroom.queue import sent_by

    config = read_settings(config_path)
    person = in_directory(config, lambda directory: directory.person_of(address))
    if person is None:
        raise MissingOrPresent(f"{address} has no account")
    stop = with_guard(config, lambda guard: guard.release(person.account_id))
    if stop is None:
        raise MissingOrPresent(f"{address} is not stopped")
    now = time.time()  # noqa: TID251
    going_on = with_queue(config_path, lambda queue: queue.unhold([sent_by(person.account_id)], now), 0)
    return stop.words, going_on
