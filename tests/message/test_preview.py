"""RFC 8970 §3."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import MessageSettings, Scanner
from postroom.message.preview import preview


def of(message: str, settings: MessageSettings | None = None) -> str:
    scanner = Scanner(settings or MessageSettings())
    scanner.feed(message.replace("\n", "\r\n").encode())
    return scanner.finish().preview


def mixed(*parts: str, kind: str = "mixed") -> str:
    body = "".join(f"--{kind}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={kind}\n\n{body}--{kind}--\n"


PLAIN, HTML = "\nPlain Words\n", "Content-Type: text/html\n\n<p>HTML <b>Words</b></p>\n"
ATTACHED = "Content-Disposition: attachment\n\nnot this\n"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (PLAIN, "Plain Words"),
        (HTML, "HTML Words"),
        ("", ""),
        ("Subject: only\n", ""),
        (mixed(PLAIN, HTML, kind="alternative"), "Plain Words"),
        (mixed(HTML, PLAIN, kind="alternative"), "Plain Words"),
        (mixed("\n \n", HTML, kind="alternative"), "HTML Words"),
        (mixed(HTML, PLAIN), "HTML Words"),  # what is seen first
        (mixed(PLAIN, HTML), "Plain Words"),
        (mixed(ATTACHED, PLAIN), "Plain Words"),
        (mixed(ATTACHED), ""),
        (mixed(mixed(HTML, PLAIN, kind="alternative"), "\nlater\n"), "Plain Words"),
        (mixed(mixed(HTML, kind="alternative"), PLAIN), "HTML Words"),
        (mixed(mixed(HTML, "Content-Type: image/png\n\nxx\n", kind="related")), "HTML Words"),
        (mixed("Content-Type: message/rfc822\n\nSubject: inner\n\nInner Words\n"), "Inner Words"),
        (mixed("Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n", PLAIN), "Plain Words"),
        ("Content-Type: image/png\n\nxx\n", ""),
        (mixed("Content-Type: application/pgp-encrypted\n\nVersion: 1\n", kind="encrypted"), ""),
        ("\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", ""),
        ("\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSigned\n-----BEGIN PGP SIGNATURE-----\nxx\n", "Signed"),
        ("Content-Type: text/plain; charset=utf-8\n\nGrüße \u200b\u200b an\u00a0alle\n", "Grüße an alle"),
        ("Content-Transfer-Encoding: base64\n\nSGVsbG8sIFdvcmxk\n", "Hello, World"),
        ("\nOn 1 May, Joe wrote:\n\n> old\n>> older\n\nNew\n-- \nJoe\n", "New"),
        ("\nTop answer\n\nOn 1 May, Joe wrote:\n> old\n", "Top answer"),
        ("\n> only\n> quoted\n", "> only > quoted"),
        ("\na\x00\x07b\x1b[1m\n", "ab[1m"),
    ],
)
def test_what_a_reader_sees_first(message: str, words: str) -> None:
    assert of(message) == words


def test_it_does_not_depend_on_what_is_kept_for_search() -> None:
    scanner = Scanner(MessageSettings(max_search_text_octets=0))
    scanner.feed(mixed(PLAIN, HTML).encode())
    facts = scanner.finish()
    assert (facts.preview, facts.search.body, facts.search.complete) == ("Plain Words", "", False)


def test_it_is_cut_at_its_setting() -> None:
    assert of("\n" + "word " * 100) == ("word " * 40).rstrip()
    assert of("\n" + "x" * 1000, MessageSettings(max_preview_characters=16)) == "x" * 16


@pytest.mark.parametrize("mark", ["\u0301", "\u200d", "\ufe0f"])
def test_a_cut_keeps_marks_with_their_letters(mark: str) -> None:
    assert preview("ab" + "e" + mark * 3 + "cd", 4) == "ab"
    assert len(preview("e" + mark * 1000, 100)) == 100 - 32  # it gives way only so far


@given(st.text(), st.integers(1, 40))
def test_any_text(text: str, limit: int) -> None:
    found = preview(text, limit)
    assert len(found) <= limit
    assert found == " ".join(found.split())
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in found)


@pytest.mark.parametrize("piece", [">", "> \n", "\n", "On wrote:\n>", "\u200b", "a\u0301", "-- \n", " "])
def test_hostile_text_is_not_slow(piece: str) -> None:
    preview(piece * (1_000_000 // len(piece)), 256)
