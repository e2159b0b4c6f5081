"""The client engine: plays, laws, junk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.smtp.client_play import EHLO, MAIL, Play, ready, shown

from postroom.base import ProtocolError
from postroom.sasl import client_mechanism
from postroom.smtp import (
    Authenticated,
    AuthRefused,
    BeginTls,
    ClientEngine,
    ClientEvent,
    Closed,
    Done,
    Ready,
    Refused,
    SendContent,
    SendMail,
    SendTo,
    Stage,
    TlsRefused,
)

# ---- greeting and EHLO


def test_greeting_and_ehlo() -> None:
    play = Play()
    assert play.stage() is Stage.GREETING
    assert play.server("220-mx.b.test\n220 welcome") == []
    play.client("EHLO a.test")
    assert play.stage() is Stage.HELLO
    (event,) = play.server(EHLO)
    assert isinstance(event, Ready)
    assert event.name == "mx.b.test"
    assert play.stage() is Stage.IDLE


@pytest.mark.parametrize("code", ["500", "502", "504", "550"])
def test_helo_when_ehlo_is_unknown(code: str) -> None:
    play = Play()
    play.server("220 old")
    play.client("EHLO a.test")
    assert play.server(f"{code} what?") == []
    play.client("HELO a.test")
    (event,) = play.server("250-mx.b.test\n250 PIPELINING")  # HELO brings no extensions, whatever it says
    assert isinstance(event, Ready)
    assert not event.extensions.esmtp
    assert "PIPELINING" not in event.extensions


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        (["554 no service"], Stage.GREETING),
        (["421 busy"], Stage.GREETING),
        (["250 odd greeting"], Stage.GREETING),
        (["220 hi", "451 later"], Stage.HELLO),
        (["220 hi", "500 no", "550 no"], Stage.HELLO),
        (["220 hi", "354 odd"], Stage.HELLO),
    ],
)
def test_no_session(lines: list[str], stage: Stage) -> None:
    play = Play()
    events: list[ClientEvent] = []
    for line in lines:
        events += play.server(line)
    (event,) = events
    assert isinstance(event, Refused)
    assert event.stage is stage
    assert not play.engine.usable
    play.engine.take_output()
    play.engine.quit()  # RFC 5321 §3.1: still polite
    play.client("QUIT")


def test_a_connection_that_has_ended_answers_by_itself() -> None:
    play = ready()
    play.server("421 idle too long")
    play.engine.send(MAIL)
    (done,) = play.events()
    assert shown(done) == ["MAIL: 421 idle too long"] * 2
    play.engine.start_tls()
    auth(play, "PLAIN")
    assert [type(event) for event in play.events()] == [TlsRefused, AuthRefused]
    play.client("")


# ---- transactions


def test_pipelined_transaction() -> None:
    play = ready()
    play.engine.send(MAIL)
    play.client("MAIL FROM:<alice@a.test> SIZE=10\nRCPT TO:<bob@b.test>\nRCPT TO:<carol@b.test>\nDATA")
    assert play.stage() is Stage.MAIL
    assert play.server("250 ok") == []
    assert play.stage() is Stage.RCPT
    assert play.server("250 ok\n550 5.1.1 no carol") == []
    assert play.stage() is Stage.DATA
    assert play.server("354 go") == [SendContent()]
    assert play.stage() is Stage.CONTENT
    play.engine.content(b"Subject: x\r\n\r\n.")
    play.engine.content(b"\r\n")
    play.engine.end_content()
    play.client("Subject: x\n\n..\n.")
    assert play.stage() is Stage.END
    (done,) = play.server("250 2.0.0 taken")
    assert shown(done) == ["end of DATA: 250 2.0.0 taken", "RCPT: 550 5.1.1 no carol"]
    assert isinstance(done, Done)
    assert [o.delivered for o in done.outcomes] == [True, False]
    play.engine.send(MAIL)  # no RSET after a finished transaction
    assert play.engine.take_output().startswith(b"MAIL ")


def test_one_command_at_a_time_without_pipelining() -> None:
    play = ready("250 mx.b.test")
    play.engine.send(MAIL)
    play.client("MAIL FROM:<alice@a.test>")
    play.server("250 ok")
    play.client("RCPT TO:<bob@b.test>")
    play.server("251 will forward")
    play.client("RCPT TO:<carol@b.test>")
    play.server("450 later")
    play.client("DATA")
    assert play.server("354 go") == [SendContent()]
    play.engine.end_content()
    play.client(".")
    (done,) = play.server("250 taken")
    assert shown(done) == ["end of DATA: 250 taken", "RCPT: 450 later"]


def test_without_pipelining_no_data_when_nobody_is_accepted() -> None:
    play = ready("250 mx.b.test")
    play.engine.send(MAIL)
    play.server("250 ok")
    play.server("550 no")
    (done,) = play.server("451 no")
    assert shown(done) == ["RCPT: 550 no", "RCPT: 451 no"]
    play.engine.take_output()
    play.engine.send(MAIL)
    play.client("RSET")
    play.server("250 ok")
    play.client("MAIL FROM:<alice@a.test>")
    (done,) = play.server("552 no room")
    assert shown(done) == ["MAIL: 552 no room"] * 2


def test_pipelined_with_nobody_accepted_and_data_refused() -> None:
    play = ready()
    play.engine.send(MAIL)
    play.engine.take_output()
    (done,) = play.server("250 ok\n550 no\n550 no\n554 no valid recipients")
    assert shown(done) == ["RCPT: 550 no"] * 2
    play.engine.send(MAIL)
    play.client("RSET\nMAIL FROM:<alice@a.test> SIZE=10\nRCPT TO:<bob@b.test>\nRCPT TO:<carol@b.test>\nDATA")
    play.server("250 reset\n250 ok\n250 ok\n250 ok")
    assert play.server("354 go") == [SendContent()]


@pytest.mark.parametrize("mail", ["250 ok", "550 not you"])
def test_pipelined_with_nobody_accepted_and_data_accepted(mail: str) -> None:
    """RFC 2920 §3.1: then send a single dot."""
    play = ready()
    play.engine.send(MAIL)
    play.engine.take_output()
    assert play.server(f"{mail}\n550 no\n550 no\n354 go") == []
    play.client(".")
    (done,) = play.server("554 nobody")
    assert all(":" in line and "550" in line for line in shown(done))


def test_data_refused_after_accepted_recipients() -> None:
    play = ready()
    play.engine.send(MAIL)
    (done,) = play.server("250 ok\n250 ok\n550 no\n451 4.3.0 disk")
    assert shown(done) == ["DATA: 451 4.3.0 disk", "RCPT: 550 no"]


def test_421_ends_everything() -> None:
    play = ready()
    play.engine.send(MAIL)
    (done,) = play.server("250 ok\n550 no\n421 4.3.2 going down")
    assert shown(done) == ["RCPT: 550 no", "RCPT: 421 4.3.2 going down"]
    assert play.stage() is Stage.CLOSED
    assert not play.engine.can_quit
    play = ready()
    (event,) = play.server("421 idle too long")
    assert isinstance(event, Closed)


def test_an_answer_before_the_end_of_the_message() -> None:
    play = ready()
    play.engine.send(MAIL)
    play.server("250 ok\n250 ok\n250 ok\n354 go")
    play.engine.content(b"x" * 100)
    (done,) = play.server("552 5.3.4 enough")
    assert shown(done) == ["content: 552 5.3.4 enough"] * 2
    play.engine.take_output()
    play.engine.content(b"more")
    play.engine.end_content()
    play.client("")  # anything sent now would be taken for content
    assert not play.engine.usable
    assert not play.engine.can_quit


def test_a_success_before_the_end_of_the_message_is_no_success() -> None:
    play = ready()
    play.engine.send(MAIL)
    play.server("250 ok\n250 ok\n250 ok\n354 go")
    with pytest.raises(ProtocolError):
        play.server("250 taken")
    (done,) = play.events()
    assert isinstance(done, Done)
    assert not any(o.reply.positive for o in done.outcomes)


def test_lost_at_each_stage() -> None:
    play = ready()
    play.engine.send(MAIL)
    play.server("250 ok\n550 no")
    play.engine.lost("Connection lost")
    (done,) = play.events()
    assert shown(done) == ["RCPT: 550 no", "RCPT: 421 4.4.2 Connection lost"]
    play.engine.lost("again")
    assert play.events() == []
    play = Play()
    play.engine.lost("gone")
    (event,) = play.events()
    assert isinstance(event, Refused)
    play = ready()
    play.engine.lost("gone")
    (event,) = play.events()
    assert isinstance(event, Closed)


def test_what_the_server_cannot_take_is_not_sent() -> None:
    play = ready("250-mx.b.test\n250 SIZE 1000")
    play.engine.send(SendMail("", (SendTo("b@b.test"),), size=1001))
    play.client("")
    (done,) = play.events()
    assert isinstance(done, Done)
    (outcome,) = done.outcomes
    assert (outcome.stage, outcome.reply.enhanced, outcome.reply.local) == (Stage.IDLE, "5.3.4", True)
    play.engine.send(MAIL)  # and nothing is spoilt


def test_one_bad_recipient_does_not_spoil_the_others() -> None:
    play = ready()
    play.engine.send(SendMail("", (SendTo("x\r\n@b.test"), SendTo("bob@b.test"))))
    play.client("MAIL FROM:<>\nRCPT TO:<bob@b.test>\nDATA")
    play.server("250 ok\n250 ok\n354 go")
    play.engine.end_content()
    (done,) = play.server("250 ok")
    assert isinstance(done, Done)
    assert [o.reply.status for o in done.outcomes] == ["5.1.3", "2.0.0"]


def test_lmtp_answers_for_each_recipient() -> None:
    play = ready("250-mx\n250 PIPELINING", lmtp=True)
    play.engine.send(SendMail("", tuple(SendTo(f"{n}@b.test") for n in "abc")))
    play.server("250 ok\n250 ok\n550 no b\n250 ok\n354 go")
    play.engine.content(b"x\r\n")
    play.engine.end_content()
    assert play.server("250 a has it") == []
    (done,) = play.server("452 4.2.2 c is full")
    assert shown(done) == ["end of DATA: 250 a has it", "RCPT: 550 no b", "end of DATA: 452 4.2.2 c is full"]


# ---- STARTTLS


def test_nothing_survives_starttls() -> None:
    play = ready()
    play.engine.start_tls()
    play.client("STARTTLS")
    assert play.server("220 go\n250-evil\n250 AUTH PLAIN") == [BeginTls()]
    assert play.stage() is Stage.HANDSHAKE
    assert play.server("250 more evil") == []
    play.engine.tls_started()
    play.client("EHLO a.test")
    assert not play.engine.extensions.keywords
    assert play.events() == []
    (event,) = play.server("250-mx.b.test\n250 PIPELINING")
    assert isinstance(event, Ready)
    assert sorted(event.extensions.keywords) == ["PIPELINING"]


def test_starttls_refused() -> None:
    play = ready()
    play.engine.start_tls()
    (event,) = play.server("454 4.7.0 not now")
    assert isinstance(event, TlsRefused)
    assert play.engine.usable
    play.engine.send(MAIL)
    play = ready()
    play.engine.start_tls()
    play.server("421 bye")
    assert not play.engine.usable
    with pytest.raises(ValueError, match="STARTTLS"):
        play.engine.tls_started()


# ---- AUTH


def auth(play: Play, name: str, username: str = "alice", password: str = "secret") -> None:
    mechanism = client_mechanism(name, username, password)
    assert mechanism is not None
    play.engine.authenticate(mechanism)


def test_auth_plain() -> None:
    play = ready()
    auth(play, "PLAIN")
    play.client("AUTH PLAIN AGFsaWNlAHNlY3JldA==")
    (event,) = play.server("235 2.7.0 ok")
    assert isinstance(event, Authenticated)


def test_mail_says_that_it_vouches_for_nobody_once_signed_in() -> None:
    """RFC 4954 §5: AUTH=<> on every MAIL of an authenticated connection."""
    play = ready()
    auth(play, "PLAIN")
    play.engine.take_output()
    play.server("235 2.7.0 ok")
    play.engine.send(SendMail("a@foo.com", (SendTo("b@bar.com"),)))
    assert play.engine.take_output().startswith(b"MAIL FROM:<a@foo.com> AUTH=<>\r\n")


def test_auth_login() -> None:
    play = ready()
    auth(play, "LOGIN")
    play.client("AUTH LOGIN")
    assert play.server("334 VXNlcm5hbWU6") == []
    play.client("YWxpY2U=")
    assert play.server("334 UGFzc3dvcmQ6") == []
    play.client("c2VjcmV0")
    (event,) = play.server("535 5.7.8 no")
    assert isinstance(event, AuthRefused)
    assert play.engine.usable


def test_a_long_initial_response_waits_for_its_challenge() -> None:
    play = ready()
    auth(play, "PLAIN", password="p" * 500)
    play.client("AUTH PLAIN")
    play.server("334 ")
    assert len(play.engine.take_output()) > 600
    (event,) = play.server("235 ok")
    assert isinstance(event, Authenticated)


@pytest.mark.parametrize("challenge", ["not base64!", "=AAA", "dW5leHBlY3RlZA=="])
def test_a_challenge_that_makes_no_sense_is_cancelled(challenge: str) -> None:
    play = ready()
    auth(play, "PLAIN")
    play.engine.take_output()
    play.server(f"334 {challenge}")
    play.client("*")
    (event,) = play.server("501 cancelled")
    assert isinstance(event, AuthRefused)


def test_out_of_turn() -> None:
    play = Play()
    for call in (play.engine.start_tls, play.engine.quit, lambda: play.engine.send(MAIL), lambda: auth(play, "PLAIN")):
        with pytest.raises(ValueError, match="not now"):
            call()
    play = ready()
    play.engine.send(MAIL)
    with pytest.raises(ValueError, match="content"):
        play.engine.content(b"x")


def test_quit() -> None:
    play = ready()
    play.engine.quit()
    play.client("QUIT")
    (event,) = play.server("221 bye")
    assert isinstance(event, Closed)
    assert play.server("250 anybody there?") == []


# ---- laws


def drive(turns: list[list[bytes]]) -> tuple[bytes, list[ClientEvent], bool]:
    """A whole session on whatever the server says, acting on events after each of its turns, as a driver does."""
    engine = ClientEngine("a.test")
    out, events, failed = b"", [], False
    began = False
    for pieces in turns:
        for piece in pieces:
            try:
                engine.feed(piece)
            except ProtocolError:
                failed = True
        while (event := engine.next_event()) is not None:
            events.append(event)
            match event:
                case Ready() if "STARTTLS" in event.extensions and not began:
                    began = True
                    engine.start_tls()
                case Ready():
                    engine.send(MAIL)
                case SendContent():
                    engine.content(b"hello\r\n")
                    engine.end_content()
                case Done() | TlsRefused() if engine.can_quit:
                    engine.quit()
        out += engine.take_output()
    return out, events, failed


def whole_turns(turns: list[bytes]) -> list[list[bytes]]:
    return [[turn] for turn in turns]


def junk(size: int) -> st.SearchStrategy[bytes]:
    """st.binary compares octets with numbers inside, which `python -bb` does not forgive."""
    return st.lists(st.integers(0, 255), max_size=size).map(bytes)


line = st.one_of(
    st.sampled_from(
        [
            b"220 hi\r\n",
            b"250 ok\r\n",
            b"250-x\r\n250 PIPELINING\r\n",
            b"354 go\r\n",
            b"421 bye\r\n",
            b"550 5.1.1 no\r\n",
        ]
        + [
            b"250-x\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
            b"454 no\r\n",
            b"221 bye\r\n",
            b"334 \r\n",
            b"junk\r\n",
            b"250\n",
        ]
    ),
    junk(8),
)
speech = st.lists(line, max_size=14)
turns = st.lists(st.lists(line, max_size=5).map(b"".join), max_size=6)
GOOD = [b"220 mx\r\n", b"250-mx\r\n250 PIPELINING\r\n"]


@settings(max_examples=150, deadline=None)
@given(turns, st.data())
def test_any_splitting_gives_the_same(said: list[bytes], draw: st.DataObject) -> None:
    said = GOOD + said
    whole = drive(whole_turns(said))
    assert drive([[turn[k : k + 1] for k in range(len(turn))] for turn in said]) == whole
    pieces = []
    for turn in said:
        cut = draw.draw(st.integers(0, len(turn)))
        pieces.append([turn[:cut], turn[cut:]])
    assert drive(pieces) == whole


@settings(max_examples=150, deadline=None)
@given(st.lists(junk(60), max_size=4))
def test_junk_raises_nothing_but_protocol_errors(said: list[bytes]) -> None:
    drive(whole_turns(said))
    drive(whole_turns(GOOD + said))


@settings(max_examples=100, deadline=None)
@given(speech)
def test_every_transaction_ends_exactly_once(said: list[bytes]) -> None:
    engine = ClientEngine("a.test")
    engine.feed(b"220 x\r\n250-x\r\n250 PIPELINING\r\n")
    assert isinstance(engine.next_event(), Ready)
    engine.send(MAIL)
    try:
        engine.feed(b"".join(said))
    except ProtocolError:
        pass
    engine.lost("over")
    ends = 0
    while (event := engine.next_event()) is not None:
        if isinstance(event, Done):
            ends += 1
            assert len(event.outcomes) == 2
    assert ends == 1


def test_memory_is_bounded() -> None:
    engine = ClientEngine("a.test")
    flood = (b"220-" + b"x" * 1000 + b"\r\n" + b"220-\r\n" * 10) * 100
    with pytest.raises(ProtocolError):
        engine.feed(flood)
    with pytest.raises(ProtocolError):
        ClientEngine("a.test").feed(b"2" * 5000)
