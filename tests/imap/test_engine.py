"""The server's engine: limits, the session's decisions, what STARTTLS drops (dialogues: tests/transcripts/imap)."""

import tracemalloc

import pytest

from postroom.imap import ImapSettings, ServerEngine
from postroom.imap.types import Append, Bad, Bare, Begin, Event, Fatal, Got, Line, Literal, Login, Next, Piece, Url

from .play import Player

SMALL = ImapSettings(
    max_line_octets=1024,
    max_literal_octets=1024,
    max_command_octets=2048,
    max_append_octets=100_000,
    max_discard_octets=65536,
    max_raw_line_octets=64,
    max_buffered_octets=65536,
)
NOOP = Got(b"n", b"NOOP", Bare(b"NOOP"))


def drain(engine: ServerEngine) -> list[Event]:
    found = []
    while (event := engine.next_event()) is not None:
        found.append(event)
    return found


def run(data: bytes, settings: ImapSettings = SMALL) -> tuple[list[Event], bytes]:
    engine = ServerEngine(settings)
    engine.feed(data)
    events = drain(engine)
    return events, engine.take_output()


def one_bad(data: bytes, settings: ImapSettings = SMALL) -> Bad:
    """Whatever `data` is, it costs one command and the next one is understood."""
    events, _ = run(data + b"n NOOP\r\n", settings)
    assert len(events) == 2
    assert events[1] == NOOP
    assert isinstance(events[0], Bad)
    return events[0]


def test_output_is_kept_in_order() -> None:
    engine = ServerEngine()
    assert engine.take_output() == b""
    engine.send(b"a")
    engine.send(b"b")
    assert engine.take_output() == b"ab"
    assert engine.take_output() == b""


# ---- lines


def test_a_long_line_costs_one_command() -> None:
    assert one_bad(b"a1 LOGIN x " + b"y" * 2000 + b"\r\n") == Bad(b"a1", "Command line too long")
    assert one_bad(b"a1 LOGIN x " + b"y" * 60000 + b"\r\n") == Bad(b"a1", "Command line too long")


def test_a_literal_of_a_long_line_is_no_command() -> None:
    bad = one_bad(b"a1 LOGIN x " + b"y" * 2000 + b"{8+}\r\nb NOOP\r\n {8+}\r\nb NOOP\r\n\r\n")
    assert bad.tag == b"a1"


def test_a_synchronizing_literal_of_a_long_line_does_not_come() -> None:
    assert one_bad(b"a1 LOGIN x " + b"y" * 2000 + b"{8}\r\n").tag == b"a1"


def test_an_endless_line_ends_the_connection() -> None:
    events, _ = run(b"a1 LOGIN x " + b"y" * 70000)
    assert events == [Fatal("Too much input that can't be used", b"TOOBIG")]


def test_the_line_limit_counts_all_lines_of_a_command() -> None:
    line = b"x" * 400
    events, _ = run(b"a1 LOGIN " + line + b" {1+}\r\nz" + line + b" {1+}\r\nz" + line + b"\r\nn NOOP\r\n")
    assert events == [Bad(b"a1", "Command line too long"), NOOP]


def test_a_bare_lf_ends_a_bad_command() -> None:
    assert one_bad(b"a1 NOOP\n") == Bad(b"a1", "Lines must end with CRLF")
    assert one_bad(b"a1 LOGIN {1+}\r\nx y\n") == Bad(b"a1", "Lines must end with CRLF")
    assert one_bad(b"a1 LOGIN {5}\n").tag == b"a1"


@pytest.mark.parametrize("ending", [b"\n", b"\r\r\n"])
def test_a_literal_announced_without_crlf_cannot_be_followed(ending: bytes) -> None:
    events, _ = run(b"a1 LOGIN {8+}" + ending + b"b NOOP\r\n x\r\nn NOOP\r\n")
    assert [type(event) for event in events] == [Fatal]


def test_an_absurd_literal_of_a_long_line_ends_the_connection() -> None:
    events, _ = run(b"a1 LOGIN x " + b"y" * 2000 + b"{99999999999+}\r\n")
    assert events == [Fatal("Literal too large", b"TOOBIG")]


def test_a_fatal_event_is_the_last() -> None:
    engine = ServerEngine(SMALL)
    engine.feed(b"a {99999999999999999999999999999999999999999999999999999+}\r\n")
    assert drain(engine) == [Fatal("Literal too large", b"TOOBIG")]
    engine.feed(b"n NOOP\r\n")
    engine.start_tls()
    engine.expect_line(True)
    engine.feed(b"n NOOP\r\n")
    assert drain(engine) == []


# ---- literals


