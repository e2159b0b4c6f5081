"""Paths: what RFC 5321 §4.1.2 allows, what it does not, and the one form that comes out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.smtp import BadPath, SmtpSettings, address_literal, canonical_local, parse_path, split_address
from postroom.smtp.addresses import is_hello_name

SETTINGS = SmtpSettings()


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        (b"<bob@foo.com>", "bob@foo.com"),
        (b"<Bob.Smith+tag@FOO.com>", "Bob.Smith+tag@FOO.com"),
        (b"<!#$%&'*+-/=?^_`{|}~@foo.com>", "!#$%&'*+-/=?^_`{|}~@foo.com"),
        (b'<"bob"@foo.com>', "bob@foo.com"),
        (b'<"b\\o\\b"@foo.com>', "bob@foo.com"),
        (b'<"bob smith"@foo.com>', '"bob smith"@foo.com'),
        (b'<"a\\"b"@foo.com>', '"a\\"b"@foo.com'),
        (b'<"bob@evil.com"@foo.com>', '"bob@evil.com"@foo.com'),
        (b'<"Joe\\,Smith"@foo.com>', '"Joe,Smith"@foo.com'),
        (b"<@a.com,@b.com:bob@foo.com>", "bob@foo.com"),
        (b"<@[127.0.0.1]:bob@foo.com>", "bob@foo.com"),
        (b"<bob@[192.0.2.1]>", "bob@[192.0.2.1]"),
        (b"<bob@[IPv6:2001:db8::1]>", "bob@[IPv6:2001:db8::1]"),
        (b"<bob@localhost>", "bob@localhost"),
        ("<bjørn@blåbær.example>".encode(), "bjørn@blåbær.example"),
        ('<"bjørn b"@foo.com>'.encode(), '"bjørn b"@foo.com'),
        (b'<""@foo.com>', '""@foo.com'),
    ],
)
def test_paths(raw: bytes, address: str) -> None:
    for forward in (True, False):
        path = parse_path(raw + b" SIZE=1", SETTINGS, forward=forward)
        assert path == (address, len(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"bob@foo.com",
        b"<bob>",
        b"<bob@>",
        b"<@foo.com>",
        b"<bob@foo.com",
        b"bob@foo.com>",
        b"<<bob@foo.com>>",
        b"< bob@foo.com>",
        b"<bob@foo.com >",
        b"<bob@foo@bar.com>",
        b"<.bob@foo.com>",
        b"<bob.@foo.com>",
        b"<b..ob@foo.com>",
        b"<bob@foo..com>",
        b"<bob@.com>",
        b"<bob@foo.com.>",
        b"<bob@-foo.com>",
        b"<bob@foo-.com>",
        b"<bob@foo_bar.com>",
        b"<bob smith@foo.com>",
        b'<"bob@foo.com>',
        b'<"a\x07b"@foo.com>',
        b'<"bob"smith@foo.com>',
        b"<bob@[300.0.2.1]>",
        b"<bob@[1.2.3]>",
        b"<bob@[IPv6:1::2::3]>",
        b"<bob@[IPv6:fe80::1%eth0]>",
        b"<bob@[X400:thing]>",
        b"<bob@[]>",
        b"<a(comment)@foo.com>",
        b"<\xff@foo.com>",
        b"<" + b"a" * 257 + b"@foo.com>",
        b"<bob@" + b"a" * 64 + b".com>",
        b"<bob@" + b"a." * 130 + b"com>",
        b"<@" + b"a." * 600 + b"com:bob@foo.com>",
    ],
)
def test_what_is_no_path(raw: bytes) -> None:
    for forward in (True, False):
        with pytest.raises(BadPath):
            parse_path(raw, SETTINGS, forward=forward)


def test_the_null_path_is_for_senders_and_postmaster_for_recipients() -> None:
    assert parse_path(b"<>", SETTINGS, forward=False).address == ""
    with pytest.raises(BadPath):
        parse_path(b"<>", SETTINGS, forward=True)
    assert parse_path(b"<PostMaster>", SETTINGS, forward=True).address == "PostMaster"
    with pytest.raises(BadPath):
        parse_path(b"<postmaster>", SETTINGS, forward=False)


def test_missing_brackets_are_a_named_tolerance() -> None:
    lax = SmtpSettings(quirk_missing_angle_brackets=True)
    assert parse_path(b"bob@foo.com SIZE=3", lax, forward=False) == ("bob@foo.com", 11)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
def test_all_quoted_forms_of_a_name_are_one(name: str) -> None:
    plain = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    every = '"' + "".join("\\" + c for c in name) + '"'
    assert canonical_local(plain) == canonical_local(every)
    once = canonical_local(plain)
    assert canonical_local(once) == once
    assert parse_path(f"<{every}@foo.com>".encode(), SETTINGS, forward=True).address == f"{once}@foo.com"


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_octets_raise_nothing_else(raw: bytes) -> None:
    try:
        path = parse_path(b"<" + raw, SETTINGS, forward=True)
    except BadPath:
        return
    assert path.address.rpartition("@")[2] or path.address.lower() == "postmaster"


def test_a_long_hostile_path_takes_no_time() -> None:
    for raw in (b"<" + b"a." * 5000, b"<@" + b"a-" * 5000, b'<"' + b"\\a" * 5000, b"<a@" + b"a-" * 5000 + b">"):
        with pytest.raises(BadPath):
            parse_path(raw, SETTINGS, forward=True)


def test_splitting_and_literals() -> None:
    assert split_address('"a@b"@foo.com') == ('"a@b"', "foo.com")
    assert split_address("Postmaster") == ("Postmaster", "")
    assert address_literal("192.0.2.1") == "[192.0.2.1]"
    assert address_literal("2001:db8::1") == "[IPv6:2001:db8::1]"


@pytest.mark.parametrize("name", [b"bar.com", b"localhost", b"my_laptop", b"[127.0.0.1]", b"[IPv6:::1]", b"WIN-1234"])
def test_hello_names(name: bytes) -> None:
    assert is_hello_name(name)


@pytest.mark.parametrize(
    "name", [b"", b"a b", b"a\x00", b"<a>", b"[127.0.0]", b"[::1]", "ø.no".encode(), b"a" * 256, b"a\r"]
)
def test_what_is_no_hello_name(name: bytes) -> None:
    assert not is_hello_name(name)
