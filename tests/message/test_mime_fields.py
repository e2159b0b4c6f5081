"""Content-Type and its sisters."""

import time
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.mime_fields import (
    decoded_param,
    language_tags,
    only_token,
    param,
    parse_content_type,
    parse_disposition,
    strip_comments,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain", (b"text", b"plain", [])),
        (b"TEXT / html ; Charset = UTF-8 ", (b"TEXT", b"html", [(b"Charset", b"UTF-8")])),
        (b'multipart/mixed; boundary="a; b"', (b"multipart", b"mixed", [(b"boundary", b"a; b")])),
        (b'a/b; x="q\\"u\\\\o"; y=z', (b"a", b"b", [(b"x", b'q"u\\o'), (b"y", b"z")])),
        (b"text/plain; charset=us-ascii (Plain text)", (b"text", b"plain", [(b"charset", b"us-ascii")])),
        (b"text/plain (a (nested) one); a=b", (b"text", b"plain", [(b"a", b"b")])),
        (b"multipart/mixed; boundary=a=b/c:d", (b"multipart", b"mixed", [(b"boundary", b"a=b/c:d")])),
        (b"text/plain charset=utf-8", (b"text", b"plain", [(b"charset", b"utf-8")])),
        (b"text/plain;; ; a=b;", (b"text", b"plain", [(b"a", b"b")])),
        (b'text/plain; a="open', (b"text", b"plain", [(b"a", b"open")])),
        (b'text/plain; a=""', (b"text", b"plain", [(b"a", b"")])),
        (b"text/plain; junk; a=b", (b"text", b"plain", [(b"a", b"b")])),
    ],
)
def test_content_type(value: bytes, expected: tuple[bytes, bytes, list[tuple[bytes, bytes]]]) -> None:
    assert parse_content_type(value) == expected


@pytest.mark.parametrize("value", [b"", b"text", b"text/", b"/plain", b"text plain", b"; charset=x", b"\xff/\0"])
def test_what_is_no_content_type(value: bytes) -> None:
    assert parse_content_type(value) is None


def test_continued_parameters_are_joined() -> None:
    """RFC 2231 §3, §4.1."""
    parsed = parse_content_type(
        b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;"
        b' title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"; other=1'
    )
    assert parsed is not None
    assert parsed[2] == [
        (b"title*", b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn't it!"),
        (b"other", b"1"),
    ]
    assert decoded_param(parsed[2], b"title") == "This is even more ***fun*** isn't it!"


def test_plain_continuations() -> None:
    parsed = parse_disposition(b'attachment; filename*1="b%.txt"; filename*0="a"; filename*3=lost')
    assert parsed == (b"attachment", [(b"filename", b"ab%.txt")])


def test_file_names_for_search() -> None:
    assert decoded_param([(b"filename*", b"utf-8''caf%C3%A9.txt")], b"filename") == "café.txt"
    assert decoded_param([(b"filename", b"=?utf-8?q?caf=C3=A9?=.txt")], b"filename") == "café.txt"
    assert decoded_param([], b"filename") == ""


def test_param() -> None:
    assert param([(b"Name", b"x"), (b"name", b"y")], b"name") == b"x"
    assert param([], b"name") is None


def test_other_fields() -> None:
    assert parse_disposition(b"inline") == (b"inline", [])
    assert parse_disposition(b"") is None
    assert only_token(b" base64 (really) ") == b"base64"
    assert only_token(b"quoted printable") is None  # established servers then say 7bit
    assert only_token(b"quoted-printable;") is None
    assert language_tags(b"de, en (British),,") == [b"de", b"en"]


def test_comments() -> None:
    assert strip_comments(b'a (b \\) (c)) "(d)" e').split() == [b"a", b'"(d)"', b"e"]
    assert strip_comments(b"a (open") == b"a "


_TOKEN = st.text(alphabet="abcXYZ019-_.", min_size=1)
_TEXT = st.text(alphabet="abc \"\\;=()<>/é'%", max_size=12)


@given(_TOKEN, _TOKEN, st.dictionaries(_TOKEN.map(str.lower), _TEXT, max_size=4))
def test_quoted_parameters_round_trip(major: str, minor: str, params: dict[str, str]) -> None:
    quoted = "".join(
        f'; {name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for name, value in params.items()
    )
    parsed = parse_content_type(f"{major}/{minor}{quoted}".encode())
    assert parsed == (major.encode(), minor.encode(), [(n.encode(), v.encode()) for n, v in params.items()])


@given(_TOKEN, st.dictionaries(_TOKEN.map(str.lower), _TOKEN, max_size=3))
def test_the_standard_library_reads_the_same(minor: str, params: dict[str, str]) -> None:
    value = f"text/{minor}" + "".join(f"; {name}={text}" for name, text in params.items())
    theirs = Message()
    theirs["Content-Type"] = value
    parsed = parse_content_type(value.encode())
    assert parsed is not None
    got = theirs.get_params(failobj=[])
    assert [(name.decode(), text.decode()) for name, text in parsed[2]] == [tuple(pair) for pair in got[1:]]


@given(st.binary())
def test_junk_never_raises(value: bytes) -> None:
    parse_content_type(b"a/b;" + value)
    parse_disposition(value)
    only_token(value)
    language_tags(value)
    strip_comments(value)


@given(st.lists(st.sampled_from([b"a*0=x;", b"a*1*=%41;", b"a*=u'';", b"b*9999=;", b"a=1;", b'"', b"\\", b"("])))
def test_odd_parameters_never_raise(pieces: list[bytes]) -> None:
    parsed = parse_content_type(b"a/b;" + b"".join(pieces))
    if parsed:
        decoded_param(parsed[2], b"a")


def test_a_single_section_is_a_parameter_too() -> None:
    """RFC 2231 §3: "name*0" alone; found by tests/message/test_oracle.py."""
    assert parse_disposition(b"a; filename*0=x") == (b"a", [(b"filename", b"x")])
    assert parse_disposition(b"a; filename*0*=utf-8''%3B") == (b"a", [(b"filename*", b"utf-8''%3B")])


@pytest.mark.parametrize("piece", [b";", b" ", b"; ", b"a ", b";a=", b';a="\\', b";a", b'"', b"("])
def test_many_separators_take_linear_time(piece: bytes) -> None:
    """250,000 semicolons took hours."""
    started = time.process_time()
    parse_content_type(b"text/plain" + piece * (250_000 // len(piece)))
    assert time.process_time() - started < 1