def test_a_string_literal_has_a_limit() -> None:
    too_big = Bad(b"a1", "Literal too large", code=b"TOOBIG")
    assert run(b"a1 LOGIN {1025}\r\nn NOOP\r\n") == ([too_big, NOOP], b"")  # not asked for, so it does not come
    assert one_bad(b"a1 LOGIN {1025+}\r\n" + b"x" * 1025 + b" y\r\n") == too_big
    events, _ = run(b"a1 LOGIN {1024+}\r\n" + b"x" * 1024 + b" y\r\n")
    assert events == [Got(b"a1", b"LOGIN", Login(b"x" * 1024, b"y"))]


def test_all_literals_of_a_command_have_a_limit() -> None:
    literal = b"{1000+}\r\n" + b"x" * 1000
    assert one_bad(b"a1 ID (" + literal + b" " + literal + b" " + literal + b" NIL)\r\n").code == b"TOOBIG"


@pytest.mark.parametrize("size", [b"4294967296", b"99999999999", b"1" * 60])
def test_four_gibibytes(size: bytes) -> None:
    """RFC 7888 §4: what would have to be read and thrown away without end ends the connection."""
    for command in (b"LOGIN", b"APPEND x", b"FOO", b"\0"):
        events, output = run(b"a1 " + command + b" {" + size + b"+}\r\n")
        assert [type(event) for event in events] == [Fatal], command
        assert output == b""
        events, output = run(b"a1 " + command + b" {" + size + b"}\r\nn NOOP\r\n")
        assert [type(event) for event in events] == [Bad, Got], command
        assert output == b""


def test_literal_minus() -> None:
    """RFC 7888 §5."""
    minus = ImapSettings(literal_minus=True)
    for command in (b"LOGIN a", b"APPEND x"):
        assert one_bad(b"a1 " + command + b" {4097+}\r\n" + b"x" * 4097 + b"\r\n", minus).code == b"TOOBIG"
    events, _ = run(b"a1 APPEND x {4096+}\r\n" + b"x" * 4096 + b"\r\n", minus)
    assert isinstance(events[-1], Piece)
    events, output = run(b"a1 LOGIN {5000}\r\n", minus)
    assert (events, output) == ([], b"+ Ready for literal\r\n")


def test_the_continuation_comes_after_what_was_sent_before() -> None:
    engine = ServerEngine()
    engine.feed(b"n NOOP\r\na1 LOGIN {1}\r\n")
    assert engine.next_event() == NOOP
    engine.send(b"n OK\r\n")
    assert engine.next_event() is None
    assert engine.take_output() == b"n OK\r\n+ Ready for literal\r\n"


# ---- APPEND


def append(size: int, *, sync: bool) -> Got:
    return Got(b"a1", b"APPEND", Append("x", (Begin(), Literal(size, sync))))


def test_an_accepted_append_is_streamed() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {10}\r\n")
    assert drain(engine) == [append(10, sync=True)]
    assert engine.take_output() == b""  # it is the session that decides
    engine.accept_literal()
    assert engine.take_output() == b"+ OK\r\n"
    engine.feed(b"01234")
    assert drain(engine) == [Piece(b"01234", last=False)]
    engine.feed(b"56789")
    assert drain(engine) == [Piece(b"56789", last=False)]
    engine.feed(b"\r\nn NOOP\r\n")
    assert drain(engine) == [Piece(b"", last=True), NOOP]


def test_a_refused_synchronizing_literal_does_not_come() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {10}\r\n")
    drain(engine)
    engine.refuse_literal()
    engine.feed(b"n NOOP\r\n")
    assert drain(engine) == [NOOP]
    assert engine.take_output() == b""


@pytest.mark.parametrize("rest", [b"", b" {8+}\r\nb NOOP\r\n", b" junk"])
def test_a_refused_non_synchronizing_literal_is_thrown_away(rest: bytes) -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {8+}\r\nb NOOP\r\n" + rest + b"\r\nn NOOP\r\n")
    assert engine.next_event() == append(8, sync=False)
    engine.discard_literal()
    assert drain(engine) == [NOOP]


def test_an_append_can_be_given_up_half_way() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {8+}\r\nb NO")
    assert drain(engine) == [append(8, sync=False), Piece(b"b NO", last=False)]
    engine.refuse_literal()
    engine.feed(b"OP\r\n")
    assert drain(engine) == []
    engine.feed(b"\r\nn NOOP\r\n")
    assert drain(engine) == [NOOP]


def test_an_append_can_be_given_up_at_its_very_end() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {1+}\r\nb")
    assert drain(engine)[-1] == Piece(b"b", last=False)
    engine.refuse_literal()
    engine.feed(b"\r\nn NOOP\r\n")
    assert drain(engine) == [NOOP]
    engine.refuse_literal()  # it is over: nothing happens
    engine.feed(b"n NOOP\r\n")
    assert drain(engine) == [NOOP]


