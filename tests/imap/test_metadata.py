"""The grammar of RFC 5464; its examples are in tests/transcripts/imap/metadata.txt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax, ImapSettings, ServerEngine
from postroom.imap.metadata import (
    INFINITY,
    GetMetadata,
    SetMetadata,
    get_metadata,
    metadata,
    metadata_changed,
    set_metadata,
)
from postroom.imap.tokens import Cursor
from postroom.imap.types import Bad, Got


def at(raw: bytes, settings: ImapSettings | None = None) -> Cursor:
    return Cursor(raw, 0, settings or ImapSettings())


def test_options_stand_before_the_mailbox_or_behind_it() -> None:
    wanted = GetMetadata("INBOX", ("/private/a", "/shared/b"), INFINITY, 1024)
    assert get_metadata(at(b" (maxsize 1024 depth INFINITY) inbox (/private/a /shared/b)")) == wanted
    assert get_metadata(at(b" inbox (DEPTH infinity MAXSIZE 1024) (/private/a /shared/b)")) == wanted
    assert get_metadata(at(b' "" /shared/comment')) == GetMetadata("", ("/shared/comment",))
    assert get_metadata(at(b" x /private")) == GetMetadata("x", ("/private",))


def test_an_entry_is_one_in_any_case_and_stays_as_it_was_written() -> None:
    assert get_metadata(at(b' x (/Shared/Comment /shared/comment "/private/with space")')).entries == (
        "/Shared/Comment",
        "/private/with space",
    )
    assert set_metadata(at(b' x (/Private/A "1" /private/a NIL)')) == SetMetadata("x", (("/private/a", None),))


def test_values_hold_any_octets() -> None:
    assert set_metadata(at(b' x (/private/a ~{3}\r\n\0\r\n /shared/b "" /shared/c {2+}\r\n\xff\xfe)')).values == (
        ("/private/a", b"\0\r\n"),
        ("/shared/b", b""),
        ("/shared/c", b"\xff\xfe"),
    )
    with pytest.raises(BadSyntax):  # RFC 3501 §9: no NUL but in a literal8
        set_metadata(at(b" x (/private/a {1}\r\n\0)"))


@pytest.mark.parametrize(
    "name",
    [
        b"comment", b"/comment", b"/privateer/x", b"/private/", b"/private//x", b"/shared/x/", b'"/shared/a*"',
        b'"/shared/%"', b"{9}\r\n/shared/\xe4", b"{9}\r\n/shared/\x07", b'""', b"NIL", b"//shared/x",
        b"{10}\r\n/shared/x\n",
    ],
)  # fmt: skip
def test_what_no_entry_is_called(name: bytes) -> None:
    """RFC 5464 §3.2: BAD in any command."""
    for parse, raw in ((get_metadata, b" x (%b)" % name), (set_metadata, b' x (%b "v")' % name)):
        with pytest.raises(BadSyntax) as error:
            parse(at(raw))
        assert error.value.status == b"BAD"


@pytest.mark.parametrize(
    "raw",
    [b" x ()", b" x", b" (DEPTH 2) x /shared/a", b" (DEPTH) x /shared/a", b" (COLOUR 1) x /shared/a",
     b" () x /shared/a",
     b" (MAXSIZE x) x /shared/a", b" (MAXSIZE 1) (DEPTH 1) x /shared/a", b" (DEPTH 1) x (DEPTH 1) /shared/a",
     b" x (/shared/a", b" x /shared/a)"],
)  # fmt: skip
def test_wrong_get(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        get_metadata(at(raw))


@pytest.mark.parametrize(
    "raw", [b" x ()", b' x /private/a "v"', b" x (/private/a)", b" x (/private/a v)", b' x (/private "v")', b" x"]
)
def test_wrong_set(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        set_metadata(at(raw))


def test_limits() -> None:
    few = ImapSettings(max_metadata_entries=10, max_metadata_entry_octets=64, max_metadata_value_octets=1024)
    many = b" ".join(b"/shared/%d" % number for number in range(11))
    for parse, raw in ((get_metadata, b" x (%b)" % many), (set_metadata, b' x (%b "")' % many.replace(b" ", b' "" '))):
        with pytest.raises(BadSyntax, match="Too many"):
            parse(at(raw, few))
    with pytest.raises(BadSyntax) as long:
        get_metadata(at(b" x /shared/" + b"a" * 60, few))
    assert (long.value.status, long.value.code) == (b"NO", b"LIMIT")
    set_metadata(at(b" x (/shared/a {1024}\r\n%b)" % (b"a" * 1024), few))
    with pytest.raises(BadSyntax) as large:
        set_metadata(at(b" x (/shared/a {1025}\r\n%b)" % (b"a" * 1025), few))
    assert (large.value.status, large.value.code) == (b"NO", b"METADATA MAXSIZE 1024")


def test_special_uses_are_checked_as_in_create() -> None:
    """RFC 6154 §4."""
    assert set_metadata(at(b' x (/private/specialuse "\\\\dRAFTS")')).values == (("/private/specialuse", b"\\Drafts"),)
    assert set_metadata(at(b" x (/private/specialuse NIL)")).values == (("/private/specialuse", None),)
    for value in (b'"\\\\Shiny"', b'"\\\\Sent \\\\Drafts"', b'"Drafts"', b'" "'):
        with pytest.raises(BadSyntax) as error:
            set_metadata(at(b" x (/private/specialuse %b)" % value))
        assert (error.value.status, error.value.code) == (b"NO", b"USEATTR")


def test_responses() -> None:
    assert metadata(b'""', [("/shared/comment", b"My comment"), ("/private/with space", None)]) == (
        b'* METADATA "" (/shared/comment "My comment" "/private/with space" NIL)\r\n'
    )
    assert metadata(b"INBOX", [("/private/a", b"a\r\nb"), ("/private/b", b"\0")]) == (
        b"* METADATA INBOX (/private/a {4}\r\na\r\nb /private/b ~{1}\r\n\0)\r\n"
    )
    assert metadata_changed(b"INBOX", ["/shared/comment", "/private/comment"]) == (
        b"* METADATA INBOX /shared/comment /private/comment\r\n"
    )


@given(
    st.dictionaries(st.from_regex(r"/(private|shared)(/[a-z \-(){]{1,9}){1,3}", fullmatch=True),
                    st.none() | st.binary(max_size=60), min_size=1, max_size=5),
    st.integers(1, 30),
)  # fmt: skip
def test_any_splitting_of_any_values_gives_the_same_command(values: dict[str, bytes | None], size: int) -> None:
    def written(value: bytes | None) -> bytes:
        return b"NIL" if value is None else b"~{%d+}\r\n%b" % (len(value), value)

    pairs = b" ".join(b'"%b" %b' % (name.encode(), written(value)) for name, value in values.items())
    data = b"a SETMETADATA box (%b)\r\n" % pairs
    engine, events = ServerEngine(), []
    for start in range(0, len(data), size):
        engine.feed(data[start : start + size])
        while (event := engine.next_event()) is not None:
            events.append(event)
    expected = SetMetadata("box", tuple(values.items()))
    if values.get("/private/specialuse") is None:
        assert events == [Got(b"a", b"SETMETADATA", expected)]


@given(st.binary(max_size=60), st.sampled_from([b"GETMETADATA", b"SETMETADATA"]))
def test_random_arguments_are_bad_or_a_command(octets: bytes, name: bytes) -> None:
    engine = ServerEngine()
    engine.feed(b"a %b %b\r\n" % (name, octets))
    while (event := engine.next_event()) is not None:
        assert isinstance(event, Got | Bad)
