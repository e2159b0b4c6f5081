"""Laws that hold for any input: splitting, replies, memory, junk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.smtp import Mode, SmtpSettings

from .play import Play, codes

LIMITS = SmtpSettings(max_message_octets=65_536, max_discarded_octets=65_536, max_errors=6, max_idle_commands=8)

HELLO = st.sampled_from([b"EHLO bar.com", b"HELO bar.com", b"EHLO", b"LHLO bar.com", b"ehlo [127.0.0.1]"])
PLAIN = st.sampled_from(
    [
        b"NOOP",
        b"RSET",
        b"VRFY x",
        b"VRFY",
        b"VRFY <bob@foo.com>",
        b"VRFY x@foo.com SMTPUTF8",
        b"HELP",
        b"EXPN x",
        b"FROB",
        b"",
        b" ",
        b"MAIL FROM:<a@bar.com>",
        b"MAIL FROM:<> SIZE=10",
        b"MAIL FROM:<",
        b"RCPT TO:<bob@foo.com>",
        b"RCPT TO:<x@foo.com>",
        b"RCPT TO:<x@elsewhere.com>",
        b"AUTH PLAIN",
        b"AUTH PLAIN AGJvYgAxMjM0",
        b"AUTH LOGIN",
        b"AGJvYgAxMjM0",
        b"*",
        b"=",
        b"STARTTLS",
        b"NO\nOP",
        b"NO\rOP",
        b"BDAT 4\r\nNOOP",
        b"BDAT 6 LAST\r\nRSET\r",
        b"BDAT 0",
        b"BDAT 0 LAST",
        b"BDAT 70000\r\n" + b"x" * 200,
        b"x" * 2047,
        b"x" * 2046,
        b"AUTH " + b"x" * 2047,
    ]
)
TEXT = st.lists(st.sampled_from([b"Subject: x", b"", b"..", b".a", b"a\nb", b"NOOP", b"x" * 300]), max_size=6)


CHUNKS = st.lists(st.sampled_from([b"Subject: x\r\n", b"", b"\r", b"\nx", b".\r\n", b"RSET\r\n", b"\0"]), max_size=5)
LAST = st.sampled_from([False, False, False, True])


def chunk(data: bytes, *, last: bool) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(data), b" LAST" if last else b"", data)


@st.composite
def sessions(draw: st.DrawFn) -> bytes:
    """Commands in any order; a message only behind a DATA that will be accepted, as RFC 2920 §3.1 demands."""
    said = draw(HELLO) + b"\r\n"
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.integers(0, 3))
        if kind < 2:
            said += draw(PLAIN) + b"\r\n"
        elif kind == 2:
            said += b"RSET\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<bob@foo.com>\r\n"
            said += b"".join(chunk(piece, last=draw(LAST)) for piece in draw(CHUNKS))
        else:
            body = b"".join(line + b"\r\n" for line in draw(TEXT))
            said += b"RSET\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<bob@foo.com>\r\nDATA\r\n" + body + b".\r\n"
    return said + draw(st.sampled_from([b"QUIT\r\n", b"NOOP\r\n", b"DATA\r\n", b"NOO", b"\r"]))


def everything(play: Play) -> object:
    return play.output, play.events, play.messages, play.engine.mode


def new_play() -> Play:
    return Play(settings=LIMITS, tls_offered=True, auth_offered=("PLAIN", "LOGIN"), verify="on")


@settings(deadline=None)
@given(sessions(), st.lists(st.integers(1, 400), max_size=10))
def test_any_splitting_gives_the_same_events_and_octets(said: bytes, sizes: list[int]) -> None:
    whole, split = new_play(), new_play()
    if refused_data_with_more(said):
        return
    whole.feed(said)
    at = 0
    for size in sizes:
        split.feed(said[at : at + size])
        at += size
    split.feed(said[at:])
    assert everything(whole) == everything(split)


@settings(max_examples=25, deadline=None)
@given(sessions())
def test_octet_by_octet_gives_the_same(said: bytes) -> None:
    if refused_data_with_more(said):
        return
    whole, split = new_play(), new_play()
    whole.feed(said)
    for at in range(len(said)):
        split.feed(said[at : at + 1])
    assert everything(whole) == everything(split)


def refused_data_with_more(said: bytes) -> bool:
    """A client that talks on behind a refused DATA breaks RFC 2920; how much of it is seen depends on when it came."""
    play = new_play()
    play.feed(said)
    return play.engine.mode is Mode.CLOSED and codes(play.output)[-1] in (503, 554)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20), st.booleans())
def test_random_octets_raise_nothing(pieces: list[bytes], lmtp: bool) -> None:
    play = Play(settings=LIMITS, lmtp=lmtp, tls_offered=True, auth_offered=("PLAIN", "LOGIN"))
    for piece in pieces:
        play.feed(piece)
        assert play.engine._input.pending <= LIMITS.max_auth_octets + len(piece)


WORDS = st.sampled_from(
    [
        b"MAIL",
        b"RCPT",
        b"DATA",
        b"AUTH",
        b" ",
        b"FROM:",
        b"TO:",
        b"<",
        b">",
        b"a@foo.com",
        b"@",
        b'"',
        b"\\",
        b"\r\n",
        b"\r",
    ]
    + [b"\n", b"\0", b"PLAIN", b"EHLO", b"SIZE=", b"\xff", b".", b"STARTTLS", b"QUIT", b"[", b"]", b"=", b"*"]
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=60))
def test_words_in_any_order_raise_nothing(words: list[bytes]) -> None:
    play = new_play()
    play.everyone = True
    for word in words:
        play.feed(word)


@settings(deadline=None)
@given(
    st.lists(PLAIN.filter(lambda line: b"\n" not in line and b"\r" not in line and line != b"STARTTLS"), max_size=30)
)
def test_each_command_gets_one_final_reply(lines: list[bytes]) -> None:
    play = Play(settings=SmtpSettings(max_errors=1000), auth_offered=("PLAIN", "LOGIN"))
    play.feed(b"EHLO bar.com\r\n")
    for line in lines:
        before = len(play.output)
        play.feed(line + b"\r\n")
        assert len(codes(play.output[before:])) == 1


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=50))
def test_nothing_survives_starttls(injected: bytes, more: bytes) -> None:
    def start(extra: bytes) -> Play:
        play = Play(settings=LIMITS, tls_offered=True)
        play.feed(b"EHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\nSTARTTLS\r\n" + extra)
        play.feed(more)
        play.engine.tls_started()
        play.output = b""
        play.feed(b"MAIL FROM:<a@bar.com>\r\nEHLO bar.com\r\nRCPT TO:<bob@foo.com>\r\n")
        return play

    assert start(injected).output == start(b"").output


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"MAIL FROM:<evil@bar.com>", b"RSET", b"QUIT"]), max_size=30)
)
def test_no_octets_of_a_message_become_commands(parts: list[bytes]) -> None:
    text = b"".join(parts)
    stuffed = (b"x\r\n" + text).replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    play = new_play()
    play.feed(b"EHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<bob@foo.com>\r\nDATA\r\n")
    seen = len(play.output)
    play.feed(stuffed)
    assert codes(play.output[seen:]) in ([250], [550])
    assert play.body == b"x\r\n" + text + b"\r\n"
    assert not play.engine.closed


@settings(deadline=None)
@given(st.lists(CHUNKS.map(b"".join), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_no_octets_of_a_chunk_become_commands(pieces: list[bytes], wanted: bool, lmtp: bool) -> None:
    play = Play(lmtp=lmtp)
    recipient = b"bob" if wanted else b"x"
    play.feed(b"%cHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\n" % (b"L" if lmtp else b"E"))
    play.feed(b"RCPT TO:<%b@foo.com>\r\n" % recipient)
    seen = len(play.output)
    play.feed(b"".join(chunk(piece, last=False) for piece in pieces) + b"RSET\r\n")
    replies = [250 if wanted else 503 if lmtp else 554] * len(pieces) + [250]
    assert codes(play.output[seen:]) == replies
    assert play.body == (b"".join(pieces) if wanted else b"").removesuffix(b"\r")  # a last CR waits for its LF


@pytest.mark.parametrize("piece", [b"x" * 4096, b"x\r\n" * 1000, b"\r" * 4096, b"." * 4096, b"\r\n" * 2000])
def test_memory_stays_bounded_in_a_message(piece: bytes) -> None:
    play = Play()
    play.feed(b"EHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<bob@foo.com>\r\nDATA\r\n")
    for _ in range(50):
        play.feed(piece)
        play.body = b""
        assert play.engine._input.pending + len(play.engine._body._rest) <= 2 * 4096
