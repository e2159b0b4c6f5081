"""Rows about a great many idle TLS sessions on one machine, with mail arriving beside them.

Owns: these rows, the client processes that hold the sessions. Never: decides how often they run. Raises: BenchError.
"""

import contextlib
import random
import selectors
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.apart import Apart
from bench.bed import Bed
from bench.clients import Imap, anyone, connect
from bench.figures import Figure, percentile
from bench.idling import exercise, hear
from bench.lanes import drive, lines, must, smtp_reply
from bench.messages import dot_stuffed, message
from bench.room import LIGHT_PASSWORDS, Room

_CLIENT_PROCESSES = 4
_SESSIONS_OF_AN_ADDRESS = 2_500  # each has 28,000 ports
_OBSERVED = 50  # accounts in which one more session measures when it is told
_SECONDS_TO_CONNECT = 600


@dataclass(frozen=True)
class Held:
    sessions: int
    octets: float  # each
    accepted: list[float]  # seconds from MAIL to 250
    told: list[float]  # seconds from MAIL to EXISTS


def sessions(bed: Bed) -> Figure:
    return Figure(_held(bed).sessions)


def memory(bed: Bed) -> Figure:
    return Figure(_held(bed).octets / 1024)


def accepted(bed: Bed, part: float) -> Figure:
    return Figure(percentile(_held(bed).accepted, part) * 1e3)


def told(bed: Bed, part: float) -> Figure:
    return Figure(percentile(_held(bed).told, part) * 1e3)


def _held(bed: Bed) -> Held:
    return bed.once("held", lambda: _hold(bed.sizes.held_sessions, bed.sizes.held_accounts, bed.sizes.held_deliveries))


def _hold(count: int, accounts: int, deliveries: int) -> Held:
    people = [f"h{number}" for number in range(accounts)]
    with (
        tempfile.TemporaryDirectory(prefix="postroom-held-", ignore_cleanup_errors=True) as folder,
        _running(Room(Path(folder), people, LIGHT_PASSWORDS)) as room,
    ):
        exercise(room, room.address(people[0]))
        room.settle()
        before = room.memory()
        children = [
            Apart(partial(_crowd, room, people, range(first, count, _CLIENT_PROCESSES)))
            for first in range(_CLIENT_PROCESSES)
        ]
        try:
            held = sum(child.hear(_SECONDS_TO_CONNECT) for child in children)
            room.settle()
            octets = (room.memory() - before) / held
            accepted, told = _deliver(room, people, deliveries)
            for child in children:
                child.tell("count")
            held = sum(child.hear() for child in children)
        finally:
            for child in children:
                child.stop()
        return Held(held, octets, accepted, told)


@contextlib.contextmanager
def _running(room: Room) -> Iterator[Room]:
    try:
        yield room
    finally:
        room.stop()


def _crowd(room: Room, people: Sequence[str], numbers: range, line: "Connection[Any, Any]") -> int:
    """A client process: connects its share, says so; reads what they are told; counts those that are still there."""
    context = anyone()
    selector = selectors.DefaultSelector()
    for number in numbers:
        source = f"127.0.1.{1 + number // _SESSIONS_OF_AN_ADDRESS}"
        user = room.address(people[number % len(people)])
        client = Imap(room.imaps, user, "INBOX", tls=context, source=source)
        client.idle()
        client.sock.setblocking(False)
        selector.register(client.sock, selectors.EVENT_READ, client)
    line.send(("said", len(numbers)))
    selector.register(line, selectors.EVENT_READ)
    alive = len(numbers)
    while True:
        for key, _ in selector.select():
            if key.fileobj is line:
                return alive
            client = key.data
            try:
                gone = not client.sock.recv(65536)
            except BlockingIOError:
                continue
            except OSError as error:
                gone = type(error).__name__ not in ("SSLWantReadError", "SSLWantWriteError")
            if gone:
                selector.unregister(client.sock)
                alive -= 1


def _deliver(room: Room, people: Sequence[str], count: int) -> tuple[list[float], list[float]]:
    """Messages to random people, one after another; each fifth to one whom we watch."""
    rnd = random.Random(count)
    watched = {user: Imap(room.imap, room.address(user), "INBOX") for user in people[:_OBSERVED]}
    for client in watched.values():
        client.idle()
    accepted, told = list[float](), list[float]()
    sock = connect(room.smtp)

    def sending() -> Any:
        must((yield b"", smtp_reply), b"220")
        must((yield b"EHLO client.load.test\r\n", smtp_reply), b"250")
        for number in range(count):
            user = rnd.choice(list(watched) if number % 5 == 0 else people)
            start = time.perf_counter()
            begin = b"MAIL FROM:<s@load.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % room.address(user).encode()
            must((yield begin, lines(3)), b"354")
            must((yield dot_stuffed(message(number)), lines(1)), b"250")
            accepted.append(time.perf_counter() - start)
            if user in watched:
                told.extend(hear([watched[user]], start))

    drive([(sock, sending())])
    sock.close()
    for client in watched.values():
        client.close()
    return accepted, told
