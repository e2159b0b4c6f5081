"""The protocol of SpamAssassin's spamd (SPAMC/1.5): the request and what its answer means.

Owns: both. Never: connects. Raises: FilterFailed for an answer that is none.
"""

import re
from dataclasses import dataclass

from .header_edit import MAX_FIELD_OCTETS
from .plain_words import plain, refusal
from .settings import FilterSettings
from .types import FilterFailed, HeaderChange, Verdict

MAX_HEAD_OCTETS = 16_384
MAX_ANSWER_OCTETS = 2_097_152  # HEADERS gives the header back
_STATUS = re.compile(rb"SPAMD/\d{1,3}\.\d{1,3} (\d{1,3}) ([^\r\n]*)")
_FIELD = re.compile(rb"([A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*")
_NUMBER = rb"(-?\d{1,9}(?:\.\d{1,9})?)"
_SPAM = re.compile(rb"(True|Yes|False|No)[ \t]*;[ \t]*" + _NUMBER + rb"[ \t]*/[ \t]*" + _NUMBER, re.IGNORECASE)
_LENGTH = re.compile(rb"\d{1,9}")
_MARK = re.compile(rb"^(X-Spam-[A-Za-z0-9-]+):((?:.*)(?:\n[ \t].*)*)", re.MULTILINE)
_RULE = re.compile(rb"[A-Za-z0-9_]{1,100}")
_OURS = (b"X-Spam-Flag", b"X-Spam-Level", b"X-Spam-Status", b"X-Spam-Checker-Version", b"X-Spam-Report")
_MAX_MARKS = 20
_MAX_RULES_TOLD = 8


def request_head(method: str, size: int, user: str) -> bytes:
    """`method`: SYMBOLS or HEADERS; `size` octets of the message follow."""
    lines = [f"{method} SPAMC/1.5", f"Content-length: {size}"]
    if user:
        lines.append(f"User: {user}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


@dataclass(frozen=True, slots=True)
class SpamdHead:
    """The head of an answer."""

    spam: bool
    points: float
    threshold: float
    length: int | None  # octets that follow; None: up to the end


def read_head(head: bytes) -> SpamdHead:
    """`head` without the empty line behind it."""
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise FilterFailed("the answer is not spamd's")
    if int(status[1]) != 0:
        raise FilterFailed(f"it says: {plain(status[2])}")
    fields = {found[1].lower(): found[2] for line in lines if (found := _FIELD.fullmatch(line)) is not None}
    spam = _SPAM.fullmatch(fields.get(b"spam", b""))
    if spam is None:
        raise FilterFailed("the answer does not say whether it is spam")
    length = fields.get(b"content-length")
    if length is not None and (not _LENGTH.fullmatch(length) or int(length) > MAX_ANSWER_OCTETS):
        raise FilterFailed("an answer of impossible length")
    verdict = spam[1].lower() in (b"true", b"yes")
    return SpamdHead(verdict, float(spam[2]), float(spam[3]), None if length is None else int(length))


def read_verdict(head: SpamdHead, body: bytes, settings: FilterSettings) -> Verdict:
    """`body`: the rules that fired, by SYMBOLS, or the header as it is to be, by HEADERS."""
    verdict = Verdict(points=head.points * settings.weight)
    if settings.may_change:
        verdict.header_changes = marks(body)
        rules = next(
            (
                c.value.partition(b"tests=")[2]
                for c in verdict.header_changes
                if c.do == "add" and c.name == b"X-Spam-Status"
            ),
            b"",
        )
        rules = re.sub(rb"\s", b"", rules.partition(b" autolearn")[0])
    else:
        rules = body
    names = [name.decode("ascii") for name in re.split(rb"[,\s]+", rules) if _RULE.fullmatch(name)][:_MAX_RULES_TOLD]
    what = "spam" if head.spam else "no spam"
    verdict.words = plain(f"{what}, {head.points:g} of {head.threshold:g}" + (f": {', '.join(names)}" if names else ""))
    if settings.reject_score is not None and head.points >= settings.reject_score:
        verdict.action = "reject"
        verdict.error = refusal("The message looks like spam", detail=verdict.words)
    elif head.spam:
        verdict.action = "junk"
    return verdict


def marks(header: bytes) -> list[HeaderChange]:
    """The X-Spam-… fields of a header that spamd has marked; those that came with the message are gone from it."""
    found = [HeaderChange("change", name, b"", 0) for name in _OURS]
    for match in list(_MARK.finditer(header.replace(b"\r\n", b"\n")))[:_MAX_MARKS]:
        if len(match[2]) <= MAX_FIELD_OCTETS:
            found.append(HeaderChange("add", match[1], match[2].replace(b"\n", b"\r\n")))
    return found
