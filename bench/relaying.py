"""Rows about mail that leaves: a full queue is let go, and a sink counts what arrives.

Owns: these rows, their servers and their sink. Never: decides how often they run. Raises: BenchError, Unavailable.

Both sides have the queue filled while its destinations are stopped; then they are let go. Time runs from the first
message that the sink has taken to the last one. Each of many destinations has a loopback address of its own, as
domains have; the sink listens at all of them. A destination that is down is one that does not answer at all: its
connections hang until they are given up.
"""

import asyncio
import contextlib
import os
import selectors
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from smtplib import SMTP

from bench import processes
from bench.bed import Bed
from bench.errors import BenchError
from bench.figures import Figure
from bench.messages import message
from bench.peers import free_port, program, start_postfix, wait_for
from bench.room import Room
from postroom.base import Spool, SystemClock, SystemIds
from postroom.config.load import load
from postroom.queue import Envelope, Recipient, SqliteQueue

_LONGEST_WAIT = 300.0
_AT_ONCE = 500  # messages put into our queue together
_ONE = "sink.test"
_DOWN = 20  # of each so many destinations one is down


def relayed(bed: Bed) -> Figure:
    """A full queue for one destination."""
    return bed.once("relayed", lambda: _relay(bed, [_ONE], [], bed.sizes.relayed))


def to_many(bed: Bed) -> Figure:
    """A full queue for many destinations, none of which is down."""
    return bed.once("to many", lambda: _relay(bed, *_destinations(bed, 0), bed.sizes.relayed))


def some_down(bed: Bed) -> Figure:
    """The same, with some of them down; what is for these does not count."""
    return bed.once("some down", lambda: _relay(bed, *_destinations(bed, _DOWN), bed.sizes.relayed))


def cost_of_down(bed: Bed) -> Figure:
    """How much longer the good destinations take because of those that are down."""
    return Figure(to_many(bed).value / some_down(bed).value)


def _destinations(bed: Bed, down: int) -> tuple[list[str], list[str]]:
    names = [f"d{number}.test" for number in range(bed.sizes.destinations)]
    bad = names[::down] if down else []
    return [name for name in names if name not in set(bad)], bad


def _address(number: int) -> str:
    """Of the destination with that number."""
    return f"127.0.{number // 200}.{1 + number % 200}"


class _Sink:
    """smtp-sink, and the number of messages that it has taken."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [program("smtp-sink"), "-c", f":{self.port}", "1000"]
        user = ["-u", "postfix"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen([command[0], *user, *command[1:]], stdout=subprocess.PIPE)
        wait_for(self.port)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._tail = b""
        self.taken = 0

    def wait(self, count: int) -> tuple[float, float, int]:
        """When the first and the last of so many messages came, and how many the first look saw."""
        end = time.perf_counter() + _LONGEST_WAIT
        started, first = 0.0, 0
        while self.taken < count:
            if time.perf_counter() > end:
                raise BenchError(f"only {self.taken} of {count} messages arrived")
            if self._selector.select(1.0):
                self._read()
                if self.taken and not started:
                    started, first = time.perf_counter(), self.taken
        return started, time.perf_counter(), first

    def _read(self) -> None:
        """Its counters, again and again: "sess=3 quit=2 mesg=17" and a CR."""
        assert self._process.stdout is not None
        lines = (self._tail + os.read(self._process.stdout.fileno(), 1 << 20)).split(b"\r")
        self._tail = lines.pop()
        if lines:
            self.taken = int(lines[-1].rpartition(b"=")[2])

    def stop(self) -> None:
        self._selector.close()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextlib.contextmanager
def _silence() -> Iterator[int]:
    """A port whose connections are never established: its backlog is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("", 0))
        listening.listen(0)
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", listening.getsockname()[1]))
        yield int(listening.getsockname()[1])


class _Relay(ABC):
    """A server whose queue can be filled and let go."""

    @abstractmethod
    def fill(self, recipients: Sequence[str]) -> None: ...

    @abstractmethod
    def let_go(self) -> None: ...

    @abstractmethod
    def roots(self) -> list[int]: ...

    @abstractmethod
    def stop(self) -> None: ...


