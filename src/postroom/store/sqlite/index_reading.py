"""The search index on disk, as it is asked.

Owns: the SQL that reads its tables. Never: changes them; knows what a term is (text_index does). Raises: apsw.Error.

All of an index is read in one transaction with the texts that it leaves to be looked at: a piece of it that is replaced
meanwhile is still there for who began before.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import apsw

from postroom.store.text_index.blocks import Block
from postroom.store.text_index.building import Cover, Part, unpack_cover

from .query import fetch

FIELDS = ("from_", "to_", "cc", "bcc", "subject", "headers", "body")  # columns of search_text; their order is on disk


class State(IntEnum):
    """Of a segment."""

    WRITING = 0
    LIVE = 1
    REPLACED = 2


class Segment(NamedTuple):
    """A piece of the index: of the texts of a run of content ids."""

    segment_id: int
    whole: bool
    first: int
    documents: int
    made_of: int
    texts: int
    cut: bytes

    @property
    def end(self) -> int:
        """The content id after its last."""
        return self.first + self.documents


_LIVE = f"""
SELECT id, whole, first, documents, made_of, texts, cut FROM index_segments WHERE state = {State.LIVE:d} ORDER BY first
"""
_COVER = "SELECT present, skipped FROM index_fields WHERE segment_id = ? AND field = ?"
_BLOCKS = """
SELECT width, terms, postings FROM index_blocks
WHERE segment_id = ? AND field = ? AND part = ? AND instr(terms, ?) ORDER BY place
"""


def live_segments(db: apsw.Connection) -> list[Segment]:
    """In the order of their contents."""
    return [Segment(*row) for row in fetch(db, _LIVE)]


def indexed_to(db: apsw.Connection) -> int:
    """The first content id that no segment has, nor any after it."""
    segments = live_segments(db)
    return segments[-1].end if segments else 1


class FieldIndex:
    """One field of one segment; see text_index.asking.Index."""

    def __init__(self, db: apsw.Connection, segment: Segment, field: int) -> None:
        self._db = db
        self._key = (segment.segment_id, field)
        self.documents = segment.documents
        found = fetch(db, _COVER, self._key)
        self.cover = unpack_cover(*found[0]) if found else Cover(0, 0)

    def blocks(self, part: Part, piece: bytes) -> Iterator[Block]:
        """SQLite looks through the terms, while other threads run."""
        for row in self._db.execute(_BLOCKS, (*self._key, part, piece)):
            yield Block(*row)
