"""IMAP's wire form of ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 §7.4.2, §9).

Owns: strings, quoted or literal, and the parenthesised lists. Never: parses a message. Raises: nothing.
"""

import re

from .addresses import Address
from .structure import Kind, Part

OPEN_GLOBAL = b'("message" "global" '  # how each message/global with a message inside begins
_SPECIAL = re.compile(rb'["\\\0\r\n\x80-\xff]')
_NOT_QUOTABLE = re.compile(rb"[\0\r\n\x80-\xff]")
_TO_ESCAPE = re.compile(rb'(["\\])')


def string(value: bytes) -> bytes:
    """A quoted string when the octets allow it, else a literal. NUL cannot be sent in either (RFC 3501 §9 CHAR8)."""
    if not _SPECIAL.search(value):
        return b'"%b"' % value
    if not _NOT_QUOTABLE.search(value):
        return b'"%b"' % _TO_ESCAPE.sub(rb"\\\1", value)
    value = value.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """NIL or a string."""
    return b"NIL" if value is None else string(value)


def addresses(found: list[Address]) -> bytes:
    """An address list of ENVELOPE; NIL when empty."""
    if not found:
        return b"NIL"
    return b"(%b)" % b"".join(
        [
            b"(%b %b %b %b)" % (nstring(one.name), nstring(one.route), nstring(one.mailbox), nstring(one.host))
            for one in found
        ]
    )


def envelope(
    date: bytes | None,
    subject: bytes | None,
    address_lists: tuple[bytes, bytes, bytes, bytes, bytes, bytes],
    in_reply_to: bytes | None,
    message_id: bytes | None,
) -> bytes:
    """The ENVELOPE; `address_lists` are from, sender, reply-to, to, cc, bcc, already on the wire."""
    return b"(%b %b %b %b %b)" % (
        nstring(date),
        nstring(subject),
        b" ".join(address_lists),
        nstring(in_reply_to),
        nstring(message_id),
    )


def _params(params: list[tuple[bytes, bytes]]) -> bytes:
    if not params:
        return b"NIL"
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in params])


def _disposition(part: Part) -> bytes:
    if part.disposition is None:
        return b"NIL"
    kind, params = part.disposition
    return b"(%b %b)" % (string(kind), _params(params))


def _languages(part: Part) -> bytes:
    if not part.language:
        return b"NIL"
    if len(part.language) == 1:
        return string(part.language[0])
    return b"(%b)" % b" ".join([string(tag) for tag in part.language])


def body_and_structure(part: Part) -> tuple[bytes, bytes]:
    """BODY and BODYSTRUCTURE of a part and all below it. The depth is bounded by the scanner."""
    if part.kind is Kind.MULTIPART:
        inner = [body_and_structure(child) for child in part.children] or [_NO_PARTS]
        subtype = string(part.subtype)
        return (
            b"(%b %b)" % (b"".join([body for body, _ in inner]), subtype),
            b"(%b %b %b %b %b %b)"
            % (
                b"".join([structure for _, structure in inner]),
                subtype,
                _params(part.params),
                _disposition(part),
                _languages(part),
                nstring(part.location),
            ),
        )
    global_message = part.kind is Kind.MESSAGE and part.subtype.lower() == b"global"
    basic = b"%b%b %b %b %b %d" % (
        OPEN_GLOBAL if global_message else b"(%b %b " % (string(part.type), string(part.subtype)),
        _params(part.params),
        nstring(part.content_id),
        nstring(part.description),
        string(part.encoding),
        part.body_end - part.body_start,
    )
    extension = b"%b %b %b %b)" % (nstring(part.md5), _disposition(part), _languages(part), nstring(part.location))
    if part.kind is Kind.MESSAGE:
        body, structure = body_and_structure(part.children[0])
        return (
            b"%b %b %b %d)" % (basic, part.envelope, body, part.lines),
            b"%b %b %b %d %b" % (basic, part.envelope, structure, part.lines, extension),
        )
    if part.is_text:
        basic += b" %d" % part.lines
    return basic + b")", basic + b" " + extension


# A multipart must show a part (RFC 3501 §9 body-type-mpart): one without any shows an empty text.
_EMPTY = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
_NO_PARTS = (_EMPTY + b")", _EMPTY + b" NIL NIL NIL NIL)")
