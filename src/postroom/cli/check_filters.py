"""`postroom check filters`: does each filter answer, and does it find what it has to find?

Owns: how that is told. Never: changes anything. Raises: Refusal.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .findings import Finding, Verdict
from .options import config_option, json_option, read_settings
from .outcome import Refusal, print_json

if TYPE_CHECKING:
    from postroom.config import Config


@click.command("filters", epilog="Example: postroom check filters")
@click.argument("name", required=False)
@json_option
@config_option
def check_filters(name: str | None, as_json: bool, config_path: Path | None) -> None:
    """Ask the filter NAME, or all of them, about a harmless message and about one that has to be found.

    rspamd and SpamAssassin have to know GTUBE, ClamAV EICAR; a milter tells what it wants to do. Nothing is delivered.

    Ends with 1 when something is bad.
    """
    from .check import tell, verdict_code

    config = read_settings(config_path)
    if name is not None and name not in config.filter:
        raise Refusal(f"There is no filter {name}")
    if not config.filter:
        raise Refusal("There are no filters. Each has a section [filter.NAME]; docs/filters.md tells more")
    found = asyncio.run(look(config, [name] if name is not None else list(config.filter)))
    if as_json:
        print_json([one.row for one in found])
    else:
        tell(found)
    if code := verdict_code(found):
        raise SystemExit(code)


async def look(config: "Config", names: list[str]) -> list[Finding]:
    """All findings, filter by filter."""
    from postroom.base import Spool, SystemClock
    from postroom.dns import DnsResolver
    from postroom.filters.connections import Lines
    from postroom.filters.probes import probe
    from postroom.net import Dialer

    resolver, dialer = DnsResolver(config.dns, SystemClock()), Dialer(config.net)
    memory = config.store.draft_memory_octets
    found: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            settings = config.filter[name]
            lines = Lines(settings, dialer, resolver)
            seen = await probe(
                settings,
                lines,
                hostname=config.hostname,
                now=time.time(),  # noqa: TID251 - the command line is an edge
                spool=lambda: Spool(Path(folder), memory),
            )
            lines.close()
            subject = f"filter {name} ({settings.kind}, {settings.place})"
            found += [Finding(Verdict(one.verdict), subject, one.text, one.fix) for one in seen]
    await resolver.close()
    return found
