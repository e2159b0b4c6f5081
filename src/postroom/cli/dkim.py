"""`postroom dkim`: the keys that sign our mail.

Owns: its sub-commands, the first keys of a new domain. Never: shows a private key, changes the DNS. Raises: Refusal.
"""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import config_option, in_directory, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, WrongUse, print_json, print_table
from .queue import moment
from .records import Record, aligned, dkim_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from postroom.config import Config
    from postroom.signing import KeyKeeper, KeySet, KeySets

T = TypeVar("T")


# ---- for other commands


def first_keys(config: "Config", domain: str) -> list[Record]:
    """Make the keys of a domain that has none; the records of all that it has."""
    name = _key(domain)
    _with_keys(config, lambda keeper: keeper.ensure(name))
    return dkim_records(name, key_sets(config, name), _now())


def forget_keys(config: "Config", domain: str) -> list[Record]:
    """The domain is not here any more; the records that its keys had."""
    name = _key(domain)
    return dkim_records(name, _with_keys(config, lambda keeper: keeper.forget(name)), _now())


def key_sets(config: "Config", domain: str) -> "KeySets":
    """The keys of a domain."""
    return _with_keys(config, lambda keeper: keeper.sets(_key(domain)))


def _with_keys(config: "Config", work: "Callable[[KeyKeeper], T]") -> T:
    from postroom.base import SystemClock
    from postroom.signing import KeyFolder, KeyKeeper, KeyTrouble, NoRotation

    try:
        return work(KeyKeeper(KeyFolder(config.data), config.signing, SystemClock()))
    except NoRotation as error:
        raise Refusal(error.text) from error
    except KeyTrouble as error:
        raise Refusal(f"The DKIM keys: {error}") from error


def _key(domain: str) -> str:
    from postroom.accounts import domain_key

    name = domain_key(domain)
    if name is None:
        raise WrongUse(f"{domain!r} is not a domain name")
    return name


def _now() -> float:
    return time.time()  # noqa: TID251 - the command line is an edge


# ---- commands


@click.group()
def dkim() -> None:
    """The keys that sign our mail (DKIM, RFC 6376).

    Each domain has two that sign together, RSA and Ed25519; `postroom init` and `postroom domain add` make them. New
    keys take over step by step: rotate makes them and shows their records; once these are in the DNS, the server lets
    them sign; retire revokes the old ones when all mail that they have signed has arrived. Changes take effect in the
    running server at once.
    """


@dkim.command("list", epilog="Example: postroom dkim list --json")
@click.argument("domain", required=False)
@json_option
@config_option
def list_(domain: str | None, as_json: bool, config_path: Path | None) -> None:
    """List the keys of all domains, or of DOMAIN: which sign, and what is to be done next."""
    config = read_settings(config_path)
    found = _with_keys(config, lambda keeper: keeper.all())
    if domain is not None:
        found = {_key(domain): found.get(_key(domain), ())}
    now = _now()
    rows = [_row(config, name, one, sets, now) for name, sets in found.items() for one in reversed(sets)]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("domain", "keys", "state", "sign from", "selectors", "next"),
        [
            (
                row["domain"],
                row["keys"],
                row["state"],
                row["use_from"] or "when published",
                " ".join(row["selectors"]),
                row["next"],
            )
            for row in rows
        ],
        empty="There are no keys. Make some with: postroom dkim rotate DOMAIN",
    )


def _row(config: "Config", domain: str, one: "KeySet", sets: "KeySets", now: float) -> dict[str, Any]:
    from postroom.signing import phase, retire_due

    settings = config.signing
    due = retire_due(one, sets, now, overlap=settings.overlap_seconds, revoked=settings.revoked_seconds)
    return {
        "domain": domain,
        "keys": one.name,
        "state": phase(one, sets, now).value,
        "made": moment(one.made),
        "use_from": None if one.use_from is None else moment(one.use_from),
        "revoked": None if one.revoked is None else moment(one.revoked),
        "retire_from": None if due is None else moment(due),
        "selectors": [key.selector for key in one.keys],
        "next": _next(domain, one, due, phase(one, sets, now).value, now),
    }


def _next(domain: str, one: "KeySet", due: float | None, state: str, now: float) -> str:
    if state == "waiting":
        return "" if one.use_from is not None else f"publish: postroom dkim records {domain}"
    if due is None:
        return ""
    return f"postroom dkim retire {domain}" + (f" after {moment(due)}" if due > now else "")


@dkim.command(epilog="Examples: postroom dkim rotate example.org; postroom dkim rotate example.org --after 2d")
@click.argument("domain")
@click.option("--after", metavar="TIME", help='Let the new keys sign after this time, like "2d", published or not.')
@click.option("--now", "at_once", is_flag=True, help="Let them sign at once, as when the old ones are known to others.")
@json_option
@config_option
def rotate(domain: str, after: str | None, at_once: bool, as_json: bool, config_path: Path | None) -> None:
    """Replace the keys of DOMAIN: make new ones, and show the records to publish.

    They sign once their records are in the DNS; the server looks for them, and so does this command, called again.
    The old ones stay published until postroom dkim retire.
    """
    config = read_settings(config_path)
    name = _ours(config, domain)
    if after is not None and at_once:
        raise WrongUse("--after and --now can't both be given")
    wait = 0.0 if at_once else _seconds(after)
    made = _with_keys(config, lambda keeper: _rotate(keeper, name, wait))
    words = _say(config, name, made, asked=wait is not None)
    records = dkim_records(name, (_set(config, name, made),), _now())
    if as_json:
        print_json({"domain": name, "keys": made, "state": words, "records": _as_json(records)})
        return
    click.echo(words)
    click.echo("\nTheir records:\n")
    for line in aligned(records):
        click.echo(line)


