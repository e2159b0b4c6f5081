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
from bench.mailbox import OVERVIEW, search_body, search_since

CLIENTS = 8
_CONNECTING_SECONDS, _SECONDS = 1.5, 4.0
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
    return _by_all(bed, lambda number: OVERVIEW, bed.sizes.worker_messages)


def search(bed: Bed) -> Figure:
    """Bodies, for other phrases each time, by clients of an account each."""
    return _by_all(bed, search_body, 1, indexed=True)


def looking(bed: Bed) -> Figure:
    """Dates and sizes of all messages, by clients of an account each: nearly all of it is the server's work."""
    return _by_all(bed, search_since, 1)


def _by_all(bed: Bed, command: Callable[[int], bytes], operations: int, *, indexed: bool = False) -> Figure:
    """Each client process connects and looks once; then all of them begin at the same moment, and ask for some seconds.

    `operations`: of one command. By time and not by number, as connections fall to processes unevenly: who has fewer of
    them would be idle at the end.
    """
    users = bed.recipients(CLIENTS)
    for user in users:
        bed.once(f"filled {user}", partial(fill, bed.side, user, f"w{bed.run}", bed.sizes.worker_messages))
        if indexed:  # one after another
            time.sleep(_INDEX_SECONDS)
            bed.side.settle()
    begin = time.perf_counter() + _CONNECTING_SECONDS  # a clock that all processes share

    def client(user: str) -> int:
        one = Imap(bed.side.imap, user, f"w{bed.run}")
        time.sleep(max(0.0, begin - time.perf_counter()))
        count = 0
        while time.perf_counter() < begin + _SECONDS:
            count += 1
            one.run(command(count))
        return count

    before = bed.side.cpu()
    done = sum(together([partial(client, user) for user in users])) * operations
    bed.side.settle()
    return Figure(done / _SECONDS, (bed.side.cpu() - before) / done * 1e6)
