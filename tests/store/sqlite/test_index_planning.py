from postroom.store import StoreSettings
from postroom.store.sqlite.index_planning import Span, next_span, tail_of
from postroom.store.sqlite.index_reading import Segment

SETTINGS = StoreSettings(index_tail_messages=10, index_segment_messages=100)


def segments(*shapes: tuple[int, bool, int]) -> list[Segment]:
    """Each with its documents, whether it is whole, and how many texts are left."""
    made: list[Segment] = []
    first = 1
    for number, (documents, whole, texts) in enumerate(shapes, 1):
        made.append(Segment(number, whole, first, documents, documents, texts, b""))
        first += documents
    return made


def test_a_few_new_messages_are_left_to_be_looked_at() -> None:
    assert next_span([], 10, SETTINGS) is None
    assert tail_of([], 10) == 9
    assert tail_of(segments((100, True, 100)), 111) == 10


def test_some_become_a_small_segment() -> None:
    assert next_span([], 11, SETTINGS) == Span(1, 10, 0, False, ())
    assert next_span(segments((100, True, 100), (12, False, 12)), 125, SETTINGS) == Span(113, 124, 112, False, ())


def test_small_ones_and_what_follows_become_a_whole_one() -> None:
    made = segments((100, True, 100), (60, False, 60), (30, False, 30))
    assert next_span(made, 200, SETTINGS) is None
    assert next_span(made, 201, SETTINGS) == Span(101, 200, 190, True, (2, 3))
    assert next_span([], 5000, SETTINGS) == Span(1, 100, 0, True, ())


def test_settings_that_became_smaller() -> None:
    made = segments((160, False, 160))
    assert next_span(made, 200, SETTINGS) == Span(1, 160, 160, True, (1,))


def test_what_is_half_empty_is_made_anew_with_what_fits() -> None:
    made = segments((100, True, 90), (100, True, 40), (100, True, 50), (100, True, 20), (5, False, 5))
    assert next_span(made, 407, SETTINGS) == Span(101, 300, 300, True, (2, 3))
    assert next_span(segments((100, True, 50)), 101, SETTINGS) is None
    assert next_span(segments((0, True, 0)), 1, SETTINGS) is None
