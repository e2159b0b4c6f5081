"""The server engine: order of commands, limits, and what its session may rely on."""

import pytest

from postroom.smtp import Mail, MessageEnd, Mode, Rcpt, Reply, ServerEngine, SmtpSettings, StartTls, Verify, replies

from .play import Play, codes, ready

MAIL = b"MAIL FROM:<a@bar.com>\r\n"
RCPT = b"RCPT TO:<bob@foo.com>\r\n"


def test_one_read_makes_one_write() -> None:
    play = ready()
    out = play.feed(MAIL + RCPT + b"RCPT TO:<x@foo.com>\r\n" + RCPT + b"DATA\r\n")
    assert codes(out) == [250, 250, 550, 250, 354]
    out = play.feed(b"text\r\n.\r\n" + MAIL + b"RSET\r\nQUIT\r\nNOOP\r\n")
    assert codes(out) == [250, 250, 250, 221]  # nothing after QUIT is answered
    assert play.messages == [("a@bar.com", ["bob@foo.com", "bob@foo.com"], b"text\r\n")]
    assert play.engine.closed


def test_the_message_follows_the_rules_of_transparency() -> None:
    play = ready()
    play.feed(MAIL + RCPT + b"DATA\r\n")
    play.feed(b"..\r\n.a\r\n.\r\n")
    assert play.messages[0][2] == b".\r\na\r\n"


def test_ehlo_within_a_transaction_resets_and_a_bad_one_does_not() -> None:
    play = ready()
    assert codes(play.feed(MAIL + b"EHLO not ok\r\n" + RCPT)) == [250, 501, 250]  # RFC 5321 §4.1.4
    assert codes(play.feed(b"EHLO bar.com\r\n" + RCPT)) == [250, 503]


def test_a_refused_mail_opens_no_transaction() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.feed(b"EHLO bar.com\r\n" + MAIL + RCPT)
    assert engine.next_event() == Mail("a@bar.com")
    engine.reply(Reply(450, "4.7.1", "Not now"))
    assert engine.next_event() is None
    assert engine.take_output().endswith(b"450 4.7.1 Not now\r\n503 5.5.1 Need MAIL command first\r\n")


def test_white_space_at_the_end_and_case_of_verbs() -> None:
    play = Play()
    assert codes(play.feed(b"ehlo bar.com  \r\nmAiL from:<a@bar.com> \r\nrcpt to:<bob@foo.com>\t\r\ndata \r\n")) == [
        250,
        250,
        250,
        354,
    ]


def test_data_that_was_refused_makes_no_commands_of_the_message() -> None:
    play = ready()
    out = play.feed(MAIL + b"RCPT TO:<x@foo.com>\r\nDATA\r\nSubject: x\r\n\r\nMAIL FROM:<evil@bar.com>\r\n.\r\n")
    assert codes(out) == [250, 550, 554, 421]
    assert play.engine.closed


def test_replies_to_a_hello_have_no_enhanced_code() -> None:
    # RFC 2034 §4
    assert Play().feed(b"EHLO\r\nHELO not ok\r\nLHLO x\r\n").split(b"\r\n")[:3] == [
        b"501 A domain name or address literal is required",
        b"501 A domain name or address literal is required",
        b"500 Command unrecognized",
    ]
    assert Play(lmtp=True).feed(b"EHLO x\r\n") == b"500 Command unrecognized\r\n"


def test_the_session_may_refuse_data() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.feed(b"EHLO bar.com\r\n" + MAIL)
    engine.next_event()
    engine.reply(replies.SENDER_OK)
    engine.feed(RCPT)
    engine.next_event()
    engine.reply(replies.RECIPIENT_OK)
    engine.feed(b"DATA\r\n")
    engine.next_event()
    engine.reply(replies.TEMPORARY_FAILURE)
    engine.feed(b"RSET\r\n")
    assert engine.next_event() is None
    assert engine.take_output().endswith(b"250 2.0.0 Ok\r\n")


# ---- lines


def test_a_line_too_long_costs_one_reply() -> None:
    play = ready()
    assert codes(play.feed(b"NOOP " + b"x" * 2041 + b"\r\nNOOP\r\n")) == [250, 250]
    out = play.feed(b"NOOP " + b"x" * 2042)
    assert out == replies.LINE_TOO_LONG.wire
    assert play.feed(b"y" * 100_000 + b"\r") == b""
    assert play.feed(b"\nNOOP\r\n") == replies.OK.wire


