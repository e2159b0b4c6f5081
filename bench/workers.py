"""Rows about a server of several processes: loads that keep processors busy, by clients in processes of their own.

Owns: these rows. Never: decides how often they run, starts the servers. Raises: BenchError.
"""

import time
from collections.abc import Callable
from functools import partial

from bench import arriving
from bench.apart import together
from bench.bed import Bed, fill
from bench.clients import Imap
from bench.figures import Figure
from bench.mailbox import OVERVIEW, search_body

CLIENTS = 8
_ROUNDS = 5
_SEARCHES = 50
_INDEX_SECONDS = 1.5  # from the last message until an account's turn to be indexed


def delivered(bed: Bed) -> Figure:
    """20 connections of two client processes, 20 mailboxes."""
    users = bed.recipients(20)
    share = max(1, bed.sizes.deliveries // 20)

    def work() -> float:
        times = together([lambda: arriving.send(bed.side, users, 10, share)] * 2)
        return max(end for _, end in times) - min(start for start, _ in times)

    return bed.rate_by(work, share * 20)


def overview(bed: Bed) -> Figure:
    """All messages' overview, by clients of an account each."""

    def ask(client: Imap) -> None:
        for _ in range(_ROUNDS):
            client.run(OVERVIEW)

    return _by_all(bed, ask, _ROUNDS * bed.sizes.worker_messages)


def search(bed: Bed) -> Figure:
    """Bodies, for other phrases each time, by clients of an account each."""

    def ask(client: Imap) -> None:
        for number in range(_SEARCHES):
            client.run(search_body(number + 1))

    return _by_all(bed, ask, _SEARCHES, indexed=True)


def _by_all(bed: Bed, ask: Callable[[Imap], None], operations: int, *, indexed: bool = False) -> Figure:
    """Each client process connects and looks once; then all of them begin at the same moment."""
    users = bed.recipients(CLIENTS)
    for user in users:
        bed.once(f"filled {user}", partial(fill, bed.side, user, f"w{bed.run}", bed.sizes.worker_messages))
        if indexed:  # one after another
            time.sleep(_INDEX_SECONDS)
            bed.side.settle()

    def work() -> float:
        begin = time.perf_counter() + 1.0  # a clock that all processes share

        def client(user: str) -> float:
            one = Imap(bed.side.imap, user, f"w{bed.run}")
            time.sleep(max(0.0, begin - time.perf_counter()))
            ask(one)
            return time.perf_counter() - begin

        return max(together([partial(client, user) for user in users]))

    return bed.rate_by(work, operations * CLIENTS)
