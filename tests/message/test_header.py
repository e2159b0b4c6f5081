"""Fields of a header."""

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from postroom.message.header import (
    first_value,
    header_text,
    header_values,
    index_header,
    iter_fields,
    select_fields,
    text_of,
    unfold,
)

HEADER = (
    b"Received: from a\r\n\tby b\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\n"
    b"To: a@example.org,\r\n b@example.org\r\n"
    b"no colon here\r\n"
    b"Subject : Hello\r\n   World  \r\n"
    b"received: from c\r\n"
    b"\r\n"
)


def test_index() -> None:
    index = index_header(HEADER)
    assert index.first(b"received") == b"from a\tby b"
    assert index.all(b"received") == [b"from a\tby b", b"from c"]
    assert index.first(b"subject") == b"Hello   World"
    assert index.text(b"subject") == b"Hello   World  "
    assert index.first(b"cc") is None
    assert index.text(b"cc") is None
    assert index.all(b"cc") == []


def test_fields_with_their_places() -> None:
    fields = list(iter_fields(HEADER))
    assert [field.name for field in fields] == [b"Received", b"From", b"To", b"Subject", b"received"]
    for field in fields:
        assert HEADER[field.start : field.end].startswith(field.name)
        assert HEADER[field.start : field.end].endswith(b"\r\n")
    assert list(iter_fields(b"\r\nFrom: body\r\n")) == []


def test_first_value() -> None:
    assert first_value(HEADER, b"TO") == b"a@example.org, b@example.org"
    assert first_value(HEADER, b"cc") is None


def test_select() -> None:
    assert select_fields(HEADER, [b"TO", b"subject"]) == (
        b"To: a@example.org,\r\n b@example.org\r\nSubject : Hello\r\n   World  \r\n\r\n"
    )
    assert select_fields(HEADER, [b"x"]) == b"\r\n"
    assert select_fields(HEADER, []) == b"\r\n"
    assert select_fields(HEADER, [b"sub"]) == b"\r\n"  # whole names only
    assert select_fields(b"", [b"to"]) == b"\r\n"


def test_select_with_pattern_characters() -> None:
    assert select_fields(b"X.Y: 1\r\nXaY: 2\r\n\r\n", [b"x.y"]) == b"X.Y: 1\r\n\r\n"


def test_select_all_but() -> None:
    assert select_fields(HEADER, [b"RECEIVED", b"to"], invert=True) == (
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nno colon here\r\nSubject : Hello\r\n   World  \r\n\r\n"
    )
    assert select_fields(HEADER, [], invert=True) == HEADER


def test_select_from_a_header_that_just_ends() -> None:
    assert select_fields(b"A: 1\r\nB: 2", [b"b"]) == b"B: 2\r\n\r\n"
    assert select_fields(b"A: 1\r\nB: 2", [b"a"], invert=True) == b"B: 2\r\n\r\n"


def test_select_with_bare_line_feeds() -> None:
    assert select_fields(b"A: 1\n x\nB: 2\n\n", [b"a"]) == b"A: 1\n x\n\r\n"


def test_text_for_search() -> None:
    text = header_text(HEADER)
    assert "from: ju\u0308rgen <j@example.org>" in text.split("\n")
    assert header_values(text, "SUBJECT") == ["hello   world"]
    assert header_values(text, "Received") == ["from a\tby b", "from c"]
    assert header_values(text, "cc") == []
    assert header_values(header_text(b"X-Empty:\r\n\r\n"), "x-empty") == [""]


def test_text_with_raw_8bit_of_two_kinds() -> None:
    text = header_text("A: Ä\r\n".encode() + b"B: \xc4\r\n\r\n")
    assert header_values(text, "a") == header_values(text, "b") == ["a\u0308"]


def test_field_bodies_joined() -> None:
    assert text_of([b" A\r\n b ", b"=?utf-8?q?C?="]) == "a b\nc"


def test_unfold() -> None:
    assert unfold(b" a\r\n b\n\tc \r\n") == b"a b\tc"
    assert unfold(b"") == b""


_NAMES = st.text(alphabet="ABCabc-", min_size=1).map(str.encode)
_VALUES = st.lists(st.text(alphabet="xyz :", min_size=1).filter(str.strip).map(str.encode), min_size=1, max_size=3)


@given(st.lists(st.tuples(_NAMES, _VALUES)))
def test_the_standard_library_sees_the_same_fields(fields: list[tuple[bytes, list[bytes]]]) -> None:
    header = b"".join([b"%b: %b\r\n" % (name, b"\r\n ".join(lines)) for name, lines in fields]) + b"\r\n"
    theirs = [
        (k.encode(), str(v).replace("\r\n", "").replace("\n", "").strip(" ").encode())
        for k, v in message_from_bytes(header).items()
    ]
    assert [(field.name, unfold(field.value)) for field in iter_fields(header)] == theirs


@given(st.binary(), st.lists(st.binary(max_size=4), max_size=3), st.booleans())
def test_junk_never_raises(header: bytes, names: list[bytes], invert: bool) -> None:
    assert select_fields(header, names, invert).endswith(b"\r\n")
    list(iter_fields(header))
    header_text(header)


@given(st.lists(st.sampled_from([b"A: 1\r\n", b"B: 2\r\n 3\r\n", b"junk\r\n", b"C:\r\n"])))
def test_selected_and_the_rest_make_the_whole(lines: list[bytes]) -> None:
    header = b"".join(lines) + b"\r\n"
    chosen = select_fields(header, [b"a", b"b"])
    rest = select_fields(header, [b"a", b"b"], invert=True)
    assert len(chosen) + len(rest) == len(header) + 2