def test_auth_lines_may_be_longer() -> None:
    play = ready(auth_offered=("PLAIN",))
    assert codes(play.feed(b"AUTH PLAIN " + b"A" * 12_000 + b"\r\n")) == [535]
    assert play.feed(b"AUTH PLAIN " + b"A" * 12_300 + b"\r\n") == replies.AUTH_LINE_TOO_LONG.wire
    play.feed(b"AUTH PLAIN\r\n")
    assert play.feed(b"A" * 12_300) == replies.AUTH_LINE_TOO_LONG.wire  # RFC 4954 §4: the exchange is over
    assert play.feed(b"\r\nNOOP\r\n") == replies.OK.wire


@pytest.mark.parametrize("bad", [b"NO\nOP", b"NO\rOP", b"NO\0OP", b"\n", b"NOOP\r", b"NOOP\nMAIL FROM:<a@b.com>"])
def test_bare_line_ends_and_nul_in_commands(bad: bytes) -> None:
    play = ready()
    assert play.feed(bad + b"\r\n" + MAIL) == replies.BARE_LINE_END.wire + replies.SENDER_OK.wire


def test_a_client_that_ends_lines_with_lf_alone_is_told_at_once() -> None:
    assert Play().feed(b"EHLO bar.com\n") == replies.BARE_LINE_END.wire


def test_a_line_that_never_ends_is_cut() -> None:
    play = ready(settings=SmtpSettings(max_discarded_octets=65_536))
    play.feed(b"x" * 70_000)
    assert codes(play.output)[-2:] == [500, 421]
    assert play.engine.closed
    assert play.feed(b"\r\nNOOP\r\n") == b""


# ---- limits


def test_too_many_errors() -> None:
    play = ready(settings=SmtpSettings(max_errors=3))
    assert codes(play.feed(b"X\r\n" * 10)) == [500, 500, 500, 500, 421]
    assert play.engine.closed


def test_too_many_recipients() -> None:
    play = ready(settings=SmtpSettings(max_recipients=100))
    assert codes(play.feed(MAIL + RCPT * 102)) == [250] * 101 + [452, 452]
    assert codes(play.feed(b"DATA\r\n")) == [354]
    play.feed(b".\r\n")
    assert len(play.messages[0][1]) == 100


def test_ten_thousand_recipients_each_get_their_reply() -> None:
    play = ready()
    assert codes(play.feed(MAIL + RCPT * 10_000)) == [250] * 1001 + [452] * 9000


def test_guessing_addresses_ends_the_session() -> None:
    play = ready(settings=SmtpSettings(max_refused_recipients=5))
    out = play.feed(MAIL + b"".join(b"RCPT TO:<x%d@foo.com>\r\n" % n for n in range(10)))
    assert codes(out) == [250] + [550] * 6 + [421]


def test_commands_that_move_no_mail_are_counted_between_messages() -> None:
    play = ready(settings=SmtpSettings(max_idle_commands=10))
    message = MAIL + RCPT + b"DATA\r\n"
    for _ in range(3):
        assert set(codes(play.feed(b"NOOP\r\n" * 9))) == {250}
        play.feed(message)
        play.feed(b".\r\n")
    assert codes(play.feed(b"NOOP\r\n" * 12)) == [250] * 10 + [421]


def test_messages_per_session() -> None:
    play = ready(settings=SmtpSettings(max_transactions=2))
    for _ in range(2):
        play.feed(MAIL + RCPT + b"DATA\r\n")
        play.feed(b".\r\n")
    assert codes(play.feed(MAIL)) == [421]


def test_a_message_too_large_is_read_to_its_end_and_refused() -> None:
    play = ready(settings=SmtpSettings(max_message_octets=65_536))
    play.feed(MAIL + RCPT + b"DATA\r\n")
    for _ in range(100):
        play.feed(b"x" * 998 + b"\r\n")
    assert len(play.body) <= 65_536 + 1000
    assert play.feed(b".\r\nNOOP\r\n") == replies.TOO_LARGE.wire + replies.OK.wire
    assert play.messages == []
    play.feed(MAIL + RCPT + b"DATA\r\n")
    assert codes(play.feed(b"x" * 65_534 + b"\r\n.\r\n")) == [250]


