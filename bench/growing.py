"""How a row's cost grows with the messages in an account, or with the accounts of a server; only ours.

Owns: the servers and folders of each size, the rows about accounts. Never: makes tables or plots. Raises: BenchError.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import arriving, idling
from bench.apart import apart
from bench.bed import Bed
from bench.clients import Imap
from bench.figures import Figure, Sizes
from bench.room import LIGHT_PASSWORDS, Room
from bench.rows import Row
from bench.side import Side

MESSAGES, ACCOUNTS = "messages", "accounts"
_LOGINS = 200
_SMALL = 10_000  # messages: what is quick is tried more often


class OneAccount(Bed):
    """One account with one folder of all sizes' rows: it is filled once, and the others are copies of it."""

    def __init__(self, side: Side, sizes: Sizes, user: str) -> None:
        super().__init__(side, replace(sizes, maildrop=sizes.messages), 0)
        self.tries = 5 if sizes.messages <= _SMALL else 3
        self._user = side.address(user)

    def user(self, kind: str) -> str:
        return self._user

    def recipients(self, mailboxes: int) -> list[str]:
        self.maildrop()
        return [self._user]

    def maildrop(self) -> str:
        """INBOX has as many messages."""
        client = self.folder()
        self.once("maildrop", lambda: client.run(b"COPY 1:%d INBOX" % self.sizes.messages))
        return self._user

    def untouched(self, name: str) -> Imap:
        """At least nobody has looked since the server started."""
        self.folder()
        self.restart()
        return self.folder()


def cost(row: Row, figure: Figure, messages: int) -> Figure:
    """Microseconds of a unit of its work: of a message where it looks at all of them."""
    units = messages if row.scans else 1
    return Figure(1e6 / figure.value / units, None if figure.cpu is None else figure.cpu / units)


def unit_of_work(row: Row) -> str:
    return "µs a message" if row.scans or row.unit == "msg/s" else "µs"


@contextmanager
def account_of(sizes: Sizes) -> Iterator[Bed]:
    """A server with one account of `sizes.messages` messages."""
    with tempfile.TemporaryDirectory(prefix="postroom-growth-", ignore_cleanup_errors=True) as folder:
        room = Room(Path(folder), ["grown"])
        bed = OneAccount(room, sizes, "grown")
        try:
            yield bed
        finally:
            bed.close()
            room.stop()


@dataclass(frozen=True)
class AccountsRow:
    """A row about how many accounts there are; `measure` gives the cost in `unit`."""

    name: str
    what: str
    unit: str
    measure: Callable[["Accounts"], Figure]


class Accounts:
    """A server with so many accounts."""

    def __init__(self, room: Room, count: int, sizes: Sizes, started: float) -> None:
        self.bed = Bed(room, sizes, 0)
        self.room, self.count, self.started = room, count, started
        self.at_rest = 0  # octets
        self.used = set[str]()
        self._random = random.Random(count)

    def some(self, number: int) -> list[str]:
        """People, at random."""
        people = [self.room.address(f"p{self._random.randrange(self.count)}") for _ in range(number)]
        self.used.update(people)
        return people


@contextmanager
def accounts(count: int, sizes: Sizes) -> Iterator[Accounts]:
    with tempfile.TemporaryDirectory(prefix="postroom-growth-", ignore_cleanup_errors=True) as folder:
        room = Room(Path(folder), [f"p{number}" for number in range(count)], LIGHT_PASSWORDS)
        start = time.perf_counter()
        room.restart()
        bed = Accounts(room, count, sizes, time.perf_counter() - start)
        try:
            yield bed
        finally:
            bed.bed.close()
            room.stop()


def _restart(bed: Accounts) -> Figure:
    return Figure(bed.started * 1e3)


def _at_rest(bed: Accounts) -> Figure:
    idling.exercise(bed.room, bed.some(1)[0])
    bed.room.settle()
    bed.at_rest = bed.room.memory()
    return Figure(bed.at_rest / (1 << 20))


def _deliveries(bed: Accounts) -> Figure:
    """To random people, over 20 connections; accepting is delivering."""
    share = max(1, bed.bed.sizes.deliveries // 20)
    users = bed.some(share * 20)

    def work() -> float:
        start, end = apart(lambda: arriving.send(bed.room, users, 20, share))
        return end - start

    return _microseconds(bed.bed.rate_by(work, share * 20))


def _logins(bed: Accounts) -> Figure:
    """Of random people, each with a look into INBOX."""
    users = bed.some(_LOGINS)

    def work() -> None:
        for user in users:
            Imap(bed.room.imap, user, "INBOX").close()

    return _microseconds(bed.bed.rate(work, len(users)))


def _microseconds(rate: Figure) -> Figure:
    return Figure(1e6 / rate.value, rate.cpu)


def _touched(bed: Accounts) -> Figure:
    """What the server has more than at rest after that, for each account that was used."""
    bed.room.settle()
    return Figure(max(1.0, (bed.room.memory() - bed.at_rest) / 1024 / len(bed.used)))


ACCOUNT_ROWS = (
    AccountsRow("restart", "stop and start", "ms", _restart),
    AccountsRow("rest", "memory of a server at rest", "MiB", _at_rest),
    AccountsRow("delivered", "SMTP delivered to random people, 20 connections", "µs", _deliveries),
    AccountsRow("login", "connect, LOGIN of random people, SELECT INBOX", "µs", _logins),
    AccountsRow("touched", "memory after that, for each account used", "KiB", _touched),
)
