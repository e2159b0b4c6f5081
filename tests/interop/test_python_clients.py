"""The standard library's own clients: smtplib, poplib, imaplib."""

import email.message
import email.policy
import imaplib
import poplib
import smtplib
import ssl
import time

import pytest
from tests.interop.server import PASSWORD, Server

pytestmark = pytest.mark.interop
INSECURE = ssl._create_unverified_context()


def _message(subject: str) -> email.message.EmailMessage:
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "alice@example.test", "bob@example.test", subject
    message["Bcc"] = "alice@example.test"
    message.set_content("Grüße\n.a dot at the start\n")
    return message


def imaps(server: Server, user: str) -> imaplib.IMAP4_SSL:
    """Signed in; the caller logs out."""
    client = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE)
    client.login(user, PASSWORD)
    return client


def wait_for_mail(server: Server, subject: str, user: str = "bob@example.test") -> None:
    """Return when `user` has a message of that subject; mail between people takes a moment through the queue."""
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        for _ in range(200):
            if imap.search(None, "SUBJECT", f'"{subject}"')[1][0]:
                return
            time.sleep(0.05)
            imap.noop()
    raise AssertionError(f"{subject!r} did not arrive")


@pytest.mark.parametrize("way", ["submission", "submissions"])
def test_smtplib_submits_and_imaplib_and_poplib_read_it(server: Server, way: str) -> None:
    subject = f"smtplib {way}"
    smtp: smtplib.SMTP
    if way == "submissions":
        smtp = smtplib.SMTP_SSL("127.0.0.1", server.ports[way], context=INSECURE)
    else:
        smtp = smtplib.SMTP("127.0.0.1", server.ports[way])
        smtp.starttls(context=INSECURE)
    with smtp:
        smtp.login("alice@example.test", PASSWORD)
        message = _message(subject)
        recipients = ["bob@example.test", "alice@example.test"]
        # as_bytes and not send_message, which would drop Bcc itself: the server has to (RFC 6409 §8)
        assert smtp.sendmail("alice@example.test", recipients, message.as_bytes(policy=email.policy.SMTP)) == {}
    wait_for_mail(server, subject)

    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.starttls(INSECURE)
        imap.login("bob@example.test", PASSWORD)
        imap.select("INBOX")
        number = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()[-1].decode()
        fetched = imap.fetch(number, "(BODY.PEEK[])")[1][0]
        assert isinstance(fetched, tuple)
        assert b"\r\n.a dot at the start\r\n" in fetched[1]
        assert b"bcc" not in fetched[1].lower()

    pop = poplib.POP3_SSL("127.0.0.1", server.ports["pop3s"], context=INSECURE)
    pop.user("bob@example.test")
    pop.pass_(PASSWORD)
    count, _ = pop.stat()
    texts = [b"\r\n".join(pop.retr(n)[1]) for n in range(1, count + 1)]
    assert any(subject.encode() in text and b"\r\n.a dot at the start" in text for text in texts)
    assert len({line.split()[1] for line in pop.uidl()[1]}) == count
    pop.quit()


def test_smtplib_is_refused_what_is_not_allowed(server: Server) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as relay:
            smtp.sendmail("eve@elsewhere.test", ["victim@faraway.test"], b"x")
        assert relay.value.recipients["victim@faraway.test"][0] in (550, 554)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as unknown:
            smtp.sendmail("eve@elsewhere.test", ["nobody@example.test"], b"x")
        assert unknown.value.recipients["nobody@example.test"][0] == 550
        assert (
            smtp.sendmail("eve@elsewhere.test", ["postmaster@example.test"], b"Subject: for the postmaster\r\n\r\n")
            == {}
        )
    with smtplib.SMTP("127.0.0.1", server.ports["submission"]) as smtp:
        smtp.starttls(context=INSECURE)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login("alice@example.test", "wrong")
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail("alice@example.test", ["bob@example.test"], b"x")


def test_lmtp_answers_for_each_recipient(server: Server) -> None:
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as lmtp:
        refused = lmtp.sendmail(
            "a@elsewhere.test", ["bob@example.test", "nobody@example.test"], b"Subject: lmtp\r\n\r\nx\r\n"
        )
        assert list(refused) == ["nobody@example.test"]
    wait_for_mail(server, "lmtp")


def test_a_message_deleted_by_pop3_is_expunged_in_imap(server: Server) -> None:
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as lmtp:
        lmtp.sendmail("a@elsewhere.test", ["alice@example.test"], b"Subject: goes\r\n\r\nx\r\n")
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        imap.login("alice@example.test", PASSWORD)
        before = int(imap.select("INBOX")[1][0] or b"0")
        pop = poplib.POP3("127.0.0.1", server.ports["pop3"])
        pop.stls(INSECURE)
        pop.user("alice@example.test")
        pop.pass_(PASSWORD)
        pop.dele(before)
        other = poplib.POP3_SSL("127.0.0.1", server.ports["pop3s"], context=INSECURE)
        other.user("alice@example.test")
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            other.pass_(PASSWORD)
        other.close()
        pop.quit()
        imap.noop()
        assert imap.response("EXPUNGE")[1] == [str(before).encode()]
