"""MAIL and RCPT for what a server offers."""

import math

import pytest

from postroom.smtp import By, Extensions, SendMail, SendTo, xtext
from postroom.smtp.client_commands import by_chunks, mail_command, rcpt_command, unacceptable, unsendable

TO = SendTo("bob@b.test", frozenset({"SUCCESS", "DELAY"}), "rfc822;bob@b.test")
MAIL = SendMail(
    "älice@a.test",
    (TO,),
    size=500,
    body_8bit=True,
    smtputf8=True,
    ret="FULL",
    envid="a=b c",
    deliver_by=By(-5, notify_only=True, trace=True),
    priority=-3,
)


_B = "RCPT TO:<b@b.test> ORCPT="


def offered(*keywords: str) -> Extensions:
    return Extensions(dict(keyword.partition(" ")[::2] for keyword in keywords), esmtp=True)


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ((), ""),
        (("SIZE",), " SIZE=500"),
        (("8BITMIME",), " BODY=8BITMIME"),
        (("SMTPUTF8",), " SMTPUTF8"),
        (("DSN",), " RET=FULL ENVID=a+3Db+20c"),
        (("DELIVERBY 60",), " BY=-5;NT"),
        (("MT-PRIORITY MIXER",), " MT-PRIORITY=-3"),
        (("SIZE 1", "8BITMIME", "DSN", "SMTPUTF8"), " SIZE=500 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+3Db+20c"),
    ],
)
def test_mail_has_what_is_offered(keywords: tuple[str, ...], expected: str) -> None:
    line = mail_command(MAIL, offered(*keywords), signed_in=False)
    assert line.decode() == "MAIL FROM:<älice@a.test>" + expected


def test_mail_has_what_is_wanted() -> None:
    everything = offered("SIZE 1", "8BITMIME", "DSN", "SMTPUTF8", "DELIVERBY", "MT-PRIORITY")
    assert mail_command(SendMail("", (TO,)), everything, signed_in=False) == b"MAIL FROM:<>"
    assert mail_command(SendMail("", (TO,)), everything, signed_in=True) == b"MAIL FROM:<> AUTH=<>"


@pytest.mark.parametrize(
    ("recipient", "keywords", "expected"),
    [
        (TO, (), "RCPT TO:<bob@b.test>"),
        (TO, ("DSN",), "RCPT TO:<bob@b.test> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;bob@b.test"),
        (SendTo("c@b.test"), ("DSN",), "RCPT TO:<c@b.test>"),
        (SendTo("bö@b.test"), ("SMTPUTF8",), "RCPT TO:<bö@b.test>"),
        (SendTo("b@b.test", None, "utf-8;bö\\x{2B}x@b.test"), ("DSN",), _B + "utf-8;b\\x{F6}\\x{2B}x@b.test"),
        (SendTo("b@b.test", None, "utf-8;bö@b.test"), ("DSN", "SMTPUTF8"), _B + "utf-8;bö@b.test"),
        (SendTo("b@b.test", None, "utf-8;b\\x{F6}@b.test"), ("DSN",), _B + "utf-8;b\\x{F6}@b.test"),
        (SendTo("b@b.test", None, "rfc822;bö@b.test"), ("DSN", "SMTPUTF8"), "RCPT TO:<b@b.test>"),  # it is no such
        (SendTo("b@b.test", None, "utf-8;b ö@b.test"), ("DSN", "SMTPUTF8"), "RCPT TO:<b@b.test>"),
    ],
)
def test_rcpt(recipient: SendTo, keywords: tuple[str, ...], expected: str) -> None:
    mail = SendMail("", (recipient,), smtputf8="SMTPUTF8" in keywords)
    assert rcpt_command(recipient, mail, offered(*keywords)).decode() == expected


@pytest.mark.parametrize(
    ("mail", "keywords", "status"),
    [
        (SendMail("", (TO,), smtputf8=True), ("8BITMIME",), "5.6.7"),
        (SendMail("", (TO,), smtputf8=True), ("SMTPUTF8",), ""),
        (SendMail("ö@a", (TO,)), (), "5.6.7"),
        (SendMail("", (TO,), body_8bit=True), (), "5.6.3"),
        (SendMail("", (TO,), body_8bit=True), ("8BITMIME",), ""),
        (SendMail("", (TO,), binary=True), ("CHUNKING", "8BITMIME"), "5.6.3"),
        (SendMail("", (TO,), binary=True), ("BINARYMIME", "8BITMIME"), "5.6.3"),
        (SendMail("", (TO,), binary=True, body_8bit=True), ("CHUNKING", "BINARYMIME"), ""),
        (SendMail("", (TO,), size=1001), ("SIZE 1000",), "5.3.4"),
        (SendMail("", (TO,), size=1001), ("SIZE 0",), ""),
        (SendMail("", (TO,), size=1001), ("SIZE",), ""),
        (SendMail("a\n@a", (TO,)), (), "5.1.3"),
        (SendMail("a@a", (TO,), envid="x\r\ny"), (), "5.1.3"),
    ],
)
def test_what_a_server_can_not_take(mail: SendMail, keywords: tuple[str, ...], status: str) -> None:
    refusal = unacceptable(mail, offered(*keywords))
    assert (refusal.enhanced if refusal else "") == status


@pytest.mark.parametrize(
    ("mail", "keywords", "chunks"),
    [
        (SendMail("", (TO,), size=9), ("CHUNKING", "PIPELINING"), True),
        (SendMail("", (TO,), size=8), ("CHUNKING", "PIPELINING"), False),
        (SendMail("", (TO,), size=9), ("CHUNKING",), False),
        (SendMail("", (TO,), size=9), ("PIPELINING",), False),
        (SendMail("", (TO,), size=1, binary=True), ("CHUNKING", "BINARYMIME"), True),
    ],
)
def test_who_is_sent_chunks(mail: SendMail, keywords: tuple[str, ...], chunks: bool) -> None:
    assert by_chunks(mail, offered(*keywords), chunk_over=8) is chunks
    assert by_chunks(mail, offered(*keywords), chunk_over=math.inf) is mail.binary


def test_a_deadline_to_return_by() -> None:
    mail = SendMail("", (TO,), deliver_by=By(90, notify_only=False, trace=False))
    assert mail_command(mail, offered("DELIVERBY"), signed_in=False) == b"MAIL FROM:<> BY=90;R"


def test_binary_mail_says_so() -> None:
    mail = SendMail("", (TO,), binary=True, body_8bit=True)
    line = mail_command(mail, offered("CHUNKING", "BINARYMIME", "8BITMIME"), signed_in=False)
    assert line == b"MAIL FROM:<> BODY=BINARYMIME"


@pytest.mark.parametrize(
    ("address", "smtputf8", "status"),
    [
        ("b@b.test", False, ""),
        ("bö@b.test", True, ""),
        ("bö@b.test", False, "5.6.7"),
        ("b@b.test>\r\nRCPT TO:<c@b.test", False, "5.1.3"),
        ("b\0@b.test", True, "5.1.3"),
    ],
)
def test_what_can_not_be_said(address: str, smtputf8: bool, status: str) -> None:
    refusal = unsendable(address, SendMail("", (TO,), smtputf8=smtputf8))
    assert (refusal.enhanced if refusal else "") == status


def test_xtext() -> None:
    assert xtext(b"plain.text@b.test") == b"plain.text@b.test"
    assert xtext(b"a+b=c d\x7f\xff") == b"a+2Bb+3Dc+20d+7F+FF"
