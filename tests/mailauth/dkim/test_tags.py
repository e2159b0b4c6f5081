"""Tag=value lists: what is one, what is none."""

import pytest

from postroom.mailauth.dkim.tags import MAX_TAGS, BadTags, read_base64, read_list, read_tags, without_value


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (b"a=b", {"a": b"b"}),
        (b"a=b;", {"a": b"b"}),
        (b"a=b; \r\n ", {"a": b"b"}),
        (b" a = b ;\r\n\tc=d e ", {"a": b"b", "c": b"d e"}),
        (b"a=b\r\n c; d=", {"a": b"b\r\n c", "d": b""}),
        (b"a=b=c==", {"a": b"b=c=="}),
        (b"A=1;a=2", {"A": b"1", "a": b"2"}),
        (b"a_1=x", {"a_1": b"x"}),
        (b"a=b\n c", {"a": b"b\n c"}),
        ("i=ü@example.org".encode(), {"i": "ü@example.org".encode()}),
        (b"", {}),
        (b" ", {}),
    ],
)
def test_lists(text: bytes, tags: dict[str, bytes]) -> None:
    assert read_tags(text) == tags


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a=1; b=2; a=1", "a= occurs twice"),
        (b"a", "not a tag: 'a'"),
        (b"a=b;;c=d", "not a tag: ''"),
        (b";", "not a tag: ''"),
        (b"a=b;;", "not a tag: ''"),
        (b"=b", "not a tag"),
        (b"1a=b", "not a tag"),
        (b"_a=b", "not a tag"),
        (b"a b=c", "not a tag"),
        (b"a-b=c", "not a tag"),
        ("ü=c".encode(), "not a tag"),
        (b"a=\x00", "octet 0"),
        (b"a=b\r\nc=d", "octet 10"),  # not folded: two fields
        (b"a=b\rc", "octet 13"),
        (b"a=b\x7f", "octet 127"),
        (b";".join(b"a%d=" % number for number in range(MAX_TAGS + 1)), "more than 100 tags"),
    ],
)
def test_what_is_no_list(text: bytes, words: str) -> None:
    with pytest.raises(BadTags, match=words):
        read_tags(text)


@pytest.mark.parametrize(
    ("text", "emptied"),
    [
        (b" a=1; b=abc\r\n def ; c=2", b" a=1; b=; c=2"),
        (b"b = abc", b"b ="),
        (b"bh=x; b=y;", b"bh=x; b=;"),
        (b"bh=x;\r\n\tb\t=y", b"bh=x;\r\n\tb\t="),
        (b"bh=b=x; c=b=y", b"bh=b=x; c=b=y"),
    ],
)
def test_a_value_is_taken_out_with_the_white_space_around_it(text: bytes, emptied: bytes) -> None:
    assert without_value(text, b"b") == emptied


def test_base64() -> None:
    assert read_base64(b"AQ\r\n ID BA==") == b"\x01\x02\x03\x04"
    for wrong in (b"", b" ", b"A", b"AQ", b"AQ=", b"A*==", b"AQ==AQ==", b"AQIDBA=", b"====", b"AQ-_"):
        with pytest.raises(BadTags):
            read_base64(wrong)


def test_lists_with_colons() -> None:
    assert read_list(b"from : to\r\n :subject") == [b"from", b"to", b"subject"]
    assert read_list(b"") == [b""]
