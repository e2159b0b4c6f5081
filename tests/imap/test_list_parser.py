"""LIST, LSUB and STATUS; the many good and bad spellings are in tests/transcripts/imap/list.txt."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.list_parser import parse_list, parse_lsub, parse_status
from postroom.imap.tokens import Cursor
from postroom.imap.types import List, Status, StatusItem


def at(raw: bytes, settings: ImapSettings | None = None) -> Cursor:
    return Cursor(raw, 0, settings or ImapSettings())


def test_the_three_signs_of_an_extended_list() -> None:
    """RFC 5258 §1."""
    assert parse_list(at(b' "" ""')) == List("", ("",))
    assert parse_list(at(b' () "" %')) == List("", ("%",), extended=True)
    assert parse_list(at(b' "" (%)')) == List("", ("%",), extended=True)
    assert parse_list(at(b' "" % RETURN ()')) == List("", ("%",), extended=True)


def test_options() -> None:
    assert parse_list(at(b' (subscribed special-use) a (b "c d" b) return (children)')) == List(
        "a", ("b", "c d"), False, (b"SUBSCRIBED", b"SPECIAL-USE"), (b"CHILDREN",), True
    )


@pytest.mark.parametrize(
    "raw", [b' "" % RETURN', b' "" % SHOW ()', b' "" % RETURN (SHINY)', b' (SHINY) "" %', b' "" (%']
)
def test_wrong_options(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_list(at(raw))


def test_lsub() -> None:
    assert parse_lsub(at(b' "#news." "comp.mail.*"')) == List("#news.", ("comp.mail.*",), lsub=True)
    assert parse_lsub(at(b' "" a&b')) == List("", (), lsub=True)


def test_the_number_of_patterns_is_limited() -> None:
    few = ImapSettings(max_list_patterns=2)
    assert parse_list(at(b' "" (a b)', few)).patterns == ("a", "b")
    with pytest.raises(BadSyntax):
        parse_list(at(b' "" (a b c)', few))


def test_status_asks_once_for_each() -> None:
    assert parse_status(at(b" x (MESSAGES unseen MESSAGES)")) == Status("x", (StatusItem.MESSAGES, StatusItem.UNSEEN))
    for raw in (b" x (MESSAGES", b" x ( MESSAGES)", b" x", b" x (MESSAGES) x"):
        with pytest.raises(BadSyntax):
            parse_status(at(raw))


def test_return_options_with_arguments() -> None:
    """RFC 5819 §4, RFC 9590 §4."""
    command = parse_list(at(b' "" % RETURN (status (unseen size) CHILDREN metadata ("/Shared/a" /private/b))'))
    assert command.return_options == (b"STATUS", b"CHILDREN", b"METADATA")
    assert command.status == (StatusItem.UNSEEN, StatusItem.SIZE)
    assert command.metadata == ("/Shared/a", "/private/b")
    for options in (b"STATUS", b"STATUS ()", b"STATUS(SIZE)", b"METADATA", b"METADATA ()", b"METADATA /shared/a"):
        with pytest.raises(BadSyntax):
            parse_list(at(b' "" %% RETURN (%b)' % options))
