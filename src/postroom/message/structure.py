"""The MIME tree of a message (RFC 2045, 2046).

Owns: Part, and what a part's header says it is. Never: looks at body octets (scanner.py finds where parts lie).
Raises: nothing; a broken Content-Type makes plain text.
"""

import enum
from dataclasses import dataclass, field

from .header import HeaderIndex
from .mime_fields import Params, language_tags, only_token, param, parse_content_type, parse_disposition

MAX_BOUNDARY = 80  # RFC 2046 §5.1.1 allows 70; longer ones are cut, which keeps what must be looked ahead bounded
_MESSAGES = (b"rfc822", b"global")
# RFC 6532 §3.7: a message/global may have another encoding, and then nobody can look into it in place.
_IDENTITY = (b"7bit", b"8bit", b"binary")


class Kind(enum.Enum):
    LEAF = 0
    MULTIPART = 1  # with a boundary, so that it can have parts
    MESSAGE = 2  # message/rfc822, message/global: one child, the message inside


@dataclass(slots=True)
class Part:
    """One body part. Offsets count from the start of the content; `header_start` to `body_start` is its header."""

    header_start: int
    body_start: int = 0
    body_end: int = 0
    lines: int = 0  # line feeds in the body
    kind: Kind = Kind.LEAF
    type: bytes = b"text"
    subtype: bytes = b"plain"
    params: Params = field(default_factory=list)
    encoding: bytes = b"7bit"
    content_id: bytes | None = None
    description: bytes | None = None
    md5: bytes | None = None
    disposition: tuple[bytes, Params] | None = None
    language: list[bytes] | None = None
    location: bytes | None = None
    boundary: bytes = b""
    is_text: bool = True
    children: list["Part"] = field(default_factory=list)
    envelope: bytes = b"NIL"  # of the message inside, for Kind.MESSAGE


def describe(part: Part, header: HeaderIndex, in_digest: bool, may_open: bool) -> None:
    """Set what the header fields say of `part`. Without `may_open` it gets no children (nesting limit)."""
    fields = header.by_name
    content_type = header.first(b"content-type") if b"content-type" in fields else None
    parsed = parse_content_type(content_type) if content_type else None
    if parsed is not None:
        part.type, part.subtype, part.params = parsed
    elif in_digest and content_type is None:  # RFC 2046 §5.1.5
        part.type, part.subtype = b"message", b"rfc822"
    if b"content-transfer-encoding" in fields:
        part.encoding = only_token(header.first(b"content-transfer-encoding") or b"") or b"7bit"
    major = part.type.lower()
    if major == b"message" and part.subtype.lower() == b"global":
        may_open = may_open and part.encoding.lower() in _IDENTITY
    part.is_text = major == b"text"
    if major == b"multipart":
        boundary = param(part.params, b"boundary")
        if may_open:
            part.kind = Kind.MULTIPART
            part.boundary = (boundary or b"")[:MAX_BOUNDARY].rstrip(b" \t")
    elif major == b"message" and part.subtype.lower() in _MESSAGES and may_open:
        part.kind = Kind.MESSAGE
    if not may_open and major in (b"multipart", b"message"):
        # RFC 9051 §9 has no closed multipart, message/rfc822 or message/global in BODYSTRUCTURE.
        part.type, part.subtype = b"application", b"octet-stream"
    if part.is_text and param(part.params, b"charset") is None:  # RFC 2046 §4.1.2
        part.params = [*part.params, (b"charset", b"us-ascii")]
    part.content_id = header.first(b"content-id")
    part.description = header.text(b"content-description")
    part.md5 = header.first(b"content-md5")
    part.location = header.first(b"content-location")
    if b"content-disposition" in fields:
        part.disposition = parse_disposition(header.first(b"content-disposition") or b"")
    if b"content-language" in fields:
        part.language = language_tags(header.first(b"content-language") or b"")
