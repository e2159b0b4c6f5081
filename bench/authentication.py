"""Rows about who really sent a message: what the checks cost, what signing costs, and delivery with checks on.

Owns: these rows, signed mail, the DNS server that answers about its sender. Never: decides how often they run. Raises:
BenchError.

The costs are processor time in this process, with the parts of the server itself; every answer of the DNS has been
asked for before and is remembered. With delivery the peers check nothing: it is what one pays for switching it on.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.mailauth import hostile_mail

from bench import arriving
from bench.apart import Apart
from bench.bed import Bed
from bench.errors import BenchError
from bench.figures import Figure
from bench.messages import message
from bench.room import Room
from bench.side import DELIVERED_TO
from postroom.base import SystemClock
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.intake import Authentication, AuthenticationSettings
from postroom.intake.trace import Source
from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, SigningKey, sign

_DOMAIN = "load.test"  # of the senders of bench.messages
_CLIENT = "127.0.0.1"
_TTL = 3600
_TIMES = 300  # messages that a cost is the mean of
_LARGE_TIMES = 20
_PIECE = 65_536
_HOSTILE = 200


@cache
def _keys() -> tuple[SigningKey, SigningKey]:
    """Those that the server itself would make (RFC 8301 §3.2, RFC 8463)."""
    rsa = SigningKey(_DOMAIN, "rsa", generate_private_key(65_537, 2048))
    return rsa, SigningKey(_DOMAIN, "ed", Ed25519PrivateKey.generate())


def _zones() -> dict[str, dict[str, list[str]]]:
    zones = {key.record_name: {"TXT": [key.record]} for key in _keys()}
    zones[_DOMAIN] = {"TXT": [f"v=spf1 ip4:{_CLIENT} -all"]}
    zones[f"_dmarc.{_DOMAIN}"] = {"TXT": ["v=DMARC1; p=reject"]}
    return zones


def _signature(octets: bytes, keys: Sequence[SigningKey]) -> bytes:
    header, _, body = octets.partition(b"\r\n\r\n")
    hasher = BodyHasher(Canonicalization.RELAXED)
    for start in range(0, len(body), _PIECE):
        hasher.update(body[start : start + _PIECE])
    digest = hasher.digest()
    assert digest is not None
    return sign(HeaderFields(header + b"\r\n"), digest, keys, now=time.time())


def signed(number: int, octets: int = 4096) -> bytes:
    """A message as most come: with a signature by RSA 2048."""
    plain = message(number, octets)
    return _signature(plain, _keys()[:1]) + plain


def signing(bed: Bed, octets: int) -> Figure:
    """Milliseconds for both signatures of a message."""
    plain = message(0, octets)
    _signature(plain, _keys())
    return _cost(lambda: _signature(plain, _keys()), _TIMES)


def _cost(work: Callable[[], object], times: int) -> Figure:
    start = time.process_time()
    for _ in range(times):
        work()
    return Figure((time.process_time() - start) / times * 1000)


def checking(bed: Bed, octets: int) -> Figure:
    """Milliseconds for SPF, two DKIM signatures and DMARC of a message, and the field that tells of them."""
    return asyncio.run(_check(octets, _TIMES if octets < 100_000 else _LARGE_TIMES))


async def _check(octets: int, times: int) -> Figure:
    come = message(0, octets)
    come = _signature(come, _keys()) + come
    header, _, body = come.partition(b"\r\n\r\n")
    header += b"\r\n\r\n"
    clock = SystemClock()
    async with TestDnsServer(_zones(), ttl=_TTL) as server:
        resolver = DnsResolver(DnsSettings(nameservers=(server.address,)), clock)
        shared = Authentication(resolver, clock, AuthenticationSettings(), hostname="mx.room.test")
        source = Source("client.load.test", _CLIENT)

        async def one() -> bytes:
            checking = shared.look(source, f"sender@{_DOMAIN}")
            checking.header(header)
            for start in range(0, len(body), _PIECE):
                checking.body(body[start : start + _PIECE])
            checked = await checking.conclude()
            checking.close()
            return checked.fields(utf8=False)

        told = await one()
        if any(words not in told for words in (b"spf=pass", b"dkim=pass", b"dmarc=pass")):
            raise BenchError(f"the message did not pass: {told.decode()}")
        start_time = time.process_time()
        for _ in range(times):
            await one()
        spent = time.process_time() - start_time
        await shared.close()
        await resolver.close()
    return Figure(spent / times * 1000)


def hostile(bed: Bed) -> Figure:
    """Milliseconds for all checks of the dearest of many messages that were made to be dear."""
    return Figure(
        max(min(hostile_mail.hostile(number).cost()[1] for _ in range(3)) for number in range(_HOSTILE)) * 1000
    )


def delivered(bed: Bed, connections: int, mailboxes: int, workers: int) -> Figure:
    """As the row of the same name, but Postroom checks all of it, by so many processes, and it is signed."""
    if bed.side.name == "peers":
        return arriving.delivered(bed, connections, mailboxes)
    return _deliver(bed, connections, mailboxes, workers)


def _deliver(bed: Bed, connections: int, mailboxes: int, workers: int) -> Figure:
    server = Apart(partial(_answer, _zones()))  # the keys are made here, for all processes
    try:
        settings = {
            "dns.nameservers": [server.hear()],
            "authentication.trusted_networks": [],
            "process.workers": workers,
        }
        with tempfile.TemporaryDirectory(prefix="postroom-checked-", ignore_cleanup_errors=True) as folder:
            room = Room(Path(folder), DELIVERED_TO, settings)
            try:
                own = Bed(room, bed.sizes, bed.run)
                own.profiler = bed.profiler
                users = own.recipients(mailboxes)
                found = arriving.deliver(own, users, connections, bed.sizes.deliveries, make=signed).delivered
                told = own.imap(users[0], "INBOX").ask(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (Authentication-Results)]")
                if b"dmarc=pass" not in told:
                    raise BenchError(f"it was not checked: {told.decode('utf-8', 'replace')}")
                own.close()
            finally:
                room.stop()
    finally:
        server.stop()
    return found


def _answer(zones: dict[str, dict[str, list[str]]], line: "Connection[Any, Any]") -> None:
    """A process that answers about the sender until it is ended."""

    async def serve() -> None:
        async with TestDnsServer(zones, ttl=_TTL) as server:
            line.send((None, server.address))
            await asyncio.Event().wait()

    asyncio.run(serve())
