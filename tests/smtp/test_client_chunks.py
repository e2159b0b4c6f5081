"""The client engine with BDAT (RFC 3030)."""

import pytest
from tests.smtp.client_play import Play, ready, shown

from postroom.base import ProtocolError
from postroom.smtp import Done, SendContent, SendMail, SendTo, Stage

TO = (SendTo("bob@b.test"), SendTo("carol@b.test"))
BINARY = SendMail("a@a.test", TO, binary=True)
OFFERED = ("250-mx\n250-PIPELINING\n250-CHUNKING\n250 BINARYMIME", "250-mx\n250-CHUNKING\n250 BINARYMIME")
PIPELINING, ONE_BY_ONE = OFFERED


def begun(ehlo: str = PIPELINING, *, replies: str = "250 ok\n250 ok\n250 ok", lmtp: bool = False) -> Play:
    """The server has the recipients and waits for chunks of eight octets."""
    play = ready(ehlo, chunk_octets=8, lmtp=lmtp)
    play.engine.send(BINARY)
    play.engine.take_output()
    lines = replies.split("\n")
    for line in lines[:-1]:
        assert play.server(line) == []
    assert play.server(lines[-1]) == [SendContent()]
    play.engine.take_output()
    return play


def holding(play: Play) -> bool:
    return play.engine.holds_content


def test_chunks_follow_each_other_with_pipelining() -> None:
    play = ready(PIPELINING, chunk_octets=8)
    play.engine.send(BINARY)
    play.client("MAIL FROM:<a@a.test> BODY=BINARYMIME\nRCPT TO:<bob@b.test>\nRCPT TO:<carol@b.test>")
    assert play.server("250 ok\n250 ok\n550 no") == [SendContent()]
    assert play.engine.take_output() == b""
    play.engine.content(b"a\n\0b" * 4)
    assert play.engine.take_output() == b"BDAT 8\r\na\n\0ba\n\0b"
    assert play.engine.wants_content
    assert not play.engine.holds_content
    play.engine.end_content()
    assert play.engine.take_output() == b"BDAT 8 LAST\r\na\n\0ba\n\0b"
    assert play.server("250 8 octets") == []
    (done,) = play.server("250 taken")
    assert shown(done) == ["end of DATA: 250 taken", "RCPT: 550 no"]
    play.engine.send(BINARY)
    assert play.engine.take_output().startswith(b"MAIL ")


def test_without_pipelining_each_chunk_is_answered_first() -> None:
    play = begun(ONE_BY_ONE)
    play.engine.content(b"x" * 20)
    assert play.engine.take_output() == b"BDAT 8\r\nxxxxxxxx"
    assert holding(play)
    play.server("250 ok")
    assert play.engine.take_output() == b"BDAT 8\r\nxxxxxxxx"
    assert not holding(play)
    play.engine.end_content()
    assert play.engine.take_output() == b""
    play.server("250 ok")
    assert play.engine.take_output() == b"BDAT 4 LAST\r\nxxxx"
    (done,) = play.server("250 taken")
    assert shown(done) == ["end of DATA: 250 taken"] * 2


@pytest.mark.parametrize("ehlo", OFFERED)
def test_nobody_gets_chunks_when_nobody_was_accepted(ehlo: str) -> None:
    play = ready(ehlo, chunk_octets=8)
    play.engine.send(BINARY)
    events = [event for line in ("250 ok", "550 no", "451 no") for event in play.server(line)]
    assert [shown(event) for event in events] == [["RCPT: 550 no", "RCPT: 451 no"]]
    assert b"BDAT" not in play.engine.take_output()
    play.engine.send(BINARY)
    assert play.engine.take_output().startswith(b"RSET\r\n")


def test_one_accepted_at_last_is_enough() -> None:
    begun(ONE_BY_ONE, replies="250 ok\n550 no\n250 ok")


def test_a_refused_chunk_ends_the_message_and_not_the_session() -> None:
    play = begun()
    play.engine.content(b"x" * 20)  # two chunks are out
    assert play.server("452 4.3.1 disk full") == []
    assert not play.engine.wants_content
    play.engine.end_content()  # what the driver has left is dropped
    assert play.engine.take_output() == b"BDAT 8\r\nxxxxxxxxBDAT 8\r\nxxxxxxxx"
    (done,) = play.server("503 5.5.1 no")
    assert shown(done) == ["content: 452 4.3.1 disk full"] * 2
    assert play.engine.usable
    play.engine.send(BINARY)
    assert play.engine.take_output().startswith(b"RSET\r\nMAIL ")


def test_a_chunk_refused_before_the_last_one_counts() -> None:
    """Whatever is said to the chunks behind it (RFC 3030 §2)."""
    play = begun()
    play.engine.content(b"x" * 10)
    play.engine.end_content()
    (done,) = play.server("552 5.3.4 too big\n250 fine")
    assert shown(done) == ["content: 552 5.3.4 too big"] * 2


def test_the_last_chunk_refused() -> None:
    play = begun()
    play.engine.content(b"x")
    play.engine.end_content()
    (done,) = play.server("554 5.6.0 no")
    assert shown(done) == ["end of DATA: 554 5.6.0 no"] * 2
    play.engine.take_output()
    play.engine.send(BINARY)
    assert play.engine.take_output().startswith(b"RSET\r\n")


@pytest.mark.parametrize("given", [b"x", b"x" * 20])
def test_lost_once_all_is_out_may_have_been_taken(given: bytes) -> None:
    play = begun()
    play.engine.content(given)
    play.engine.end_content()
    play.engine.lost("gone")
    (done,) = play.events()
    assert isinstance(done, Done)
    assert {outcome.stage for outcome in done.outcomes} == {Stage.END}


def test_lost_in_between_was_not_taken() -> None:
    play = begun()
    play.engine.content(b"x" * 20)
    play.engine.lost("gone")
    (done,) = play.events()
    assert shown(done) == ["content: 421 4.4.2 gone"] * 2


def test_not_an_answer_to_a_chunk() -> None:
    play = begun()
    play.engine.content(b"x" * 20)
    with pytest.raises(ProtocolError):
        play.server("354 go on")
    (done,) = play.events()
    assert isinstance(done, Done)
    assert not any(outcome.reply.positive for outcome in done.outcomes)


def test_lmtp_answers_the_last_chunk_for_each_recipient() -> None:
    play = begun(lmtp=True)
    play.engine.content(b"x" * 9)
    play.engine.end_content()
    assert play.server("250 chunk\n250 bob has it") == []
    (done,) = play.server("452 carol is full")
    assert shown(done) == ["end of DATA: 250 bob has it", "end of DATA: 452 carol is full"]


def test_large_text_goes_in_chunks_with_its_line_ends_made_good() -> None:
    play = ready("250-mx\n250-PIPELINING\n250 CHUNKING", chunk_octets=8)
    play.engine.send(SendMail("a@a.test", TO, size=9))
    play.engine.take_output()
    assert play.server("250 ok\n250 ok\n250 ok") == [SendContent()]
    play.engine.content(b".\n.\r\n.\r.")
    play.engine.end_content()
    assert play.engine.take_output() == b"BDAT 8\r\n.\r\n.\r\n.\rBDAT 4 LAST\r\n\n.\r\n"


def test_large_text_goes_by_data_when_told_so() -> None:
    play = ready("250-mx\n250-PIPELINING\n250 CHUNKING", chunk_octets=8, chunk_large=False)
    play.engine.send(SendMail("a@a.test", TO, size=9))
    assert play.engine.take_output().endswith(b"\r\nDATA\r\n")
