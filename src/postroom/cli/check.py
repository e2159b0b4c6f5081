"""`postroom check`: what is wrong, why, and what to do about it.

Owns: which looks are taken, how they are told. Never: changes anything. Raises: Refusal.
"""

import asyncio
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, json_option, settings_path
from .outcome import MissingOrPresent, print_json, tame

if TYPE_CHECKING:
    from postroom.config import Config

    from .findings import Finding

_SIGNS = {"good": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}


@click.command(epilog="Example: postroom check --dns --config /etc/postroom/postroom.toml")
@click.option("--dns", is_flag=True, help="Ask the DNS whether the world can find this server.")
@click.option("--serving", is_flag=True, help="Look only whether a server answers on every address (health check).")
@json_option
@config_option
def check(dns: bool, serving: bool, as_json: bool, config_path: Path | None) -> None:
    """Look for what is wrong, with a fix for each.

    Settings, files and their permissions, databases, certificate, ports; with --dns also what other servers see. Works
    beside a running server. Ends with 1 when something is bad, with 0 when there are only notes.
    """
    path = settings_path(config_path)
    if not path.exists():
        raise MissingOrPresent(f"There is no settings file {path}. Make one with: postroom init DOMAIN")
    findings = list(_look(path, dns=dns, serving=serving))
    if as_json:
        rows = [(one.verdict.value, one.subject, one.text, one.fix) for one in findings]
        print_json([dict(zip(("verdict", "subject", "text", "fix"), row, strict=True)) for row in rows])
    else:
        _tell(findings)
    if any(one.verdict.value == "bad" for one in findings):
        raise SystemExit(1)


def _tell(findings: "list[Finding]") -> None:
    for one in findings:
        sign, colour = _SIGNS[one.verdict.value]
        click.echo(f"{click.style(sign, fg=colour)}  {one.subject}: {tame(one.text)}")
        if one.fix:
            click.echo(f"        fix: {tame(one.fix)}")
    wrong = sum(one.verdict.value == "bad" for one in findings)
    click.echo(f"\n{wrong} thing(s) to repair." if wrong else "\nNothing is wrong.")


def _look(path: Path, *, dns: bool, serving: bool) -> "Iterator[Finding]":
    from postroom.config import ConfigError, load

    from . import findings

    try:
        config = load(path)
    except ConfigError as error:
        for problem in error.problems:
            yield findings.bad("settings", str(problem), "correct it; postroom config explain NAME tells more")
        return
    if serving:
        yield from findings.ports(config, must_serve=True)
        return
    yield from findings.settings_file(path, config)
    yield from findings.process_user(config)
    yield from findings.relays(config)
    yield from findings.data_folder(config)
    yield from findings.databases(config)
    domains = yield from _people(config)
    yield from findings.certificate(config, time.time())  # noqa: TID251 - the command line is an edge
    yield from findings.ports(config, must_serve=False)
    if dns:
        yield from asyncio.run(_ask(config, domains))


def _people(config: "Config") -> "Generator[Finding, None, list[str]]":
    """Findings, and the domains."""
    from .findings import people
    from .options import in_directory
    from .outcome import Refusal

    if not (config.data / "postroom.db").exists():
        yield from people([], [])
        return []
    try:
        domains = in_directory(config, lambda directory: directory.domains())
        persons = in_directory(config, lambda directory: directory.people())
    except Refusal as error:
        from .findings import bad

        yield bad("accounts", error.message, "repair postroom.db, or restore a backup of it")
        return []
    yield from people(domains, [person.address for person in persons])
    return domains


async def _ask(config: "Config", domains: list[str]) -> "list[Finding]":
    from cryptography.hazmat.primitives.serialization import Encoding

    from postroom.base import SystemClock
    from postroom.dns import DnsResolver

    from .dns import certificates, tls_records
    from .dns_findings import dns_findings
    from .outcome import Refusal
    from .tls_findings import tls_findings

    resolver = DnsResolver(config.dns, SystemClock())
    try:
        next_hops = config.delivery.next_hops()
        found = [finding async for finding in dns_findings(resolver, config.hostname, domains, next_hops)]
        try:
            chain = [one.public_bytes(Encoding.DER) for one in certificates(config)]
            tls = tls_records(config)
        except Refusal:  # findings.certificate has said so
            return found
        now = time.time()  # noqa: TID251 - the command line is an edge
        return found + [one async for one in tls_findings(resolver, config.hostname, domains, tls, chain, now)]
    finally:
        await resolver.close()