def test_a_message_that_never_ends_is_cut() -> None:
    play = ready(settings=SmtpSettings(max_message_octets=65_536, max_discarded_octets=65_536))
    play.feed(MAIL + RCPT + b"DATA\r\n")
    for _ in range(200):
        play.feed(b"x" * 998 + b"\r\n")
    assert codes(play.output)[-1] == 421
    assert play.engine.closed


@pytest.mark.parametrize(
    ("text", "quirk", "code"),
    [
        (b"a\nb\r\n", "", 550),
        (b"a\rb\r\n", "", 550),
        (b"a\r\n.\rMAIL\r\n", "", 550),
        (b"a\nb\r\n", "quirk_bare_cr_lf_in_data", 250),
        (b"a\0b\r\n", "", 550),
        (b"a\0b\r\n", "quirk_nul_in_data", 250),
    ],
)
def test_messages_that_somebody_could_read_differently(text: bytes, quirk: str, code: int) -> None:
    play = ready(settings=SmtpSettings(**({quirk: True} if quirk else {})))
    play.feed(MAIL + RCPT + b"DATA\r\n")
    assert codes(play.feed(text + b".\r\n")) == [code]
    assert len(play.messages) == (code == 250)


def test_eight_bit_content_is_noticed() -> None:
    play = ready()
    play.feed(MAIL + RCPT + b"DATA\r\n")
    play.feed("é\r\n.\r\n".encode())
    assert play.events[-1] == MessageEnd(None, True)


# ---- LMTP


def test_lmtp_answers_once_a_recipient() -> None:
    play = ready(lmtp=True)
    assert codes(play.feed(MAIL + RCPT + b"RCPT TO:<x@foo.com>\r\n" + RCPT + b"DATA\r\n")) == [250, 250, 550, 250, 354]
    assert codes(play.feed(b"text\r\n.\r\nNOOP\r\n")) == [250, 250, 250]


# ---- STARTTLS and AUTH


def test_nothing_from_before_starttls_survives() -> None:
    play = ready(tls_offered=True)
    out = play.feed(MAIL + b"STARTTLS\r\nMAIL FROM:<evil@bar.com>\r\nRCPT TO:<bob@foo.com>\r\nDATA\r\n")
    assert codes(out) == [250, 220]
    assert play.feed(b"NOOP\r\n") == b""  # still before the handshake
    assert play.engine.thrown_away_at_starttls > 60
    play.engine.tls_started()
    assert play.feed(b"") == b""
    assert codes(play.feed(RCPT + MAIL)) == [503, 503]
    assert play.engine.hello == ""
    assert play.engine.mail is None
    assert not play.engine.authenticated
    assert b"STARTTLS" not in play.feed(b"EHLO bar.com\r\n")


def test_starttls_that_the_session_refuses_changes_nothing() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.offers.starttls = True
    engine.feed(b"STARTTLS\r\nNOOP\r\n")
    assert engine.next_event() == StartTls()
    engine.reply(replies.TLS_NOT_AVAILABLE)
    assert engine.next_event() is None
    assert codes(engine.take_output()) == [454, 250]
    with pytest.raises(RuntimeError):
        engine.tls_started()


def test_auth_needs_tls_where_it_will_be_offered_later() -> None:
    play = ready(auth_needs_tls=True)
    assert codes(play.feed(b"AUTH PLAIN AGJvYgAxMjM0\r\n")) == [538]


def test_mail_that_needs_sign_in_is_refused_at_every_command() -> None:
    play = ready(auth_offered=("PLAIN",))
    play.engine.offers.sign_in_first = replies.AUTH_REQUIRED
    assert codes(play.feed(MAIL + RCPT + b"DATA\r\nVRFY bob\r\n")) == [530] * 4
    assert codes(play.feed(b"NOOP\r\nRSET\r\nHELP\r\n")) == [250, 250, 214]
    assert codes(play.feed(b"AUTH PLAIN AGJvYgAxMjM0\r\n" + MAIL + RCPT)) == [235, 250, 250]


