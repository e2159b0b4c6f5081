"""The engine: transcripts, the laws, limits, and what no transcript shows."""

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroom.pop3 import Close, Pop3Settings, Refusal, Send, SignIn, StartTls
from postroom.pop3.commands import COMMANDS
from postroom.pop3.engine import _HANDLERS
from postroom.sasl import Credentials, credentials

from .play import MESSAGES, PASSWORD, TRANSCRIPTS, USERNAME, Play, matches, scenes

SIGN_IN = b"USER bob@bob.test\r\nPASS secret word\r\n"


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    play = Play(tls=False, tls_offered=True) if "! plain" in path.read_text(encoding="utf-8") else Play()
    said = play.output
    for who, text in scenes(path):
        if who == "C":
            assert said == b"", f"before {text!r} the server also said {said!r}"
            said = play.feed(text + b"\r\n")
        elif who == "S":
            line, _, said = said.partition(b"\r\n")
            assert matches(text, line), f"expected {text!r}, got {line!r}"
        elif text == b"tls":
            assert isinstance(play.requests[-1], StartTls)
        elif text == b"close":
            assert play.closed
    assert said == b""


def test_every_command_has_its_handler() -> None:
    assert set(COMMANDS) == set(_HANDLERS) | {b"PASS"}


# ---- the laws

LINES = st.sampled_from(
    [
        b"USER bob@bob.test",
        b"PASS secret word",
        b"PASS no",
        b"AUTH PLAIN",
        b"AUTH LOGIN Ym9i",
        b"AUTH PLAIN AGJvYkBib2IudGVzdABzZWNyZXQgd29yZA==",
        b"Ym9i",
        b"*",
        b"CAPA",
        b"LANG",
        b"UTF8",
        b"STAT",
        b"LIST",
        b"LIST 2",
        b"UIDL",
        b"UIDL 9",
        b"RETR 1",
        b"TOP 2 1",
        b"DELE 1",
        b"DELE 3",
        b"RSET",
        b"NOOP",
        b"bare\nlf",
        b"bare\rcr",
        b"nul\0",
        b"x" * 300,
        b"A" * 13000,
        b"",
        b"QUIT",
    ]
)
QUICK = Pop3Settings(max_bad_commands=6, listing_piece_lines=2, output_octets=512)


@given(st.lists(LINES, max_size=12), st.lists(st.integers(1, 400), min_size=1, max_size=5), st.booleans())
def test_any_splitting_gives_the_same_replies(lines: list[bytes], sizes: list[int], signed_in: bool) -> None:
    data = (SIGN_IN if signed_in else b"") + b"".join(line + b"\r\n" for line in lines)
    whole, single, pieces = Play(QUICK), Play(QUICK), Play(QUICK)
    whole.feed(data)
    for k in range(len(data)):
        single.feed(data[k : k + 1])
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.feed(data[at : at + size])
        at += size
        turn += 1
    assert whole.output == single.output == pieces.output
    assert whole.removed == single.removed == pieces.removed
    assert whole.closed == single.closed == pieces.closed


@given(st.binary(max_size=400), st.booleans())
@example(b"\xff\r\n" * 30, False)
def test_random_octets_raise_nothing(data: bytes, signed_in: bool) -> None:
    play = Play()
    if signed_in:
        play.sign_in()
    play.feed(data)
    play.feed(data + b"\r\n")


@given(st.lists(LINES.filter(lambda line: b"\n" not in line and line != b"QUIT"), max_size=15))
def test_each_command_has_exactly_one_reply(lines: list[bytes]) -> None:
    play = Play(Pop3Settings(max_bad_commands=100, max_sign_in_failures=100))
    for line in lines:
        before = play.engine.state
        said = play.feed(line + b"\r\n")
        assert said.startswith((b"+OK", b"-ERR", b"+ "))
        multiple = said.startswith(b"+OK") and (
            line[:4] in (b"CAPA", b"RETR", b"TOP ") or line in (b"LANG", b"LIST", b"UIDL")
        )
        assert said.endswith(b"\r\n.\r\n" if multiple else b"\r\n")
        if not multiple:
            assert said.count(b"\r\n") == 1
        assert before in play.engine.state or line.startswith((b"PASS", b"AUTH", b"Ym9i"))


