"""LANGUAGE's ranges."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.language import Language, chosen, language
from postroom.imap.tokens import Cursor

TAGS = (b"en", b"de", b"zh-Hant-TW", b"i-default")


def parsed(raw: bytes) -> Language:
    return language(Cursor(raw, 0, ImapSettings(max_language_ranges=3)))


def test_ranges() -> None:
    assert parsed(b"") == Language(())
    assert parsed(b' DE-it "default" *') == Language((b"de-it", b"default", b"*"))
    assert parsed(b' "*" {2}\r\nEN') == Language((b"*", b"en"))


@pytest.mark.parametrize(
    "raw", [b" ", b" -", b" e_n", b' ""', b" *-de", b" en ", b" toolonglanguage", b" a b c d", b"\t"]
)
def test_what_is_no_range(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parsed(raw)


@pytest.mark.parametrize(
    ("ranges", "tag"),
    [
        ("en", b"en"),
        ("mul", None),
        ("fr de", b"de"),
        ("fr-ca en-ca", b"en"),  # RFC 5255 §3.2
        ("zh", b"zh-Hant-TW"),  # RFC 4647 §3.3.1
        ("zh-hant", b"zh-Hant-TW"),
        ("zh-hans", None),
        ("de-x-private", b"de"),  # RFC 4647 §3.4: a single letter goes with what follows it
        ("i-default", b"i-default"),
        ("i-klingon", None),
        ("fr default", b"de"),
        ("*", b"de"),
        ("", None),
    ],
)
def test_the_first_range_that_means_a_language(ranges: str, tag: bytes | None) -> None:
    assert chosen([one.encode() for one in ranges.split()], TAGS, b"de") == tag
