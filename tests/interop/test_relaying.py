"""Postroom relays to a real Postfix and a real Exim, and they to it, with all that both of them offer."""

import email
import email.policy
import hashlib
import imaplib
import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from tests.interop.relays import INSECURE, Relay, exim, folder_for_others, postfix, postroom, submit
from tests.interop.server import PASSWORD, Server
from tests.interop.test_python_clients import wait_for_mail

pytestmark = pytest.mark.interop

Pair = tuple[Server, Relay]
LARGE = b"".join(b"%075d\r\n" % number for number in range(650_000))  # 50 MB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, int]]]:
    with postroom(tmp_path_factory.mktemp("among-others")) as running:
        yield running


@pytest.fixture(scope="module", params=[postfix, exim], ids=["postfix", "exim"])
def pair(request: pytest.FixtureRequest, server: tuple[Server, dict[str, int]]) -> Iterator[Pair]:
    start: Callable[[Path, int, int], AbstractContextManager[Relay]] = request.param
    running, ports = server
    with folder_for_others() as folder, start(folder, ports[f"{start.__name__}.test"], running.ports["smtp"]) as relay:
        yield running, relay


def mail(server: Server, subject: str, user: str = "bob@example.test") -> list[bytes]:
    """The user's messages whose subject has that in it, once there is one."""
    wait_for_mail(server, subject, user)
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        numbers: list[bytes] = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        fetched: list[Any] = [imap.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
        return [item[1] for item in fetched]


def titled(subject: str, relay: Relay) -> bytes:
    """A header; both relays send to the same bob."""
    return f"Subject: {subject} {relay.domain}\r\n\r\n".encode()


def arrived(relay: Relay, words: bytes, mailbox: str = "carol") -> list[bytes]:
    """What came to the other server with those words, once something did."""
    relay.wait_for(lambda: any(words in message for message in relay.received(mailbox)))
    return [message for message in relay.received(mailbox) if words in message]


def reported(message: bytes, about: str) -> dict[str, str]:
    """The fields of a delivery report about one recipient, as another reader finds them (RFC 3464)."""
    report = email.message_from_bytes(message)
    assert report.get_content_type() == "multipart/report"
    for part in report.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload()
            assert isinstance(blocks, list)
            for block in blocks:
                assert isinstance(block, Message)
                if about in block.get("Final-Recipient", ""):
                    return {name.lower(): str(value) for name, value in block.items()}
    raise AssertionError(message.decode(errors="replace"))


def test_the_other_server_relays_here_over_starttls(pair: Pair) -> None:
    server, relay = pair
    relay.send("bob@example.test", titled("through the other", relay) + b".dot\r\n..\r\nbody\r\n")
    (message,) = mail(server, f"through the other {relay.domain}")
    assert re.search(rb"^Received: from mx\.[^;]+with ESMTPS", message, re.MULTILINE | re.DOTALL)
    assert message.endswith(b"\r\n\r\n.dot\r\n..\r\nbody\r\n")


def test_postroom_relays_to_it_over_starttls(pair: Pair) -> None:
    server, relay = pair
    submit(server, f"carol@{relay.domain}", b"Subject: from here\r\n\r\n.dot\r\n..\r\nbody\r\n")
    (message,) = arrived(relay, b"Subject: from here")
    first = message.partition(b"Received:")[2].partition(b"Received:")[0]
    assert re.search(rb"TLSv?1[.]", first)
    assert message.endswith(b"\r\n\r\n.dot\r\n..\r\nbody\r\n")


def test_reports_on_what_postroom_sent(pair: Pair) -> None:
    """Failure: what the other one said at RCPT. Success: it is DSN that goes on, and the other one reports."""
    server, relay = pair
    submit(server, f"nobody@{relay.domain}", b"Subject: refused\r\n\r\nbody\r\n")
    failed = next(
        m
        for m in mail(server, "could not be delivered", "alice@example.test")
        if f"nobody@{relay.domain}".encode() in m
    )
    fields = reported(failed, f"nobody@{relay.domain}")
    assert (fields["action"], fields["status"]) == ("failed", "5.1.1")
    assert fields["diagnostic-code"].startswith("smtp; 550 5.1.1")
    submit(
        server, f"carol@{relay.domain}", b"Subject: confirmed\r\n\r\nbody\r\n", ["RET=HDRS", "ENVID=a+2Bb"], "SUCCESS"
    )
    subject = "Successful Mail Delivery Report" if relay.domain == "postfix.test" else "Delivery Status Notification"
    (report,) = mail(server, subject, "alice@example.test")
    assert reported(report, f"carol@{relay.domain}")["action"] == "delivered"


def test_reports_on_what_the_other_server_sent(pair: Pair) -> None:
    _, relay = pair
    relay.send("nobody@example.test", b"Subject: lost\r\n\r\nbody\r\n", notify="FAILURE")
    relay.send("bob@example.test", b"Subject: wanted\r\n\r\nbody\r\n", ["ENVID=q1"], "SUCCESS,FAILURE")
    failed = arrived(relay, b"Action: failed")[0]
    fields = reported(failed, "nobody@example.test")
    assert fields["status"] in ("5.1.1", "5.0.0")  # Exim's is this always
    assert "550 5.1.1" in fields["diagnostic-code"].replace("550-5.1.1", "550 5.1.1")
    (delivered,) = arrived(relay, b"Action: delivered")
    fields = reported(delivered, "bob@example.test")
    assert (fields["action"], fields["status"][0]) == ("delivered", "2")
    assert b"Original-Envelope-Id: q1" in delivered
    assert b"Reporting-MTA: dns; example.test" in delivered or b"Reporting-MTA: dns; mail.example.test" in delivered


def test_internationalized_mail_to_the_other_server(pair: Pair) -> None:
    server, relay = pair
    message = "From: alice@example.test\r\nSubject: Grüße hin\r\n\r\nschön\r\n".encode()
    submit(server, f"jürgen@{relay.domain}", message, ["SMTPUTF8", "BODY=8BITMIME"])
    (got,) = arrived(relay, "Subject: Grüße hin".encode(), "juergen")
    assert got.endswith("\r\n\r\nschön\r\n".encode())
    assert b"with UTF8SMTPS" in got or b"with utf8esmtps" in got


def test_internationalized_mail_from_the_other_server(pair: Pair) -> None:
    server, relay = pair
    message = f"From: carol@x.test\r\nSubject: global {relay.domain} Grüße\r\n\r\nschön\r\n".encode()
    relay.send("bob@example.test", message, ["SMTPUTF8", "BODY=8BITMIME"])
    (got,) = mail(server, f"global {relay.domain}")
    assert f"Subject: global {relay.domain} Grüße\r\n".encode() in got
    assert b"with UTF8SMTPS" in got


def test_chunks_to_the_other_server(pair: Pair) -> None:
    server, relay = pair
    body = b"".join(b".%070d\r\n" % number for number in range(20_000))
    submit(server, f"carol@{relay.domain}", b"Subject: in chunks\r\n\r\n" + body)
    (got,) = arrived(relay, b"Subject: in chunks")
    assert got.partition(b"\r\n\r\n")[2] == body
    said = " bdat=" if relay.domain == "postfix.test" else " K "  # in its log: how many, and that there were any
    relay.wait_for(lambda: said in relay.log())


def test_chunks_from_the_other_server(pair: Pair) -> None:
    server, relay = pair
    if relay.domain == "postfix.test":
        pytest.skip("Postfix sends none")
    body = b"".join(b".%070d\r\n" % number for number in range(20_000))
    relay.send("bob@example.test", titled("by chunks", relay) + body)
    (got,) = mail(server, f"by chunks {relay.domain}")
    assert got.partition(b"\r\n\r\n")[2] == body
    relay.wait_for(lambda: re.search(r"=> bob@example.test .* K .*C=\"250", relay.log()) is not None)


def test_binary_mail_is_converted_for_the_other_server(pair: Pair) -> None:
    """Neither of them offers BINARYMIME (RFC 3030 §3)."""
    server, relay = pair
    header = b"Subject: binary\r\nMIME-Version: 1.0\r\nContent-Type: application/x\r\n"
    content = bytes(range(256)) * 1000
    whole = header + b"Content-Transfer-Encoding: binary\r\n\r\n" + content
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=INSECURE) as smtp:
        smtp.login("alice@example.test", PASSWORD)
        assert smtp.mail("alice@example.test", ["BODY=BINARYMIME"])[0] == 250
        assert smtp.rcpt(f"carol@{relay.domain}")[0] == 250
        smtp.send(b"BDAT %d LAST\r\n%b" % (len(whole), whole))
        assert smtp.getreply()[0] == 250
    (got,) = arrived(relay, b"Subject: binary\r\n")
    message = email.message_from_bytes(got)
    assert message["Content-Transfer-Encoding"] == "base64"
    assert message.get_payload(decode=True) == content


