"""Where a row is measured: one side in one run, with folders that are filled when a row first asks for them.

Owns: the clients and folders of a run, the way time is taken. Never: says what a row is. Raises: BenchError.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from bench import clients
from bench.clients import Imap
from bench.figures import Figure, Sizes
from bench.messages import message
from bench.profiling import Profiler
from bench.side import DELIVERED_TO, Side, account

T = TypeVar("T")
FLAGGED_EVERY = 50  # messages
_BATCH = 100  # messages of one MULTIAPPEND


class Bed:
    """`run` numbers the accounts and folders, so that each run has new ones."""

    def __init__(self, side: Side, sizes: Sizes, run: int) -> None:
        self.side, self.sizes, self.run = side, sizes, run
        self.tries = 3
        self.profiler: Profiler | None = None
        self._clients: dict[tuple[str, str], Imap] = {}
        self._known: dict[str, Any] = {}

    # ---- what rows share

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What `make` gave the first time."""
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found

    def user(self, kind: str) -> str:
        """The address of an account that is new in this run."""
        return self.side.address(account(kind, self.run))

    def imap(self, user: str, folder: str = "") -> Imap:
        """A connection that is kept for the rows of this run."""
        key = (user, folder)
        if key not in self._clients:
            self._clients[key] = Imap(self.side.imap, user, folder)
        return self._clients[key]

    def recipients(self, mailboxes: int) -> list[str]:
        """People to whom mail is delivered."""
        return [self.side.address(user) for user in DELIVERED_TO[:mailboxes]]

    def maildrop(self) -> str:
        """The account whose INBOX has `sizes.maildrop` messages; filled once for all runs."""
        user = self.side.address("pop")
        self.filled(user, "INBOX", self.sizes.maildrop)
        return user

    def folder(self) -> Imap:
        """The folder of `sizes.messages` messages that most rows look at, selected."""
        self.filled(self.user("folder"), "box", self.sizes.messages)
        return self.imap(self.user("folder"), "box")

    def filled(self, user: str, folder: str, messages: int) -> None:
        """That folder is there, with so many messages."""
        key = f"filled {user} {folder}"
        if key in self._known:
            return
        client = self.imap(user)
        there = client.ask(b'LIST "" ' + folder.encode()).startswith(b"* LIST")
        if not there or b"(MESSAGES 0)" in client.ask(b"STATUS %b (MESSAGES)" % folder.encode()):
            fill(self.side, user, folder, messages)
        self._known[key] = True

    def untouched(self, name: str) -> Imap:
        """A folder as large whose messages nobody has looked at yet, in a server that has just started."""
        fill(self.side, self.user("cold"), name, self.sizes.messages)
        self.restart()
        return self.imap(self.user("cold"), name)

    def restart(self) -> None:
        self.close()
        self.side.restart()

    def close(self) -> None:
        """Close the connections; what has been filled stays."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    # ---- taking time

    def rate(
        self, work: Callable[[], object], operations: int, tries: int = 1, before: Callable[[], object] | None = None
    ) -> Figure:
        """Operations a second of `work`, which does so many; the median of the tries. `before` is not counted."""

        def timed() -> float:
            start = time.perf_counter()
            work()
            return time.perf_counter() - start

        return self.rate_by(timed, operations, tries, before)

    def rate_by(
        self, work: Callable[[], float], operations: int, tries: int = 1, before: Callable[[], object] | None = None
    ) -> Figure:
        """The same for work that takes its time by itself. What it leaves to the background counts as CPU."""
        seconds, cpu = list[float](), list[float]()
        for _ in range(tries):
            if before is not None:
                before()
            self.side.settle()
            start = self.side.cpu()
            seconds.append(work() if self.profiler is None else self.profiler.during(self.side.roots()[0], work))
            self.side.settle()
            cpu.append(self.side.cpu() - start)
        return Figure(operations / statistics.median(seconds), statistics.median(cpu) / operations * 1e6)

    def serial(self, client: Imap, commands: Iterable[bytes], tries: int = 1) -> Figure:
        """Commands one after another, each when the last one has been answered."""
        prepared = list(commands)

        def work() -> None:
            for command in prepared:
                client.run(command)

        return self.rate(work, len(prepared), tries)


def fill(side: Side, user: str, folder: str, count: int, first: int = 0) -> None:
    """Append so many different messages; the next ones are made while the server takes the last ones."""
    client = Imap(side.imap, user)
    if folder != "INBOX":
        client.run(b"CREATE " + folder.encode())
    tag = b""
    for start in range(first, first + count, _BATCH):
        batch = range(start, min(start + _BATCH, first + count))
        flags = [b"" if number % FLAGGED_EVERY else b"\\Flagged" for number in batch]
        command = clients.append(folder, *map(message, batch), flags=flags)
        if tag:
            client.finish(tag)
        tag = client.send(command)
    if tag:
        client.finish(tag)
    client.close()
    side.rest()
