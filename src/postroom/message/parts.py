"""Where each body part lies, packed small enough to be stored with every message.

Owns: PartMap, its stored form, and the section rules of FETCH (RFC 3501 §6.4.5). Never: reads the message itself.
Raises: ValueError when unpacking octets that are no part map.

Stored form: one octet of version (1), one of item width (4 or 8), then five little-endian unsigned integers a part, in
preorder: kind + 4 × encoding, number of children, header start, body start, body end.
"""

import struct
from dataclasses import dataclass, field

from .structure import Kind, Part

ENCODINGS = (b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable", b"")  # the last: anything else
_CODE = {name: code for code, name in enumerate(ENCODINGS)}
_KINDS = (Kind.LEAF, Kind.MULTIPART, Kind.MESSAGE)
_VERSION = 1
_FIELDS = 5


@dataclass(slots=True)
class PartNode:
    """One part: its MIME header is header_start..body_start, its body body_start..body_end."""

    kind: Kind
    encoding: bytes  # lower case; b"" when it is none of RFC 2045's
    header_start: int
    body_start: int
    body_end: int
    children: list["PartNode"] = field(default_factory=list)


@dataclass(slots=True)
class PartMap:
    """The parts of one message. `root` is the message itself."""

    root: PartNode

    @classmethod
    def of(cls, part: Part) -> "PartMap":
        """From a scanned tree."""
        return cls.unpack(pack_parts(part))

    def pack(self) -> bytes:
        """The stored form."""
        numbers: list[int] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            numbers += (
                node.kind.value + 4 * _CODE.get(node.encoding, len(ENCODINGS) - 1),
                len(node.children),
                node.header_start,
                node.body_start,
                node.body_end,
            )
            stack += reversed(node.children)
        return _pack_numbers(numbers)

    @classmethod
    def unpack(cls, packed: bytes) -> "PartMap":
        """From the stored form."""
        try:
            version, width = packed[0], packed[1]
            if version != _VERSION or width not in (4, 8):
                raise ValueError("unknown part map")
            numbers = struct.unpack(f"<{(len(packed) - 2) // width}{'I' if width == 4 else 'Q'}", packed[2:])
            return cls(_build(numbers))
        except (IndexError, struct.error) as error:
            raise ValueError("damaged part map") from error

    def find(self, part: tuple[int, ...]) -> PartNode | None:
        """The part of that number. () is the message; (1,) of a message that is not multipart is its body."""
        node, is_message = self.root, True  # is_message: numbers count within a message, not within a multipart
        for number in part:
            if node.kind is Kind.MESSAGE and not is_message:
                node, is_message = node.children[0], True
            if node.kind is Kind.MULTIPART:
                if not 1 <= number <= len(node.children):
                    return None
                node = node.children[number - 1]
            elif number != 1 or not is_message:
                return None
            is_message = False
        return node

    def locate(self, part: tuple[int, ...], text: str) -> tuple[int, int] | None:
        """Offsets of BODY[part.text]; text is "ALL", "HEADER", "TEXT" or "MIME". None: there is no such section."""
        node = self.find(part)
        if node is None:
            return None
        if text == "ALL":
            return (node.body_start if part else node.header_start), node.body_end
        if text == "MIME":
            return (node.header_start, node.body_start) if part else None
        if part:  # HEADER and TEXT of a part: of the message it holds
            if node.kind is not Kind.MESSAGE:
                return None
            node = node.children[0]
        return (node.header_start, node.body_start) if text == "HEADER" else (node.body_start, node.body_end)


def _build(numbers: tuple[int, ...]) -> PartNode:
    root: PartNode | None = None
    open_nodes: list[tuple[PartNode, int]] = []  # with how many children are still to come
    for at in range(0, len(numbers), _FIELDS):
        code, children, header_start, body_start, body_end = numbers[at : at + _FIELDS]
        node = PartNode(_KINDS[code % 4], ENCODINGS[code // 4], header_start, body_start, body_end)
        if open_nodes:
            parent, missing = open_nodes.pop()
            parent.children.append(node)
            if missing > 1:
                open_nodes.append((parent, missing - 1))
        elif root is not None:
            raise ValueError("damaged part map")
        else:
            root = node
        if children:
            open_nodes.append((node, children))
    if root is None or open_nodes:
        raise ValueError("damaged part map")
    return root


def pack_parts(part: Part) -> bytes:
    """The stored form straight from a scanned tree: what the scanner puts into Facts.parts."""
    numbers: list[int] = []
    stack = [part]
    while stack:
        one = stack.pop()
        numbers += (
            one.kind.value + 4 * _CODE.get(one.encoding.lower(), len(ENCODINGS) - 1),
            len(one.children),
            one.header_start,
            one.body_start,
            one.body_end,
        )
        stack += reversed(one.children)
    return _pack_numbers(numbers)


def _pack_numbers(numbers: list[int]) -> bytes:
    wide = max(numbers) >= 1 << 32
    return bytes((_VERSION, 8 if wide else 4)) + struct.pack(f"<{len(numbers)}{'Q' if wide else 'I'}", *numbers)
