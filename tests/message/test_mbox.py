from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.mbox import (
    MboxSplitter,
    Piece,
    Quoting,
    from_line,
    from_line_date,
    status_fields,
    take_status,
)

FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"
WHEN = 1_578_304_800


def pieces(*parts: bytes, piece_octets: int = 262_144) -> list[Piece]:
    splitter = MboxSplitter(piece_octets)
    found = [piece for part in parts for piece in splitter.feed(part)]
    return found + list(splitter.finish())


def messages(*parts: bytes, piece_octets: int = 262_144) -> list[tuple[int, bytes, bytes]]:
    """(offset, From_ line, content) of each message; that pieces come in order is part of every test."""
    found: list[tuple[int, bytes, bytes]] = []
    inside = False
    for piece in pieces(*parts, piece_octets=piece_octets):
        assert piece.first is not inside
        if piece.first:
            found.append((piece.offset, piece.from_line, b""))
        offset, line, content = found[-1]
        assert (offset, line) == (piece.offset, piece.from_line)
        found[-1] = (offset, line, content + piece.data)
        inside = not piece.last
    assert not inside
    return found


def contents(text: bytes) -> list[bytes]:
    return [content for _, _, content in messages(text)]


def test_two_messages() -> None:
    text = FROM + b"A: 1\n\nx\n\n" + FROM + b"A: 2\n\ny\n\n"
    assert messages(text) == [(0, FROM[:-1], b"A: 1\n\nx\n"), (len(text) // 2, FROM[:-1], b"A: 2\n\ny\n")]


def test_crlf_files_and_empty_lines_before_the_first_message() -> None:
    text = b"\r\n\r\n" + (FROM + b"A: 1\n\nx\n\n" + FROM + b"A: 2\n\ny\n\n").replace(b"\n", b"\r\n")
    assert contents(text) == [b"A: 1\r\n\r\nx\r\n", b"A: 2\r\n\r\ny\r\n"]


def test_an_empty_file_has_none() -> None:
    assert messages() == messages(b"") == messages(b"\n\r\n") == []


@pytest.mark.parametrize(
    ("ending", "content"), [(b"", b""), (b"x", b"x"), (b"x\n", b"x\n"), (b"x\n\n", b"x\n"), (b"x\n\n\n", b"x\n\n")]
)
def test_the_last_message_may_lack_its_empty_line(ending: bytes, content: bytes) -> None:
    assert contents(FROM + ending) == [content]


def test_messages_without_octets() -> None:
    assert contents(FROM + FROM + b"\n" + FROM.rstrip()) == [b"", b"", b""]


@pytest.mark.parametrize(
    "line",
    [
        b"From a@example.org Mon Jan  6 10:00:00 2020",
        b"From a@example.org Mon Jan 06 10:00 2020",
        b"From a@example.org  Mon Jan  6 10:00:00 2020 +0100",
        b"From a@example.org Mon Jan  6 10:00:00 MET 2020",
        b"From - Mon Jan  6 10:00:00 2020",
        b"From  Mon Jan  6 10:00:00 2020",
        b'From "a b"@example.org Mon Jan  6 10:00:00 2020',
    ],
)
def test_an_asctime_date_begins_a_message_wherever_it_stands(line: bytes) -> None:
    assert contents(FROM + b"x\n" + line + b"\ny\n") == [b"x\n", b"y\n"]


@pytest.mark.parametrize(
    "line",
    [
        b"From ",
        b"From -",
        b"From - ",
        b"From a@example.org Mon, 6 Jan 2020 10:00:00 +0000",
        b"From a@example.org 2020-01-06 10:00:00",
    ],
)
def test_other_from_lines_need_an_empty_line_before(line: bytes) -> None:
    assert contents(FROM + b"x\n\n" + line + b"\ny\n") == [b"x\n", b"y\n"]
    assert contents(FROM + b"x\n" + line + b"\ny\n") == [b"x\n" + line + b"\ny\n"]


@pytest.mark.parametrize("line", [b"From here on it rains", b"From x", b"from - Mon Jan  6 10:00:00 2020", b"From:"])
def test_text_does_not_begin_a_message(line: bytes) -> None:
    assert contents(FROM + b"x\n\n" + line + b"\ny\n") == [b"x\n\n" + line + b"\ny\n"]


def test_a_first_line_of_any_kind_begins_one() -> None:
    assert messages(b"From whoever\nx\n") == [(0, b"From whoever", b"x\n")]


def test_what_stands_before_the_first_message_has_no_from_line() -> None:
    assert messages(b"junk\n\n" + FROM + b"x\n") == [(0, b"", b"junk\n"), (6, FROM[:-1], b"x\n")]


def test_quoted_lines_lose_one_sign() -> None:
    text = b"A: 1\n\n>From a\n>>From b\n> From c\nx >From d\n>From\n"
    assert contents(FROM + text) == [b"A: 1\n\nFrom a\n>From b\n> From c\nx >From d\n>From\n"]


def test_content_length_is_not_believed() -> None:
    text = FROM + b"Content-Length: 9999\n\nx\n\n"
    assert len(messages(text + text)) == 2


def test_a_finished_file_takes_no_more() -> None:
    splitter = MboxSplitter()
    assert list(splitter.finish()) == []
    with pytest.raises(ValueError, match="finished"):
        splitter.feed(b"x")
    with pytest.raises(ValueError, match="finished"):
        splitter.finish()


def test_a_large_message_comes_in_pieces_of_bounded_size() -> None:
    text = FROM + b"A: 1\n\n" + b"0123456789\n" * 100_000 + b"\n" + FROM + b"y\n"
    parts = [text[at : at + 65_536] for at in range(0, len(text), 65_536)]
    found = pieces(*parts, piece_octets=100_000)
    assert len(found) > 5
    assert max(len(piece.data) for piece in found) <= 100_000 + 65_536
    assert [content for _, _, content in messages(*parts, piece_octets=100_000)] == contents(text)


LINES = st.sampled_from(
    [FROM, b"\n", b"\r\n", b">From x\n", b">>From - 1:00 2020\n", b"From \n", b"x\n", b"y\r\n", b"z" * 40, b"From x\n"]
)


@given(st.lists(LINES, max_size=30), st.lists(st.integers(0, 900), max_size=6), st.integers(100, 300))
def test_any_splitting_gives_the_same_messages(lines: list[bytes], cuts: list[int], piece_octets: int) -> None:
    text = b"".join(lines)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    parts = [text[start:end] for start, end in pairwise(places)]
    assert messages(*parts, piece_octets=piece_octets) == messages(text)


def quoted(*parts: bytes) -> bytes:
    quoting = Quoting()
    return b"".join(map(quoting.feed, parts)) + quoting.finish()


def test_lines_are_quoted() -> None:
    assert quoted(b"From a\n>From b\nFrom\nx From c\nFrom ") == b">From a\n>>From b\nFrom\nx From c\n>From "
    assert quoted(b"x" * 5000, b"From a\nFr", b"om b") == b"x" * 5000 + b"From a\n>From b"


@given(st.lists(st.text("From >\n", max_size=8).map(str.encode)))
def test_quoting_is_undone_when_read(parts: list[bytes]) -> None:
    text = b"".join(parts)
    assert quoted(*parts) == quoted(text)
    [(_, _, content)] = messages(FROM + b"A: 1\n" + quoted(*parts) + b"\n\n")
    assert content == b"A: 1\n" + text + b"\n"


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"From alice@example.org Mon Jan  6 10:00:00 2020", WHEN),
        (b"From alice@example.org Mon Jan  6 10:00:00 2020 +0100", WHEN - 3600),
        (b"From - Mon Jan  6 10:00:00 2020", WHEN),
        (b"From a Mon, 6 Jan 2020 10:00:00 +0000", WHEN),
        (b"From ", None),
        (b"From Monica", None),
        (b"From a Mon Xyz 99 10:00:00 2020", None),
    ],
)
def test_dates_of_from_lines(line: bytes, seconds: int | None) -> None:
    assert from_line_date(line) == seconds


