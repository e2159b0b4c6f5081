"""FETCH responses that say flags: to STORE, QRESYNC, and unasked.

Owns: what such a response has, and making many of them at once. Never: decides who is told what. Raises: nothing.
"""

from collections.abc import Callable, Sequence

import msgspec

from .rows import Rows, alike

_JSON = msgspec.json.Encoder()


def flag_rows(
    rows: Rows,
    numbers: Sequence[int],
    start: bytes,
    flag_lists: Callable[[Sequence[int]], list[bytes]] | None,
    *,
    uids: bool,
    modseqs: bool,
) -> bytes:
    """A response for each message; without `flag_lists` they say something else than flags."""
    columns: list[Sequence[int] | Sequence[bytes]] = [numbers]
    items: list[bytes] = []
    if uids:
        items.append(b"UID %d")
        columns.append(rows.uids)
    if flag_lists is not None:
        items.append(b"FLAGS %b")
        columns.append(flag_lists(rows.masks))
    if modseqs:
        items.append(b"MODSEQ (%d)")
        columns.append(rows.modseqs)
    if not uids and len(numbers) > 1 and all(map(alike, columns[1:])):
        same = b" ".join(items) % tuple([column[0] for column in columns[1:]])
        return _numbered(numbers, start, b"%b)\r\n" % same)
    row = start + b" ".join(items) + b")\r\n"
    return b"".join([row % values for values in zip(*columns, strict=True)])


def _numbered(numbers: Sequence[int], start: bytes, end: bytes) -> bytes:
    """The same line for many numbers. As JSON they are [1,2,3], ten times as quickly made as line by line."""
    before, _, after = start.partition(b"%d")
    listed = _JSON.encode(numbers if isinstance(numbers, list) else list(numbers))[1:-1]
    return before + listed.replace(b",", after + end + before) + after + end