def test_50_mb_to_the_other_server(pair: Pair) -> None:
    server, relay = pair
    submit(server, f"carol@{relay.domain}", b"Subject: large\r\n\r\n" + LARGE)
    (got,) = arrived(relay, b"Subject: large\r\n")
    assert _digest(got) == hashlib.sha256(LARGE).digest()


def test_50_mb_from_the_other_server(pair: Pair) -> None:
    server, relay = pair
    relay.send("bob@example.test", titled("heavy", relay) + LARGE)
    (got,) = mail(server, f"heavy {relay.domain}")
    assert _digest(got) == hashlib.sha256(LARGE).digest()


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message.partition(b"\r\n\r\n")[2]).digest()


def test_100_recipients_at_the_other_server(pair: Pair) -> None:
    server, relay = pair
    submit(server, [f"r{number}@{relay.domain}" for number in range(100)], b"Subject: to all\r\n\r\nbody\r\n")
    relay.wait_for(lambda: len(relay.received("many")) >= 100)
    assert len(relay.received("many")) == 100


def test_100_recipients_here(pair: Pair) -> None:
    server, relay = pair
    subject = f"to everyone from {relay.domain}"
    recipients = [f"bob+{number}@example.test" for number in range(100)]
    relay.send(recipients, f"Subject: {subject}\r\n\r\nbody\r\n".encode())
    relay.wait_for(lambda: len(mail(server, subject)) == 100)
