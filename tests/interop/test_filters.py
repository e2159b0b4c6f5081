"""Mail through real filters: rspamd, SpamAssassin, ClamAV, OpenDKIM, and a milter of libmilter's that changes all."""

import imaplib
import smtplib
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.interop import filter_peers as peers
from tests.interop.relays import folder_for_others
from tests.interop.server import PASSWORD, Server, start_server, stop_server

from postroom.filters.probes import EICAR, GTUBE

pytestmark = pytest.mark.interop

INSECURE = ssl._create_unverified_context()
PEOPLE = ["alice@example.test", "bob@example.test", "carol@example.test", "dora@example.test"]


@contextmanager
def postroom(folder: Path, sections: str) -> Iterator[Server]:
    """example.test with those filters."""
    server = start_server(folder / "postroom", "example.test", PEOPLE, lambda text: f"{text}\n{sections}")
    try:
        yield server
    finally:
        stop_server(server)


def section(name: str, kind: str, address: object, more: str = "") -> str:
    return f'[filter.{name}]\nkind = "{kind}"\naddress = "{address}"\n{more}\n'


def send(server: Server, text: bytes, to: str = "bob@example.test", sender: str = "ann@bar.test") -> tuple[int, str]:
    """By port 25; the last reply."""
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60) as smtp:
        smtp.ehlo("mx.bar.test")
        for code, said in (smtp.mail(sender), smtp.rcpt(to)):
            if code != 250:
                return code, said.decode()
        code, said = smtp.data(text)
        return code, said.decode()


def submit(server: Server, text: bytes, to: str = "bob@example.test") -> None:
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=INSECURE) as smtp:
        smtp.login("alice@example.test", PASSWORD)
        assert smtp.sendmail("alice@example.test", [to], text) == {}


def mail(server: Server, subject: str, user: str = "bob@example.test", mailbox: str = "INBOX") -> list[bytes]:
    """The user's messages with that in the subject."""
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        imap.login(user, PASSWORD)
        if imap.select(mailbox, readonly=True)[0] != "OK":
            return []
        numbers: list[bytes] = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        fetched: list[Any] = [imap.fetch(number.decode(), "(BODY.PEEK[])")[1][0] for number in numbers]
        return [item[1] for item in fetched]


def written(subject: str, body: bytes = b"Hello", more: bytes = b"") -> bytes:
    return (
        b"From: ann@bar.test\r\nTo: bob@example.test\r\nDate: Thu, 26 Nov 2026 10:00:00 +0000\r\n"
        b"Message-ID: <%d@bar.test>\r\nSubject: %b\r\n%b\r\n%b\r\n"
    ) % (time.monotonic_ns(), subject.encode(), more, body)


# ---- those that look at whole messages


@pytest.fixture(scope="module")
def scanned() -> Iterator[tuple[Server, Path]]:
    """With ClamAV, SpamAssassin and rspamd."""
    with folder_for_others() as folder, ExitStack() as held:
        av, _ = held.enter_context(peers.clamd(folder))
        rspamd = held.enter_context(peers.rspamd(folder))
        spamd = held.enter_context(peers.spamd(folder))
        sections = (
            section("av", "clamav", av)
            + section("rspamd", "rspamd", f"127.0.0.1:{rspamd}", 'order = 1\nlisteners = ["smtp"]')
            + section("sa", "spamassassin", f"127.0.0.1:{spamd}", "order = 2\nreject_score = 100\nweight = 0.1")
        )
        yield held.enter_context(postroom(folder, sections)), folder


def test_check_filters_finds_all_of_them_well(scanned: tuple[Server, Path]) -> None:
    shown = scanned[0].cli("check", "filters")
    assert f"EICAR: {peers.VIRUS} found" in shown
    assert shown.count("GTUBE: ") == 2
    assert "BAD" not in shown


