"""SETACL and its kin: what is read, what is written (the RFC's own examples are in tests/transcripts/imap/acl.txt)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.acl import (
    ALL_RIGHTS,
    EXTRA_RIGHTS,
    DeleteAcl,
    GetAcl,
    ListRights,
    MyRights,
    SetAcl,
    acl_line,
    in_order,
    listrights_line,
    myrights_line,
    parse_deleteacl,
    parse_getacl,
    parse_listrights,
    parse_myrights,
    parse_setacl,
    shown,
)
from postroom.imap.tokens import Cursor


def at(raw: bytes, settings: ImapSettings | None = None) -> Cursor:
    return Cursor(raw, 0, settings or ImapSettings())


def test_the_five_commands() -> None:
    assert parse_setacl(at(b" INBOX/Drafts David lrswida")) == SetAcl("INBOX/Drafts", "David", "", "lrswitea")
    assert parse_setacl(at(b' inbox "-Fred" +wetd')) == SetAcl("INBOX", "-Fred", "+", "wte")
    assert parse_setacl(at(b' INBOX David ""')) == SetAcl("INBOX", "David", "", "")
    assert parse_setacl(at(b" INBOX David -")) == SetAcl("INBOX", "David", "-", "")
    assert parse_deleteacl(at(b" INBOX Fred")) == DeleteAcl("INBOX", "Fred")
    assert parse_getacl(at(b" &AOQ-")) == GetAcl("ä")
    assert parse_listrights(at(b" ~/Mail/saved smith")) == ListRights("~/Mail/saved", "smith", b"smith")
    assert parse_myrights(at(b' "INBOX"')) == MyRights("INBOX")


def test_the_obsolete_rights_stand_for_new_ones() -> None:
    """RFC 4314 §2.1.1."""
    assert parse_setacl(at(b" a b c")).rights == "kx"
    assert parse_setacl(at(b" a b d")).rights == "te"
    assert parse_setacl(at(b" a b cdktexa")).rights == "kxtea"


@pytest.mark.parametrize("rights", [b"lrQswicda", b"lrqswicda", b"0", b"l+r", b"++l", b"{3+}\r\n\xc3\xa4l"])
def test_an_unknown_right_is_bad(rights: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_setacl(at(b" INBOX John " + rights))


@pytest.mark.parametrize(
    "identifier", [b'""', b'"-"', b"{1+}\r\n\xff", b'"a\x07b"', b"{3+}\r\n\xef\xbf\xbd", b'"\xc2\xad"']
)
def test_an_identifier_that_cannot_be_prepared_is_bad(identifier: bytes) -> None:
    """RFC 4314 §3."""
    for parse in (parse_deleteacl, parse_listrights):
        with pytest.raises(BadSyntax):
            parse(at(b" INBOX " + identifier))


def test_identifiers_are_prepared_and_bounded() -> None:
    command = parse_listrights(at(b' INBOX "I\xc2\xadX"'))  # RFC 4013 §3, example 1
    assert (command.identifier, command.written) == ("IX", b"I\xc2\xadX")
    settings = ImapSettings(max_identifier_octets=64)
    assert parse_deleteacl(at(b" INBOX " + b"x" * 64, settings)).identifier == "x" * 64
    with pytest.raises(BadSyntax):
        parse_deleteacl(at(b" INBOX " + b"x" * 65, settings))


@pytest.mark.parametrize("raw", [b"", b" ", b" INBOX", b" INBOX x", b" INBOX x l more", b" INBOX  x l"])
def test_what_is_missing_or_too_much(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_setacl(at(raw))


def test_responses() -> None:
    assert (
        acl_line(b"INBOX", [("fred", ALL_RIGHTS), ("-fred", "wte"), ("", ""), ("ä", "l")])
        == b'* ACL INBOX fred lrswipkxtecda -fred wted "" "" {2}\r\n\xc3\xa4 l\r\n'
    )
    assert acl_line(b"INBOX", []) == b"* ACL INBOX\r\n"
    assert myrights_line(b"INBOX", "lrswi") == b"* MYRIGHTS INBOX lrswi\r\n"
    assert myrights_line(b"INBOX", "") == b'* MYRIGHTS INBOX ""\r\n'
    line = listrights_line(b"a/b", b"anyone", "", ALL_RIGHTS)
    assert line == b'* LISTRIGHTS a/b anyone "" l r s w i p k x t e c d a\r\n'
    assert listrights_line(b"a", b"fred", ALL_RIGHTS, "") == b"* LISTRIGHTS a fred lrswipkxtecda\r\n"


@given(st.text(alphabet=ALL_RIGHTS + "cd"))
def test_what_is_shown_means_what_was_set(letters: str) -> None:
    """RFC 4314 §2.1.1: who sends back what was shown changes at most what a virtual right brings along."""
    rights = parse_setacl(at(b" a b " + (letters.encode() or b'""'))).rights
    assert rights == in_order(rights)
    text = shown(rights).decode().strip('"')
    assert set(text) - set("cd") == set(rights)
    assert ("c" in text) == bool(set("kx") & set(rights))
    assert ("d" in text) == bool(set("te") & set(rights))
    assert len(set(text)) == len(text)


def test_the_extra_rights() -> None:
    """RFC 4314 §2.2, §5.1.1."""
    assert set(EXTRA_RIGHTS.decode()) == set(ALL_RIGHTS) - set("lrswipacd")
