"""`postroom check`: what is wrong, why, and what to do about it.

Owns: which looks are taken, how they are told. Never: changes anything. Raises: Refusal.
"""

import asyncio
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .check_dns import check_dns
from .check_filters import check_filters
from .check_ip import check_ip
from .check_message import check_message
from .options import config_option, json_option, settings_path
from .outcome import MissingOrPresent, WrongUse, print_json, tame

if TYPE_CHECKING:
    from postroom.config import Config

    from .findings import Finding

_SIGNS = {"good": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red"), "unasked": ("??  ", "magenta")}


@click.group(invoke_without_command=True, epilog="Example: postroom check --config /etc/postroom/postroom.toml")
@click.option("--dns", is_flag=True, help="Then look at the DNS of all domains too, as `postroom check dns` does.")
@click.option("--serving", is_flag=True, help="Look only whether a server answers on every address (health check).")
@json_option
@config_option
@click.pass_context
def check(context: click.Context, dns: bool, serving: bool, as_json: bool, config_path: Path | None) -> None:
    """Look for what is wrong, with a fix for each.

    Settings, files and their permissions, databases, certificate, ports; with --dns also what other servers see. Works
    beside a running server. Ends with 1 when something is bad, with 4 when nothing is but something could not be asked,
    with 0 when there are only notes.
    """
    if context.invoked_subcommand is not None:
        if dns or serving or as_json or config_path is not None:
            raise WrongUse(f"options of {context.invoked_subcommand} come after it")
        return
    path = settings_path(config_path)
    if not path.exists():
        raise MissingOrPresent(f"There is no settings file {path}. Make one with: postroom init DOMAIN")
    findings = list(_look(path, dns=dns, serving=serving))
    if as_json:
        print_json([one.row for one in findings])
    else:
        tell(findings)
    if code := verdict_code(findings):
        raise SystemExit(code)


check.add_command(check_dns)
check.add_command(check_ip)
check.add_command(check_filters)
check.add_command(check_message)


def tell(findings: "list[Finding]") -> None:
    """For people."""
    for one in findings:
        sign, colour = _SIGNS[one.verdict.value]
        click.echo(f"{click.style(sign, fg=colour)}  {one.subject}: {tame(one.text)}")
        if one.why:
            click.echo(f"        why: {tame(one.why)}")
        if one.fix:
            click.echo(f"        fix: {tame(one.fix)}")
    wrong = sum(one.verdict.value == "bad" for one in findings)
    unknown = sum(one.verdict.value == "unasked" for one in findings)
    rest = f" {unknown} thing(s) could not be asked." if unknown else ""
    well = "Nothing wrong was found." if unknown else "Nothing is wrong."
    click.echo(f"\n{f'{wrong} thing(s) to repair.' if wrong else well}{rest}")


def verdict_code(findings: "list[Finding]") -> int:
    """With what the command ends."""
    verdicts = {one.verdict.value for one in findings}
    return 1 if "bad" in verdicts else 4 if "unasked" in verdicts else 0


def _look(path: Path, *, dns: bool, serving: bool) -> "Iterator[Finding]":
    from postroom.config import ConfigError, load

    from . import findings
    from .certificate_findings import certificates
    from .dkim_findings import dkim_keys
    from .sign_in_findings import elsewhere

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
    yield from findings.public_suffixes(config)
    yield from findings.data_folder(config)
    yield from findings.credential_key(config)
    yield from findings.databases(config)
    domains = yield from _people(config)
    yield from elsewhere(config)
    yield from dkim_keys(config, domains, time.time())  # noqa: TID251
    yield from certificates(config, time.time())  # noqa: TID251 - the command line is an edge
    yield from findings.ports(config, must_serve=False)
    if dns:
        yield from _ask(config, domains)


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


def _ask(config: "Config", domains: list[str]) -> "list[Finding]":
    from .check_dns import examine
    from .dns import publication
    from .outcome import Refusal
    from .records import Zone

    try:
        zones = [Zone(name, config.hostname, publication(config, name)) for name in domains]
        return asyncio.run(examine(config, zones))
    except Refusal as error:
        from .findings import bad

        return [bad("dns", f"nothing was asked: {error.message}", "repair that, then again")]
