"""Words of a filter, as they may stand in a reply, a header field, the journal.

Owns: what is taken away of them. Never: translates. Raises: nothing.
"""

from postroom.base import MailError

from .types import Refused, TryLater

MAX_WORDS = 300  # characters of what a filter says, anywhere


def plain(text: str | bytes, most: int = MAX_WORDS) -> str:
    """In one line of ASCII (RFC 5321 §4.2)."""
    if isinstance(text, bytes):
        text = text[: 4 * most].decode("utf-8", "replace")
    return "".join(c if " " <= c <= "~" else "?" for c in " ".join(text[: 4 * most].split()))[:most]


def refusal(text: str, *, enhanced: str = "", detail: str = "") -> MailError:
    """A refusal for good, in a filter's words or ours."""
    return Refused(detail or text, enhanced=enhanced or None, text=plain(text) or None)


def later(text: str = "", *, enhanced: str = "", detail: str = "") -> MailError:
    """The sender may try again."""
    return TryLater(detail or text, enhanced=enhanced or None, text=plain(text) or None)
