"""How much of a message is looked at."""

from base64 import encodebytes

from tests.junk.letters import letter_of, mail

from postroom.junk import read_letter
from postroom.message import PartMap, Scanner


def _multipart(*parts: bytes) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + body + b"--x--\r\n"


def test_plain_text_and_header() -> None:
    letter = letter_of(mail("Some words"))
    assert letter.texts[0].text == "Some words\r\n"
    assert letter.fields.first(b"subject") == b"Hello"
    assert letter.kinds == ["text/plain"]


def test_fields_of_this_server_count() -> None:
    letter = letter_of(mail("x"), b"Received: from elsewhere (elsewhere [192.0.2.1])\r\n\tby here\r\n")
    assert letter.fields.first(b"received") == b"from elsewhere (elsewhere [192.0.2.1])\tby here"


def test_encodings_and_charsets_are_undone() -> None:
    text = "Grüße aus Köln".encode("iso-8859-1")
    fields = b'Content-Type: text/html; charset="ISO-8859-1"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    letter = letter_of(_multipart(fields + encodebytes(text).replace(b"\n", b"\r\n")))
    assert [(one.text, one.html, one.charset) for one in letter.texts] == [("Grüße aus Köln", True, "iso-8859-1")]


def test_attachments_are_named_by_kind_not_read() -> None:
    attached = b'Content-Type: application/zip; name="bill.pdf.ZIP"\r\n\r\nPK'
    disposed = b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=run.exe\r\n\r\nMZ"
    letter = letter_of(_multipart(attached, disposed))
    assert letter.kinds == ["application/zip", ".zip", "application/octet-stream", ".exe"]
    assert letter.texts == []


def test_long_texts_parts_and_headers_are_bounded() -> None:
    letter = letter_of(mail("word " * 100_000))
    assert len(letter.texts[0].text) <= 16_384
    many = letter_of(_multipart(*[b"\r\n" + b"a" * 2000] * 100))
    assert sum(len(text.text) for text in many.texts) <= 24_576
    assert len(many.kinds) <= 40
    assert len(letter_of(b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\nz").fields.pairs) < 4000


def test_a_message_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    octets = _multipart(b"\r\nfirst", b"\r\nsecond")
    scanner = Scanner()
    scanner.feed(octets)
    parts = PartMap.unpack(scanner.finish().parts)
    assert [text.text for text in read_letter(octets[:60], parts).texts] == ["first"]
    assert read_letter(b"", parts).texts == []
