"""Replies on the wire."""

from postroom.base import MailError
from postroom.smtp import Reply, refusal, replies


def test_one_line_and_several() -> None:
    assert Reply(250, "2.1.0", "Ok").wire == b"250 2.1.0 Ok\r\n"
    assert Reply(550, "5.1.1", "a", "b").wire == b"550-5.1.1 a\r\n550 5.1.1 b\r\n"  # RFC 2034 §4
    assert replies.encode(250, "", ("foo.com", "PIPELINING")) == b"250-foo.com\r\n250 PIPELINING\r\n"
    assert Reply(354, "").wire == b"354 \r\n"


def test_text_can_never_become_another_reply() -> None:
    assert Reply(550, "5.1.1", "no\r\n250 Ok\0é").wire == b"550 5.1.1 no??250 Ok??\r\n"


def test_long_text_is_wrapped() -> None:
    lines = Reply(550, "5.1.1", "x" * 1200).wire.split(b"\r\n")
    assert [line[:10] for line in lines] == [b"550-5.1.1 ", b"550-5.1.1 ", b"550 5.1.1 ", b""]
    assert max(map(len, lines)) <= 510  # RFC 5321 §4.5.3.1.5


def test_a_refusal_shows_the_text_and_hides_the_detail() -> None:
    error = MailError("disk /dev/sda1 is full", code=452, enhanced="4.3.1", text="Try later")
    assert refusal(error).wire == b"452 4.3.1 Try later\r\n"


def test_replies_compare_by_what_is_said() -> None:
    assert Reply(250, "2.0.0", "Ok") == replies.OK
    assert hash(Reply(250, "2.0.0", "Ok")) == hash(replies.OK)
    assert replies.OK != replies.BARE_CR_LF
    assert replies.OK.positive
    assert not replies.START_MAIL_INPUT.positive
    assert "250" in repr(replies.OK)


def test_utf8_only_where_it_was_asked_for() -> None:
    assert Reply(250, "2.1.5", "<ü@x>").wire == b"250 2.1.5 <?@x>\r\n"
    assert Reply(250, "2.1.5", "<ü@x>", utf8=True).wire == "250 2.1.5 <ü@x>\r\n".encode()
    for bad in ("\r\n", "\0", "\x85", "\u2028", "\ud800", "\x7f"):
        wire = Reply(250, "2.1.5", f"a{bad}b", utf8=True).wire
        assert wire == b"250 2.1.5 a" + b"?" * len(bad) + b"b\r\n"
    assert all(len(line) <= 510 for line in Reply(250, "2.1.5", "\U0001f4ec" * 400, utf8=True).wire.split(b"\r\n"))
