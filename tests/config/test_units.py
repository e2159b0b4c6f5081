"""Sizes and durations in words."""

import pytest

from postroom.config import units


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1024", 1024),
        ("64KiB", 65536),
        ("64k", 65536),
        ("1.5 GiB", 3 << 29),
        ("100MB", 10**8),
        ("2tib", 2 << 40),
    ],
)
def test_octets(text: str, count: int) -> None:
    assert units.octets(text) == count


@pytest.mark.parametrize(("text", "count"), [("90", 90), ("90s", 90), ("15m", 900), ("4h", 14400), ("5d", 432000)])
def test_seconds(text: str, count: int) -> None:
    assert units.seconds(text) == count


@pytest.mark.parametrize("text", ["", "big", "-1", "1 parsec", "1e9", "MiB", "1,5M", "١"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is not like"):
        units.octets(text)
    with pytest.raises(ValueError, match="is not like"):
        units.seconds(text)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5 TiB")])
def test_words(count: int, text: str) -> None:
    assert units.words(count) == text
