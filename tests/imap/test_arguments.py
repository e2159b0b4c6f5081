"""Commands' arguments; the many good and bad spellings are in tests/transcripts/imap."""

import pytest

from postroom.imap import BadSyntax, ImapSettings, arguments
from postroom.imap.table import Parse
from postroom.imap.tokens import Cursor
from postroom.imap.types import Authenticate, Bare, Command, Create, Enable, Id, Login, Store, StoreMode


def read(parse: Parse, raw: bytes, settings: ImapSettings | None = None, *, partial: bool = False) -> Command:
    return parse(Cursor(raw, 0, settings or ImapSettings(), partial=partial))


def fails(parse: Parse, raw: bytes, settings: ImapSettings | None = None, *, partial: bool = False) -> BadSyntax:
    with pytest.raises(BadSyntax) as caught:
        read(parse, raw, settings, partial=partial)
    return caught.value


def test_bare() -> None:
    assert read(arguments.bare(b"NOOP"), b"") == Bare(b"NOOP")
    fails(arguments.bare(b"NOOP"), b" ")


def test_initial_responses() -> None:
    """RFC 4959 §3."""
    assert read(arguments.authenticate, b" plain") == Authenticate(b"PLAIN", None)
    assert read(arguments.authenticate, b" EXTERNAL =") == Authenticate(b"EXTERNAL", b"")
    assert read(arguments.authenticate, b" PLAIN AGEAYg==") == Authenticate(b"PLAIN", b"\0a\0b")
    for raw in (
        b" PLAIN =AAA",
        b" PLAIN AAA=BBB",
        b" PLAIN AGEAYg",
        b" PLAIN A GEAYg==",
        b" PLAIN ",
        b" PLAIN ==",
        b"",
    ):
        fails(arguments.authenticate, raw)


def test_login_keeps_octets() -> None:
    assert read(arguments.login, b' {2}\r\n\xff\xfe "a b"') == Login(b"\xff\xfe", b"a b")


def test_id() -> None:
    assert read(arguments.identify, b' ("name" "x" "os" NIL)') == Id(((b"name", b"x"), (b"os", None)))
    assert read(arguments.identify, b" NIL") == Id(None)
    pairs = b" ".join([b'"a" NIL'] * 31)
    assert fails(arguments.identify, b" (%b)" % pairs).text == "Too many fields"  # RFC 2971 §3.3
    for raw in (b"", b" (", b' ("a" "b"', b' ("a" "b"  )', b' (  "a" "b")', b" (a b)", b" NIL NIL", b' "NIL"'):
        fails(arguments.identify, raw)


def test_enable() -> None:
    assert read(arguments.enable, b" utf8=accept CONDSTORE condstore") == Enable((b"UTF8=ACCEPT", b"CONDSTORE"))


def test_create_with_a_use() -> None:
    assert read(arguments.create, b" x (use (\\sent))") == Create("x", "\\Sent")
    assert read(arguments.create, b" x (USE (\\Sent \\sent))") == Create("x", "\\Sent")
    assert fails(arguments.create, b" x (USE (\\Sent \\Junk))").code == b"USEATTR"
    for raw in (
        b" x (USE \\Sent)",
        b" x (USE (\\Sent)",
        b" x USE (\\Sent)",
        b" x (USE ( \\Sent))",
        b" x (USE (\\Sent) )",
    ):
        assert fails(arguments.create, raw).status == b"BAD"


def test_store() -> None:
    command = read(arguments.uid_store, b" 1 +Flags.Silent \\seen x")
    assert isinstance(command, Store)
    assert (command.mode, command.silent, command.flags, command.uid) == (StoreMode.ADD, True, ("\\Seen", "x"), True)
    for raw in (b" 1 FLAGS", b" 1 FLAGS ", b" 1  FLAGS a", b" 1 FLAGSa", b" 1 *FLAGS a", b" 1 FLAGS (a) b"):
        fails(arguments.store, raw)
