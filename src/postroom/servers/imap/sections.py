"""Where BODY[section] lies in a stored message, and its octets in pieces.

Owns: section -> octets of the content, for FETCH and for the URLs of CATENATE. Never: sends anything, holds more than a
piece. Raises: StoreError.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import lru_cache

from postroom.imap.types import Section, SectionText
from postroom.message import PartMap, field_selector
from postroom.store.api import Account, NoSuchContent, Stored

FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
OF_HEADER = (SectionText.HEADER, *FIELDS)


@dataclass(frozen=True, slots=True)
class Octets:
    """A section still in the store: octets `start` up to `end` of the content, from which `fields` are to be picked."""

    content_id: int
    start: int
    end: int
    fields: Section | None = None


def octets_of(section: Section, stored: Stored) -> Octets | None:
    """Where a section lies in prefix + content, cut to its substring; None when there is no such part.

    `stored` has its parts when the section names one.
    """
    place = _place(section, stored)
    if place is None:
        return None
    start, end = place
    if section.text in FIELDS:
        return Octets(stored.content_id, start, end, section)
    if section.partial is not None:
        first, count = section.partial
        start = min(start + first, end)
        end = min(start + count, end)
    return Octets(stored.content_id, start, end)


def _place(section: Section, stored: Stored) -> tuple[int, int] | None:
    if not section.part:
        if section.text in OF_HEADER:
            return 0, stored.header_len
        return (stored.header_len if section.text is SectionText.TEXT else 0), stored.size
    if stored.parts is None:
        return None
    text = SectionText.HEADER if section.text in FIELDS else section.text
    found = part_map(stored.parts).locate(section.part, text.value.decode() or "ALL")
    if found is None:
        return None
    return stored.prefix_len + found[0], stored.prefix_len + found[1]


@lru_cache(maxsize=16)
def part_map(packed: bytes) -> PartMap:
    """Of the last few messages: a FETCH may ask for hundreds of sections of one with a thousand parts."""
    return PartMap.unpack(packed)


def selector(section: Section) -> Callable[[bytes], bytes]:
    """What picks the header fields that the section names."""
    return field_selector(section.fields, section.text is SectionText.HEADER_FIELDS_NOT)


def picked(section: Section, header: bytes) -> bytes:
    """HEADER.FIELDS and HEADER.FIELDS.NOT of a header; a substring is one of the result (RFC 3501 §6.4.5)."""
    chosen = selector(section)(header)
    if section.partial is not None:
        first, count = section.partial
        chosen = chosen[first : first + count]
    return chosen


async def pieces(account: Account, octets: Octets, step: int) -> AsyncIterator[bytes]:
    """The octets in order, at most `step` at a time; NoSuchContent when they end early."""
    for start in range(octets.start, octets.end, step):
        end = min(start + step, octets.end)
        piece = await account.read_range(octets.content_id, start, end)
        if len(piece) != end - start:
            raise NoSuchContent(f"content {octets.content_id} ends early, at {start + len(piece)}")
        yield piece
