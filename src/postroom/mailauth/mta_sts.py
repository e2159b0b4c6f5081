"""SMTP MTA Strict Transport Security (RFC 8461): what a domain says of its mail servers, in the DNS and on the Web.

Owns: the two grammars, and which host a policy allows. Never: fetches anything, keeps time. Raises: BadPolicy.
"""

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .certificates import name_matches

MAX_POLICY_OCTETS = 65_536  # RFC 8461 §3.3 asks for a limit
MAX_AGE = 31_557_600  # seconds; RFC 8461 §3.2
_MAX_MX = 1000
_RECORD = re.compile(rb"v=STSv1[ \t]*;[ \t]*(.*)", re.DOTALL)
_ID = re.compile(rb"id=([A-Za-z0-9]{1,32})")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_MX = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class BadPolicy(ValueError):
    """The file is no policy; the text says why."""


class Mode(enum.Enum):
    """What is to be done about a host that fails (RFC 8461 §5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    mode: Mode
    max_age: int
    mx: tuple[str, ...]

    def allows(self, host: str) -> bool:
        """RFC 8461 §4.1: the host is one of those the domain has named."""
        return any(name_matches(pattern, host) for pattern in self.mx)

    @property
    def lines(self) -> list[str]:
        """As in a file, and as reports have it (RFC 8460 §4.5)."""
        return [
            "version: STSv1",
            f"mode: {self.mode.value}",
            *(f"mx: {pattern}" for pattern in self.mx),
            f"max_age: {self.max_age}",
        ]

    @property
    def file(self) -> bytes:
        return "".join(line + "\r\n" for line in self.lines).encode("ascii")


def policy_host(domain: str) -> str:
    """Where the file is; the path is PATH (RFC 8461 §3.3)."""
    return f"mta-sts.{domain}"


def record_name(domain: str) -> str:
    """Where the text is (RFC 8461 §3.1)."""
    return f"_mta-sts.{domain}"


PATH = "/.well-known/mta-sts.txt"


def record_id(texts: Iterable[bytes]) -> str | None:
    """The policy's id, by the texts at `record_name`; None: the domain has no policy (RFC 8461 §3.1)."""
    ours = [text for text in texts if text.startswith(b"v=STSv1")]
    if len(ours) != 1 or (match := _RECORD.fullmatch(ours[0])) is None:
        return None
    ids = [found[1] for part in match[1].split(b";") if (found := _ID.fullmatch(part.strip(b" \t"))) is not None]
    return ids[0].decode("ascii") if len(ids) == 1 else None


def record_text(policy_id: str) -> str:
    """What to publish at `record_name`."""
    return f"v=STSv1; id={policy_id};"


def read_policy(octets: bytes) -> Policy:
    """RFC 8461 §3.2. Raises BadPolicy."""
    if len(octets) > MAX_POLICY_OCTETS:
        raise BadPolicy(f"more than {MAX_POLICY_OCTETS} octets")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadPolicy("not UTF-8") from error
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.split("\n"):
        line = line.removesuffix("\r").rstrip(" \t")
        if not line:
            continue
        key, colon, value = line.partition(":")
        if not colon or not _KEY.fullmatch(key):
            raise BadPolicy(f"not a field: {line[:80]!r}")
        value = value.strip(" \t")
        if key == "mx":
            patterns.append(_pattern(value))
        else:
            fields.setdefault(key, value)  # RFC 8461 §3.2: of several the first counts
    return _policy(fields, patterns)


def _pattern(value: str) -> str:
    pattern = value.lower().removesuffix(".")
    if not _MX.fullmatch(pattern) or len(pattern) > 255:
        raise BadPolicy(f"not a host: {value[:80]!r}")
    return pattern


def _policy(fields: dict[str, str], patterns: Sequence[str]) -> Policy:
    if fields.get("version") != "STSv1":
        raise BadPolicy(f"version {fields.get('version', 'missing')[:40]!r}")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError as error:
        raise BadPolicy(f"mode {fields.get('mode', 'missing')[:40]!r}") from error
    age = fields.get("max_age", "")
    if not re.fullmatch("[0-9]{1,10}", age):
        raise BadPolicy(f"max_age {age[:40]!r}")
    if not patterns and mode is not Mode.NONE:
        raise BadPolicy("no mx")
    if len(patterns) > _MAX_MX:
        raise BadPolicy(f"more than {_MAX_MX} mx")
    return Policy(mode, min(int(age), MAX_AGE), tuple(dict.fromkeys(patterns)))
