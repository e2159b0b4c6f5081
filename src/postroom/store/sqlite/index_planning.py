"""What of an account is to be indexed next.

Owns: that decision. Pure: never reads a table. Raises: nothing.

New messages are looked at one by one until there are some; then they become a small segment. When the small ones at the
end and what follows them make a whole one, they are made into it: so each text is gone through twice at most, once
where many arrive together. A segment half of whose texts have been purged is made anew, with what follows it if both
are small now: that is how the room of purged texts comes back.
"""

from collections.abc import Sequence
from typing import NamedTuple

from postroom.store.settings import StoreSettings
from postroom.store.text_index.blocks import MOST_DOCUMENTS

from .index_reading import Segment


class Span(NamedTuple):
    """A segment to be made. It may end sooner, at `least`, when the texts are long."""

    first: int
    last: int  # content id
    least: int  # the last content id of what is replaced
    whole: bool
    replaced: tuple[int, ...]  # ids of the segments whose texts it takes over


def tail_of(segments: Sequence[Segment], content_next: int) -> int:
    """Content ids after the last segment."""
    return content_next - (segments[-1].end if segments else 1)


def next_span(segments: Sequence[Segment], content_next: int, settings: StoreSettings) -> Span | None:
    """The segment to be made next. None: there is nothing to do."""
    size = settings.index_segment_messages
    start = segments[-1].end if segments else 1
    small = [segment for segment in segments if not segment.whole]
    first = small[0].first if small else start
    if content_next - first >= size:
        last = max(first + size, start) - 1
        return Span(first, last, start - 1, True, tuple([segment.segment_id for segment in small]))
    if content_next - start >= settings.index_tail_messages:
        return Span(start, content_next - 1, start - 1, False, ())
    return _emptied(segments, size)


def _emptied(segments: Sequence[Segment], size: int) -> Span | None:
    for at, segment in enumerate(segments):
        if segment.whole and segment.texts * 2 < segment.made_of:
            group, texts = [segment], segment.texts
            for other in segments[at + 1 :]:
                texts += other.texts
                if not other.whole or texts > size or other.end - segment.first > MOST_DOCUMENTS:
                    break
                group.append(other)
            last = group[-1].end - 1
            return Span(segment.first, last, last, True, tuple([one.segment_id for one in group]))
    return None