def test_nothing_from_before_stls_survives() -> None:
    play = Play(tls=False, tls_offered=True)
    said = play.feed(b"USER eve\r\nSTLS\r\nUSER bob@bob.test\r\nPASS secret word\r\nDELE 1\r\nQU")
    assert said.endswith(b"+OK Begin TLS negotiation\r\n")
    assert play.feed(b"IT\r\n") == b"-ERR Unknown command\r\n"
    assert play.feed(b"PASS secret word\r\n") == b"-ERR USER comes before PASS\r\n"


def test_octets_that_arrive_during_the_handshake_are_dropped() -> None:
    engine = Play(tls=False, tls_offered=True).engine
    engine.feed(b"STLS\r\n")
    assert isinstance(engine.next_request(), StartTls)
    engine.feed(b"QUIT\r\n")
    engine.tls_started()
    assert engine.next_request() is None
    assert engine.take_output() == b"+OK Begin TLS negotiation\r\n"


def test_message_octets_are_never_commands_or_an_end() -> None:
    evil = b"Subject: x\r\n\r\n.\r\n-ERR\n.\nQUIT\r\n..\r\n.\r"
    said = Play(messages=(evil,)).sign_in().feed(b"RETR 1\r\n")
    body = said.partition(b"\r\n")[2]
    assert body.count(b"\r\n.\r\n") == 1
    assert body.endswith(b"\r\n.\r\n")


# ---- limits


def test_a_line_of_255_octets_is_taken_and_one_of_256_is_not() -> None:
    play = Play()
    assert play.feed(b"USER " + b"x" * (255 - 7) + b"\r\n") == b"+OK\r\n"
    assert play.feed(b"USER " + b"x" * (256 - 7) + b"\r\n") == b"-ERR line too long\r\n"
    assert play.feed(b"CAPA\r\n").startswith(b"+OK")


def test_auth_responses_may_be_longer() -> None:
    play = Play()
    play.feed(b"AUTH PLAIN\r\n")
    long_name = b64encode(b"\0" + b"n" * 900 + b"\0p")
    assert play.feed(long_name + b"\r\n") == b"-ERR [AUTH] Wrong user name or password\r\n"
    play.feed(b"AUTH PLAIN\r\n")
    assert play.feed(b"A" * 12292 + b"\r\n") == b"-ERR line too long\r\n"
    assert play.feed(b"NOOP\r\n") == b"-ERR NOOP can't be given in this state\r\n"  # no exchange any more


@pytest.mark.parametrize("step", [1000, 70000, 200000])
def test_a_line_without_end_closes(step: int) -> None:
    play = Play()
    for _ in range(0, 200000, step):
        play.feed(b"x" * step)
        assert len(play.engine._lines._rest) <= 12290
    play.feed(b"\r\nCAPA\r\n")
    assert play.closed
    assert play.output.endswith(b"ready\r\n-ERR line too long, closing\r\n")


def test_too_many_bad_commands_close() -> None:
    play = Play(Pop3Settings(max_bad_commands=3))
    assert play.feed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nCAPA\r\n").count(b"-ERR") == 3
    assert play.closed
    assert isinstance(play.requests[-1], Close)


@pytest.mark.parametrize(
    "attempt", [b"USER bob@bob.test\r\nPASS no\r\n", b"AUTH PLAIN =\r\n", b"AUTH PLAIN AGJvYgBubw==\r\n"]
)
def test_too_many_wrong_passwords_close(attempt: bytes) -> None:
    play = Play(Pop3Settings(max_sign_in_failures=2))
    play.feed(attempt)
    after_one = play.closed
    play.feed(attempt + SIGN_IN)
    assert (after_one, play.closed) == (False, True)
    assert play.engine.maildrop is None


@pytest.mark.parametrize(
    "refusal", [Refusal.IN_USE, Refusal.LOGIN_DELAY, Refusal.TEMPORARY, Refusal.PERMANENT], ids=lambda r: r.name
)
def test_other_refusals_leave_the_session_open(refusal: Refusal) -> None:
    play = Play(refusal=refusal)
    for _ in range(5):
        said = play.feed(SIGN_IN)
        assert said == b"+OK\r\n-ERR " + refusal.value + b"\r\n"
    assert not play.closed
    assert play.feed(b"QUIT\r\n").startswith(b"+OK")


