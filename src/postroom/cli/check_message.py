"""`postroom check message`: who really sent a message in a file, with the evidence.

Owns: what the file tells of its own way here, the words for what follows. Never: delivers, changes the file. Raises:
Refusal.
"""

import asyncio
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from .check_ip import points_told, score_of
from .options import config_option, json_option, read_settings
from .outcome import Refusal, WrongUse, print_json, tame

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.intake.authentication import Checked
    from postroom.junk import Score

_PIECE_OCTETS = 65_536
_RETURN_PATH = re.compile(rb"<([^<>\s]*)>")
# Our own Received field (intake/trace.py): what the client said it is, and its address.
_RECEIVED = re.compile(
    rb"from (\S+) \(\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]\)\s+by (\S+) \(Postroom\) with (?:UTF8)?E?SMTPS?\b", re.IGNORECASE
)
_FOLLOWS = {
    "accept": "it would be taken",
    "tag": "it would be taken, marked",
    "quarantine": "it would go into Junk",
    "reject": "it would be refused",
    "defer": "its sender would have to try again later",
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a message came; "" and None: not known."""

    client: str = ""
    hello: str = ""
    mail_from: str | None = None


@click.command("message", epilog="Example: postroom check message --client 192.0.2.7 mail.eml")
@click.argument("file", type=click.File("rb"))
@click.option("--client", metavar="IP", help="The address that it came from, for SPF.")
@click.option("--hello", metavar="NAME", help="What that said with HELO or EHLO.")
@click.option("--mail-from", metavar="ADDRESS", help='Its envelope sender; "" for the null sender.')
@json_option
@config_option
def check_message(
    file: BinaryIO,
    client: str | None,
    hello: str | None,
    mail_from: str | None,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Tell who really sent the message in FILE ("-": standard input).

    SPF, DKIM, DMARC and ARC as they are now in the DNS, by the settings in force, with the records and addresses that
    decide; and the points against it, as far as its client and its author go. What is not given is taken from the
    fields Received and Return-Path that this server has added; without a client's address there is no SPF.
    """
    if client:
        try:
            ipaddress.ip_address(client)
        except ValueError as error:
            raise WrongUse(f"{client} is not an IP address") from error
    config = read_settings(config_path)
    header, body = _split(file, config.authentication.max_header_octets)
    known = way(header, config.hostname)
    came = Way(
        client if client is not None else known.client,
        hello if hello is not None else known.hello,
        mail_from if mail_from is not None else known.mail_from,
    )
    checked, score = asyncio.run(_check(config, came, header, body))
    points, action = points_told(score, checked, config)
    if as_json:
        facts = checked.facts()
        print_json({"client": came.client, "hello": came.hello, "mail_from": came.mail_from, **facts, "points": points})
        return
    for line in lines(came, checked, points, action):
        click.echo(tame(line))


def lines(came: Way, checked: "Checked", points: list[str], action: str) -> Iterator[str]:
    """For people; `action`: what follows from the points."""
    from postroom.intake.evidence import told

    sender = "an unknown sender" if came.mail_from is None else f"<{came.mail_from}>"
    yield f"from {came.hello or 'an unknown host'} [{came.client or 'address not known'}], {sender}"
    yield from told(checked.facts())
    if not came.client:
        yield "SPF and the reverse name are not checked: give --client, --hello and --mail-from"
    yield from points
    why = f": {checked.judgement.why}" if checked.judgement.why else ""
    follows = _FOLLOWS[checked.judgement.action]
    if checked.judgement.action in ("accept", "tag") and action in ("quarantine", "reject", "tag"):
        follows, why = _FOLLOWS[action], f": by its points{f', and {checked.judgement.why}' if why else ''}"
    yield f"{follows}{why}"


def way(header: bytes, hostname: str) -> Way:
    """What our own trace fields at the top of a message say of its way."""
    from postroom.message import iter_fields, unfold

    mail_from: str | None = None
    for field in iter_fields(header):
        name, value = field.name.lower(), unfold(field.value)
        if name == b"return-path" and mail_from is None and (found := _RETURN_PATH.search(value)):
            mail_from = found[1].decode("utf-8", "replace")
        elif name == b"received":
            received = _RECEIVED.match(value)
            if received is None or received[3].decode("utf-8", "replace").lower() != hostname.lower():
                break
            return Way(received[2].decode("ascii"), received[1].decode("utf-8", "replace"), mail_from)
    return Way(mail_from=mail_from)


def _split(file: BinaryIO, limit: int) -> tuple[bytes, Iterator[bytes]]:
    """The header with the empty line behind it, and the pieces of the body, all with CRLF."""
    from postroom.message.line_ends import CrlfStream

    stream, held = CrlfStream(), b""
    while (end := held.find(b"\r\n\r\n")) < 0 and not held.startswith(b"\r\n"):
        piece = file.read(_PIECE_OCTETS)
        if not piece:
            end = len(held)
            break
        held += stream.feed(piece)
        if len(held) > limit + _PIECE_OCTETS:
            break
    begin = 2 if held.startswith(b"\r\n") else end + 4
    if begin > limit + 4 or (end < 0 and begin != 2):
        raise Refusal(f"The header has more than {limit} octets (authentication.max_header_octets)")

    def body() -> Iterator[bytes]:
        yield held[begin:]
        while piece := file.read(_PIECE_OCTETS):
            yield stream.feed(piece)

    return held[:begin], body()


async def _check(config: "Config", came: Way, header: bytes, body: Iterator[bytes]) -> "tuple[Checked, Score]":
    from postroom.base import SystemClock
    from postroom.dns import DnsResolver
    from postroom.intake import Authentication, Source
    from postroom.intake.suffix_file import SuffixFileUnreadable
    from postroom.junk import NO_SCORE

    clock = SystemClock()
    resolver = DnsResolver(config.dns, clock)
    try:
        authentication = Authentication(resolver, clock, config.authentication, hostname=config.hostname)
    except SuffixFileUnreadable as error:
        await resolver.close()
        raise Refusal(str(error)) from error
    checking = authentication.look(Source(came.hello, came.client), came.mail_from or "", envelope=bool(came.client))
    try:
        checking.header(header)
        for piece in body:
            checking.body(piece)
        checked, score = await checking.conclude(), NO_SCORE
        if came.client:
            score = await score_of(config, resolver, came.client, came.hello, came.mail_from or "")
        return checked, score
    finally:
        checking.close()
        await authentication.close()
        await resolver.close()
