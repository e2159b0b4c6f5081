"""A message that holds NULs, or is binary, made into one that any reader can take: such parts become base64.

Owns: which parts, their header fields, the new octets in pieces. Never: changes any other octet, holds a part. Raises:
NotEncodable where a NUL stands outside of what can be encoded.
"""

from collections.abc import Callable, Iterator

from .parts import PartMap, PartNode
from .structure import Kind
from .transfer_encoding import Base64Encoder, with_encoding

Read = Callable[[int, int], bytes]
_Stretches = Iterator[bool]  # of a body, one after another: whether it is not what it ought to be

_IDENTITY = (b"7bit", b"8bit", b"binary")
_PIECE = 65_536


class NotEncodable(Exception):
    """A NUL in a header, between parts, or in a part that has been encoded otherwise."""


def without_nul(parts: bytes, size: int, read: Read) -> Iterator[bytes]:
    """The message anew. `parts` is its packed PartMap, `read` gives its octets from one offset to another.

    Pieces may be empty: they give the caller the chance to do something else while much is read.
    """
    return _recoded(parts, size, read, _with_nul)


def without_binary(parts: bytes, size: int, read: Read) -> Iterator[bytes]:
    """As `without_nul`, but the parts that hold a bare CR or LF become base64 too (RFC 3030 §3).

    What a mailbox keeps is read by clients of protocols that take their text in lines.
    """
    return _recoded(parts, size, read, _with_binary)


def _recoded(parts: bytes, size: int, read: Read, look: Callable[[Read, int, int], _Stretches]) -> Iterator[bytes]:
    root = PartMap.unpack(parts).root
    at = 0
    for node in _leaves(root):
        found = False
        for found in look(read, node.body_start, node.body_end):
            if found:
                break
            yield b""
        if not found or node.encoding not in _IDENTITY:
            continue
        yield from _copied(read, at, node.header_start)
        header = b"".join(_copied(read, node.header_start, node.body_start))
        yield with_encoding(header, b"base64", is_message=node is root)
        yield from _encoded(read, node.body_start, node.body_end)
        if node is root:
            yield b"\r\n"
        at = node.body_end
    yield from _copied(read, at, size)


def _with_nul(read: Read, start: int, end: int) -> _Stretches:
    for at in range(start, end, _PIECE):
        yield b"\0" in read(at, min(at + _PIECE, end))


def _with_binary(read: Read, start: int, end: int) -> _Stretches:
    at = start
    while at < end:
        piece = read(at, min(at + _PIECE, end))
        at += len(piece)
        if piece.endswith(b"\r") and at < end:  # with the LF that may follow
            piece += read(at, at + 1)
            at += 1
        pairs = piece.count(b"\r\n")
        yield b"\0" in piece or not pairs == piece.count(b"\n") == piece.count(b"\r")


def _leaves(root: PartNode) -> Iterator[PartNode]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind is Kind.LEAF:
            yield node
        stack += reversed(node.children)


def _copied(read: Read, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        piece = read(at, min(at + _PIECE, end))
        if b"\0" in piece:
            raise NotEncodable
        yield piece


def _encoded(read: Read, start: int, end: int) -> Iterator[bytes]:
    encoder = Base64Encoder()
    for at in range(start, end, _PIECE):
        yield encoder.feed(read(at, min(at + _PIECE, end)))
    yield encoder.finish()