def _rotate(keeper: "KeyKeeper", domain: str, wait: float | None) -> str:
    """The name of the set that is to sign."""
    from postroom.signing import waiting_set

    if keeper.ensure(domain):
        return keeper.sets(domain)[-1].name
    now = _now()
    use_from = None if wait is None else now + wait
    waiting = waiting_set(keeper.sets(domain), now)
    if waiting is None:
        return keeper.rotate(domain, use_from).name
    if use_from is not None:
        keeper.begin(domain, waiting.name, use_from)
    return waiting.name


def _say(config: "Config", domain: str, name: str, *, asked: bool) -> str:
    """What becomes of the set now, in words; looks into the DNS when that decides."""
    one = _set(config, domain, name)
    if one.use_from is None and not asked:
        lacking = _look(config, domain, one)
        one = _set(config, domain, name)
        if one.use_from is None:
            return f"The keys {name} of {domain} are made; they wait for {lacking}."
    now = _now()
    assert one.use_from is not None  # just set
    if one.use_from <= now:
        return f"The keys {name} of {domain} sign."
    return f"The keys {name} of {domain} sign from {moment(one.use_from)} on."


def _look(config: "Config", domain: str, one: "KeySet") -> str:
    """Let a set begin whose records are in the DNS; else what it waits for."""
    from postroom.base import MailError, SystemClock
    from postroom.dns import DnsResolver
    from postroom.signing import missing

    async def look() -> list[str]:
        resolver = DnsResolver(config.dns, SystemClock())
        try:
            return await missing(resolver, domain, one)
        finally:
            await resolver.close()

    try:
        lacking = asyncio.run(look())
    except MailError as error:
        return f"their records in the DNS, which can't be asked now: {error}"
    if lacking:
        return "their records in the DNS: " + ", ".join(lacking)
    use_from = _now() + config.signing.settle_seconds
    _with_keys(config, lambda keeper: keeper.begin(domain, one.name, use_from))
    return ""


def _set(config: "Config", domain: str, name: str) -> "KeySet":
    for one in key_sets(config, domain):
        if one.name == name:
            return one
    raise MissingOrPresent(f"{domain} has no keys {name} any more")


def _seconds(text: str | None) -> float | None:
    from postroom.config import units

    if text is None:
        return None
    try:
        return units.seconds(text)
    except ValueError as error:
        raise WrongUse(f"--after: {error}") from error


@dkim.command(epilog="Examples: postroom dkim retire example.org; postroom dkim retire example.org --now")
@click.argument("domain")
@click.option("--now", "at_once", is_flag=True, help="Revoke all that do not sign any more, however new that is.")
@json_option
@config_option
def retire(domain: str, at_once: bool, as_json: bool, config_path: Path | None) -> None:
    """Revoke keys of DOMAIN that were replaced long ago, and forget those that were revoked long ago.

    The private keys are removed, and the records to publish say so; signing.overlap_seconds and
    signing.revoked_seconds tell how long ago. A key that somebody else may have: rotate --now, then retire --now.
    """
    config = read_settings(config_path)
    name = _key(domain)
    if not key_sets(config, name):
        raise MissingOrPresent(f"There are no keys of {name}")
    done = _with_keys(config, lambda keeper: keeper.retire(name, at_once=at_once))
    records = dkim_records(name, tuple(one for one in done.sets if one.name in done.revoked), _now())
    if as_json:
        forgotten = list(done.forgotten)
        print_json(
            {"domain": name, "revoked": list(done.revoked), "forgotten": forgotten, "records": _as_json(records)}
        )
        return
    if done.revoked:
        click.echo(f"Revoked: {', '.join(done.revoked)}. In the DNS, their records become:\n")
        for line in aligned(records):
            click.echo(line)
    if done.forgotten:
        click.echo(f"Forgotten: {', '.join(done.forgotten)}. Their records can go from the DNS.")
    if not done.revoked and not done.forgotten:
        click.echo(f"Nothing is due; see: postroom dkim list {name}")


@dkim.command("records", epilog="Example: postroom dkim records example.org")
@click.argument("domain")
@json_option
@config_option
def records_(domain: str, as_json: bool, config_path: Path | None) -> None:
    """Print the records of all keys of DOMAIN, as lines of a zone file."""
    config = read_settings(config_path)
    name = _key(domain)
    found = dkim_records(name, key_sets(config, name), _now())
    if not found:
        raise MissingOrPresent(f"There are no keys of {name}. Make them with: postroom dkim rotate {name}")
    if as_json:
        print_json(_as_json(found))
        return
    for line in aligned(found):
        click.echo(line)


def _as_json(found: list[Record]) -> list[dict[str, str]]:
    return [{"name": one.name, "type": one.kind, "value": one.value, "why": one.why} for one in found]


def _ours(config: "Config", domain: str) -> str:
    name = _key(domain)
    if name == config.hostname.lower():  # reports come from it (RFC 3464); it need not be below a domain here
        return name
    if name not in in_directory(config, lambda directory: directory.domains()):
        raise MissingOrPresent(f"{name} is no domain here. Add it with: postroom domain add {name}")
    return name
