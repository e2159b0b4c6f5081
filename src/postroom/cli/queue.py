"""`postroom queue`: mail that waits to leave.

Owns: its sub-commands. Never: sends (the running server notices the changes within a second or so). Raises: Refusal.
"""

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import config_option, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, WrongUse, print_json, print_table, tame
from .trace import words_for_doubt

if TYPE_CHECKING:
    from postroom.queue import Entry, SqliteQueue

T = TypeVar("T")
_HEADER_OCTETS = 65_536  # of a message, of which `show` prints the header


def with_queue(config_path: Path | None, work: "Callable[[SqliteQueue], Awaitable[T]]", empty: T) -> T:
    """Run `work` on the queue beside a running server; `empty` when there never was one."""
    config = read_settings(config_path)
    from postroom.base import SystemClock, SystemIds
    from postroom.queue import NoSuchEntry, QueueError, SqliteQueue

    if not (config.data / "queue.db").exists():
        return empty

    async def whole() -> T:
        queue = SqliteQueue(config.data, config.queue, SystemClock(), SystemIds(), serving=False)
        try:
            return await work(queue)
        finally:
            await queue.close()

    try:
        return asyncio.run(whole())
    except NoSuchEntry as error:
        raise MissingOrPresent("There is no such message in the queue") from error
    except QueueError as error:
        raise Refusal(f"{error.text} ({error.detail})") from error


def moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _why(entry: "Entry", paused: Container[str], now: float) -> str:
    """What it waits for, in words."""
    from postroom.queue import BOUNCE

    hold_until = entry.message.envelope.hold_until
    by = f", by {entry.route}" if entry.route else ""
    if entry.state.value == "held":
        return "held until it is unheld"
    if entry.state.value == "sending":
        return f"being sent{by}"
    if entry.wish.startswith(BOUNCE):
        return "to be returned to its sender"
    if entry.destination in paused:
        return f"{entry.destination} is paused"
    wait = int(entry.next_attempt - now)
    when = f"in {wait} s" if wait < 120 else f"in {wait // 60} min" if wait < 7200 else f"in {wait // 3600} h"
    if wait <= 0:
        return f"due now{by}"
    if not entry.attempts and hold_until is not None and hold_until > now:
        return f"its sender wants it sent {when}"
    return f"{'tried again' if entry.attempts else 'its turn comes'} {when}{by}"


def _as_json(entry: "Entry", paused: Container[str], now: float) -> dict[str, Any]:
    return {
        "queue_id": entry.message.message_id,
        "entry_id": entry.entry_id,
        "sender": entry.message.envelope.mail_from,
        "recipient": entry.recipient.address,
        "destination": entry.destination,
        "state": entry.state.value,
        "size": entry.message.size,
        "arrived": moment(entry.message.arrived),
        "attempts": entry.attempts,
        "next_attempt": moment(entry.next_attempt) if entry.state.value == "waiting" else None,
        "why": _why(entry, paused, now),
        "last_reply": entry.last_reply,
        "priority": entry.message.envelope.priority,
        "route": entry.route,
        "wish": entry.wish,
    }


@click.group()
def queue() -> None:
    """Mail that waits to leave.

    WHICH is a queue id (a whole message), an entry id (one recipient of it), several of them, or "all".
    """


