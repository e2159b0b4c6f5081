"""COMPRESS; the transcripts have the rest."""

import pytest

from postroom.imap import COMMANDS, BadSyntax, ImapSettings, ServerEngine
from postroom.imap.compress import Compress, compress
from postroom.imap.table import State
from postroom.imap.tokens import Cursor
from postroom.imap.types import Got


def test_the_mechanism() -> None:
    assert compress(Cursor(b" deflate", 0, ImapSettings())) == Compress(b"DEFLATE")
    for raw in (b"", b" ", b" GZIP", b" DEFLATE now", b' "DEFLATE"'):
        with pytest.raises(BadSyntax):
            compress(Cursor(raw, 0, ImapSettings()))


def test_only_who_has_signed_in_may() -> None:
    assert COMMANDS[b"COMPRESS"].states == State.AUTHENTICATED | State.SELECTED


def test_the_engine_hands_back_what_follows() -> None:
    engine = ServerEngine()
    engine.feed(b"a compress deflate\r\n\x01\x02\r\n\xff")
    assert engine.next_event() == Got(b"a", b"COMPRESS", Compress(b"DEFLATE"))
    assert engine.take_input() == b"\x01\x02\r\n\xff"
    assert engine.take_input() == b""
    assert engine.next_event() is None
    engine.feed(b"b NOOP\r\n")
    assert isinstance(engine.next_event(), Got)


def test_in_the_middle_of_a_command_nothing_is_handed_back() -> None:
    engine = ServerEngine()
    engine.feed(b"a LOGIN {3}\r\n")
    assert engine.next_event() is None
    with pytest.raises(ValueError, match="in the middle"):
        engine.take_input()
    engine = ServerEngine(ImapSettings(max_raw_line_octets=64))
    engine.expect_line(True)
    engine.feed(b"x" * 100)
    engine.next_event()
    assert engine.take_input() == b""  # all is over
