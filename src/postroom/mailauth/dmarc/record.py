"""DMARC policy records (RFC 9989; RFC 7489 §6.3 for what old ones hold besides).

Owns: which texts are records, their tags, the addresses that reports are asked for at. Never: asks for them, weighs one
against another. Raises: nothing; what is wrong in a record is passed over or named in `Record.wrong`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from postroom.message import BadAddress, parse_address

MAX_RECORD_OCTETS = 8192  # a longer text is no record
_SHORT, _MAX_KEPT = 1024, 256  # octets of a record that may stay read, and how many do
MAX_TAGS = 64  # what stands behind them is not looked at
MAX_URIS = 16  # of rua, and of ruf

# "v" comes first, and its value is compared in this case only (RFC 7489 §6.3)
_VERSION = re.compile(rb"[ \t]*[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_SIZE = re.compile(r"![0-9]+[kmgtKMGT]?\Z")  # RFC 7489 §6.4; RFC 9989 has no size limits any more
_FAILURE_OPTIONS = frozenset("01ds")


class Policy(StrEnum):
    """What the domain's owner wishes for mail that fails (RFC 7489 §6.3), mildest first."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> "Policy":
        """One level below: what is done in test mode (RFC 9989, tag t)."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE

    @property
    def severity(self) -> int:
        return list(Policy).index(self)


class Psd(StrEnum):
    """What a record says of the place of its domain (RFC 9989, tag psd)."""

    YES = "y"  # a public suffix: organisations are one label below
    NO = "n"  # an organisational domain
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. What is absent or wrong has its default; p, sp and np are None then."""

    text: str
    p: Policy | None = None
    sp: Policy | None = None
    np: Policy | None = None
    strict_dkim: bool = False  # adkim
    strict_spf: bool = False  # aspf
    rua: tuple[str, ...] = ()  # URIs, without the sizes of old records
    ruf: tuple[str, ...] = ()
    fo: tuple[str, ...] = ("0",)
    testing: bool = False  # t
    psd: Psd = Psd.UNKNOWN
    percent: int = 100  # pct of old records: for people, nothing is decided by it (RFC 9989)
    wrong: tuple[str, ...] = ()  # tags that are there and mean nothing, for people

    @property
    def applies(self) -> bool:
        """Whether mail is judged by it: its policies are valid, or it asks for reports (RFC 7489 §6.6.3, step 6)."""
        return self._is_valid or bool(self.rua)

    @property
    def _is_valid(self) -> bool:
        return self.p is not None and not {"sp", "np"}.intersection(self.wrong)

    def policy(self, *, subdomain: bool, exists: bool) -> tuple[str, Policy]:
        """The tag that decides and what it says: "p" for the domain itself; "sp", or "np" where it does not exist."""
        if not self._is_valid or self.p is None:
            return "p", Policy.NONE  # RFC 7489 §6.6.3, step 6.1
        if subdomain and not exists and self.np is not None:
            return "np", self.np
        if subdomain and self.sp is not None:
            return "sp", self.sp
        return "p", self.p


def is_record(text: bytes) -> bool:
    """Whether a text is a DMARC record at all, of which there may be one."""
    return len(text) <= MAX_RECORD_OCTETS and _VERSION.match(text) is not None


def read_record(text: bytes) -> Record | None:
    """Read one text; None: it is no DMARC record."""
    if not is_record(text):
        return None
    tags, wrong = _tags(text.decode("utf-8", "replace"))

    def one_of(name: str, values: str, default: str) -> str:
        value = tags.get(name, default).lower()
        if len(value) == 1 and value in values:
            return value
        wrong.append(name)
        return default

    def policy(name: str) -> Policy | None:
        if name not in tags:
            return None
        try:
            return Policy(tags[name].lower())
        except ValueError:
            wrong.append(name)
            return None

    def uris(name: str) -> tuple[str, ...]:
        found = report_uris(tags.get(name, ""))
        if name in tags and not found:
            wrong.append(name)
        return found

    p, sp, np = policy("p"), policy("sp"), policy("np")
    return Record(
        text=text.decode("utf-8", "replace"),
        p=p,
        sp=sp,
        np=np,
        strict_dkim=one_of("adkim", "rs", "r") == "s",
        strict_spf=one_of("aspf", "rs", "r") == "s",
        rua=uris("rua"),
        ruf=uris("ruf"),
        fo=_failure_options(tags.get("fo"), wrong),
        testing=one_of("t", "yn", "n") == "y",
        psd=Psd(one_of("psd", "ynu", "u")),
        percent=_percent(tags.get("pct"), wrong),
        wrong=tuple(wrong),
    )


def choose_record(texts: Iterable[bytes]) -> tuple[Record | None, int]:
    """The record among the texts at one name, and how many there are: of several none counts (RFC 7489 §6.6.3)."""
    records = [text for text in texts if is_record(text)]
    if len(records) != 1:
        return None, len(records)
    text = records[0]
    return _kept(text) if len(text) <= _SHORT else read_record(text), 1


_kept = lru_cache(_MAX_KEPT)(read_record)  # a record is good for many messages


def report_uris(value: str) -> tuple[str, ...]:
    """The URIs of a rua or ruf tag, without sizes; what is no URI is left out."""
    found = [_SIZE.sub("", part.strip(" \t")) for part in value.split(",", MAX_URIS)[:MAX_URIS]]
    return tuple(dict.fromkeys(uri for uri in found if _URI.fullmatch(uri)))


def mail_address(uri: str) -> str | None:
    """The address of a mailto URI, header fields cut off (RFC 6068 §2); None for every other one."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return None
    address = unquote(rest.partition("?")[0], errors="replace")
    try:
        parse_address(address)
    except BadAddress:
        return None
    return address


def _tags(text: str) -> tuple[dict[str, str], list[str]]:
    """Names, of which the first counts where one is there twice, and what is no tag at all."""
    tags: dict[str, str] = {}
    wrong: list[str] = []
    for part in text.split(";", MAX_TAGS)[:MAX_TAGS]:
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip(" \t").lower()
        if name in tags:
            wrong.append(f"second {name}")
        elif not equals or not name.isalpha():
            wrong.append(name[:20])
        else:
            tags[name] = value.strip(" \t")
    return tags, wrong


def _failure_options(value: str | None, wrong: list[str]) -> tuple[str, ...]:
    if value is None:
        return ("0",)
    found = tuple(dict.fromkeys(part.strip(" \t").lower() for part in value.split(":", 16)))
    if not _FAILURE_OPTIONS.issuperset(found):
        wrong.append("fo")
    return tuple(option for option in found if option in _FAILURE_OPTIONS) or ("0",)


def _percent(value: str | None, wrong: list[str]) -> int:
    if value is None:
        return 100
    if not re.fullmatch("[0-9]{1,3}", value, re.ASCII) or int(value) > 100:
        wrong.append("pct")
        return 100
    return int(value)