def test_auth_not_within_a_transaction_and_only_once() -> None:
    play = ready(auth_offered=("PLAIN", "LOGIN"))
    assert codes(play.feed(MAIL + b"AUTH PLAIN\r\nRSET\r\n")) == [250, 503, 250]  # RFC 4954 §4
    assert codes(play.feed(b"AUTH PLAIN AGJvYgAxMjM0\r\nAUTH PLAIN\r\n")) == [235, 503]
    assert play.engine.authenticated


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"AUTH PLAIN =\r\n", [535]),
        (b"AUTH PLAIN ====\r\n", [501]),
        (b"AUTH PLAIN AAA=BBB\r\n", [501]),
        (b"AUTH PLAIN AGJvYg AxMjM0\r\n", [501]),
        (b"AUTH PLAIN\r\n\r\n", [334, 535]),
        (b"AUTH PLAIN\r\nAG!v\r\nNOOP\r\n", [334, 501, 250]),
        (b"AUTH LOGIN Ym9i\r\nMTIzNA==\r\n", [334, 235]),
        (b"AUTH XOAUTH2 abc\r\n", [504]),
        (b"auth login\r\n*\r\nNOOP\r\n", [334, 501, 250]),
    ],
)
def test_auth_exchanges(said: bytes, expected: list[int]) -> None:
    assert codes(ready(auth_offered=("PLAIN", "LOGIN")).feed(said)) == expected


# ---- the contract with the session


def test_breaking_the_contract_is_a_bug_of_ours() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    with pytest.raises(RuntimeError):
        engine.reply(replies.OK)
    with pytest.raises(RuntimeError):
        engine.challenge(b"")
    engine.feed(b"EHLO bar.com\r\n" + MAIL)
    assert isinstance(engine.next_event(), Mail)
    assert engine.reply_due
    with pytest.raises(RuntimeError):
        engine.next_event()
    with pytest.raises(RuntimeError):
        engine.challenge(b"")


def test_any_421_closes() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.feed(b"EHLO bar.com\r\n" + MAIL + RCPT)
    engine.next_event()
    engine.reply(Reply(421, "4.3.2", "Going away"))
    assert engine.mode is Mode.CLOSED
    assert engine.next_event() is None
    engine.feed(b"NOOP\r\n")
    assert engine.next_event() is None


def test_a_last_word_may_be_said_at_any_time() -> None:
    play = ready()
    play.feed(MAIL + RCPT + b"DATA\r\nhalf a message")
    assert play.engine.in_message
    play.engine.close(Reply(421, "4.4.2", "timeout"))
    assert play.engine.take_output() == b"421 4.4.2 timeout\r\n"
    assert play.engine.closed


def test_vrfy_and_expn_ask_the_session_where_they_are_offered() -> None:
    play = ready(verify="signed-in", auth_offered=("PLAIN",))
    assert codes(play.feed(b"VRFY bob@foo.com\r\nEXPN bob@foo.com\r\n")) == [252, 252]
    play.feed(b"AUTH PLAIN AGJvYgAxMjM0\r\n")
    play.events.clear()
    assert codes(play.feed(b"VRFY bob@foo.com SMTPUTF8\r\nEXPN <x@foo.com>\r\nVRFY bob\r\n")) == [250, 550, 252]
    assert play.events == [Verify("bob@foo.com", False, True), Verify("x@foo.com", True, False)]


def test_guesses_by_vrfy_count_as_those_by_rcpt() -> None:
    play = ready(verify="on", settings=SmtpSettings(max_refused_recipients=2))
    assert codes(play.feed(b"VRFY x@foo.com\r\n" * 3)) == [550, 550, 550, 421]


def test_help_lists_the_commands_of_the_protocol() -> None:
    assert b"LHLO" not in Play().feed(b"HELP\r\n")
    assert b"EHLO" not in Play(lmtp=True).feed(b"HELP\r\n")
    assert codes(Play().feed(b"HELP RCPT\r\nHELP WANTED\r\n")) == [214, 504]


def test_events_carry_what_was_said() -> None:
    play = ready()
    play.feed(b"MAIL FROM:<a@bar.com> SIZE=5 ENVID=x\r\nRCPT TO:<bob@foo.com> NOTIFY=NEVER\r\n")
    assert play.events == [Mail("a@bar.com", size=5, envid="x"), Rcpt("bob@foo.com", frozenset({"NEVER"}))]
