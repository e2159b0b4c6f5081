"""A message that holds NULs, or is binary, made into one that any reader can take: such parts become base64.

Owns: which parts, their header fields, the new octets in pieces. Never: changes any other octet, holds a part. Raises:
NotEncodable where a NUL stands outside of what can be encoded.
"""

from collections.abc import Callable, Generator, Iterator

from .parts import PartMap, PartNode
from .recoding_plan import IDENTITY, Encoded, Kept, Measure, Plan, Recoding, Wanted
from .structure import Kind
from .transfer_encoding import transfer_encoder, with_encoding

Read = Callable[[int, int], bytes]

_PIECE = 65_536


class NotEncodable(Exception):
    """A NUL in a header, between parts, or in a part that has been encoded otherwise."""


def without_nul(parts: bytes, size: int, read: Read) -> Iterator[bytes]:
    """The message anew. `parts` is its packed PartMap, `read` gives its octets from one offset to another.

    Pieces may be empty: they give the caller the chance to do something else while much is read.
    """
    return _recoded(parts, size, read, lambda measure: measure.nul)


def without_binary(parts: bytes, size: int, read: Read) -> Iterator[bytes]:
    """As `without_nul`, but the parts that hold a bare CR or LF become base64 too (RFC 3030 §3).

    What a mailbox keeps is read by clients of protocols that take their text in lines.
    """
    return _recoded(parts, size, read, lambda measure: not measure.lined)


def _recoded(parts: bytes, size: int, read: Read, binary: Callable[[Measure], bool]) -> Iterator[bytes]:
    plan = _plan(PartMap.unpack(parts).root, size, binary)
    try:
        wanted = next(plan)
        while True:
            yield b""
            wanted = plan.send(read(wanted.start, wanted.end))
    except StopIteration as stop:
        made: Recoding = stop.value
    for segment in made.segments:
        match segment:
            case Kept(start, end):
                yield from map(_checked, _pieces(read, start, end))
            case Encoded(start, end, encoding):
                encoder = transfer_encoder(encoding)
                yield from map(encoder.feed, _pieces(read, start, end))
                yield encoder.finish()
            case octets:
                yield _checked(octets)


def _plan(root: PartNode, size: int, binary: Callable[[Measure], bool]) -> Generator[Wanted, bytes, Recoding]:
    plan = Plan()
    for node in _leaves(root):
        measure = yield from plan.measured(node.body_start, node.body_end)
        if not binary(measure) or node.encoding not in IDENTITY:
            continue
        header = b""
        if node.body_start > node.header_start:
            header = yield Wanted(node.header_start, node.body_start)
        new = with_encoding(header, b"base64", is_message=node is root)
        plan.replace(node.header_start, node.body_start, new)
        yield from plan.encode(node, "base64", measure.octets)
        if node is root:
            plan.replace(node.body_end, node.body_end, b"\r\n")
    plan.keep(size)
    return plan.recoding


def _leaves(root: PartNode) -> Iterator[PartNode]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind is Kind.LEAF:
            yield node
        stack += reversed(node.children)


def _pieces(read: Read, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        yield read(at, min(at + _PIECE, end))


def _checked(octets: bytes) -> bytes:
    if b"\0" in octets:
        raise NotEncodable
    return octets
