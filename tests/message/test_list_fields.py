"""The header of a list's mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import (
    decode_field,
    first_value,
    list_fields,
    list_id,
    list_ids,
    posted_header,
    unsubscribe_fields,
)

HEADER = (
    b"Received: x\r\nList-Id: The others\r\n <other.example.net>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"LIST-Unsubscribe: <mailto:x@y>\r\nPrecedence: bulk\r\nList-Unsubscribe-Post: x\r\nX-List: stays\r\n\r\n"
)


def test_the_fields_of_a_list() -> None:
    fields = list_fields("News@example.org", title='The "news"', archive="https://example.org/a", closed=False)
    assert fields == (
        b'List-Id: "The \\"news\\"" <news.example.org>\r\n'
        b"List-Post: <mailto:News@example.org>\r\n"
        b"List-Help: <mailto:News-request@example.org?subject=help>\r\n"
        b"List-Owner: <mailto:News-owner@example.org>\r\n"
        b"List-Archive: <https://example.org/a>\r\n"
        b"Precedence: list\r\n"
    )
    assert list_ids(fields + b"\r\n") == {list_id("news@example.org")} == {"news.example.org"}
    closed = list_fields("n@e.org", title="Gr\u00fc\u00dfe", archive="", closed=True)
    assert b"List-Post: NO\r\n" in closed
    assert closed.isascii()
    assert list_ids(closed) == {"n.e.org"}
    assert decode_field(first_value(closed, b"List-Id") or b"") == "Gr\u00fc\u00dfe <n.e.org>"


def test_the_fields_of_a_member() -> None:
    assert unsubscribe_fields("n-unsubscribe+1@e.org", "") == b"List-Unsubscribe: <mailto:n-unsubscribe+1@e.org>\r\n"
    both = unsubscribe_fields("n-unsubscribe+1@e.org", "https://e.org/u/1")
    assert first_value(both, b"List-Unsubscribe") == b"<https://e.org/u/1>, <mailto:n-unsubscribe+1@e.org>"
    assert both.endswith(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")


def test_what_other_lists_said_goes_and_the_rest_stays() -> None:
    assert list_ids(HEADER) == {"other.example.net"}
    assert posted_header(HEADER, "") == (
        b"Received: x\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-List: stays\r\n\r\n"
    )
    assert posted_header(b"\r\n", "[n]") == b"\r\n"
    assert list_ids(b"List-Id: bare.e.org\r\n\r\n") == {"bare.e.org"}


@pytest.mark.parametrize(
    ("subject", "prefixed"),
    [
        ("hello", "[n] hello"),
        ("Re: hello", "Re: [n] hello"),
        ("AW: [n] hello", "Re: [n] hello"),
        ("[n] hello", "[n] hello"),
        ("", "[n]"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "[n] Gr\u00fc\u00dfe"),
    ],
)
def test_a_subject_has_the_prefix_once(subject: str, prefixed: str) -> None:
    header = posted_header(f"A: b\r\nSubject: {subject}\r\nC: d\r\n\r\n".encode(), "[n]")
    assert header.startswith(b"A: b\r\nSubject:")
    assert header.endswith(b"\r\nC: d\r\n\r\n")
    assert decode_field(first_value(header, b"Subject") or b"") == prefixed


@given(st.binary())
def test_nothing_raises(header: bytes) -> None:
    posted_header(header, "[n]")
    list_ids(header)
