"""BY, HOLDFOR, HOLDUNTIL and MT-PRIORITY, as they are written."""

import pytest

from postroom.smtp.delivery_wishes import By, format_moment, parse_by, parse_interval, parse_moment, parse_priority


@pytest.mark.parametrize(
    ("value", "by"),
    [
        (b"120;R", By(120, False, False)),
        (b"+120;rt", By(120, False, True)),
        (b"0;N", By(0, True, False)),
        (b"-999999999;NT", By(-999_999_999, True, True)),
        (b"0;R", None),  # RFC 2852 §4: R has a time in the future
        (b"-1;R", None),
        (b"1234567890;N", None),
        (b"120", None),
        (b"120;X", None),
        (b"120;RTT", None),
        (b"1.5;N", None),
        (b";N", None),
        (b"", None),
        (None, None),
    ],
)
def test_by(value: bytes | None, by: By | None) -> None:
    assert parse_by(value) == by


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1", 1), (b"999999999", 999_999_999), (b"0", None), (b"01", None), (b"1000000000", None), (b"-1", None)]
    + [(b"1h", None), (b"", None), (None, None)],
)
def test_hold_for(value: bytes | None, seconds: int | None) -> None:
    assert parse_interval(value) == seconds


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"2026-11-26T15:00:00Z", 1_795_705_200.0),
        (b"2026-11-26T15:00:00.25Z", 1_795_705_200.25),
        (b"2026-11-26T15:00:00", None),
        (b"2026-11-26T15:00:00+01:00", None),
        (b"2026-11-26t15:00:00z", None),
        (b"2026-13-26T15:00:00Z", None),
        (b"0000-01-01T00:00:00Z", None),
        (b"2026-11-26", None),
        (b"", None),
        (None, None),
    ],
)
def test_hold_until(value: bytes | None, moment: float | None) -> None:
    assert parse_moment(value) == moment


def test_a_moment_is_written_as_it_is_read() -> None:
    assert format_moment(1_795_705_200.9) == "2026-11-26T15:00:00Z"
    assert parse_moment(format_moment(1_795_705_200.9).encode()) == 1_795_705_200


@pytest.mark.parametrize(
    ("value", "priority"),
    [(b"9", 9), (b"-9", -9), (b"0", 0), (b"-0", None), (b"10", None), (b"+1", None), (b"", None), (None, None)],
)
def test_priority(value: bytes | None, priority: int | None) -> None:
    assert parse_priority(value) == priority
