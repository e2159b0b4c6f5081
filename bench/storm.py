"""Rows about people who sign in while strangers try passwords from a thousand addresses.

Owns: these rows, the storm. Never: decides how often they run. Raises: BenchError.

Each stranger has an address of its own (127.0.0.0/8 is all this machine's) and a name of its own to guess at, so that
every guess is hashed, with the parameters that a server has by default. The guard sees them as what they are: they are
slowed, and banned in the end. The people's passwords have been proven before.
"""

import asyncio
import itertools
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.apart import Apart
from bench.bed import Bed
from bench.clients import Imap
from bench.errors import BenchError
from bench.figures import Figure, percentile
from bench.room import Room

_ADDRESSES = 1_000
_PEOPLE = 100
_CLIENTS = 2  # processes of people who sign in
_PAUSE = 0.01  # seconds between two NOOPs
_TURNED_AWAY = 0.5  # seconds until a stranger who was turned away comes again
_SETTINGS: dict[str, Any] = {"guard.exempt_loopback": False, "guard.exempt_networks": ["127.0.0.1/32"]}


@dataclass(frozen=True)
class Storm:
    sign_ins: float  # a second
    noops: list[float]  # seconds each
    guesses: int  # that were answered


def sign_ins(bed: Bed) -> Figure:
    return Figure(_storm(bed).sign_ins)


def noop(bed: Bed, part: float) -> Figure:
    return Figure(percentile(_storm(bed).noops, part) * 1e3)


def _storm(bed: Bed) -> Storm:
    return bed.once("storm", lambda: _measure(bed.sizes.load_seconds))


def _measure(seconds: float) -> Storm:
    people = [f"p{number}" for number in range(_PEOPLE)]
    with tempfile.TemporaryDirectory(prefix="postroom-storm-", ignore_cleanup_errors=True) as folder:
        room = Room(Path(folder), people, _SETTINGS)
        try:
            users = [room.address(user) for user in people]
            for user in users:
                Imap(room.imap, user).close()
            storm = Apart(partial(_strangers, room.imap))
            try:
                storm.hear()
                clients = [Apart(partial(_sign_in, room.imap, users[at::_CLIENTS], seconds)) for at in range(_CLIENTS)]
                noops = _noops(Imap(room.imap, users[0]), seconds)
                rate = sum(client.result() for client in clients)
                storm.tell("enough")
                guesses = storm.hear()
            finally:
                storm.stop()
        finally:
            room.stop()
    if not guesses:
        raise BenchError("there was no storm")
    return Storm(rate, noops, guesses)


def _noops(client: Imap, seconds: float) -> list[float]:
    found, end = list[float](), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        client.run(b"NOOP")
        found.append(time.perf_counter() - start)
        time.sleep(_PAUSE)
    return found


def _sign_in(port: int, users: list[str], seconds: float, line: "Connection[Any, Any]") -> float:
    """Connect, sign in, leave, each person in turn; how many a second."""
    start = time.perf_counter()
    for count, user in enumerate(itertools.cycle(users)):
        if (spent := time.perf_counter() - start) > seconds:
            return count / spent
        Imap(port, user).close()
    raise AssertionError


def _strangers(port: int, line: "Connection[Any, Any]") -> None:
    asyncio.run(_rage(port, line))


async def _rage(port: int, line: "Connection[Any, Any]") -> None:
    """Says when it has begun, and at the end how many guesses were answered."""
    answered, begun, enough = [0] * _ADDRESSES, asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(_guess(port, number, answered, begun)) for number in range(_ADDRESSES)]
    await begun.wait()
    line.send(("said", "begun"))
    asyncio.get_running_loop().add_reader(line.fileno(), enough.set)
    await enough.wait()
    for task in tasks:
        task.cancel()
    line.send(("said", sum(answered)))


async def _guess(port: int, number: int, answered: list[int], begun: asyncio.Event) -> None:
    own = f"127.1.{number // 250}.{number % 250 + 1}"
    for attempt in itertools.count():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(own, 0))
        except OSError:
            await asyncio.sleep(_TURNED_AWAY)
            continue
        try:
            for guess in itertools.count():
                line = await reader.readline()
                if not line.startswith((b"* OK", b"a NO")):
                    break
                if line.startswith(b"a NO"):
                    answered[number] += 1
                    begun.set()
                writer.write(b"a LOGIN guessed%d@room.test guess-%d-%d\r\n" % (number, attempt, guess))
        except OSError:
            pass
        finally:
            writer.close()
        await asyncio.sleep(_TURNED_AWAY)
