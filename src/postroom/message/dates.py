"""Dates of messages (RFC 5322 §3.3, §4.3) and of IMAP (RFC 3501 §9 date-time).

Owns: reading and writing them. Never: asks what time it is. Raises: ValueError from `parse_internal_date` only.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_UTC = UTC

_DATE = re.compile(
    r"\s*(?:[A-Za-z]{2,9}\.?\s*,?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3})[A-Za-z]*\.?[\s,-]+(\d{2,4})"
    r"(?:[\s,]+(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:[.,]\d+)?)?\s*(?:([+-]\d{4})|([A-Za-z]{1,5}))?)?"
)
# asctime: "Fri Nov 21 09:55:06 1997"
_ASCTIME = re.compile(
    r"\s*(?:[A-Za-z]{3,9}\s*,?\s+)?([A-Za-z]{3})[a-z]*\s+(\d{1,2})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s+(?:[A-Z]{1,5}\s+)?(\d{4})"
    r"\s*(?:([+-]\d{4})|([A-Za-z]{1,5}))?"
)
_COMMENT = re.compile(r"\([^()]*\)")
# RFC 5322 §4.3: the North American zones and UT; others, the military letters included, count as -0000.
_ZONES = {
    "UT": 0, "GMT": 0, "UTC": 0, "Z": 0,
    "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
_INTERNAL = re.compile(rb"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")


def _parts(text: str) -> tuple[date, int, int, int, int] | None:
    """Day as written, hour, minute, second, zone in minutes."""
    while "(" in text:
        stripped = _COMMENT.sub(" ", text)
        if stripped == text:
            break
        text = stripped
    if found := _DATE.match(text):
        day, month, year, hour, minute, second, offset, zone = found.groups()
    elif found := _ASCTIME.match(text):
        month, day, hour, minute, second, year, offset, zone = found.groups()
    else:
        return None
    number = _MONTH_NUMBER.get(month.lower())
    if number is None:
        return None
    full_year = int(year)
    if len(year) == 2:  # RFC 5322 §4.3
        full_year += 2000 if full_year < 50 else 1900
    elif len(year) == 3:
        full_year += 1900
    try:
        when = date(full_year, number, int(day))
    except ValueError:
        return None
    minutes = 0
    if offset:
        minutes = (int(offset[1:3]) * 60 + int(offset[3:5])) * (-1 if offset[0] == "-" else 1)
    elif zone:
        minutes = _ZONES.get(zone.upper(), 0)
    return when, int(hour or 0), int(minute or 0), int(second or 0), minutes


def parse_day(value: bytes) -> int | None:
    """The day of a Date field as written, zone and time disregarded (RFC 3501 §6.4.4 SENTON): date.toordinal()."""
    found = _parts(value.decode("latin-1")[:200])
    return found[0].toordinal() if found else None


def parse_date(value: bytes) -> int | None:
    """Seconds since 1970 of a Date field; None when it is no date."""
    found = _parts(value.decode("latin-1")[:200])
    if found is None:
        return None
    when, hour, minute, second, zone = found
    if hour > 24 or minute > 59 or second > 60 or abs(zone) > 24 * 60:
        return None
    return (when.toordinal() - _EPOCH_DAY) * 86400 + hour * 3600 + minute * 60 + second - zone * 60


def parse_sent(value: bytes) -> int | None:
    """The sent date (RFC 5256 §2.2): seconds since 1970; an impossible zone counts as UTC, a time as 00:00:00."""
    found = _parts(value.decode("latin-1")[:200])
    if found is None:
        return None
    when, hour, minute, second, zone = found
    if hour > 23 or minute > 59 or second > 60:
        hour = minute = second = 0
    if abs(zone) >= 24 * 60:
        zone = 0
    return (when.toordinal() - _EPOCH_DAY) * 86400 + hour * 3600 + minute * 60 + second - zone * 60


def format_date(seconds: float, zone_minutes: int = 0) -> str:
    """An RFC 5322 §3.3 date-time: "Fri, 21 Nov 1997 09:55:06 -0600"."""
    when = datetime.fromtimestamp(int(seconds), timezone(timedelta(minutes=zone_minutes)))
    sign, zone = "-" if zone_minutes < 0 else "+", abs(zone_minutes)
    return (
        f"{_DAYS[when.weekday()]}, {when.day} {_MONTHS[when.month - 1]} {when.year:04d} "
        f"{when.hour:02d}:{when.minute:02d}:{when.second:02d} {sign}{zone // 60:02d}{zone % 60:02d}"
    )


def format_internal_date(seconds: int) -> bytes:
    """An IMAP date-time in UTC, quotes included (RFC 3501 §9): b'"17-Jul-1996 02:44:25 +0000"'."""
    days, rest = divmod(seconds, 86400)
    try:
        when = date.fromordinal(days + _EPOCH_DAY)
    except (ValueError, OverflowError):
        when, rest = date(1970, 1, 1), 0
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        when.day,
        _MONTHS[when.month - 1].encode(),
        when.year,
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )


def parse_internal_date(value: bytes) -> int:
    """Seconds since 1970 of an IMAP date-time, with or without its quotes. Raises ValueError."""
    found = _INTERNAL.fullmatch(value.strip(b'"'))
    if not found:
        raise ValueError("not a date-time")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    number = _MONTH_NUMBER.get(month.decode().lower())
    if number is None:
        raise ValueError("no such month")
    when = datetime(int(year), number, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=_UTC)
    zone = int(zone_hours) * 3600 + int(zone_minutes) * 60
    days = when.toordinal() - _EPOCH_DAY
    return days * 86400 + when.hour * 3600 + when.minute * 60 + when.second - (-zone if sign == b"-" else zone)
