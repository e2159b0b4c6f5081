"""The header of mail that a mailing list sends: what is added, what of other lists goes (RFC 2369, 2919, 8058).

Owns: those fields, the subject's prefix. Never: decides who may post, changes another field or the body. Raises:
nothing.
"""

import re

from .compose import format_field, format_raw_field
from .encoded_words import decode_field
from .header import iter_fields, unfold

# RFC 2369 §4: a list that is a member of another one replaces what that one has said. Of List-Id, too, there may be
# one only (RFC 2919 §3).
_REPLACED = frozenset(
    b"list-id list-help list-post list-owner list-archive list-subscribe list-unsubscribe list-unsubscribe-post"
    b" precedence".split()
)
_LIST_ID = re.compile(rb"<([^<>]*)>[^<>]*\Z")
_REPLY = re.compile(r"\s*(?:re|aw|sv|antw)\s*:", re.IGNORECASE)


def list_id(address: str) -> str:
    """news@example.org is news.example.org (RFC 2919 §2)."""
    return address.replace("@", ".").lower()


def list_ids(header: bytes) -> set[str]:
    """The lists that have sent this message."""
    found: set[str] = set()
    for field in iter_fields(header):
        if field.name.lower() == b"list-id":
            named = _LIST_ID.search(unfold(field.value))
            found.add((named[1] if named else unfold(field.value)).decode("utf-8", "replace").strip().lower())
    return found


def list_fields(address: str, *, title: str, archive: str, closed: bool) -> bytes:
    """What is the same for all members; `closed`: they can't post."""
    local, _, domain = address.rpartition("@")
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    phrase = f'"{quoted}" ' if title.isascii() and title else ""
    named = format_raw_field("List-Id", f"{phrase}<{list_id(address)}>")
    if title and not phrase:
        named = format_field("List-Id", title).removesuffix(b"\r\n") + b"\r\n <%b>\r\n" % list_id(address).encode()
    return b"".join(
        (
            named,
            format_raw_field("List-Post", "NO" if closed else f"<mailto:{address}>"),  # RFC 2369 §3.4
            format_raw_field("List-Help", f"<mailto:{local}-request@{domain}?subject=help>"),
            format_raw_field("List-Owner", f"<mailto:{local}-owner@{domain}>"),
            format_raw_field("List-Archive", f"<{archive}>") if archive else b"",
            b"Precedence: list\r\n",
        )
    )


def unsubscribe_fields(address: str, url: str) -> bytes:
    """What is one member's own: the address that unsubscribes them, and the page that does, if there is one."""
    mail = f"<mailto:{address}>"
    if not url:
        return format_raw_field("List-Unsubscribe", mail)
    return format_raw_field("List-Unsubscribe", f"<{url}>, {mail}") + (
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058 §3.1
    )


def posted_header(header: bytes, prefix: str) -> bytes:
    """The header without other lists' fields, and with the prefix in its subject."""
    kept: list[bytes] = []
    at = 0
    for field in iter_fields(header):
        name = field.name.lower()
        if name in _REPLACED:
            kept.append(header[at : field.start])
            at = field.end
        elif name == b"subject" and prefix:
            kept += [header[at : field.start], _prefixed(unfold(field.value), prefix)]
            at = field.end
    return b"".join(kept) + header[at:]


def _prefixed(value: bytes, prefix: str) -> bytes:
    """The subject with the prefix once, behind a "Re:"."""
    subject = decode_field(value).replace(prefix, "").strip()
    reply = _REPLY.match(subject)
    words = f"Re: {prefix} {subject[reply.end() :].strip()}" if reply else f"{prefix} {subject}"
    return format_field("Subject", " ".join(words.split()))