class _Ours(_Relay):
    def __init__(self, folder: Path, routes: dict[str, str]) -> None:
        settings = {"delivery.routes": routes, "delivery.tls": "never"}
        self._domains = list(routes)
        self._room = Room(folder, ["someone"], settings)
        self._config = load(folder / "postroom.toml")

    def fill(self, recipients: Sequence[str]) -> None:
        asyncio.run(self._fill(recipients))

    async def _fill(self, recipients: Sequence[str]) -> None:
        queue = self._queue()
        await queue.pause(self._domains)
        for start in range(0, len(recipients), _AT_ONCE):
            part = recipients[start : start + _AT_ONCE]
            await asyncio.gather(*(_put(queue, start + at, to) for at, to in enumerate(part)))
        await queue.close()

    def _queue(self) -> SqliteQueue:
        return SqliteQueue(self._config.data, self._config.queue, SystemClock(), SystemIds(), serving=False)

    def let_go(self) -> None:
        async def resume() -> None:
            queue = self._queue()
            await queue.resume(self._domains)
            await queue.close()

        asyncio.run(resume())

    def roots(self) -> list[int]:
        return self._room.roots()

    def stop(self) -> None:
        self._room.stop()


async def _put(queue: SqliteQueue, number: int, to: str) -> None:
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(message(number))
        await queue.enqueue(Envelope("someone@room.test"), [Recipient(to)], spool)


class _Postfix(_Relay):
    def __init__(self, folder: Path, routes: dict[str, str]) -> None:
        folder.chmod(0o755)
        self._etc = folder / "postfix-etc"
        self._port = free_port()
        transports = "".join(
            f"{name} smtp:[{place.rpartition(':')[0]}]:{place.rpartition(':')[2]}\n" for name, place in routes.items()
        )
        (folder / "transports").write_text(transports)
        self._process = start_postfix(
            folder,
            self._port,
            f"transport_maps = texthash:{folder}/transports\ndefer_transports = smtp\nsmtp_tls_security_level = none\n"
            "disable_dns_lookups = yes\nminimal_backoff_time = 300s\n",
        )
        wait_for(self._port)

    def fill(self, recipients: Sequence[str]) -> None:
        with SMTP("127.0.0.1", self._port) as client:
            for number, to in enumerate(recipients):
                client.sendmail("someone@room.test", [to], message(number))
        deferred = self._etc.parent / "postfix-queue" / "deferred"
        end = time.perf_counter() + _LONGEST_WAIT
        while sum(len(files) for _, _, files in os.walk(deferred)) < len(recipients):
            if time.perf_counter() > end:
                raise BenchError("Postfix does not put its mail off")
            time.sleep(0.2)

    def let_go(self) -> None:
        self._run("postconf", "-e", "defer_transports=")
        self._run("postfix", "reload")
        time.sleep(1)
        self._run("postqueue", "-f")

    def _run(self, *command: str) -> None:
        subprocess.run([program(command[0]), "-c", str(self._etc), *command[1:]], capture_output=True, check=True)

    def roots(self) -> list[int]:
        return [self._process.pid]

    def stop(self) -> None:
        subprocess.run([program("postfix"), "-c", str(self._etc), "stop"], capture_output=True, timeout=60)
        self._process.wait(timeout=60)


def _relay(bed: Bed, good: Sequence[str], down: Sequence[str], count: int) -> Figure:
    """Messages a second into the sink; `count` of them, spread over all destinations."""
    names = sorted([*good, *down])
    recipients = [f"x{number}@{names[number % len(names)]}" for number in range(count)]
    bad = set(down)
    expected = sum(to.rpartition("@")[2] not in bad for to in recipients)
    sink = _Sink()
    with (
        tempfile.TemporaryDirectory(prefix="postroom-relay-", ignore_cleanup_errors=True) as folder,
        _silence() as quiet,
    ):
        places = {
            name: f"{_address(number)}:{quiet if name in bad else sink.port}" for number, name in enumerate(names)
        }
        relay = (_Postfix if bed.side.name == "peers" else _Ours)(Path(folder), places)
        try:
            relay.fill(recipients)
            processes.settle(lambda: processes.cpu_seconds(relay.roots()))
            before = processes.cpu_seconds(relay.roots())
            relay.let_go()
            start, end, first = sink.wait(expected)
            cpu = processes.cpu_seconds(relay.roots()) - before
        finally:
            relay.stop()
            sink.stop()
    return Figure((expected - first) / (end - start), cpu / expected * 1e6)
