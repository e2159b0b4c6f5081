"""What reports are packed in: gzip, ZIP, parts of a message; and what is no report but a bomb."""

import gzip
import io
import time
import zipfile
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.unpacking import MAX_ENTRIES, MAX_PARTS, BadReport, parts_of_types, unpacked


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as packed:
        for name, octets in files.items():
            packed.writestr(zipfile.ZipInfo(name), octets, method)  # always of the same date
    return whole.getvalue()


@pytest.mark.parametrize(
    "octets",
    [
        b"<x/>",
        gzip.compress(b"<x/>", mtime=0),
        zipped({"a.xml": b"<x/>"}),
        zipped({"a.xml": b"<x/>"}, zipfile.ZIP_STORED),
        zipped({"readme.txt": b"hello", "A.XML": b"<x/>"}),
        zipped({"report": b"<x/>"}),
    ],
)
def test_unpacked(octets: bytes) -> None:
    assert unpacked(octets, 4, suffix=".xml") == b"<x/>"
    with pytest.raises(BadReport, match="more than 3 octets"):
        unpacked(octets, 3, suffix=".xml")


@pytest.mark.parametrize("pack", [gzip.compress, lambda octets: zipped({"a.xml": octets})])
def test_bombs_are_not_unpacked(pack) -> None:  # type: ignore[no-untyped-def]
    bomb = pack(b"\0" * 50_000_000)
    began = time.process_time()
    with pytest.raises(BadReport, match="when it is unpacked"):
        unpacked(bomb, 100_000)
    assert time.process_time() - began < 1


def encrypted() -> bytes:
    octets = bytearray(zipped({"a.xml": b"<x/>"}))
    octets[6] |= 1
    octets[octets.index(b"PK\x01\x02") + 8] |= 1
    return bytes(octets)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"\x1f\x8b nonsense", "not gzip"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "its end is missing"),
        (b"PK\x03\x04 nonsense", "not ZIP"),
        (zipped({"a.xml": b"x" * 1000})[:-30], "not ZIP"),
        (zipped({f"{at}.xml": b"" for at in range(MAX_ENTRIES + 1)}), "more than 20 files"),
        (zipped({"a.xml": b"x"}, zipfile.ZIP_BZIP2), "unusual"),
        (zipped({"a.xml": b"x"}, zipfile.ZIP_LZMA), "unusual"),
        (encrypted(), "unusual"),
        (zipped({"a.xml": b"x" * 100}, zipfile.ZIP_STORED).replace(b"x" * 100, b"y" * 100), "CRC"),
    ],
)
def test_what_cannot_be_unpacked(octets: bytes, why: str) -> None:
    with pytest.raises(BadReport, match=why):
        unpacked(octets, 1000)


@given(st.binary(max_size=100), st.integers(0, 150))
def test_nothing_but_bad_report_is_raised(noise: bytes, at: int) -> None:
    for whole in (gzip.compress(b"<x/>", mtime=0), zipped({"a.xml": b"<x/>"})):
        try:
            unpacked(whole[:at] + noise + whole[at + len(noise) :], 1000)
        except BadReport:
            pass


def test_parts() -> None:
    packed = encodebytes(b"<x/>")
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n"
        b"--b\r\nContent-Type: Application/GZIP; name=x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + packed
        + b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nbody\r\n--b--\r\n"
    )  # fmt: skip
    assert list(parts_of_types(message, {b"application/gzip"})) == [(b"application/gzip", b"<x/>")]
    assert list(parts_of_types(message, {b"message/rfc822"})) == [(b"message/rfc822", b"Subject: y\r\n\r\nbody")]
    assert [kind for kind, _ in parts_of_types(message, {b"text/plain"})] == [b"text/plain", b"text/plain"]
    assert list(parts_of_types(message, {b"multipart/mixed"})) == []


def test_the_number_of_parts_is_limited() -> None:
    part = b"--b\r\nContent-Type: text/xml\r\n\r\n<x/>\r\n"
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 1000 + b"--b--\r\n"
    assert len(list(parts_of_types(message, {b"text/xml"}))) == MAX_PARTS - 1


def test_a_message_that_is_the_report() -> None:
    assert list(parts_of_types(b"Content-Type: text/xml\r\n\r\n<x/>", {b"text/xml"})) == [(b"text/xml", b"<x/>")]
