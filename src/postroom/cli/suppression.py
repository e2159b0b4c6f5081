"""`postroom suppression`: addresses that bounced for good.

Owns: its sub-commands. Never: sends. Raises: Refusal.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, json_option
from .outcome import MissingOrPresent, print_json, print_table
from .queue import moment, with_queue

if TYPE_CHECKING:
    from postroom.queue import SqliteQueue, Suppression

_DAY = 86_400.0


@click.group()
def suppression() -> None:
    """Addresses that bounced for good, time after time, and are not asked again for a while."""


@suppression.command("list", epilog="Example: postroom suppression list")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List them with the last refusal, word for word; those that are still asked have no end."""
    found: list[Suppression] = with_queue(config_path, lambda queue: queue.suppressions(), [])
    if as_json:
        print_json(
            [
                {
                    "address": one.address,
                    "bounces": one.bounces,
                    "refused": moment(one.refused),
                    "until": None if one.until is None else moment(one.until),
                    "reply": one.reply,
                }
                for one in found
            ]
        )
        return
    rows = [
        (
            f"<{one.address}>",
            str(one.bounces),
            moment(one.refused),
            "still asked" if one.until is None else moment(one.until),
            one.reply,
        )
        for one in found
    ]
    print_table(("address", "bounces", "last", "until", "reply"), rows, empty="There is none.")


@suppression.command(epilog='Example: postroom suppression add bob@example.net --text "asked not to be written to"')
@click.argument("address")
@click.option("--days", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="For how long.")
@click.option("--text", default="by the postmaster", show_default=True, help="Why, for those who write to it.")
@config_option
def add(address: str, days: float, text: str, config_path: Path | None) -> None:
    """Ask an address no more: mail for it goes back at once."""
    now = time.time()  # noqa: TID251

    async def work(queue: "SqliteQueue") -> bool:
        await queue.suppress(address, text, now, now + days * _DAY)
        return True

    if not with_queue(config_path, work, False):
        raise MissingOrPresent("There is no queue yet")
    click.echo(f"<{address}> is not asked until {moment(now + days * _DAY)}.")


@suppression.command(epilog="Example: postroom suppression remove bob@example.net")
@click.argument("addresses", nargs=-1, required=True)
@config_option
def remove(addresses: tuple[str, ...], config_path: Path | None) -> None:
    """Ask addresses again."""
    if not with_queue(config_path, lambda queue: queue.unsuppress(addresses), 0):
        raise MissingOrPresent("Nothing is held against these")
    click.echo("Asked again.")