def test_replies_to_pipelined_commands_are_handed_over_before_they_pile_up() -> None:
    play = Play(Pop3Settings(output_octets=512))
    play.feed(SIGN_IN + b"NOOP\r\n" * 1000)
    assert play.output.count(b"+OK\r\n") == 1001
    assert sum(isinstance(request, Send) for request in play.requests) > 5


# ---- sign-in


def test_names_and_passwords_are_prepared_and_not_shown() -> None:
    play = Play()
    play.feed("USER bo\u00adb@bob.test\r\nPASS secret\u00a0word\r\n".encode())
    request = play.requests[-1]
    assert isinstance(request, SignIn)
    assert credentials(request.username, request.password) == Credentials(USERNAME, PASSWORD)
    assert PASSWORD not in repr(request)
    assert play.engine.maildrop is not None


@pytest.mark.parametrize("password", [b"\xff\xfe", b"\x07"])
def test_octets_that_are_no_password_are_a_wrong_one(password: bytes) -> None:
    play = Play()
    assert play.feed(b"USER bob@bob.test\r\nPASS " + password + b"\r\n").endswith(
        b"-ERR [AUTH] Wrong user name or password\r\n"
    )


def test_plaintext_sign_in_where_allowed() -> None:
    play = Play(tls=False, plaintext_sign_in=True)
    assert b"\r\nUSER\r\nSASL PLAIN LOGIN\r\n" in play.feed(b"CAPA\r\n")
    assert play.feed(SIGN_IN).endswith(b"+OK maildrop has 3 messages (106 octets)\r\n")
    assert Play(tls=False).feed(b"STLS\r\n") == b"-ERR [SYS/PERM] TLS is not set up here\r\n"


def test_stls_after_utf8_is_refused() -> None:  # RFC 6856 §2.1
    play = Play(tls=False, tls_offered=True)
    assert play.feed(b"UTF8\r\nSTLS\r\n") == b"+OK UTF-8 mode\r\n-ERR STLS comes before UTF8\r\n"


def test_announced_where_configured() -> None:
    said = Play(Pop3Settings(login_delay_seconds=60, expire_days=14)).feed(b"CAPA\r\n")
    assert b"\r\nLOGIN-DELAY 60\r\n" in said
    assert b"\r\nEXPIRE 14\r\n" in said


# ---- update


def test_quit_removes_what_is_marked_and_nothing_else() -> None:
    play = Play().sign_in()
    play.feed(b"DELE 3\r\nDELE 1\r\nQUIT\r\n")
    assert play.removed == [10, 30]
    assert play.closed


@pytest.mark.parametrize("end", [b"", b"QUIT", b"QUIT x\r\n", b"RSET\r\nQUIT\r\n"])
def test_nothing_is_removed_without_quit(end: bytes) -> None:
    play = Play().sign_in()
    play.feed(b"DELE 3\r\n" + end)
    assert play.removed == []


def test_a_failed_update_says_so() -> None:
    engine = Play().sign_in().engine
    engine.feed(b"DELE 1\r\nQUIT\r\nNOOP\r\n")
    engine.next_request()
    engine.updated(None)
    assert engine.take_output() == (b"+OK message 1 deleted\r\n-ERR [SYS/TEMP] Deleted messages not removed\r\n")
    assert engine.closed
    assert engine.next_request() is None


def test_failures_to_read() -> None:
    engine = Play().sign_in().engine
    engine.feed(b"RETR 1\r\nRETR 2\r\nRETR 3\r\n")
    engine.next_request()
    engine.fail()
    engine.next_request()
    engine.refuse_utf8()
    engine.next_request()
    engine.gone(3)
    assert engine.take_output() == (
        b"-ERR [SYS/TEMP] Something went wrong, please try again later\r\n"
        b"-ERR [UTF8] This message needs the UTF8 command before sign-in\r\n"
        b"-ERR message 3 is not here any more\r\n"
    )


def test_the_session_is_held_to_its_part() -> None:
    engine = Play().sign_in().engine
    with pytest.raises(ValueError):
        engine.sent()
    engine.feed(b"RETR 1\r\n")
    engine.next_request()
    with pytest.raises(ValueError):
        engine.next_request()
    with pytest.raises(ValueError):
        engine.tls_started()


def test_messages_of_the_play() -> None:
    assert sum(map(len, MESSAGES)) == 106
