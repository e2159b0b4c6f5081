"""Lines longer than 998 octets."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.long_lines import LongLines


def found(text: bytes, *cuts: int) -> bool:
    lines, at = LongLines(), 0
    for cut in (*sorted(cuts), len(text)):
        lines.feed(text[at:cut])
        at = cut
    return lines.found


@pytest.mark.parametrize(
    ("text", "long"),
    [
        (b"", False),
        (b"x" * 998, False),
        (b"x" * 999, True),
        (b"x" * 998 + b"\r", False),
        (b"x" * 998 + b"\r\n", False),
        (b"x" * 999 + b"\r\n", True),
        (b"x" * 1001, True),
        (b"a\r\n" + b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\n", False),
        (b"a\r\n" + b"x" * 998 + b"\r\n" + b"y" * 999 + b"\r\n", True),
        (b"\r\n" * 5000, False),
        (b"\r\n" * 5000 + b"z" * 5000 + b"\r\n" * 5000, True),
    ],
)
def test_where_the_limit_is(text: bytes, long: bool) -> None:
    assert found(text) is long
    assert found(text, *range(len(text))) is long


@given(st.lists(st.sampled_from([0, 1, 70, 997, 998, 999, 1000]), max_size=8), st.integers(0, 1 << 30))
def test_however_it_is_cut(lengths: list[int], seed: int) -> None:
    text = b"".join(b"x" * length + b"\r\n" for length in lengths)
    cuts = random.Random(seed).choices(range(len(text) + 1), k=5)
    assert found(text, *cuts) is any(length > 998 for length in lengths)