def test_a_harmless_message_passes_all_three(scanned: tuple[Server, Path]) -> None:
    server, _ = scanned
    assert send(server, written("harmless"))[0] == 250
    (message,) = mail(server, "harmless")
    found = message_from_bytes(message)
    assert found["X-Spam-Status"].startswith("No, ")
    hello, address, queue_id = found["X-Seen-Of"].split()
    assert (hello, address) == ("mx.bar.test", "127.0.0.1")
    assert f"id {queue_id}" in found["Received"].replace("\r\n\t", " ")
    assert "Postroom-Unfiltered" not in found
    assert message.endswith(b"\r\n\r\nHello\r\n")


def test_eicar_is_refused_with_its_name(scanned: tuple[Server, Path]) -> None:
    server, _ = scanned
    attached = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n',
        b"--b\r\n\r\nSee there\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n" + EICAR + b"\r\n--b--\r\n",
    )
    for more, body in ((b"", EICAR), attached):
        code, said = send(server, written("eicar", body, more))
        assert (code, said) == (550, f"5.7.1 The message contains {peers.VIRUS}")
    assert mail(server, "eicar") == []
    assert f"av: {peers.VIRUS} found" in server.cli("trace", "ann@bar.test")


def test_gtube_is_refused(scanned: tuple[Server, Path]) -> None:
    code, said = send(scanned[0], written("gtube", GTUBE))
    assert code == 550, said
    assert mail(scanned[0], "gtube") == mail(scanned[0], "gtube", mailbox="Junk") == []


def test_people_of_ours_are_looked_at_too(scanned: tuple[Server, Path]) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        submit(scanned[0], written("eicar of alice", EICAR).replace(b"ann@bar.test", b"alice@example.test"))
    assert refused.value.smtp_code == 550


def test_junk_of_rspamd_is_in_junk(scanned: tuple[Server, Path]) -> None:
    server, _ = scanned
    assert send(server, written("cheap watches"))[0] == 250
    assert mail(server, "cheap watches") == []
    (message,) = mail(server, "cheap watches", mailbox="Junk")
    assert b"\r\nX-Spam: Yes\r\n" in message
    assert b"CHEAP (7)" in message.replace(b"\r\n\t", b" ")


def test_more_than_clamav_takes_is_said(scanned: tuple[Server, Path]) -> None:
    server, _ = scanned
    assert send(server, written("large", b"word " * 15 * 20_000 + b"\r\n" + b"x\r\n" * 100_000))[0] == 250
    (message,) = mail(server, "large")
    assert b"Postroom-Unfiltered: av (the message is too large for it)\r\n" in message
    assert send(server, written("after it"))[0] == 250


def test_a_filter_that_is_killed_follows_its_policy() -> None:
    with folder_for_others() as folder:
        sections = section("av", "clamav", folder / "clamd.sock", "timeout_seconds = 10")
        with postroom(folder, sections) as server:
            with peers.clamd(folder) as (_, process):
                assert send(server, written("before"))[0] == 250
                process.kill()
                process.wait()
                code, said = send(server, written("while it is dead"))
                assert (code, said) == (451, "4.7.1 Please try again later")
            with peers.clamd(folder):
                assert send(server, written("and again"))[0] == 250
            assert mail(server, "while it is dead") == []


# ---- milters


def test_opendkim_signs_what_people_send() -> None:
    key = generate_private_key(65537, 2048)
    with folder_for_others() as folder:
        file = folder / "key.pem"
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        options = f"Mode s\nDomain example.test\nSelector odk\nKeyFile {file}\nInternalHosts 127.0.0.1\n"
        with peers.opendkim(folder, options) as path:
            sections = section("dkim", "milter", path, 'listeners = ["submissions"]')
            with postroom(folder, sections) as server:
                assert "it speaks version 6" in server.cli("check", "filters")
                for number in range(3):
                    submit(server, written(f"signed {number}").replace(b"ann@bar.test", b"alice@example.test"))
                messages = mail(server, "signed")
                assert len(messages) == 3

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b64encode(public)
    for message in messages:
        assert message.count(b"DKIM-Signature:") == 1
        assert b"s=odk" in message
        assert dkim.verify(message, dnsfunc=lambda name, timeout=5: record)


def test_opendkim_verifies_what_strangers_send() -> None:
    with folder_for_others() as folder:
        resolver = folder / "unbound.conf"
        resolver.write_text('server:\n  module-config: "iterator"\n')
        options = f"Mode v\nAuthservID odk.example.test\nAlwaysAddARHeader yes\nResolverConfiguration {resolver}\n"
        with peers.opendkim(folder, options) as path, postroom(folder, section("dkim", "milter", path)) as server:
            assert send(server, written("unsigned"))[0] == 250
            (message,) = mail(server, "unsigned")
            found = list(message_from_bytes(message).get_all("Authentication-Results", []))
            assert any("odk.example.test" in value and "dkim=none" in value for value in found), found


@pytest.fixture(scope="module")
def changed() -> Iterator[tuple[Server, Path]]:
    """With the milter that changes everything."""
    with ExitStack() as held:
        folder = held.enter_context(folder_for_others())
        path, _ = held.enter_context(peers.changer(folder))
        yield held.enter_context(postroom(folder, section("changer", "milter", path, 'listeners = ["smtp"]'))), folder


def test_every_modification(changed: tuple[Server, Path]) -> None:
    server, _ = changed
    marks = b"X-Remove: one\r\nX-Remove: two\r\n"
    assert send(server, written("change", b"old\r\n" * 50_000, marks), "alice@example.test")[0] == 250
    assert mail(server, "Changed by a milter", "alice@example.test") == []
    for user in ("bob@example.test", "dora@example.test"):
        (message,) = mail(server, "Changed by a milter", user)
        assert message.startswith(b"Return-Path: <changed@bar.test>\r\n")
        found = message_from_bytes(message)
        assert found.get_all("X-Remove") == ["one"]
        assert found["X-Top"] == "inserted\r\n\ton two lines"
        assert found["X-Octets"] == "250002"
        assert found["X-Queue-Id"].startswith("m")
        assert found["X-Heard"].startswith("connect; hello; mail <ann@bar.test>")
        assert message.index(b"Received:") < message.index(b"X-Top:") < message.index(b"From:")
        assert message.endswith(b"\r\n\r\nA new body,\r\nin two pieces.\r\n")


def test_every_reply(changed: tuple[Server, Path]) -> None:
    server, _ = changed
    assert send(server, written("x"), sender="nobody@bar.test") == (554, "5.7.7 Nobody sends nothing")
    assert send(server, written("x"), "carol@example.test") == (451, "4.7.5 Not for carol now")
    assert send(server, written("reject in the header"))[0] == 550
    assert send(server, written("later")) == (451, "4.7.1 100% later")
    for subject, mailbox in (("discard", "Junk"), ("odd", "Junk"), ("accept", "INBOX"), ("skip", "INBOX")):
        assert send(server, written(subject, b"z\r\n" * 50_000))[0] == 250
        assert len(mail(server, subject, mailbox=mailbox)) == 1
    (skipped,) = mail(server, "skip")
    assert message_from_bytes(skipped)["X-Octets"] == "65535"


def test_a_milter_that_dies_in_the_middle_follows_its_policy() -> None:
    with folder_for_others() as folder:
        sections = section("tag", "milter", folder / "changer.sock", 'on_failure = "tag"')
        with postroom(folder, sections) as server:
            with peers.changer(folder) as (_, process):
                assert send(server, written("alive"))[0] == 250
                assert send(server, written("die"))[0] == 250
                assert process.wait(timeout=30) == 1
            assert send(server, written("dead"))[0] == 250
            for subject in ("die", "dead"):
                (message,) = mail(server, subject)
                assert b"Postroom-Unfiltered: tag (it did not answer)\r\n" in message
            assert b"X-Octets: 7\r\n" in mail(server, "alive")[0]
