"""The laws every engine obeys, on streams made of sound commands, broken ones and junk."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import ImapSettings, ServerEngine
from postroom.imap.types import Append, Authenticate, Bad, Bare, Fatal, Got, Line, Literal, Next, Piece, Replace

from .octets import octets

SETTINGS = ImapSettings(
    max_line_octets=1024, max_literal_octets=1024, max_command_octets=2048, max_append_octets=5000,
    max_discard_octets=65536, max_raw_line_octets=100, max_append_messages=4, max_catenate_parts=5,
)  # fmt: skip


def play(chunks: list[bytes]) -> tuple[list[object], bytes]:
    """A session that accepts some APPENDs and refuses others, and reads lines for IDLE and AUTHENTICATE; what it saw.

    Where a message was cut into pieces is forgotten: that may differ.
    """
    engine = ServerEngine(SETTINGS)
    seen: list[object] = []
    message = b""
    for chunk in chunks:
        engine.feed(chunk)
        while (event := engine.next_event()) is not None:
            if isinstance(event, Piece):
                message += event.data
                if event.last:
                    seen.append(("message", message))
                    message = b""
                continue
            if isinstance(event, Next):
                seen.append(("part", message))
            if isinstance(event, Bad | Next):
                message = b""
            seen.append(event)
            if isinstance(event, Line):
                engine.expect_line(event.data not in (b"DONE", b"*", b""))
            elif (literal := announced(event)) is not None:
                if literal.size % 3:
                    engine.accept_literal()
                else:
                    engine.refuse_literal()
            elif isinstance(event, Got) and (isinstance(event.command, Authenticate) or event.command == Bare(b"IDLE")):
                engine.expect_line(True)
    return seen, engine.take_output()


def announced(event: object) -> Literal | None:
    """The streamed literal that comes next."""
    command = event.command if isinstance(event, Got) else event
    command = command.append if isinstance(command, Replace) else command
    last = command.parts[-1] if isinstance(command, Append | Next) and not command.ends else None
    return last if isinstance(last, Literal) else None


def literal(text: bytes, plus: bool) -> bytes:
    return b"{%d%b}\r\n%b" % (len(text), b"+" if plus else b"", text)


junk = octets(30) | st.text('a1{}+0"\\\r\n ()*%', max_size=30).map(str.encode)
literals = st.builds(
    literal, junk | st.just(b"x NOOP\r\n") | st.sampled_from([b"y" * 1000, b"z" * 1030]), st.booleans()
)
words = st.sampled_from(
    b'a1|b2|NOOP|LOGIN|APPEND|UID|FETCH|SEARCH|IDLE|AUTHENTICATE|PLAIN|INBOX|x|1:*|(FLAGS)|(\\Seen)|BODY[]|""|"a b"|'
    b"{3}|{99+}|{5000000000+}|{70000+}|DONE|*|LIST|%|SUBJECT|TEXT|CATENATE|(URL|UTF8|(TEXT|)|~{4+}|REPLACE|2".split(
        b"|"
    )
)
endings = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r\r\n", b"\r", b"\0\r\n", b""])
lines = st.builds(
    lambda parts, ending: b" ".join(parts) + ending, st.lists(words | literals | junk, min_size=1, max_size=6), endings
)
sound = st.sampled_from(
    [
        b"a NOOP\r\n",
        b"b LOGIN {3+}\r\nabc def\r\n",
        b"c APPEND x {4+}\r\nm\r\nm\r\n",
        b"d APPEND x {6+}\r\nmmmmmm\r\n",
        b"e APPEND {1+}\r\nx (\\Seen) {2}\r\nmm\r\n",
        b"f IDLE\r\nDONE\r\n",
        b"g UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS ({4+}\r\nDate)])\r\n",
        b"h LOGIN a " + b"q" * 1100 + b"{8+}\r\nx NOOP\r\n\r\n",
        b"i APPEND x {5001+}\r\n" + b"m" * 5001 + b"\r\n",
        b"j LOGIN {1025}\r\n",
        b"k ID (" + b"{900+}\r\n" + b"i" * 900 + b" {900+}\r\n" + b"i" * 900 + b" {900+}\r\n" + b"i" * 900 + b")\r\n",
        b"m APPEND x {4+}\r\nabcd (\\Seen) {2+}\r\nab ~{1+}\r\n\0\r\n",
        b"o APPEND x {4+}\r\nabcd {3+}\r\nabc {2}\r\n",
        b"p APPEND x {4+}\r\nabcd" + b" {2+}\r\nab" * 4 + b"\r\n",
        b"q APPEND x CATENATE (URL /a URL {2+}\r\n/b TEXT {1+}\r\n) URL {5+}\r\nx NOO UTF8 (~{1+}\r\n()) {1+}\r\na\r\n",
        b'r APPEND x CATENATE (URL "/a")\r\n',
        b"s UID REPLACE 3 x UTF8 (~{4+}\r\nabcd)\r\n",
        b"t REPLACE 3 x CATENATE (TEXT {2+}\r\nab URL y)\r\n",
        b"u APPEND x CATENATE (TEXT {2+}\r\nab" + b" URL y" * 5 + b")\r\n",
        b"v APPEND x {4+}\r\nabcd " + b"q" * 1100 + b"{8+}\r\nx NOOP\r\n\r\n",
        b"w APPEND x CATENATE (TEXT {2+}\r\nab URL {1100+}\r\n" + b"q" * 1100 + b")\r\n",
        b"l AUTHENTICATE PLAIN\r\nAGEAYg==\r\n*\r\n",
    ]
)
streams = st.lists(sound | lines, max_size=6).map(b"".join)


@given(streams, st.data())
def test_splitting_makes_no_difference(stream: bytes, data: st.DataObject) -> None:
    whole = play([stream])
    assert play([stream[k : k + 1] for k in range(len(stream))]) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    assert play([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == whole


@given(st.lists(octets(200) | junk | words, max_size=20))
def test_junk_raises_nothing(chunks: list[bytes]) -> None:
    play(chunks)


@given(streams)
def test_nothing_follows_a_fatal_event(stream: bytes) -> None:
    seen, _ = play([stream, b"\r\n", b"n NOOP\r\n" * 3])
    fatal = [k for k, event in enumerate(seen) if isinstance(event, Fatal)]
    assert not fatal or fatal == [len(seen) - 1]


@given(st.lists(st.text('a1 "\\()%NOP[]<>+', max_size=20).map(str.encode), max_size=10))
def test_every_line_without_a_literal_has_one_answer(texts: list[bytes]) -> None:
    seen, output = play([text + b"\r\n" for text in texts])
    assert len(seen) == len(texts)
    assert all(isinstance(event, Got | Bad) for event in seen)
    assert output == b""


@given(st.lists(st.builds(literal, junk | st.just(b"x LOGOUT\r\n"), st.just(True)), max_size=4), junk, st.booleans())
def test_no_octets_of_a_literal_become_a_command(parts: list[bytes], last: bytes, over: bool) -> None:
    """However bad the command around it is: it costs itself, and what follows is understood."""
    command = b"a1 LOGIN " + b"o" * 2000 * over + b" ".join(parts)
    command += b" " + last.replace(b"\r", b"").replace(b"\n", b"").replace(b"}", b"") + b"\r\n"
    seen, _ = play([command + b"n NOOP\r\n"])
    assert len(seen) == 2
    assert isinstance(seen[0], Got | Bad)
    assert seen[1] == Got(b"n", b"NOOP", Bare(b"NOOP"))


@given(streams, st.booleans())
def test_nothing_from_before_starttls_survives(stream: bytes, taken: bool) -> None:
    engine = ServerEngine(SETTINGS)
    engine.feed(stream)
    while taken and (event := engine.next_event()) is not None:
        if isinstance(event, Fatal):
            return
    engine.take_output()
    engine.start_tls()
    engine.feed(b"n NOOP\r\n")
    assert engine.next_event() == Got(b"n", b"NOOP", Bare(b"NOOP"))
    assert engine.next_event() is None
    assert engine.take_output() == b""
