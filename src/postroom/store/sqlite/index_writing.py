"""Makes segments of the search index and puts them in their place.

Owns: reading texts for the index (beside the writers, in a transaction of its own) and the writes that bring a segment
into the database, in steps. Never: decides when. Raises: apsw.Error.

A segment is written with the state WRITING, some blocks a step; the last step makes it LIVE and those whose texts it
has REPLACED, which then are removed, some blocks a step. A crash leaves a segment that nobody asks, to be removed.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apsw

from postroom.store.settings import StoreSettings
from postroom.store.text_index.blocks import set_of, to_bitmap
from postroom.store.text_index.building import Built, IndexBuilder, frequent_tokens, pack_cover

from .index_planning import Span, next_span
from .index_reading import FIELDS, State, indexed_to, live_segments
from .query import fetch
from .writer import Scope, Write

_SAMPLE = 128  # texts from which the frequent tokens are known
_ABANDONED_SECONDS = 3600  # a segment so long in the writing is nobody's any more
_EXTENTS = """
SELECT content_id, complete, octet_length(headers) + octet_length(body) FROM search_text
WHERE content_id BETWEEN ? AND ? ORDER BY 1
"""
_INSERT_BLOCK = "INSERT INTO index_blocks VALUES (?, ?, ?, ?, ?, ?, ?)"
_BLOCK_SIZES = "SELECT rowid, length(terms) + length(postings) FROM index_blocks WHERE segment_id = ?"
_COUNT_TEXTS = """
UPDATE index_segments SET texts = (
  SELECT count(*) FROM sort_keys WHERE content_id >= first AND content_id < first + documents
) WHERE id = ?
"""
_BlockRow = tuple[int, int, int, int, bytes, bytes]  # of index_blocks, but for the segment's id


@dataclass(slots=True)
class Draft:
    """A segment that is not in the database yet."""

    span: Span
    documents: int
    whole: bool
    made_of: int
    cut: bytes
    fields: list[tuple[int, bytes, bytes]]
    blocks: list[_BlockRow]


def draft_next(db: apsw.Connection, settings: StoreSettings, stop: Callable[[], bool]) -> Draft | None:
    """Make the next segment. None: there is nothing to do, or `stop` said so."""
    ((content_next,),) = fetch(db, "SELECT content_next FROM account")
    span = next_span(live_segments(db), content_next, settings)
    return None if span is None else _draft(db, span, settings, stop)


def _draft(db: apsw.Connection, span: Span, settings: StoreSettings, stop: Callable[[], bool]) -> Draft | None:
    last, whole = span.last, span.whole
    made_of = octets = 0
    cut: list[int] = []
    for content_id, complete, size in db.execute(_EXTENTS, (span.first, span.last)):
        if not complete:
            cut.append(content_id - span.first)
        made_of += 1
        octets += size
        if octets >= settings.index_segment_octets and content_id >= span.least:
            last, whole = content_id, True
            break
    documents = last - span.first + 1
    marks = to_bitmap(set_of(cut), documents) if cut else b""
    draft = Draft(span, documents, whole, made_of, marks, [], [])
    for field, column in enumerate(FIELDS):  # one after the other: each needs some memory
        built = _built(db, column, span.first, documents, stop)
        if built is None:
            return None
        if built.cover.present:
            draft.fields.append((field, *pack_cover(built.cover, documents)))
        draft.blocks += [(field, part, place, *block) for place, (part, block) in enumerate(built.blocks)]
    return draft


def _built(db: apsw.Connection, column: str, first: int, documents: int, stop: Callable[[], bool]) -> Built | None:
    """The index of one column. None: `stop` said so."""
    sample = array("q", range(first, first + documents, max(documents // _SAMPLE, 1)))
    texts = f"SELECT content_id, {column} FROM search_text WHERE content_id"
    rows = db.execute(f"{texts} IN (SELECT value FROM carray(?))", (apsw.carray(sample),))
    builder = IndexBuilder(frequent_tokens(text for _, text in rows))
    # A row at a time: SQLite lets other threads run between two of them
    for content_id, text in db.execute(f"{texts} BETWEEN ? AND ? ORDER BY 1", (first, first + documents - 1)):
        if stop():
            return None
        builder.add(content_id - first, text)
    return builder.build(documents)


class BeginSegment(Write):
    """The row of a segment, without any blocks. The result: its id."""

    __slots__ = ("_draft",)

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def apply(self, scope: Scope) -> int:
        draft = self._draft
        scope.changed = True
        scope.db.execute(
            "INSERT INTO index_segments VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
            (State.WRITING, scope.now, draft.whole, draft.span.first, draft.documents)
            + (draft.made_of, draft.made_of, draft.cut),
        )
        segment_id = scope.db.last_insert_rowid()
        scope.db.executemany(
            "INSERT INTO index_fields VALUES (?, ?, ?, ?)", [(segment_id, *field) for field in draft.fields]
        )
        return segment_id


class AddBlocks(Write):
    """Some blocks of a segment that is being written."""

    __slots__ = ("_blocks", "_segment_id")

    def __init__(self, segment_id: int, blocks: Sequence[_BlockRow]) -> None:
        self._segment_id = segment_id
        self._blocks = blocks

    def apply(self, scope: Scope) -> None:
        scope.changed = True
        scope.db.executemany(_INSERT_BLOCK, [(self._segment_id, *block) for block in self._blocks])


class FinishSegment(Write):
    """From now on it answers, unless somebody else has indexed these texts meanwhile. The result: see `indexed_to`."""

    __slots__ = ("_segment_id", "_span")

    def __init__(self, segment_id: int, span: Span) -> None:
        self._segment_id = segment_id
        self._span = span

    def apply(self, scope: Scope) -> int:
        db, span = scope.db, self._span
        scope.changed = True
        found = fetch(db, "SELECT first, documents FROM index_segments WHERE id = ?", (self._segment_id,))
        in_place: set[int] = set()
        if found:
            first, documents = found[0]
            in_place = {
                segment.segment_id
                for segment in live_segments(db)
                if segment.first < first + documents and first < segment.end
            }
        if not found or in_place != set(span.replaced):
            _set_state(db, State.REPLACED, (self._segment_id,))
            return indexed_to(db)
        _set_state(db, State.REPLACED, span.replaced)
        _set_state(db, State.LIVE, (self._segment_id,))
        db.execute(_COUNT_TEXTS, (self._segment_id,))
        return indexed_to(db)


def _set_state(db: apsw.Connection, state: State, segment_ids: Sequence[int]) -> None:
    db.executemany("UPDATE index_segments SET state = ? WHERE id = ?", [(state, one) for one in segment_ids])


class RemoveReplaced(Write):
    """Blocks of segments that nobody asks any more. The result: True when there is more to do."""

    __slots__ = ()

    def apply(self, scope: Scope) -> bool:
        db = scope.db
        gone = fetch(
            db,
            "SELECT id FROM index_segments WHERE state = ? OR (state = ? AND since <= ?) LIMIT 1",
            (State.REPLACED, State.WRITING, scope.now - _ABANDONED_SECONDS),
        )
        if not gone:
            return False
        scope.changed = True
        segment_id, room = gone[0][0], scope.settings.index_step_octets
        for rowid, octets in fetch(db, _BLOCK_SIZES, (segment_id,)):
            db.execute("DELETE FROM index_blocks WHERE rowid = ?", (rowid,))
            room -= octets
            if room <= 0:
                return True
        db.execute("DELETE FROM index_fields WHERE segment_id = ?", (segment_id,))
        db.execute("DELETE FROM index_segments WHERE id = ?", (segment_id,))
        return True


def writes_of(draft: Draft, segment_id: int, step_octets: int) -> Iterator[Write]:
    """What brings a begun segment into the database and its place, in order."""
    some: list[_BlockRow] = []
    octets = 0
    for block in draft.blocks:
        some.append(block)
        octets += len(block[4]) + len(block[5])
        if octets >= step_octets:
            yield AddBlocks(segment_id, some)
            some, octets = [], 0
    if some:
        yield AddBlocks(segment_id, some)
    yield FinishSegment(segment_id, draft.span)


def forget_texts(db: apsw.Connection, content_ids: Sequence[int]) -> None:
    """Contents have been purged. What the index still says of them does no harm: no message has them."""
    db.execute(
        "UPDATE index_segments SET texts = texts - "
        "(SELECT count(*) FROM carray(?) WHERE value >= first AND value < first + documents) "
        "WHERE state = ? AND first <= ? AND first + documents > ?",
        (apsw.carray(array("q", content_ids)), State.LIVE, max(content_ids), min(content_ids)),
    )
