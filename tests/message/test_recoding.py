"""Messages made 7-bit, or 8-bit: what they hold stays, what must not change is refused."""

import email
import email.policy
from email.message import Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.message import Encoded, Kept, NotRecodable, Recoding, Scanner, parts_of, recoding, transfer_encoder

UMLAUT = "yours truly, with very many Grüße\r\n".encode()
BINARY = b"\0\1\r\2\n" * 30


def recoded(message: bytes, *, eight_bit: bool = False, max_parts: int = 1000) -> bytes:
    scanner = Scanner()
    scanner.feed(message)
    plan = recoding(parts_of(scanner.finish().parts, max_parts), len(message), eight_bit=eight_bit)
    try:
        wanted = next(plan)
        while True:
            assert wanted.end - wanted.start <= 262_144
            wanted = plan.send(message[wanted.start : wanted.end])
    except StopIteration as stop:
        made: Recoding = stop.value
    out = b""
    for segment in made.segments:
        match segment:
            case Kept(start, end):
                out += message[start:end]
            case Encoded(start, end, encoding):
                encoder = transfer_encoder(encoding)
                out += encoder.feed(message[start:end]) + encoder.finish()
            case octets:
                out += octets
    assert len(out) == made.size
    return out


def contents(message: bytes) -> list[tuple[str, bytes]]:
    """By another reader: every leaf's type and decoded octets."""
    found: list[tuple[str, bytes]] = []

    def walk(part: Message) -> None:
        if part.is_multipart():
            for child in part.get_payload():
                assert isinstance(child, Message)
                walk(child)
        else:
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found.append((part.get_content_type(), payload))

    walk(email.message_from_bytes(message, policy=email.policy.compat32))
    return found


def mime(*parts: bytes, subtype: bytes = b"mixed", encoding: bytes = b"8bit", boundary: bytes = b"b") -> bytes:
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/%b; boundary=%b\r\n" % (subtype, boundary)
    head += b"Content-Transfer-Encoding: %b\r\n\r\n" % encoding
    delimiter = b"--" + boundary
    return head + b"".join(b"%b\r\n%b\r\n" % (delimiter, part) for part in parts) + delimiter + b"--\r\n"


def leaf(media_type: bytes, encoding: bytes, body: bytes) -> bytes:
    return b"Content-Type: %b\r\nContent-Transfer-Encoding: %b\r\nX: y\r\n\r\n%b" % (media_type, encoding, body)


TEXT = leaf(b"text/plain; charset=utf-8", b"8bit", UMLAUT)


def test_a_plain_text() -> None:
    assert recoded(b"Received: x\r\nMIME-Version: 1.0\r\n" + TEXT) == (
        b"Received: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\nyours truly, with very many Gr=C3=BC=C3=9Fe\r\n"
    )


def test_what_is_no_mime_says_that_nobody_knows_its_charset() -> None:
    assert recoded(b"Subject: x\r\n\r\n" + UMLAUT) == (
        b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nyours truly, with very many Gr=C3=BC=C3=9Fe\r\n"
    )


