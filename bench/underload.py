"""Rows about a client who wants a quick answer while others keep the server busy with a large folder.

Owns: these rows. Never: decides how often they run. Raises: BenchError.
"""

import itertools
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from bench.apart import Apart
from bench.bed import Bed
from bench.clients import Imap
from bench.figures import Figure, percentile
from bench.mailbox import WHOLE, large, search_body
from bench.side import Side

_PAUSE = 0.01  # seconds between two commands of the interactive client


def noop(bed: Bed, part: float) -> Figure:
    return Figure(percentile(_latencies(bed)[0], part) * 1e3)


def header(bed: Bed, part: float) -> Figure:
    return Figure(percentile(_latencies(bed)[1], part) * 1e3)


def _latencies(bed: Bed) -> tuple[list[float], list[float]]:
    return bed.once("under load", lambda: _measure(bed.side, large(bed), bed.sizes.large, bed.sizes.load_seconds))


def _measure(side: Side, user: str, messages: int, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of each NOOP and of each FETCH of one header."""
    client = Imap(side.imap, user, "box")
    loads = [Apart(lambda line: _fetch(line, side, user)), Apart(lambda line: _search(line, side, user))]
    noops, headers = list[float](), list[float]()
    try:
        for load in loads:
            load.hear()
        end = time.perf_counter() + seconds
        for number in itertools.count(1):
            if time.perf_counter() > end:
                break
            noops.append(_time(partial(client.run, b"NOOP")))
            at = 1 + number * 7919 % messages
            command = b"UID FETCH %d (FLAGS BODY.PEEK[HEADER])" % at
            headers.append(_time(partial(client.run, command)))
            time.sleep(_PAUSE)
    finally:
        for load in loads:
            load.stop()
    client.close()
    side.settle()
    return noops, headers


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _fetch(line: "Connection[Any, Any]", side: Side, user: str) -> None:
    """Everything, whole, again and again."""
    client = Imap(side.imap, user, "box")
    line.send(("said", "ready"))
    while True:
        client.run(WHOLE)


def _search(line: "Connection[Any, Any]", side: Side, user: str) -> None:
    """Bodies, for another phrase each time."""
    client = Imap(side.imap, user, "box")
    line.send(("said", "ready"))
    for number in itertools.count():
        client.run(search_body(number))
