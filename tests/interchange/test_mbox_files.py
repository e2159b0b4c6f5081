import io
from pathlib import Path

from postroom.interchange.mbox_files import is_mbox, mbox_messages
from postroom.interchange.types import FoundMessage

FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"


def found(text: bytes, read_octets: int = 65_536) -> list[tuple[FoundMessage, bytes]]:
    return [(one, b"".join(one.pieces)) for one in mbox_messages(io.BytesIO(text), "x", read_octets)]


def test_messages_with_their_flags_dates_and_places() -> None:
    text = FROM + b"Status: RO\nA: 1\n\n>From x\n\n" + b"From \nB: 2\n\n"
    [(first, content), (second, other)] = found(text)
    assert content == b"A: 1\r\n\r\nFrom x\r\n"
    assert other == b"B: 2\r\n"
    assert (first.flags, first.date, first.place) == (frozenset({"\\Seen"}), 1_578_304_800, "x, octet 0")
    at = text.index(b"From \n")
    assert (second.flags, second.date, second.place, second.key) == (frozenset(), None, f"x, octet {at}", f"{at:012x}")
    assert first.key < second.key
    assert (first.left_out, first.refused) == ("", "")


def test_what_is_no_mail_is_left_out() -> None:
    text = FROM + b"X-IMAP: 1 2\n\nx\n\n" + FROM + b"X-Mozilla-Status: 0009\n\nx\n\n"
    assert [one.left_out.split()[0] for one, _ in found(text)] == ["bookkeeping", "deleted"]
    [(junk, _), (mail, _)] = found(b"junk\n\n" + FROM + b"A: 1\n\n")
    assert "not a message" in junk.refused
    assert not mail.refused


def test_a_large_message_comes_in_pieces_and_may_be_passed_over() -> None:
    large = FROM + b"Status: R\nA: 1\n\n" + b"0123456789\n" * 50_000 + b"\n"
    text = large + FROM + b"B: 2\n\n"
    [(one, content), (_, other)] = found(text)
    assert content == b"A: 1\r\n\r\n" + b"0123456789\r\n" * 50_000
    assert one.flags == {"\\Seen"}
    assert other == b"B: 2\r\n"
    stream = mbox_messages(io.BytesIO(text), "x", 65_536)
    assert len(next(next(stream).pieces)) < 200_000
    assert b"".join(next(stream).pieces) == b"B: 2\r\n"
    assert next(stream, None) is None


def test_an_mbox_is_known_by_its_first_line(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for text, verdict in ((FROM, True), (b"\n\r\n" + FROM, True), (b"A: 1\n", False), (b"", False)):
        path.write_bytes(text)
        assert is_mbox(str(path)) is verdict
