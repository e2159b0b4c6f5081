"""Dates of header fields and of IMAP."""

import calendar
from datetime import UTC, date, datetime
from email.utils import format_datetime, mktime_tz, parsedate_tz

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.dates import format_date, format_internal_date, parse_date, parse_day, parse_internal_date

_SECONDS = st.integers(0, calendar.timegm((2100, 1, 1, 0, 0, 0)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06"),
        ("Tue, 1 Jul 2003 10:52:37 +0200", "2003-07-01T08:52:37"),
        ("Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", "1969-02-14T03:02:00"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06"),  # RFC 5322 Appendix A.6.2
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06"),  # Appendix A.6.3
        ("Mon, 22 Mar 1993 09:41:09 -0800 (PST)", "1993-03-22T17:41:09"),
        ("Sat, 01 Jan 00 12:00:00 EST", "2000-01-01T17:00:00"),
        ("1 January 2020 00:00 +0000", "2020-01-01T00:00:00"),
        ("Fri Nov 21 09:55:06 1997", "1997-11-21T09:55:06"),
        ("21-Nov-1997 09:55:06 +0000", "1997-11-21T09:55:06"),
        ("Fri, 21 Nov 1997", "1997-11-21T00:00:00"),
        ("Fri, 21 Nov 1997 09:55:06 K", "1997-11-21T09:55:06"),  # military zones mean nothing (§4.3)
    ],
)
def test_reading(text: str, expected: str) -> None:
    assert parse_date(text.encode()) == int(datetime.fromisoformat(expected).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text", ["", "yesterday", "32 Jan 2020 00:00:00 +0000", "1 Foo 2020", "1 Jan 2020 25:00 +0000", "((("]
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text.encode()) is None


def test_the_day_is_the_one_that_was_written() -> None:
    assert parse_day(b"Fri, 22 Feb 2008 00:30:00 +0200") == date(2008, 2, 22).toordinal()
    assert parse_day(b"Fri, 22 Feb 2008 99:30:00 +0200") == date(2008, 2, 22).toordinal()
    assert parse_day(b"no day") is None


@given(_SECONDS, st.integers(-12 * 60, 14 * 60))
def test_writing_as_the_standard_library_reads(seconds: int, zone: int) -> None:
    text = format_date(seconds, zone)
    assert parse_date(text.encode()) == seconds
    parsed = parsedate_tz(text)
    assert parsed is not None
    assert mktime_tz(parsed) == seconds


@given(_SECONDS)
def test_reading_what_the_standard_library_writes(seconds: int) -> None:
    assert parse_date(format_datetime(datetime.fromtimestamp(seconds, UTC)).encode()) == seconds


def test_internal_dates() -> None:
    assert format_internal_date(837571465) == b'"17-Jul-1996 02:44:25 +0000"'
    assert format_internal_date(0) == b'" 1-Jan-1970 00:00:00 +0000"'
    assert parse_internal_date(b'"17-Jul-1996 02:44:25 -0700"') == 837571465 + 7 * 3600
    assert parse_internal_date(b" 1-jan-1970 00:00:00 +0100") == -3600


@given(st.integers(-(10**10), 10**11))
def test_internal_dates_round_trip(seconds: int) -> None:
    assert parse_internal_date(format_internal_date(seconds)) == seconds


def test_an_impossible_internal_date_is_still_written() -> None:
    assert format_internal_date(10**15) == b'" 1-Jan-1970 00:00:00 +0000"'


@pytest.mark.parametrize("value", [b"", b"17-Jul-1996", b"31-Feb-2020 00:00:00 +0000", b"01-Foo-2020 00:00:00 +0000"])
def test_bad_internal_dates(value: bytes) -> None:
    with pytest.raises(ValueError):
        parse_internal_date(value)


@given(st.text(alphabet="0123456789 :-+,()JanFebMonGMT"))
def test_junk_never_raises(text: str) -> None:
    parse_date(text.encode())
    parse_day(text.encode())
