"""Parts with NULs become base64; nothing else changes, nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import Facts, NotEncodable, PartMap, Scanner, without_binary, without_nul
from postroom.message.transfer_decoding import transfer_decoder


def scan(message: bytes) -> Facts:
    scanner = Scanner()
    scanner.feed(message)
    return scanner.finish()


def remade(message: bytes) -> bytes:
    facts = scan(message)
    return b"".join(without_nul(facts.parts, len(message), lambda start, end: message[start:end]))


def decoded(message: bytes, part: tuple[int, ...]) -> bytes:
    node = PartMap.unpack(scan(message).parts).find(part)
    assert node is not None
    decoder = transfer_decoder(node.encoding)
    assert decoder is not None
    return decoder.feed(message[node.body_start : node.body_end]) + decoder.finish()


def mime(*parts: bytes) -> bytes:
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    head += b"Content-Transfer-Encoding: binary\r\n\r\n"
    return head + b"".join(b"--b\r\n%b\r\n" % part for part in parts) + b"--b--\r\n"


BINARY = b"Content-Type: application/x\r\nContent-transfer-encoding: binary\r\nX: y\r\n\r\n"


def test_a_single_part() -> None:
    assert remade(b"Subject: x\r\n\r\na\0b\r\n") == (
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBiDQo=\r\n"
    )
    assert remade(b"\r\n\0") == b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n"
    assert remade(b"mime-version: 1.0\nX: y\n\n\0") == (
        b"mime-version: 1.0\nX: y\nContent-Transfer-Encoding: base64\r\n\nAA==\r\n"
    )


def test_only_the_parts_that_hold_one() -> None:
    other = BINARY + b"x\xff\r\ny"
    message = mime(other, BINARY + b"a\0b", b"\r\nc\0d", b"Content-Transfer-Encoding:\r\n 8bit\r\n\r\n\0")
    field = b"Content-Transfer-Encoding: base64\r\n"
    expected = mime(
        other,
        b"Content-Type: application/x\r\n" + field + b"X: y\r\n\r\nYQBi",
        field + b"\r\nYwBk",
        field + b"\r\nAA==",
    )
    assert remade(message) == expected


def test_within_an_attached_message() -> None:
    message = mime(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n\0")
    assert decoded(remade(message), (1, 1)) == b"\0"


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: \0\r\n\r\nx",
        b"Subject: \0\r\n\r\nx\0",
        mime(b"\r\nx") + b"\0",
        mime(b"X: \0\r\n\r\nx"),
        mime(b"Content-Transfer-Encoding: base64\r\n\r\nAA\0="),
        mime(b"Content-Transfer-Encoding: quoted-printable\r\n\r\nAA\0="),
        mime(b"Content-Transfer-Encoding: x-y\r\n\r\nAA\0="),
    ],
)
def test_where_none_can_be(message: bytes) -> None:
    with pytest.raises(NotEncodable):
        remade(message)


@given(st.lists(st.binary(max_size=200).filter(lambda octets: b"--b" not in octets), min_size=1, max_size=4))
def test_nothing_is_lost(bodies: list[bytes]) -> None:
    message = mime(*(BINARY + body for body in bodies))
    new = remade(message)
    assert b"\0" not in new
    for number in range(1, len(bodies) + 1):
        assert decoded(new, (number,)) == decoded(message, (number,))


def as_text(message: bytes) -> bytes:
    facts = scan(message)
    return b"".join(without_binary(facts.parts, len(message), lambda start, end: message[start:end]))


def test_parts_that_are_no_text_become_base64_too() -> None:
    text, image = b"\r\nGr\xfc\xdfe\r\n" + b"x" * 2000, BINARY + b"\x89PNG\n"
    field = b"Content-Transfer-Encoding: base64\r\n"
    encoded = b"Content-Type: application/x\r\n" + field + b"X: y\r\n\r\niVBORwo="
    assert as_text(mime(text, image)) == mime(text, encoded)
    with pytest.raises(NotEncodable):
        as_text(mime(b"Content-Transfer-Encoding: base64\r\n\r\nAA\0="))


@pytest.mark.parametrize("before", [57 * 1024 - 1, 57 * 1024, 2 * 57 * 1024 - 1])
def test_a_line_end_across_the_pieces_of_a_part(before: int) -> None:
    message = BINARY + b"x" * before
    assert as_text(message + b"\r\nx") == message + b"\r\nx"
    assert as_text(message + b"\r\n") == message + b"\r\n"
    for bare in (b"\rx", b"\nx", b"\r", b"\n"):
        assert b"base64" in as_text(message + bare)


def test_a_large_part() -> None:
    body = bytes(range(256)) * 2000
    new = remade(mime(BINARY + body))
    assert decoded(new, (1,)) == body
    assert max(map(len, new.split(b"\r\n"))) <= 76
