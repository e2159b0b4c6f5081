"""Body text for SEARCH."""

import quopri
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.search_text import decode_base64, decode_transfer, html_text, part_text, raw_room


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello <b>wor</b>ld</p><p>again</p>", "Hello world again"),
        ("a<br>b<BR/>c", "a b c"),
        ("<style>p { color: red }</style>x<script>if (a<b) c()</script >y<!-- <b>no</b> -->z", "x y z"),
        ("x<script>never closed", "x"),
        ("x<!-- never closed", "x"),
        ("x<style", "x"),
        ("&lt;tag&gt; &amp; &eacute;&Eacute; &#65;&#x42; &nbsp; &nosuch; &#x80;", "<tag> & éÉ AB &nosuch; €"),
        ("a < b and c > d", "a < b and c > d"),
        ('<a href="x">link</a>ed', "linked"),
        ("<span>a</span>\n\n  <span>b</span>", "a b"),
        ("<!DOCTYPE html><?xml x?>t", "t"),
        ("<td>1</td><td>2</td>", "1 2"),
        ("&#0;&#xd800;&#9999999;", "\ufffd\ufffd\ufffd"),
        ("<select>x<strike>y</strike>", "xy"),
        ("<HTML><TITLE>not shown</Title><STYLE>p{}</sTyLe><B>A</B>b&EACUTE;&Dagger;", "Abé‡"),
    ],
)
def test_html(html: str, text: str) -> None:
    assert html_text(html) == text


def test_long_html_is_read_in_pieces_without_cutting_tags() -> None:
    assert html_text("<p class=x>word</p>" * 20_000) == " ".join(["word"] * 20_000)


@pytest.mark.parametrize("junk", ["<", "<a ", "<!--", "<script", "<script>", "&", "&#", "<div>", "&#" + "9" * 400])
def test_hostile_html_is_not_slow(junk: str) -> None:
    html_text(junk * (300_000 // len(junk)))


@given(st.text(alphabet="<>/!-abscriptyle &#;x0 \"'="))
def test_html_junk_never_raises(html: str) -> None:
    html_text(html)


def test_transfer_encodings() -> None:
    assert decode_transfer(b"aGVs\r\nbG8=", b"base64") == b"hello"
    assert decode_transfer(b"caf=C3=A9=\r\n!", b"quoted-printable") == "café!".encode()
    assert decode_transfer(b"as=20is", b"7bit") == b"as=20is"


def test_damaged_base64() -> None:
    assert decode_base64(b"aGVsbG8") == b"hel"  # the group that was cut is lost
    assert decode_base64(b"aGV!sb\nG8= and what a list added") == b"hello"
    assert decode_base64(b"") == b""


@given(st.binary())
def test_encodings_round_trip(octets: bytes) -> None:
    assert decode_transfer(encodebytes(octets), b"base64") == octets
    assert decode_transfer(quopri.encodestring(octets), b"quoted-printable") == octets


@given(st.binary())
def test_junk_never_raises(raw: bytes) -> None:
    for encoding in (b"base64", b"quoted-printable", b"7bit"):
        for html in (False, True):
            part_text(raw, encoding, "utf-8", html, 100)


def test_a_text_is_decoded_and_bounded() -> None:
    assert part_text("Grüße\r\nX".encode("latin-1"), b"8bit", "iso-8859-1", False, 100) == ("Grüße\nX", 8)
    assert part_text(b"QUJDREVG", b"base64", "us-ascii", False, 4) == ("ABCD", 6)
    assert part_text(b"<p>A</p>", b"7bit", "us-ascii", True, 100) == ("A", 8)


def test_room_for_encoded_octets() -> None:
    assert raw_room(100, b"7bit") == 100
    assert raw_room(100, b"base64") >= 140
    assert raw_room(100, b"quoted-printable") == 300
