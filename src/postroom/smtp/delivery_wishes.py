"""What a sender may wish of the delivery with MAIL: by when, not before when, with what priority.

Owns: the grammar of BY (RFC 2852 §4), HOLDFOR and HOLDUNTIL (RFC 4865 §3), MT-PRIORITY (RFC 6710 §7). Never: knows what
time it is, decides who may wish for what. Raises: nothing; what can't be read is None.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_BY = re.compile(rb"([-+]?\d{1,9});([NR])(T?)", re.IGNORECASE)
_INTERVAL = re.compile(rb"[1-9]\d{0,8}")
# RFC 3339 §5.6 in UTC, with capital letters, as RFC 4865 §3 has it
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_PRIORITY = re.compile(rb"-?[1-9]|0")


@dataclass(frozen=True, slots=True)
class By:
    """BY, as received: seconds from now."""

    seconds: int  # below zero: that long ago
    notify_only: bool  # by-mode N; R: return the message
    trace: bool  # report relaying


def parse_by(value: bytes | None) -> By | None:
    """ "120;R", "-5;NT" """
    found = _BY.fullmatch(value or b"")
    if found is None:
        return None
    by = By(int(found[1]), found[2] in b"Nn", bool(found[3]))
    return by if by.seconds > 0 or by.notify_only else None  # RFC 2852 §4: R has a time in the future


def parse_interval(value: bytes | None) -> int | None:
    """HOLDFOR's seconds."""
    return int(value) if value is not None and _INTERVAL.fullmatch(value) else None


def parse_moment(value: bytes | None) -> float | None:
    """HOLDUNTIL's moment, in seconds since 1970."""
    if value is None or not _MOMENT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.decode()).timestamp()
    except ValueError:
        return None


def format_moment(moment: float) -> str:
    """As HOLDUNTIL has it."""
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_priority(value: bytes | None) -> int | None:
    """-9 to 9."""
    return int(value) if value is not None and _PRIORITY.fullmatch(value) else None
