"""Attacks on the engine: every command with every hostile word, and mutations of the commands of the transcripts."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import COMMANDS, ImapSettings, ServerEngine
from postroom.imap.parser import parse_command
from postroom.imap.syntax import BadSyntax
from postroom.imap.types import Bad, Bare, Event, Fatal, Got, Next, Piece

from .attacks import PREFIXES, WORDS, mutated

NOOP = Got(b"n", b"NOOP", Bare(b"NOOP"))
SETTINGS = ImapSettings()
MIB = 1 << 20


def play(chunks: list[bytes]) -> list[Event]:
    """All events; what is streamed is refused, as a session does that has no use for it."""
    engine = ServerEngine(SETTINGS)
    events: list[Event] = []
    for chunk in chunks:
        engine.feed(chunk)
        while (event := engine.next_event()) is not None:
            events.append(event)
            engine.refuse_literal()
    return events


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_word_in_every_place_costs_one_command(name: bytes) -> None:
    for prefix in PREFIXES:
        for word in WORDS:
            events = play([b"a " + name + b" " + prefix + word + b"\r\nn NOOP\r\n"])
            assert len(events) == 2, (name, prefix, word[:40], events)
            assert isinstance(events[0], Got | Bad)
            assert events[1] == NOOP, (name, prefix, word[:40])


@given(mutated(), st.data())
def test_a_mutated_command_is_one_command(command: bytes, data: st.DataObject) -> None:
    stream = b"a " + command + b"\r\nn NOOP\r\n"
    whole = play([stream])
    assert [type(event) for event in whole if isinstance(event, Piece | Next | Fatal)] == []
    assert len(whole) == 2
    assert whole[1] == NOOP
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    assert play([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == whole


@given(mutated())
def test_the_parser_raises_nothing_else(command: bytes) -> None:
    try:
        parse_command(b"a " + command, SETTINGS)
    except BadSyntax:
        pass


@pytest.mark.parametrize(
    "octet", [b"(", b"{", b"[", b"<", b'"', b"\\", b"*", b"%", b"&", b"~", b",", b"1:", b"OR ", b"NOT "]
)
@pytest.mark.parametrize(
    "name", [b"FETCH 1 ", b"SEARCH ", b"LIST ", b"STORE 1 FLAGS ", b"APPEND x ", b"ID ", b"ESEARCH IN "]
)
def test_nesting_takes_no_memory(name: bytes, octet: bytes) -> None:
    """100,000 deep, and with it a literal that is thrown away."""
    octets = b"a " + name + octet * 100_000 + b"{100000+}\r\n" + octet * (100_000 // len(octet))
    octets += b"x" * (100_000 % len(octet)) + b"\r\nn NOOP\r\n"
    tracemalloc.start()
    try:
        engine = ServerEngine(SETTINGS)
        events: list[Event] = []
        for start in range(0, len(octets), 4096):
            engine.feed(octets[start : start + 4096])
            while (event := engine.next_event()) is not None:
                events.append(event)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert [type(event) for event in events] == [Bad, Got]


def _literals(count: int) -> bytes:
    return b"a ID (" + b" ".join([b"{1+}\r\nx"] * count) + b")\r\n"


LINEAR: dict[str, Callable[[int], bytes]] = {
    "set": lambda n: b"a UID FETCH " + b",".join(b"%d" % (2 * at) for at in range(1, n)) + b" FLAGS\r\n",
    "quoted": lambda n: b'a LOGIN "' + b'\\"' * n + b'" x\r\n',
    "unfinished": lambda n: b'a LOGIN "' + b"\\\\" * n + b"\r\n",
    "mailbox": lambda n: b"a STATUS " + b"&Jjo-" * n + b" (MESSAGES)\r\n",
    "flags": lambda n: b"a STORE 1 FLAGS (" + b"k " * n + b"k)\r\n",
    "keys": lambda n: b"a SEARCH " + b"ALL " * n + b"ALL\r\n",
    "modifiers": lambda n: b"a FETCH 1 FLAGS" + b" (PARTIAL" * n + b"\r\n",
    "fields": lambda n: b"a FETCH 1 BODY[HEADER.FIELDS (" + b"x " * n + b"x)]\r\n",
    "part": lambda n: b"a FETCH 1 BODY[" + b"1." * n + b"1]\r\n",
    "url": lambda n: b"a APPEND x CATENATE (URL /x" + b";UID=1" * n + b")\r\n",
    "pattern": lambda n: b'a LIST "" ' + b"*%" * n + b"\r\n",
    "brackets": lambda n: b"a FETCH 1 (" + b"BODY[] " * n + b"BODY[])\r\n",
    "literals": _literals,
    "octets": lambda n: b"a NOOP " + b"{" * n + b"\r\n",
}


@pytest.mark.parametrize("shape", sorted(LINEAR))
def test_parsing_takes_linear_time(shape: str) -> None:
    """Eight times the octets take not much more than eight times as long; if it were quadratic, sixty-four times."""
    large = ImapSettings(
        max_line_octets=10**7, max_command_octets=10**7, max_literal_octets=10**7, max_mailbox_octets=10**7,
        max_keyword_octets=10**7, max_flags=10**7, max_search_keys=10**7, max_fetch_items=10**7, max_part_depth=10**7,
        max_header_fields=10**7, max_catenate_parts=10**7, max_id_fields=10**7,
    )  # fmt: skip

    def cost(octets: bytes) -> float:
        times = []
        for _ in range(5):
            engine = ServerEngine(large)
            engine.feed(octets)
            start = time.process_time()
            while engine.next_event() is not None:
                pass
            times.append(time.process_time() - start)
        return min(times)

    assert cost(LINEAR[shape](8 * 2000)) < 30 * cost(LINEAR[shape](2000)) + 0.002


def test_a_literal_byte_by_byte() -> None:
    """A string's literal that comes in a thousand pieces is held once."""
    octets = b"a LOGIN {60000+}\r\n" + b"x" * 60_000 + b" y\r\n"
    tracemalloc.start()
    try:
        engine = ServerEngine(SETTINGS)
        events = []
        for start in range(0, len(octets), 50):
            engine.feed(octets[start : start + 50])
            while (event := engine.next_event()) is not None:
                events.append(event)
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert len(events) == 1


def test_changedsince_with_thousands_of_digits_is_bad() -> None:
    """Bug: Python refuses to make a number of so many; the connection was lost with it."""
    events = play([b"a FETCH 1 FLAGS (CHANGEDSINCE 00000000000000000001" + b"9" * 5000 + b")\r\nn NOOP\r\n"])
    assert events == [Bad(b"a", "CHANGEDSINCE needs a modification sequence"), NOOP]