def test_a_huge_refused_literal_ends_the_connection() -> None:
    engine = ServerEngine(SMALL)
    engine.feed(b"a1 APPEND x {70000+}\r\n")
    assert drain(engine) == [append(70000, sync=False)]
    engine.refuse_literal()
    assert drain(engine) == [Fatal("Too much input that can't be used", b"TOOBIG")]


def test_a_message_over_the_limit_is_refused() -> None:
    events, output = run(b"a1 APPEND x {100001}\r\nn NOOP\r\n")
    assert events == [Bad(b"a1", "Literal too large", code=b"TOOBIG"), NOOP]
    assert output == b""
    assert isinstance(run(b"a1 APPEND x {100001+}\r\n")[0][0], Fatal)


def test_accepting_what_is_not_there_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        ServerEngine().accept_literal()


def test_text_after_the_message_makes_the_append_bad() -> None:
    player = Player()
    assert player.feed(b"a1 APPEND x {1}\r\n") == ['a1 APPEND "x" {1}']
    assert player.feed(b"m") == []
    assert player.feed(b"\r") == []
    assert player.feed(b"x\r\nn NOOP\r\n") == ["a1 BAD Expected a space", "n NOOP"]


def test_several_messages() -> None:
    """RFC 3502: the session decides about each literal."""
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {1}\r\n")
    assert drain(engine) == [append(1, sync=True)]
    engine.accept_literal()
    engine.feed(b"m (\\Seen) {2}\r\n")
    assert drain(engine) == [Piece(b"m", last=False), Next((Begin(("\\Seen",)), Literal(2, sync=True)), ends=False)]
    assert engine.take_output() == b"+ OK\r\n"
    engine.accept_literal()
    assert engine.take_output() == b"+ OK\r\n"
    engine.feed(b"mm\r\nn NOOP\r\n")
    assert drain(engine) == [Piece(b"mm", last=True), NOOP]


def test_a_refused_second_literal_does_not_come() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {1+}\r\nm {2}\r\n")
    assert isinstance(drain(engine)[-1], Next)
    engine.refuse_literal()
    engine.feed(b"n NOOP\r\n")
    assert drain(engine) == [NOOP]
    assert engine.take_output() == b""


@pytest.mark.parametrize("seen", range(1, 5))
def test_a_command_given_up_is_read_to_its_end(seen: int) -> None:
    engine = ServerEngine()
    stretch = b" CATENATE (URL {8+}\r\nb NOOP\r\n TEXT {8+}\r\nb NOOP\r\n URL y"
    engine.feed(b"a1 APPEND x {8+}\r\nb NOOP\r\n" + stretch + b") {8+}\r\nb NOOP\r\n")
    for _ in range(seen):
        assert engine.next_event() is not None
    engine.refuse_literal()
    assert drain(engine) == []
    engine.feed(b"\r\nn NOOP\r\n")
    assert drain(engine) == [NOOP]


@pytest.mark.parametrize("cut", range(1, 42))
def test_it_can_be_given_up_anywhere_between_literals(cut: int) -> None:
    rest = b" CATENATE (URL {8+}\r\nb NOOP\r\n TEXT {1+}\r\nx)\r\nn NOOP\r\n"
    engine = ServerEngine()
    engine.feed(b"a1 APPEND x {1+}\r\nm" + rest[:cut])
    assert drain(engine)[:2] == [append(1, sync=False), Piece(b"m", last=False)]
    engine.refuse_literal()
    engine.feed(rest[cut:])
    assert drain(engine) == [NOOP]


@pytest.mark.parametrize(
    ("rest", "bad"),
    [
        (b" x\r\n", Bad(b"a1", "Expected the message as a literal")),
        (b" {2+}\r\nmm {3\r\n", Bad(b"a1", "Expected the message as a literal")),
        (b" " + b"x" * 3000 + b"\r\n", Bad(b"a1", "Command line too long")),
        (b" CATENATE (URL {2000+}\r\n" + b"x" * 2000 + b")\r\n", Bad(b"a1", "Literal too large", code=b"TOOBIG")),
        (b" {100001}\r\n", Bad(b"a1", "Literal too large", code=b"TOOBIG")),
        (b" x {8+}\r\nb NOOP\r\n\r\n", Bad(b"a1", "Expected the message as a literal")),
        (b" {1+}\r\nm\n", Bad(b"a1", "Lines must end with CRLF")),
        (b" CATENATE (TEXT {1+}\r\nm\r\n", Bad(b"a1", "Missing argument")),
        (b" UTF8 (~{1+}\r\nm\r\n", Bad(b"a1", "Invalid UTF8 data")),
    ],
)
def test_bad_text_between_literals_costs_the_command(rest: bytes, bad: Bad) -> None:
    events, _ = run(b"a1 APPEND x {2+}\r\nmm" + rest + b"n NOOP\r\n")
    assert events[-2:] == [bad, NOOP]


