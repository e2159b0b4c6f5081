"""IMAP URLs that name a message of this server, or a part of one (RFC 5092).

Owns: `/mailbox;UIDVALIDITY=…/;UID=…/;SECTION=…/;PARTIAL=…` -> MessageUrl, and how a URL is shown in a response code.
Never: resolves one. Raises: BadSyntax.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from .fetch_parser import parse_section
from .settings import ImapSettings
from .syntax import BadSyntax
from .types import Section

# RFC 5092 §11: imessagepart, in its absolute-path form, and without a mailbox. The slash between UID and SECTION is
# left out in RFC 4469's own example.
_MESSAGE = re.compile(
    rb"(?:/(?P<mailbox>[^;/?#\x00-\x20\x7f-\xff][^;?#\x00-\x20\x7f-\xff]*?)(?:;UIDVALIDITY=(?P<validity>[1-9][0-9]{0,9}))?/)?"
    rb";UID=(?P<uid>[1-9][0-9]{0,9})"
    rb"(?:/?;SECTION=(?P<section>[^;?#\x00-\x20\x7f-\xff]+?))?"
    rb"(?:/?;PARTIAL=(?P<first>[0-9]{1,10})(?:\.(?P<count>[1-9][0-9]{0,9}))?)?",
    re.IGNORECASE,
)
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNSAFE = re.compile(rb'[^\x21-\x5c\x5e-\x7e]|"')  # what cannot stand in url-resp-text (RFC 4469 §5), or would look odd
_SHOWN = 1000  # octets of a URL that are shown
_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class MessageUrl:
    mailbox: str | None  # None: the selected one (RFC 4469 §3)
    uid_validity: int | None
    uid: int
    section: Section  # with its substring


def parse_url(url: bytes, settings: ImapSettings) -> MessageUrl:
    """A URL without a server: only those name what this session may read (RFC 4469 §3)."""
    found = _MESSAGE.fullmatch(url)
    if found is None or _BROKEN_ESCAPE.search(url):
        raise BadSyntax("Not a URL of a message on this server")
    validity, uid, first, count = (int(number) if number else None for number in found.group(2, 3, 5, 6))
    assert uid is not None
    if max(uid, validity or 0, first or 0, count or 0) > _MAX:
        raise BadSyntax("Number too large")
    section = parse_section(unquote_to_bytes(found["section"] or b""), settings)
    if first is not None:
        section = replace(section, partial=(first, count or _MAX))
    return MessageUrl(_mailbox(found["mailbox"], settings), validity, uid, section)


def _mailbox(encoded: bytes | None, settings: ImapSettings) -> str | None:
    """RFC 5092 §8: UTF-8, percent-encoded."""
    if encoded is None:
        return None
    try:
        name = unquote_to_bytes(encoded).decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("Mailbox name is not UTF-8") from None
    if len(encoded) > 3 * settings.max_mailbox_octets:
        raise BadSyntax("Mailbox name too long")
    return "INBOX" if name.upper() == "INBOX" else name


def badurl_code(url: bytes) -> bytes:
    """BADURL (RFC 4469 §4.1), with nothing in it that could end the response code or the line."""
    shown = _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], url[:_SHOWN])
    return b'BADURL "%b"' % shown
