"""What one row showed, once: a value and the processor time beside it; and what the table says of a row.

Owns: these values and their arithmetic. Never: measures. Raises: nothing.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Figure:
    """In the row's unit; `cpu` is the server's user and system time in µs for each operation or message."""

    value: float
    cpu: float | None = None


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    messages: int = 10_000  # in the folder that most rows look at
    large: int = 100_000
    maildrop: int = 2_000
    deliveries: int = 2_000
    appends: int = 1_000
    serial: int = 3_000  # commands one after another
    stores: int = 500  # the same when each is synced to disk
    few_sessions: int = 200
    many_sessions: int = 1_000
    pushes: int = 10
    held_sessions: int = 10_000
    held_accounts: int = 1_000
    held_deliveries: int = 500
    load_seconds: float = 15.0
    worker_messages: int = 2_000
    relayed: int = 10_000  # messages in a queue that is let go
    destinations: int = 1_000  # for which they are
    growth: tuple[int, ...] = (1_000, 10_000, 100_000)
    growth_accounts: tuple[int, ...] = (1, 100, 10_000)


QUICK = Sizes(
    messages=300,
    large=900,
    maildrop=100,
    deliveries=200,
    appends=60,
    serial=60,
    stores=20,
    few_sessions=20,
    many_sessions=40,
    pushes=2,
    held_sessions=120,
    held_accounts=10,
    held_deliveries=20,
    load_seconds=1.0,
    worker_messages=100,
    relayed=100,
    destinations=40,
    growth=(100, 300, 900),
    growth_accounts=(1, 10, 100),
)


class Better(Enum):
    HIGHER = "higher"
    LOWER = "lower"


class Measure(Enum):
    """What an aim is about."""

    RATIO = "ratio"  # to the other side: at least so much
    VALUE = "value"  # by itself: at least or at most so much, whatever is better


@dataclass(frozen=True)
class Aim:
    measure: Measure
    number: float


def ratio(number: float) -> Aim:
    return Aim(Measure.RATIO, number)


def value(number: float) -> Aim:
    return Aim(Measure.VALUE, number)


UNITS = {  # unit: which is better, and what one of it is about
    "msg/s": (Better.HIGHER, "message"),
    "op/s": (Better.HIGHER, "operation"),
    "sessions": (Better.HIGHER, ""),
    "times": (Better.LOWER, ""),
    "ms": (Better.LOWER, ""),
    "KiB": (Better.LOWER, ""),
    "MiB": (Better.LOWER, ""),
    "s": (Better.LOWER, ""),
}


def better(unit: str) -> Better:
    return UNITS[unit][0]


def times_better(ours: float, theirs: float, unit: str) -> float | None:
    """How much better ours is: 2 is twice as good, whichever way the unit goes."""
    top, bottom = (ours, theirs) if better(unit) is Better.HIGHER else (theirs, ours)
    return top / bottom if bottom else None


def reached(aim: Aim | None, own: float | None, times: float | None, unit: str) -> bool | None:
    """Of a row's own value and how many times better it is; None when it can't be told."""
    if aim is None:
        return None
    if aim.measure is Measure.RATIO:
        return None if times is None else round(times, 2) >= aim.number
    if own is None:
        return None
    return own >= aim.number if better(unit) is Better.HIGHER else own <= aim.number


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that at least this part of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent of the growth: slope of the line of least squares through the logarithms."""
    logs = [(math.log(size), math.log(cost)) for size, cost in zip(sizes, costs, strict=True)]
    return statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope
