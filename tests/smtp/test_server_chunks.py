"""BDAT at the server engine: a reply a chunk, and no octet of a chunk a command."""

import pytest

from postroom.smtp import MessageEnd, Reply, ServerEngine, SmtpSettings

from .play import Play, codes, ready

MAIL = b"MAIL FROM:<a@bar.com>\r\n"
RCPT = b"RCPT TO:<bob@foo.com>\r\n"
SMALL = SmtpSettings(max_message_octets=65_536, max_discarded_octets=65_536)


def chunk(data: bytes, *, last: bool = False) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(data), b" LAST" if last else b"", data)


def test_chunks_make_one_message() -> None:
    play = ready()
    out = play.feed(MAIL + RCPT + chunk(b"Subject: x\r") + chunk(b"\n\r\n.\r\nQUIT\r\n") + chunk(b"", last=True))
    assert codes(out) == [250, 250, 250, 250, 250]
    assert play.messages == [("a@bar.com", ["bob@foo.com"], b"Subject: x\r\n\r\n.\r\nQUIT\r\n")]
    assert play.engine.mail is None


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_commands_pipelined_behind_a_message(pieces: int) -> None:
    play = ready()
    said = MAIL + RCPT + chunk(b"one", last=True) + MAIL + RCPT + chunk(b"two") + chunk(b"", last=True) + b"QUIT\r\n"
    step = len(said) // pieces + 1
    out = b"".join(play.feed(said[at : at + step]) for at in range(0, len(said), step))
    assert codes(out) == [250, 250, 250, 250, 250, 250, 250, 221]
    assert [content for _, _, content in play.messages] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (b"", 503),  # no MAIL
        (MAIL, 554),  # no RCPT
        (MAIL + b"RCPT TO:<x@foo.com>\r\n", 554),  # none that was accepted
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_a_chunk_that_nobody_wants_is_read_and_refused(before: bytes, expected: int, last: bool) -> None:
    play = ready()
    play.feed(before)
    assert codes(play.feed(chunk(b"QUIT\r\nMAIL FROM:<evil@bar.com>\r\n", last=last) + b"NOOP\r\n")) == [expected, 250]
    assert not play.messages


def test_a_chunk_before_hello_or_sign_in() -> None:
    play = Play()
    assert codes(play.feed(chunk(b"QUIT\r\n"))) == [503]
    play = Play(auth_offered=("PLAIN",))
    play.engine.offers.sign_in_first = Reply(530, "5.7.0", "Authentication required")
    assert codes(play.feed(b"EHLO bar.com\r\n" + chunk(b"QUIT\r\n") + b"NOOP\r\n"))[1:] == [530, 250]


@pytest.mark.parametrize(
    "line",
    [
        b"BDAT",
        b"BDAT LAST",
        b"BDAT -1",
        b"BDAT 6LAST",
        b"bdat 6 FIRST",
        b"BDAT\t6",
        b"BDAT6",
        b"BDAT 6\0",
        b"BDAT 6\rLAST",
    ]
    + [b"BDAT 6\nLAST", b"BDAT 6 " + b"x" * 3000],
)
def test_without_a_size_nobody_knows_where_commands_begin_again(line: bytes) -> None:
    play = ready()
    out = play.feed(MAIL + RCPT + line + b"\r\n" + MAIL + b"QUIT\r\n")
    assert codes(out) == [250, 250, 501]
    assert play.engine.closed


def test_base64_may_begin_like_a_command() -> None:
    play = ready(auth_offered=("PLAIN",))
    assert codes(play.feed(b"AUTH PLAIN\r\nBDAT\nx\r\nNOOP\r\n")) == [334, 500, 250]


def test_too_large_is_told_at_the_chunk_and_at_all_that_follow() -> None:
    play = ready(settings=SMALL)
    play.feed(MAIL + RCPT)
    assert codes(play.feed(chunk(b"x" * 65_536))) == [250]
    assert codes(play.feed(chunk(b"y"))) == [552]
    assert codes(play.feed(chunk(b"") + chunk(b"QUIT\r\n", last=True))) == [552, 552]
    assert codes(play.feed(MAIL + RCPT + chunk(b"z", last=True))) == [250, 250, 250]
    assert [content for _, _, content in play.messages] == [b"z"]


def test_chunks_in_the_pipeline_behind_a_failed_one_are_no_errors_more() -> None:
    """Else a client that sends all chunks at once hears 421 and tries again, for ever."""
    play = ready(settings=SmtpSettings(max_message_octets=65_536, max_errors=2, max_idle_commands=50))
    play.feed(MAIL + RCPT + chunk(b"x" * 65_536))
    said = chunk(b"x" * 1000) * 40 + chunk(b"", last=True) + MAIL
    assert codes(play.feed(said)) == [552] * 41 + [250]
    assert codes(play.feed(RCPT + chunk(b"x" * 65_537) + chunk(b"") * 50))[-1] == 421  # there is an end


def test_nothing_else_begins_behind_a_failed_chunk() -> None:
    play = ready(settings=SmtpSettings(max_message_octets=65_536))
    play.feed(MAIL)
    assert codes(play.feed(chunk(b"x") + RCPT + chunk(b"x") + b"DATA\r\n")) == [554, 503, 554, 503]  # RFC 3030 §2
    play.feed(b"RSET\r\n" + MAIL + RCPT)
    assert codes(play.feed(b"BDAT 65537\r\n")) == []
    assert codes(play.feed(b"x" * 65_535)) == []
    assert codes(play.feed(b"xx" + b"DATA\r\n" + RCPT)) == [552, 503, 421]