@pytest.mark.parametrize(
    ("part", "eight_bit", "expected"),
    [
        (TEXT, False, b"quoted-printable"),
        (TEXT, True, b"8bit"),
        (leaf(b"text/plain", b"8bit", b"plain after all"), False, b"7bit"),
        (leaf(b"text/plain", b"binary", b"plain after all"), True, b"8bit"),
        (leaf(b"text/plain", b"binary", b"plain after all"), False, b"7bit"),
        (leaf(b"text/plain", b"7bit", UMLAUT), False, b"quoted-printable"),  # it lies
        (leaf(b"text/plain", b"8bit", "Здравствуйте".encode()), False, b"base64"),  # shorter
        (leaf(b"application/x", b"8bit", UMLAUT), False, b"base64"),
        (leaf(b"application/x", b"binary", BINARY), False, b"base64"),
        (leaf(b"application/x", b"binary", BINARY), True, b"base64"),
        (leaf(b"text/plain", b"binary", b"one\ntwo"), True, b"base64"),
        (leaf(b"text/plain", b"binary", b"one\r\ntwo\r"), True, b"base64"),
        (leaf(b"text/plain", b"binary", b"x" * 999), True, b"quoted-printable"),  # a line too long
        (leaf(b"text/plain", b"binary", b"x" * 998), True, b"8bit"),
        (leaf(b"text/plain", b"quoted-printable", b"=C3=A4"), False, b"quoted-printable"),
    ],
)
def test_the_encoding_of_a_part(part: bytes, eight_bit: bool, expected: bytes) -> None:
    message = mime(part, leaf(b"text/plain", b"7bit", b"other"))
    octets = recoded(message, eight_bit=eight_bit)
    assert b"Content-Transfer-Encoding: %b\r\nX: y" % expected in octets
    assert octets.startswith(b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n")
    assert contents(octets) == contents(message)
    assert eight_bit or octets.isascii()


def test_what_fits_stays_octet_for_octet() -> None:
    message = b"preamble".join((mime(leaf(b"text/plain", b"7bit", b"x"), encoding=b"7bit"), b""))
    assert recoded(message) == message
    message = mime(TEXT, TEXT)
    assert recoded(message, eight_bit=True) == message


def test_deep_inside_and_only_there() -> None:
    inner = mime(TEXT, leaf(b"application/x", b"binary", BINARY), boundary=b"inner")
    forwarded = leaf(b"message/rfc822", b"8bit", b"From: x\r\n" + inner)
    message = mime(leaf(b"text/plain", b"7bit", b"see"), forwarded, mime(TEXT, subtype=b"alternative", boundary=b"z"))
    octets = recoded(message)
    assert octets.isascii()
    assert contents(octets) == contents(message)
    assert octets.count(b"Content-Transfer-Encoding: base64") == 1
    assert octets.count(b"Content-Transfer-Encoding: quoted-printable") == 2
    assert octets.count(b"Content-Transfer-Encoding: 7bit") == 5  # what holds parts is never encoded (RFC 2045 §6.4)


def test_a_message_in_utf8_is_encoded_as_a_whole() -> None:
    inner = "Subject: Grüße\r\n\r\nbody\r\n".encode()
    octets = recoded(mime(leaf(b"message/global", b"8bit", inner), TEXT))
    assert octets.isascii()
    assert contents(octets)[1][1] == UMLAUT  # the part behind it, as ever
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n" in octets


def test_fields_of_a_report_in_utf8_are_encoded() -> None:
    octets = recoded(mime(leaf(b"message/global-delivery-status", b"8bit", UMLAUT)))
    assert b"Content-Transfer-Encoding: base64\r\nX: y\r\n\r\neW91cnMg" in octets


SIGNATURE = leaf(b"application/pgp-signature", b"7bit", b"x")


def signed(text: bytes) -> bytes:
    return mime(text, SIGNATURE, subtype=b"signed", boundary=b"s")


def test_what_is_signed_stays_when_it_fits() -> None:
    part = signed(leaf(b"text/plain", b"7bit", b"x")).partition(b"\r\n")[2]
    octets = recoded(mime(part, TEXT))
    assert part.removesuffix(b"\r\n") in octets
    assert b"yours truly, with very many Gr=C3=BC=C3=9Fe" in octets


@pytest.mark.parametrize(
    ("message", "eight_bit", "why"),
    [
        (signed(TEXT), False, "a signed part must not be changed"),
        (mime(TEXT, signed(TEXT).partition(b"\r\n")[2]), False, "a signed part must not be changed"),
        (signed(leaf(b"text/plain", b"binary", b"a\nb")), True, "a signed part must not be changed"),
        (mime(leaf(b"application/x", b"base64", UMLAUT)), False, "encoded already"),
        (mime(leaf(b"application/x", b"x-own", UMLAUT)), False, "encoded already"),
        (mime(leaf(b"message/partial; number=1", b"8bit", UMLAUT)), False, "message/partial part can't be encoded"),
        ("Subject: Grüße\r\n\r\nx".encode(), False, "8-bit octets in a header"),
        (mime(leaf(b"text/plain", b"7bit", b"x").replace(b"X: y", b"X: \xe4")), False, "8-bit octets in a header"),
        (b"Subject: \0\r\n\r\nx", True, "NULs in a header"),
        (mime(TEXT).replace(b"--b", b"\xe4\r\n--b", 1), False, "between its parts"),
        (mime(TEXT) + UMLAUT, False, "outside of its parts"),
        (mime(mime(TEXT, boundary=b"i").partition(b"\r\n")[2] + UMLAUT, TEXT), False, "between its parts"),
        (b"Content-Type: multipart/mixed\r\n\r\n" + UMLAUT, False, "outside of its parts"),
        (b"X: " + b"y" * 300_000 + b"\r\n\r\n" + UMLAUT, False, "the end of a header"),
    ],
)
def test_what_can_not_be_changed(message: bytes, eight_bit: bool, why: str) -> None:
    with pytest.raises(NotRecodable, match=why):
        recoded(message, eight_bit=eight_bit)


def test_more_parts_than_are_told_apart() -> None:
    message = mime(*[TEXT] * 5)
    assert contents(recoded(message, max_parts=7)) == contents(message)
    with pytest.raises(NotRecodable, match="too many parts"):
        recoded(message, max_parts=6)


def test_parts_nested_too_deep_are_not_encoded() -> None:
    message = TEXT
    for depth in range(60):
        message = mime(message, boundary=b"b%d" % depth).removeprefix(b"MIME-Version: 1.0\r\n")
    with pytest.raises(NotRecodable, match="multipart/mixed part can't be encoded"):
        recoded(message)


bodies = st.lists(st.sampled_from([b"a", UMLAUT, b"\r\n", b"\n", b" ", b"=", b"--b", b"x" * 400, b"\0"]), max_size=9)
kinds = st.sampled_from([b"text/plain", b"application/x", b"message/rfc822", b"multipart/mixed; boundary=c", b"junk"])
labels = st.sampled_from([b"7bit", b"8bit", b"binary", b"base64"])
leaves: st.SearchStrategy[bytes] = st.builds(leaf, kinds, labels, bodies.map(b"".join))
trees: st.SearchStrategy[bytes] = st.recursive(
    leaves, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: mime(*parts)), max_leaves=6
)


@settings(max_examples=200, deadline=None)
@given(trees, st.booleans())
def test_whatever_comes_is_made_fit_or_refused(message: bytes, eight_bit: bool) -> None:
    try:
        octets = recoded(message, eight_bit=eight_bit)
    except NotRecodable:
        return
    assert eight_bit or octets.isascii()
    assert b"\0" not in octets
    assert recoded(octets, eight_bit=eight_bit) == octets  # nothing is encoded twice


def test_a_long_part_is_asked_for_in_pieces() -> None:
    message = leaf(b"text/plain", b"8bit", (b"x" * 70 + UMLAUT) * 20_000)
    assert contents(recoded(message)) == contents(message)  # recoded() checks each piece