def test_a_from_line_is_written_as_it_is_read() -> None:
    assert from_line(b"alice@example.org", WHEN) == FROM
    assert from_line(b"", WHEN).startswith(b"From MAILER-DAEMON Mon")
    assert from_line(b"a b", WHEN).startswith(b"From a_b Mon")


def test_status_fields_become_flags_and_leave() -> None:
    raw = b"Status: RO\nA: 1\nX-Status: AF\nX-Keywords: $label1\n  work\nStatuses: x\n\nStatus: D\n"
    status = take_status(raw)
    assert status.content == b"A: 1\nStatuses: x\n\nStatus: D\n"
    assert status.flags == {"\\Seen", "\\Answered", "\\Flagged", "$label1", "work"}
    assert not status.removed
    assert take_status(status.content).content == status.content


def test_thunderbirds_fields() -> None:
    status = take_status(b"X-Mozilla-Status: 1005\r\nX-Mozilla-Status2: 00000000\r\nX-Mozilla-Keys: work  \r\nA: 1\r\n")
    assert (status.content, status.removed) == (b"A: 1\r\n", False)
    assert status.flags == {"\\Seen", "\\Flagged", "$Forwarded", "work"}
    assert take_status(b"X-Mozilla-Status: 0009\n\nx").removed
    assert take_status(b"X-Mozilla-Status: zz\n\nx").flags == set()


def test_bookkeeping_is_told_from_mail() -> None:
    assert take_status(b"X-IMAP: 1 2\nStatus: RO\n\nDo not delete\n").bookkeeping
    assert not take_status(b"X-IMAPbase: 1 2\nStatus: RO\n\nhello\n").bookkeeping


FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "a"]))
BEGINNINGS = st.sampled_from([b"A: 1\n\nx", b"\n\nx", b" folded\nA: 1\n\n", b"", b"no header", b"A: 1\r\n\r\n"])


@given(FLAGS, BEGINNINGS)
def test_flags_survive_being_written_and_read(flags: frozenset[str], content: bytes) -> None:
    assert take_status(status_fields(flags) + content)[:2] == (content, flags)


def test_an_empty_line_after_a_from_line_is_seen_wherever_the_file_is_cut() -> None:
    text = FROM + b"\n" + FROM + b"x\n"
    for cut in range(len(text)):
        assert messages(text[:cut], text[cut:]) == messages(text)
