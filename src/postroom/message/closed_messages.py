"""BODY and BODYSTRUCTURE for readers that do not know message/global.

Owns: taking what a message/global part holds out of the wire form. Never: parses a message. Raises: nothing; wire form
that is none comes back as it is.

To RFC 3501 §9 only message/rfc822 has an envelope and a body inside; message/global is a part like any other
(body-type-basic). RFC 9051 §9 treats both alike (media-message), and so does what is stored.
"""

import re

from .imap_wire import OPEN_GLOBAL

_TOKEN = re.compile(rb'( ?)(?:(\()|(\))|("(?:[^"\\]|\\.)*")|\{(\d+)\}\r\n|([^ ()"{]+))', re.DOTALL)
_ENVELOPE, _LINES = 7, 10  # of a message's body fields: envelope, body and lines are those from 7 up to 10


def close_global(wire: bytes) -> bytes:
    """The structure with every message/global closed; nearly always the very octets that came in."""
    if OPEN_GLOBAL not in wire:
        return wire
    lists: list[list[bytes]] = [[]]  # those that are open; of each its elements, with the space before them
    spaces: list[bytes] = []
    at = 0
    while at < len(wire):
        if (found := _TOKEN.match(wire, at)) is None:
            return wire
        space, opens, closes, quoted, octets, atom = found.groups()
        at = found.end()
        if opens:
            lists.append([])
            spaces.append(space)
        elif closes:
            if not spaces:
                return wire
            elements = lists.pop()
            if _is_global(elements):
                del elements[_ENVELOPE:_LINES]
            lists[-1].append(b"%b(%b)" % (spaces.pop(), b"".join(elements)))
        elif octets is not None:
            end = at + int(octets)
            lists[-1].append(wire[found.start() : end])
            at = end
        else:
            lists[-1].append(space + (quoted or atom))
    return b"".join(lists[0]) if not spaces else wire


def _is_global(elements: list[bytes]) -> bool:
    """Whether a list is such a part; parameters with these very words are not (their third is a string)."""
    return (
        len(elements) >= _LINES
        and elements[:2] == [b'"message"', b' "global"']
        and (elements[2] == b" NIL" or elements[2].startswith(b" ("))
        and elements[_ENVELOPE].startswith(b" (")
    )
