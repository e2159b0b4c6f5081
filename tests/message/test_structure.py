"""What a part's header says it is."""

import pytest

from postroom.message.header import index_header
from postroom.message.structure import Kind, Part, describe


def _part(header: bytes, *, in_digest: bool = False, may_open: bool = True) -> Part:
    part = Part(0)
    describe(part, index_header(header), in_digest, may_open)
    return part


def test_defaults() -> None:
    part = _part(b"\r\n")
    assert (part.type, part.subtype, part.params) == (b"text", b"plain", [(b"charset", b"us-ascii")])
    assert (part.encoding, part.kind, part.is_text, part.disposition) == (b"7bit", Kind.LEAF, True, None)


def test_a_broken_content_type_makes_plain_text() -> None:
    part = _part(b"Content-Type: nonsense\r\n\r\n", in_digest=True)
    assert (part.type, part.subtype) == (b"text", b"plain")


def test_in_a_digest_messages_are_the_default() -> None:
    assert _part(b"\r\n", in_digest=True).kind is Kind.MESSAGE
    assert _part(b"Content-Type: text/plain\r\n\r\n", in_digest=True).kind is Kind.LEAF


def test_all_fields() -> None:
    part = _part(
        b"Content-Type: Application/PDF; name=x\r\nContent-Transfer-Encoding: BASE64\r\nContent-ID: <1@x>\r\n"
        b"Content-Description: a  \r\nContent-MD5: abc==\r\nContent-Disposition: attachment; filename=f\r\n"
        b"Content-Language: de\r\nContent-Location: here\r\n\r\n"
    )
    assert (part.type, part.subtype, part.params) == (b"Application", b"PDF", [(b"name", b"x")])
    assert (part.encoding, part.content_id, part.description, part.md5) == (b"BASE64", b"<1@x>", b"a  ", b"abc==")
    assert part.disposition == (b"attachment", [(b"filename", b"f")])
    assert (part.language, part.location, part.is_text) == ([b"de"], b"here", False)


def test_multiparts() -> None:
    part = _part(b'Content-Type: Multipart/Mixed; Boundary="a b "\r\n\r\n')
    assert (part.kind, part.boundary) == (Kind.MULTIPART, b"a b")
    assert _part(b"Content-Type: multipart/mixed\r\n\r\n").boundary == b""
    assert len(_part(b"Content-Type: multipart/mixed; boundary=" + b"b" * 200 + b"\r\n\r\n").boundary) == 80


@pytest.mark.parametrize("kind", [b"multipart/mixed; boundary=b", b"message/rfc822"])
def test_nested_too_deep_it_is_shown_closed(kind: bytes) -> None:
    part = _part(b"Content-Type: " + kind + b"\r\n\r\n", may_open=False)
    assert (part.kind, part.type, part.subtype) == (Kind.LEAF, b"application", b"octet-stream")


def test_other_messages_stay_closed() -> None:
    part = _part(b"Content-Type: message/delivery-status\r\n\r\n")
    assert (part.kind, part.type) == (Kind.LEAF, b"message")


def test_a_broken_encoding_is_none() -> None:
    assert _part(b"Content-Transfer-Encoding: quoted printable\r\n\r\n").encoding == b"7bit"
    assert _part(b"Content-Transfer-Encoding: x-own\r\n\r\n").encoding == b"x-own"


def test_a_message_global_is_opened_like_a_message_rfc822() -> None:
    """RFC 9051 §9 media-message"""
    assert _part(b"Content-Type: Message/GLOBAL\r\n\r\n").kind is Kind.MESSAGE
    part = _part(b"Content-Type: message/global\r\nContent-Transfer-Encoding: 8BIT\r\n\r\n")
    assert (part.kind, part.type, part.encoding) == (Kind.MESSAGE, b"message", b"8BIT")


def test_an_encoded_message_global_is_octets() -> None:
    """RFC 6532 §3.7, RFC 2046 §5.2.4"""
    part = _part(b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    assert (part.kind, part.type, part.subtype) == (Kind.LEAF, b"application", b"octet-stream")
