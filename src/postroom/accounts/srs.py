"""The sender rewriting scheme: an envelope sender of our own for mail that is forwarded, and the way back.

Owns: the forms SRS0 and SRS1, their hash and time stamp. Never: knows domains, keeps secrets or asks the time (all are
given). Raises: nothing.

    bob@b.test, forwarded by a.test:     SRS0=HASH=DAY=b.test=bob@a.test
    that one, forwarded again by c.test: SRS1=HASH=a.test==HASH=DAY=b.test=bob@c.test

Who checks SPF sees a domain that may send; a report comes to us, is proven by the hash, and goes on to who wrote. Case
may be lost on the way in all but the last part, so the hash knows none.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

from .addresses import split

_DAY = 86_400
_CYCLE = 1024  # days after which time stamps repeat: two characters of base 32
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_HASH_CHARACTERS = 8  # 40 bits, which can only be tried by asking us
_FORWARDED = re.compile(r"srs([01])([-+=])(.*)\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
_SRS0 = re.compile(r"([A-Z2-7]{8})=([A-Z2-7]{2})=([^=]+)=(.+)\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
_SRS1 = re.compile(r"([A-Z2-7]{8})=([^=]+)=([-+=].*)\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
_PLAIN = re.compile(r"[^\s\"\\(),:;<>@\[\]\x00-\x20\x7f]+\Z")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def is_forwarded(local: str) -> bool:
    """The local part has the form of a rewritten sender."""
    return _FORWARDED.match(_unquoted(local)) is not None


def forwarded(sender: str, domain: str, secret: bytes, now: float) -> str:
    """The sender under which `domain` forwards mail from `sender`, which is an address of another domain."""
    local, host = split(sender)
    local = _unquoted(local)
    known = _FORWARDED.match(local)
    if known is not None and known[1] == "0":
        rest = known[2] + known[3]
        return f"{_quoted(f'SRS1={_hash(secret, host, rest)}={host}={rest}')}@{domain}"
    again = _SRS1.match(known[3]) if known is not None else None
    if again is not None:  # the second forwarder only passes reports on: the first one can be told without it
        _, first, rest = again.groups()
        return f"{_quoted(f'SRS1={_hash(secret, first, rest)}={first}={rest}')}@{domain}"
    day = _day(now)
    return f"{_quoted(f'SRS0={_hash(secret, day, host, local)}={day}={host}={local}')}@{domain}"


def original(local: str, secrets: Sequence[bytes], now: float, valid_seconds: float) -> str | None:
    """Whose mail was forwarded under this local part; None when it is forged, or older than that."""
    known = _FORWARDED.match(_unquoted(local))
    if known is None:
        return None
    if known[1] == "1":
        found = _SRS1.match(known[3])
        if found is None or not _is_ours(found[1], secrets, *found.groups()[1:]):
            return None
        return f"{_quoted('SRS0' + found[3])}@{found[2]}"
    found = _SRS0.match(known[3])
    if found is None or not _is_ours(found[1], secrets, *found.groups()[1:]):
        return None
    _, day, host, name = found.groups()
    age = (int(now // _DAY) - _number(day)) % _CYCLE
    return f"{_quoted(name)}@{host}" if age * _DAY <= valid_seconds else None


def _hash(secret: bytes, *parts: str) -> str:
    octets = "=".join(parts).lower().encode("utf-8", "surrogateescape")
    digest = hmac.new(secret, b"srs\0" + octets, hashlib.sha256).digest()
    return base64.b32encode(digest).decode("ascii")[:_HASH_CHARACTERS]


def _is_ours(claimed: str, secrets: Sequence[bytes], *parts: str) -> bool:
    return any(hmac.compare_digest(_hash(secret, *parts), claimed.upper()) for secret in secrets)


def _day(now: float) -> str:
    day = int(now // _DAY) % _CYCLE
    return _DIGITS[day >> 5] + _DIGITS[day & 31]


def _number(day: str) -> int:
    high, low = (_DIGITS.index(digit) for digit in day.upper())
    return high << 5 | low


def _unquoted(local: str) -> str:
    if len(local) > 1 and local[0] == local[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", local[1:-1])
    return local


def _quoted(local: str) -> str:
    """As it may stand before the @ (RFC 5321 §4.1.2)."""
    if _PLAIN.match(local) and not local.startswith(".") and not local.endswith(".") and ".." not in local:
        return local
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