def test_literal_minus_holds_for_every_literal() -> None:
    """RFC 7888 §7."""
    minus = ImapSettings(literal_minus=True)
    events, _ = run(b"a1 APPEND x {1+}\r\nm ~{4097+}\r\n" + bytes(4097) + b"\r\nn NOOP\r\n", minus)
    assert events[-2:] == [Bad(b"a1", "Literal too large", code=b"TOOBIG"), NOOP]


def test_urls_alone_are_a_whole_command() -> None:
    events, output = run(b"a1 APPEND x CATENATE (URL /a URL {2}\r\n/b)\r\nn NOOP\r\n")
    assert events == [Got(b"a1", b"APPEND", Append("x", (Begin(), Url(b"/a"), Url(b"/b")), ends=True)), NOOP]
    assert output == b"+ Ready for literal\r\n"


def test_many_messages_take_no_memory() -> None:
    engine = ServerEngine(ImapSettings(max_append_messages=10_000))
    engine.feed(b"a1 APPEND x {4096+}\r\n")
    tracemalloc.start()
    for _ in range(2000):
        engine.feed(b"m" * 4096 + b" (\\Seen) {4096+}\r\n")
        while engine.next_event() is not None:
            pass
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()


# ---- raw lines, STARTTLS


def test_raw_lines() -> None:
    engine = ServerEngine(SMALL)
    engine.feed(b"i IDLE\r\nDONE\r\nn NOOP\r\n")
    assert engine.next_event() == Got(b"i", b"IDLE", Bare(b"IDLE"))
    engine.expect_line(True)
    assert engine.next_event() == Line(b"DONE")
    engine.expect_line(False)
    assert drain(engine) == [NOOP]
    engine.expect_line(True)
    engine.feed(b"DONE\na {5+}\r\nDONE\r\r\n")
    assert drain(engine) == [Line(b"DONE\n"), Line(b"a {5+}"), Line(b"DONE\r")]
    engine.feed(b"x" * 65)
    assert drain(engine) == [Fatal("Line too long")]


def test_raw_lines_cannot_begin_within_a_command() -> None:
    engine = ServerEngine()
    engine.feed(b"a1 LOGIN {3}\r\n")
    drain(engine)
    with pytest.raises(ValueError):
        engine.expect_line(True)
    engine.feed(b"abc")
    drain(engine)
    with pytest.raises(ValueError):
        engine.expect_line(True)


@pytest.mark.parametrize(
    "before",
    [b"", b"n NOOP\r\n", b"a1 LOGIN {5+}\r\nab", b"a1 APPEND x {5+}\r\na", b"x" * 2000, b"a1 NO", b"a1 X {9+}\r\nb"],
)
def test_nothing_survives_starttls(before: bytes) -> None:
    engine = ServerEngine(SMALL)
    engine.feed(b"t STARTTLS\r\n" + before)
    assert engine.next_event() == Got(b"t", b"STARTTLS", Bare(b"STARTTLS"))
    if before.startswith(b"a1"):
        drain(engine)
    engine.start_tls()
    assert drain(engine) == []
    engine.feed(b"n NOOP\r\n")
    assert drain(engine) == [NOOP]


# ---- memory


def test_it_says_when_enough_is_waiting() -> None:
    engine = ServerEngine(SMALL)
    assert engine.wants_more()
    engine.feed(b"n NOOP\r\n" * 10000)
    assert not engine.wants_more()
    assert len(drain(engine)) == 10000
    assert engine.wants_more()


@pytest.mark.parametrize(
    "head",
    [b"a1 APPEND x {33554432+}\r\n", b"a1 LOGIN {33554432+}\r\n", b"a1 FOO ", b"a1 FETCH 1 BODY[]\r\n"],
)
def test_memory_does_not_grow_with_the_input(head: bytes) -> None:
    engine = ServerEngine()
    engine.feed(head)
    drain(engine)
    chunk = b"x" * 65536
    tracemalloc.start()
    for _ in range(500):
        engine.feed(chunk)
        drain(engine)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_an_idle_engine_keeps_no_input() -> None:
    engine = ServerEngine()
    engine.feed(b"n NOOP\r\n" * 1000)
    drain(engine)
    assert engine._buffer == b""