@queue.command("list", epilog="Example: postroom queue list --destination example.net --json")
@click.option("--destination", metavar="DOMAIN", help="Only recipients of this domain.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="Recipients shown at most.")
@json_option
@config_option
def list_(destination: str | None, limit: int, as_json: bool, config_path: Path | None) -> None:
    """List what waits, the oldest first, one line a recipient: why it waits, and what was last said about it."""
    wanted = None if destination is None else destination.lower()

    async def look(queue: "SqliteQueue") -> "tuple[list[Entry], list[str]]":
        return await queue.entries(limit=limit, destination=wanted), await queue.paused()

    nothing: tuple[list[Entry], list[str]] = ([], [])
    entries, paused = with_queue(config_path, look, nothing)
    now = time.time()  # noqa: TID251 - the command line is an edge
    if as_json:
        print_json([_as_json(entry, paused, now) for entry in entries])
        return
    from postroom.config.units import words

    rows = [
        (
            entry.message.message_id,
            str(entry.entry_id),
            f"<{entry.message.envelope.mail_from}>",
            f"<{entry.recipient.address}>",
            words(entry.message.size),
            str(entry.attempts),
            _why(entry, paused, now),
            entry.last_reply,
        )
        for entry in entries
    ]
    print_table(
        ("queue id", "entry", "from", "to", "size", "attempts", "waits for", "last reply"),
        rows,
        empty="The queue is empty.",
    )
    if len(entries) == limit:
        click.echo(f"The first {limit} only; see --limit, and: postroom queue destinations", err=True)


def _doubted(config_path: Path | None, queue_id: str) -> Mapping[str, int]:
    """How often it was left open whether a recipient has the message, by address; nothing where the journal is gone."""
    from postroom.journal import base_id, doubts, stories

    try:
        found = stories(read_settings(config_path).data / "journal", base_id(queue_id), 1)
    except OSError:
        return {}
    return doubts(found[0]) if found else {}


@queue.command(epilog="Example: postroom queue show q3k9x0vw2b1a")
@click.argument("queue_id")
@json_option
@config_option
def show(queue_id: str, as_json: bool, config_path: Path | None) -> None:
    """Show one message: its recipients, what was last said about each, and its header."""
    from postroom.queue import SqliteQueue

    async def look(queue: SqliteQueue) -> "tuple[list[Entry], list[str], str]":
        entries = await queue.message_entries(queue_id)
        raw = await queue.read(queue_id, 0, _HEADER_OCTETS)
        return entries, await queue.paused(), raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")

    nothing: tuple[list[Entry], list[str], str] = ([], [], "")
    entries, paused, header = with_queue(config_path, look, nothing)
    if not entries:
        raise MissingOrPresent(f"There is no message {queue_id} in the queue")
    now = time.time()  # noqa: TID251 - the command line is an edge
    doubted = _doubted(config_path, queue_id)
    if as_json:
        shown = [
            _as_json(entry, paused, now) | {"in_doubt": doubted.get(entry.recipient.address, 0)} for entry in entries
        ]
        print_json({"entries": shown, "header": header})
        return
    message = entries[0].message
    click.echo(f"{message.message_id} from <{tame(message.envelope.mail_from)}>, {message.size} octets")
    click.echo(f"arrived {moment(message.arrived)}\n")
    for entry in entries:
        why = _why(entry, paused, now)
        click.echo(f"  {entry.entry_id}: <{tame(entry.recipient.address)}>, {entry.attempts} attempts, {tame(why)}")
        if entry.last_reply:
            click.echo(f"    {tame(entry.last_reply)}")
        if times := doubted.get(entry.recipient.address, 0):
            click.echo(f"    {tame(words_for_doubt(entry.recipient.address, times))}")
    click.echo()
    for line in header.split("\r\n"):
        click.echo(tame(line))


def _operate(
    config_path: Path | None, which: Sequence[str], done: str, work: "Callable[[SqliteQueue], Awaitable[int]]"
) -> None:
    count = with_queue(config_path, work, 0)
    if not count and "all" not in which:
        raise MissingOrPresent(
            "There is nothing like that in the queue that this can change: no such id, or its state forbids it "
            "(what is held has to be unheld first; see: postroom queue list)"
        )
    click.echo(f"{count} recipient(s) {done}.")


_which = click.argument("which", nargs=-1, required=True, metavar="WHICH...")


@queue.command(epilog="Example: postroom queue retry all")
@_which
@config_option
def retry(which: tuple[str, ...], config_path: Path | None) -> None:
    """Try again now instead of at the time planned."""
    now = time.time()  # noqa: TID251
    _operate(config_path, which, "due now", lambda queue: queue.retry_now(which, now))


@queue.command(epilog="Example: postroom queue hold q3k9x0vw2b1a")
@_which
@config_option
def hold(which: tuple[str, ...], config_path: Path | None) -> None:
    """Keep messages back until they are unheld."""
    _operate(config_path, which, "held", lambda queue: queue.hold(which))


@queue.command(epilog="Example: postroom queue unhold all")
@_which
@config_option
def unhold(which: tuple[str, ...], config_path: Path | None) -> None:
    """Let held messages go on."""
    now = time.time()  # noqa: TID251
    _operate(config_path, which, "going on", lambda queue: queue.unhold(which, now))


@queue.command(epilog="Example: postroom queue remove 4711")
@_which
@click.option("--yes", is_flag=True, help='Do not ask when "all" is to be removed.')
@config_option
def remove(which: tuple[str, ...], yes: bool, config_path: Path | None) -> None:
    """Throw messages away: they are not sent, and their senders are not told."""
    if "all" in which and not yes:
        click.confirm("Throw away everything in the queue?", abort=True, err=True)
    _operate(config_path, which, "removed", lambda queue: queue.remove(which))


@queue.command(epilog='Example: postroom queue bounce q3k9x0vw2b1a --text "We do not carry this."')
@_which
@click.option("--text", default="Returned by the postmaster", show_default=True, help="Why, for the sender.")
@config_option
def bounce(which: tuple[str, ...], text: str, config_path: Path | None) -> None:
    """Return messages to their senders, also those on hold."""
    now = time.time()  # noqa: TID251
    _operate(config_path, which, "to be returned", lambda queue: queue.bounce(which, now, text))


@queue.command(epilog="Example: postroom queue move q3k9x0vw2b1a --route backup.example.net:25")
@_which
@click.option(
    "--route",
    required=True,
    metavar="NAME",
    help='A relay of the settings, "host", "host:port" (several with commas), "mx:DOMAIN", "mx", "lmtp:SOCKET"; '
    '"" for the usual way.',
)
@config_option
def move(which: tuple[str, ...], route: str, config_path: Path | None) -> None:
    """Send messages by another route, from now on."""
    from postroom.delivery.next_hop import parse_route

    if route:
        try:
            parse_route(route, read_settings(config_path).delivery.relay)
        except ValueError as error:
            raise WrongUse(str(error)) from error
    now = time.time()  # noqa: TID251
    _operate(config_path, which, "moved", lambda queue: queue.move(which, route, now))


@queue.command(epilog="Example: postroom queue priority q3k9x0vw2b1a --priority 5")
@_which
@click.option("--priority", required=True, type=click.IntRange(-9, 9), help="The higher the sooner; usually 0.")
@config_option
def priority(which: tuple[str, ...], priority: int, config_path: Path | None) -> None:
    """Let messages go before others for the same destination, or after them."""
    _operate(config_path, which, "have that priority", lambda queue: queue.prioritize(which, priority))
