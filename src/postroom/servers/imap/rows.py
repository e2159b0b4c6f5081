"""Some messages of a mailbox, as columns.

Owns: Rows, how many are taken at once, whether a column says the same of all, values put back into one. Never: knows a
mailbox (selected.py does). Raises: nothing.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from postroom.imap.seqset import Span


@dataclass(slots=True)
class Rows:
    """Some messages, as parallel columns; `positions` are sequence numbers less one."""

    positions: Sequence[int]
    uids: Sequence[int]
    masks: Sequence[int]  # with RECENT
    sizes: Sequence[int]
    dates: Sequence[int]
    modseqs: Sequence[int]
    content_ids: Sequence[int]
    save_dates: dict[int, int] = field(default_factory=dict, kw_only=True)  # by uid; only where somebody asked for them


def alike(values: Sequence[object]) -> bool:
    """All are the same; `values` is not empty."""
    if isinstance(values, array):
        return bool(values.tobytes() == values[:1].tobytes() * len(values))
    return values.count(values[0]) == len(values)


def batches(spans: Sequence[Span], size: int) -> Iterator[Sequence[int]]:
    """The positions in `spans`, in order, at most `size` at a time; as a range wherever they are contiguous."""
    scattered: list[int] = []
    for start, stop in spans:
        if not scattered and (stop - start >= size // 4 or len(spans) == 1):
            for first in range(start, stop, size):
                yield range(first, min(first + size, stop))
            continue
        while start < stop:
            cut = min(start + size - len(scattered), stop)
            scattered += range(start, cut)
            start = cut
            if len(scattered) >= size:
                yield scattered
                scattered = []
    if scattered:
        yield scattered


def put_back(column: "array[int]", places: Sequence[int], values: Sequence[int]) -> "array[int]":
    """A column with each value before what was at its place; `places` ascend."""
    whole, start = column[:0], 0
    for at, value in zip(places, values, strict=True):
        whole += column[start:at]
        whole.append(value)
        start = at
    return whole + column[start:]
