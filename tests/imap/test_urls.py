"""URLs of messages (RFC 5092 §11), and how they are shown."""

import pytest
from hypothesis import given

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.types import Section, SectionText
from postroom.imap.urls import MessageUrl, badurl_code, parse_url

from .octets import octets

SETTINGS = ImapSettings()
WHOLE = Section(peek=True)


def section(part: tuple[int, ...] = (), text: SectionText = SectionText.ALL, label: bytes = b"BODY[]") -> Section:
    return Section(part, text, peek=True, label=label)


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        (b"/INBOX/;UID=3", MessageUrl("INBOX", None, 3, WHOLE)),
        (b"/inbox;uidvalidity=785799047/;uid=113330", MessageUrl("INBOX", 785799047, 113330, WHOLE)),
        (
            b"/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9",
            MessageUrl("INBOX", 785799047, 113330, section((1, 5, 9), label=b"BODY[1.5.9]")),
        ),
        (  # as RFC 4469's example 4 has it in its response
            b"/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9",
            MessageUrl("INBOX", 785799047, 113330, section((1, 5, 9), label=b"BODY[1.5.9]")),
        ),
        (
            b"/a/;UID=1/;SECTION=1.MIME",
            MessageUrl("a", None, 1, section((1,), SectionText.MIME, label=b"BODY[1.MIME]")),
        ),
        (b"/a/b;UIDVALIDITY=4/;UID=1", MessageUrl("a/b", 4, 1, WHOLE)),
        (b"/a%20b%2fc%3B/;UID=1", MessageUrl("a b/c;", None, 1, WHOLE)),
        (b"/%C3%A4/;UID=1", MessageUrl("ä", None, 1, WHOLE)),
        (b";UID=20/;section=HEADER", MessageUrl(None, None, 20, section((), SectionText.HEADER, b"BODY[HEADER]"))),
        (b"/a/;UID=1/;PARTIAL=0.1024", MessageUrl("a", None, 1, Section(partial=(0, 1024), peek=True))),
        (b"/a/;UID=1/;PARTIAL=7", MessageUrl("a", None, 1, Section(partial=(7, 2**32 - 1), peek=True))),
    ],
)
def test_urls(url: bytes, parsed: MessageUrl) -> None:
    assert parse_url(url, SETTINGS) == parsed


def test_header_fields() -> None:
    found = parse_url(b"/a/;UID=1/;SECTION=HEADER.FIELDS%20(To%20Cc)/;PARTIAL=1.2", SETTINGS).section
    assert (found.text, found.fields, found.partial) == (SectionText.HEADER_FIELDS, (b"To", b"Cc"), (1, 2))


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"/",
        b"/INBOX",
        b"/INBOX?SUBJECT%20x",
        b"imap://host/INBOX/;UID=1",
        b"//host/INBOX/;UID=1",
        b"INBOX/;UID=1",  # RFC 5092 §7.2
        b"/INBOX/;UID=0",
        b"/INBOX/;UID=4294967296",
        b"/INBOX/;UID=1x",
        b"/INBOX;UIDVALIDITY=0/;UID=1",
        b"/INBOX/;UID=1/;SECTION=",
        b"/INBOX/;UID=1/;SECTION=x",
        b"/INBOX/;UID=1/;SECTION=MIME",
        b"/INBOX/;UID=1/;SECTION=1]<0.5>",
        b"/INBOX/;UID=1/;PARTIAL=1.0",
        b"/INBOX/;UID=1/;PARTIAL=5/;SECTION=1",
        b"/INBOX/;UID=1;URLAUTH=anonymous:internal:" + b"0" * 32,
        b"/INBOX/;UID=1?x",
        b"/%zz/;UID=1",
        b"/%FF/;UID=1",
        b"/a b/;UID=1",
        b"/a/;UID=1\r\n",
        b"/;UID=1",
        b"/" + b"a" * 5000 + b"/;UID=1",
        b"/" + b";" * 60000,
        b"/a" + b"/;UIDVALIDITY=1" * 4000,
    ],
)
def test_what_names_no_message_here(url: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_url(url, SETTINGS)


def test_a_shown_url_ends_nothing() -> None:
    assert badurl_code(b'/a"]\r\n* BYE\0\xff%20') == b'BADURL "/a%22%5D%0D%0A*%20BYE%00%FF%20"'
    assert len(badurl_code(b"\r" * 5000)) < 3100


@given(octets(80))
def test_junk_raises_nothing_else(url: bytes) -> None:
    for text in (url, b"/" + url, b"/a/;UID=1" + url, b"/a/;UID=1/;SECTION=" + url):
        try:
            parse_url(text, SETTINGS)
        except BadSyntax:
            pass
        code = badurl_code(text)
        assert code.isascii()
        assert not {b"\r"[0], b"\n"[0], b"]"[0], 0} & set(code)
