"""A message as far as words are looked for in it: its header, what its text parts say, what else it carries.

Owns: how much of a message is looked at, and finding that much in its octets. Never: makes words of it (words.py does),
reads a file. Raises: nothing, whatever the octets are.
"""

import re
from dataclasses import dataclass, field

from postroom.message import PartMap
from postroom.message.charset import decode_text
from postroom.message.header import HeaderIndex, index_header
from postroom.message.mime_fields import decoded_param, param, parse_content_type
from postroom.message.parts import PartNode
from postroom.message.search_text import decode_transfer, raw_room
from postroom.message.structure import Kind

MAX_OCTETS = 131_072  # from the start of a message; what lies behind is not looked at
MAX_HEADER_OCTETS = 32_768
_MAX_PART_HEADER_OCTETS = 4096
_MAX_PARTS = 40
_MAX_TEXT_OCTETS = 24_576  # decoded, of all text parts together
_MAX_PART_TEXT_OCTETS = 16_384  # so that no part keeps the others from being seen
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})\s*$")


@dataclass(slots=True)
class Text:
    """One text part, decoded."""

    text: str
    html: bool
    charset: str


@dataclass(slots=True)
class Letter:
    """What words are taken from."""

    fields: HeaderIndex
    texts: list[Text] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)  # "image/gif", ".zip" … of each part


def read_letter(content: bytes, parts: PartMap, prefix: bytes = b"") -> Letter:
    """Look at the first octets of a message (`MAX_OCTETS` are enough) whose parts lie where `parts` says.

    `prefix`: the fields that this server has put before it.
    """
    content = content[:MAX_OCTETS]
    root = parts.root
    header = prefix[:MAX_HEADER_OCTETS] + content[: min(root.body_start, MAX_HEADER_OCTETS)]
    letter = Letter(index_header(header))
    room = _MAX_TEXT_OCTETS
    for node in _leaves(root):
        if node.body_start >= len(content):
            break
        start = node.header_start
        fields = index_header(content[start : min(node.body_start, start + _MAX_PART_HEADER_OCTETS)])
        major, minor, charset, name = _described(fields)
        letter.kinds.append(f"{major}/{minor}")
        if name and (extension := _EXTENSION.search(name)):
            letter.kinds.append(f".{extension[1].lower()}")
        if major != "text" or room <= 0:
            continue
        wanted = min(room, _MAX_PART_TEXT_OCTETS)
        end = min(node.body_end, node.body_start + raw_room(wanted, node.encoding))
        octets = decode_transfer(content[node.body_start : end], node.encoding)[:wanted]
        room -= len(octets)
        letter.texts.append(Text(decode_text(octets, charset), minor == "html", charset))
    return letter


def _leaves(root: PartNode) -> list[PartNode]:
    found: list[PartNode] = []
    waiting = [root]
    while waiting and len(found) < _MAX_PARTS:
        node = waiting.pop()
        if node.kind is Kind.LEAF:
            found.append(node)
        else:
            waiting += reversed(node.children[:_MAX_PARTS])
    return found


def _described(fields: HeaderIndex) -> tuple[str, str, str, str]:
    """Type, subtype, charset and file name; what says nothing is plain text (RFC 2045 §5.2)."""
    content_type = fields.first(b"content-type")
    parsed = parse_content_type(content_type) if content_type else None
    name = ""
    if (disposition := fields.first(b"content-disposition")) is not None and b"name" in disposition.lower():
        found = parse_content_type(b"x/y;" + disposition.partition(b";")[2])
        name = decoded_param(found[2], b"filename") if found else ""
    if parsed is None:
        return "text", "plain", "", name
    major, minor, params = parsed
    charset = param(params, b"charset") or b""
    return (
        major[:40].lower().decode("latin-1"),
        minor[:80].lower().decode("latin-1"),
        charset[:40].lower().decode("latin-1"),
        name or decoded_param(params, b"name"),
    )