def test_in_lmtp_a_failed_last_chunk_is_answered_for_each() -> None:
    play = ready(settings=SMALL, lmtp=True)
    play.feed(MAIL + RCPT + RCPT + chunk(b"x"))
    assert codes(play.feed(chunk(b"x" * 65_536) + chunk(b"", last=True) + b"NOOP\r\n")) == [552, 552, 552, 250]


def test_what_is_thrown_away_has_an_end() -> None:
    play = ready(settings=SMALL)
    play.feed(b"BDAT 999999999 LAST\r\n")
    assert codes(play.feed(b"x" * 65_536)) == []
    assert codes(play.feed(b"x")) == [421]
    assert play.engine.closed


def test_a_refusal_of_the_message_waits_for_its_chunk() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.feed(b"EHLO bar.com\r\n" + MAIL + RCPT + b"BDAT 6\r\nQUI")
    for code in (250, 250, 451):
        assert engine.next_event() is not None
        engine.reply(Reply(code, "2.0.0" if code == 250 else "4.3.0", "Said"))
    assert engine.next_event() is None
    assert codes(engine.take_output())[-2:] == [250, 250]
    engine.feed(b"T\r\n" + chunk(b"RSET\r\n", last=True) + b"NOOP\r\n")
    assert engine.next_event() is None
    assert codes(engine.take_output()) == [451, 451, 250]


def test_a_421_to_the_first_chunk_closes() -> None:
    engine = ServerEngine("foo.com", SmtpSettings())
    engine.feed(b"EHLO bar.com\r\n" + MAIL + RCPT + chunk(b"x"))
    for code in (250, 250, 421):
        assert engine.next_event() is not None
        engine.reply(Reply(code, "2.0.0" if code == 250 else "4.3.0", "Said"))
    assert engine.closed
    assert codes(engine.take_output())[-1] == 421


def test_a_message_is_open_between_its_chunks() -> None:
    play, seen = ready(), []
    for said in (MAIL + RCPT, chunk(b"x"), b"BDAT 5\r\n", b"12345", b"RSET\r\n"):
        play.feed(said)
        seen.append((play.engine.message_open, play.engine.in_message))
    assert seen == [(False, False), (True, False), (True, True), (True, False), (False, False)]


@pytest.mark.parametrize(
    ("content", "quirk", "code"),
    [
        ([b"a\nb"], "", 550),
        ([b"a\r", b"b"], "", 550),
        ([b"a\r"], "", 550),
        ([b"a\r", b"\nb"], "", 250),
        ([b"a\0"], "", 550),
        ([b"a\0"], "quirk_nul_in_data", 250),
        ([b"a\nb\r", b"c\r"], "quirk_bare_cr_lf_in_data", 250),
    ],
)
def test_text_is_refused_as_behind_data(content: list[bytes], quirk: str, code: int) -> None:
    play = ready(settings=SmtpSettings(**{quirk: True} if quirk else {}))
    play.feed(MAIL + RCPT)
    out = play.feed(b"".join(chunk(piece) for piece in content) + chunk(b"", last=True) + b"NOOP\r\n")
    assert codes(out) == [250] * len(content) + [code, 250]
    if quirk == "quirk_bare_cr_lf_in_data":
        assert play.messages[0][2] == b"a\r\nb\r\nc\r\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"Subject: x\r\n\r\n\0\r\n.\r\n\n\r", 250),
        (b"\r\n\0\n\r", 250),
        (b"Subject: x\nBcc: y\r\n\r\n", 550),
        (b"Subject: \0\r\n\r\n", 550),
    ],
)
def test_binary_mail_may_hold_anything_in_its_body(content: bytes, code: int) -> None:
    play = ready(settings=SmtpSettings(quirk_bare_cr_lf_in_data=True))
    play.feed(b"MAIL FROM:<a@bar.com> BODY=BINARYMIME\r\n" + RCPT)
    assert codes(play.feed(chunk(content[:13]) + chunk(content[13:], last=True))) == [250, code]
    assert [kept for _, _, kept in play.messages] == ([content] if code == 250 else [])


def test_binary_mail_does_not_come_by_data() -> None:
    play = ready()
    play.feed(b"MAIL FROM:<a@bar.com> BODY=binarymime\r\n" + RCPT)
    assert codes(play.feed(b"DATA\r\n")) == [503]  # RFC 3030 §3
    assert codes(play.feed(b"BDAT 0 LAST\r\n")) == [250]


def test_eight_bit_content_is_noticed() -> None:
    play = ready()
    play.feed(MAIL + RCPT + chunk(b"Subject: x\r\n\r\n\xe4", last=True))
    assert play.events[-1] == MessageEnd(None, eight_bit=True)


@pytest.mark.parametrize(("octets", "long"), [(998, False), (999, True)])
@pytest.mark.parametrize("by_chunks", [False, True])
def test_long_lines_are_noticed(octets: int, long: bool, by_chunks: bool) -> None:
    play = ready()
    text = b"Subject: x\r\n\r\n" + b"x" * octets + b"\r\n"
    if by_chunks:
        play.feed(MAIL + RCPT + chunk(text[:500]) + chunk(text[500:], last=True))
    else:
        play.feed(MAIL + RCPT + b"DATA\r\n")
        play.feed(text + b".\r\n")
    assert play.events[-1] == MessageEnd(None, long_lines=long)
