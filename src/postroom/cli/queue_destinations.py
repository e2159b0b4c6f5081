"""`postroom queue destinations`, `pause` and `resume`: what concerns more than single messages.

Owns: these commands. Never: sends. Raises: Refusal.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, json_option
from .outcome import MissingOrPresent, print_json, print_table
from .queue import moment, queue, with_queue

if TYPE_CHECKING:
    from postroom.queue import DestinationSummary, SqliteQueue


@queue.command(epilog="Example: postroom queue destinations")
@json_option
@config_option
def destinations(as_json: bool, config_path: Path | None) -> None:
    """Show how much waits for each domain, and which are paused."""
    found: list[DestinationSummary] = with_queue(config_path, lambda queue: queue.summaries(), [])
    if as_json:
        print_json(
            [
                {
                    "destination": one.name,
                    "waiting": one.waiting,
                    "sending": one.sending,
                    "held": one.held,
                    "due": None if one.due is None else moment(one.due),
                    "oldest": moment(one.oldest) if one.oldest else None,
                    "paused": one.paused,
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            one.name or "(no domain)",
            str(one.waiting),
            str(one.sending),
            str(one.held),
            moment(one.oldest) if one.oldest else "",
            "paused" if one.paused else "",
        )
        for one in found
    ]
    print_table(("domain", "waiting", "sending", "held", "oldest", ""), rows, empty="The queue is empty.")


_domains = click.argument("domains", nargs=-1, required=True, metavar="DOMAIN...")


@queue.command(epilog="Example: postroom queue pause example.net")
@_domains
@config_option
def pause(domains: tuple[str, ...], config_path: Path | None) -> None:
    """Send nothing to these domains until they are resumed; mail for them is still accepted."""

    async def work(queue: "SqliteQueue") -> bool:
        await queue.pause(domains)
        return True

    if not with_queue(config_path, work, False):
        raise MissingOrPresent("There is no queue yet")
    click.echo(f"Paused: {', '.join(domains)}")


@queue.command(epilog="Example: postroom queue resume example.net")
@_domains
@config_option
def resume(domains: tuple[str, ...], config_path: Path | None) -> None:
    """Let mail to these domains go on."""
    if not with_queue(config_path, lambda queue: queue.resume(domains), 0):
        raise MissingOrPresent("None of these is paused")
    click.echo("Resumed.")
