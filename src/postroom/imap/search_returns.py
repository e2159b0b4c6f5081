"""What a search is asked to tell, and the ESEARCH response that tells it.

Owns: RETURN (…) -> SearchReturn, the ESEARCH response of every searching command (RFC 4466 §2.6, RFC 4731). Never:
searches; knows what the numbers name. Raises: BadSyntax.

An option of an extension is a field of SearchReturn, a row of _OPTIONS or a branch of `_argument`, and a line of
`esearch`.
"""

import re
from collections.abc import Iterator, Sequence

from .fetch_parser import parse_item_list
from .seqset import write_pieces
from .syntax import BadSyntax
from .tokens import Cursor
from .types import FetchItem, SearchReturn

_OPTIONS = {
    b"MIN": "min",
    b"MAX": "max",
    b"COUNT": "count",
    b"ALL": "all",
    b"SAVE": "save",
    b"RELEVANCY": "relevancy",
    b"CONTEXT": "context",
    b"UPDATE": "update",
}
_RETURN = re.compile(rb"RETURN \(", re.IGNORECASE)
_RANGE = re.compile(rb"(-?)([1-9][0-9]{0,9}):\1([1-9][0-9]{0,9})(?=[ )]|\Z)")
_MAX = 2**32 - 1
_PIECE = 8192  # numbers

Option = bool | tuple[int, int] | tuple[FetchItem, ...]
EVERYTHING = SearchReturn(all=True)


def parse_return(cursor: Cursor) -> SearchReturn | None:
    """["RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP]; None when there is none of it."""
    found = _RETURN.match(cursor.data, cursor.at)
    if found is None:
        return None
    cursor.at = found.end()
    options: dict[str, Option] = {}
    if not cursor.take(b")"):
        _option(cursor, options)
        while cursor.take(b" "):
            _option(cursor, options)
        cursor.expect(b")", "Invalid return options")
    cursor.space()
    if "partial" in options and "all" in options:  # RFC 9394 §3.1, RFC 5267 §4.4
        raise BadSyntax("Either PARTIAL or ALL")
    returns = SearchReturn(**options)  # type: ignore[arg-type]
    return returns if options else EVERYTHING  # RFC 4731 §3.1: () is (ALL)


def _option(cursor: Cursor, options: dict[str, Option]) -> None:
    name = cursor.atom("Expected a return option").upper()
    if (field := _OPTIONS.get(name)) is not None:
        options[field] = True
        if name == b"UPDATE" and cursor.take(b" ("):  # RFC 5465 §7, §8 modifier-update
            cursor.at -= 1
            options["update_items"] = parse_item_list(cursor)
    elif name == b"PARTIAL":
        if "partial" in options:  # RFC 5267 §4.4: not more than one
            raise BadSyntax("PARTIAL more than once")
        cursor.space()
        options["partial"] = partial_range(cursor)
    else:  # RFC 4466 §2.6.1
        raise BadSyntax("Unknown return option")


def partial_range(cursor: Cursor) -> tuple[int, int]:
    """partial-range (RFC 9394 §4): 1:500 from the oldest result, -1:-100 from the newest."""
    found = _RANGE.match(cursor.data, cursor.at)
    if found is None:
        raise BadSyntax("Expected a range like 1:500 or -1:-100")
    first, last = int(found[2]), int(found[3])
    if max(first, last) > _MAX:
        raise BadSyntax("Number too large in a range")
    cursor.at = found.end()
    return (-first, -last) if found[1] else (first, last)


def part(numbers: Sequence[int], partial: tuple[int, int]) -> Sequence[int]:
    """The results that a partial range names, in their order; those that do not exist are left out."""
    low, high = min(partial), max(partial)
    if high < 0:
        return numbers[max(len(numbers) + low, 0) : max(len(numbers) + high + 1, 0)]
    return numbers[low - 1 : high]


def spoken_of(returns: SearchReturn | None, found: Sequence[int]) -> Sequence[int]:
    """The part of a result that the response is about, and so MODSEQ and "$".

    All of it with ALL or COUNT, else the results that MIN, MAX (RFC 4731 §3.2, RFC 5182 §2.4) and PARTIAL (RFC 9394
    §3.4) return; all of it too when nothing is returned (SAVE alone).
    """
    if returns is None or not found or returns.all or returns.count:
        return found
    if not (returns.min or returns.max or returns.partial):
        return found
    chosen = list(part(found, returns.partial)) if returns.partial else []
    if returns.min and (not chosen or chosen[0] != found[0]):
        chosen.insert(0, found[0])
    if returns.max and chosen[-1:] != [found[-1]]:
        chosen.append(found[-1])
    return chosen


def esearch(
    tag: bytes,
    returns: SearchReturn,
    numbers: Sequence[int],
    *,
    uid: bool,
    modseq: int = 0,
    scores: Sequence[int] = (),
    mailbox: bytes = b"",
    uid_validity: int = 0,
) -> Iterator[bytes]:
    """One ESEARCH response (RFC 4466 §2.6.2), in pieces.

    `numbers` is the whole result in its order: the mailbox's for SEARCH, the one asked for with SORT, where MIN and MAX
    are the first and the last (RFC 5267 §3.1). `modseq`: the highest of what `spoken_of` gives, when the MODSEQ key was
    used. `scores`: the relevancy of each of `numbers`. `mailbox`, ready to send, and `uid_validity`: of a search in
    several mailboxes (RFC 7377 §2.1).
    """
    where = b" MAILBOX %b UIDVALIDITY %d" % (mailbox, uid_validity) if mailbox else b""
    line = b'* ESEARCH (TAG "%b"%b)%b' % (tag, where, b" UID" if uid else b"")
    if numbers and returns.min:
        line += b" MIN %d" % numbers[0]
    if numbers and returns.max:
        line += b" MAX %d" % numbers[-1]
    if returns.count:  # RFC 4731 §3.1: also when it is 0
        line += b" COUNT %d" % len(numbers)
    if returns.partial is not None:
        some = part(numbers, returns.partial)
        yield line + b" PARTIAL (%d:%d " % returns.partial
        yield from write_pieces(some) if some else (b"NIL",)
        line = b")"
    if numbers and returns.all:
        yield line + b" ALL "
        yield from write_pieces(numbers)
        line = b""
    if numbers and modseq:
        line += b" MODSEQ %d" % modseq
    if returns.relevancy:
        told = scores if returns.partial is None else part(scores, returns.partial)
        yield line + b" RELEVANCY ("  # RFC 6203 §4
        for start in range(0, len(told), _PIECE):
            yield (" " * bool(start) + " ".join(map(str, told[start : start + _PIECE]))).encode("ascii")
        line = b")"
    yield line + b"\r\n"
