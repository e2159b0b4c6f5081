"""People in a real LDAP server: by bind and by hash, over STARTTLS and ldaps, and while it is stopped and started."""

import base64
import hashlib
import imaplib
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.ldap_servers import ADMIN_PASSWORD, BASE, Slapd, slapd
from tests.interop.relays import INSECURE
from tests.interop.server import PASSWORD, Server, start_server, stop_server, with_settings
from tests.interop.test_python_clients import wait_for_mail

pytestmark = pytest.mark.interop


def ssha(password: str) -> str:
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + b"salt").digest() + b"salt").decode()


PEOPLE = {name: ssha(PASSWORD) for name in ("dave", "erin", "frank", "grace")} | {"old": "{SSHA}" + "A" * 32}
_SECTIONS = """
[guard]
max_failure_delay_seconds = 0
max_stranger_delay_seconds = 0

[directory]
kind = "ldap"
unknown_seconds = 0

[ldap]
urls = ["{url}"]
authorities = "{authorities}"
base = "ou=people,{base}"
bind_dn = "cn=reader,{base}"
bind_password_file = "{secret}"
check = "{check}"
retry_seconds = 0
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with slapd(tmp_path_factory.mktemp("slapd"), free_port(), PEOPLE) as running:
        yield running


@pytest.fixture(scope="module", params=[("bind", 0), ("bind", 1), ("hash", 0)], ids=["bind", "ldaps", "hash"])
def server(request: pytest.FixtureRequest, ldap: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    check, url = request.param
    folder: Path = tmp_path_factory.mktemp("postroom-ldap")
    (folder / "ldap.secret").write_text(ADMIN_PASSWORD + "\n")
    sections = _SECTIONS.format(
        url=ldap.urls[url], authorities=ldap.authorities, base=BASE, secret=folder / "ldap.secret", check=check
    )
    running = start_server(folder, "example.test", ["boss@example.test"], lambda text: with_settings(text, sections))
    yield running
    stop_server(running)


def sign_in(server: Server, user: str, password: str = PASSWORD) -> str:
    """ "OK", or what the refusal says."""
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=INSECURE) as imap:
        try:
            return str(imap.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())[0])
        except imaplib.IMAP4.error as error:
            return str(error)


def rcpt(server: Server, address: str) -> int:
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], local_hostname="client.test") as smtp:
        smtp.ehlo()
        smtp.mail("stranger@other.test")
        return smtp.rcpt(address)[0]


def test_people_sign_in(server: Server) -> None:
    assert sign_in(server, "dave@example.test") == "OK"
    assert sign_in(server, "DAVE@example.test") == "OK"
    for user, password in (
        ("dave@example.test", "wrong"),
        ("nobody@example.test", PASSWORD),
        ("*@example.test", PASSWORD),
        ("d*@example.test", PASSWORD),
        ("old@example.test", PASSWORD),
        ("dave@example.test)(uid=*", PASSWORD),
    ):
        assert "AUTHENTICATIONFAILED" in sign_in(server, user, password)
    assert sign_in(server, "boss@example.test") == "OK"  # of postroom.db


def test_mail_comes_before_the_first_sign_in(server: Server) -> None:
    assert rcpt(server, "nobody@example.test") == 550
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], local_hostname="client.test") as smtp:
        smtp.sendmail("stranger@other.test", "erin+list@example.test", "Subject: first of all\r\n\r\nHello\r\n")
    wait_for_mail(server, "first of all", "erin@example.test")
    assert "erin@example.test" in server.cli("account", "list")


def test_a_submission_by_an_address_of_ones_own(server: Server) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=INSECURE) as smtp:
        smtp.login("dave@example.test", PASSWORD)
        smtp.sendmail(
            "dave@example.test", "frank@example.test", "From: dave@example.test\r\nSubject: to f\r\n\r\nx\r\n"
        )
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail("erin@example.test", "frank@example.test", "From: erin@example.test\r\n\r\nx\r\n")
    wait_for_mail(server, "to f", "frank@example.test")


def test_it_is_stopped_and_started_again(server: Server, ldap: Slapd) -> None:
    assert sign_in(server, "dave@example.test") == "OK"
    ldap.stop()
    try:
        assert sign_in(server, "dave@example.test") == "OK"
        assert sign_in(server, "boss@example.test") == "OK"
        assert "UNAVAILABLE" in sign_in(server, "grace@example.test")
        assert "UNAVAILABLE" in sign_in(server, "dave@example.test", "wrong again")
        assert rcpt(server, "dave@example.test") == 250
        assert rcpt(server, "grace@example.test") == 451
        assert rcpt(server, "nobody@example.test") == 451
    finally:
        ldap.start()
    assert sign_in(server, "grace@example.test") == "OK"
    assert rcpt(server, "nobody@example.test") == 550
    assert "AUTHENTICATIONFAILED" in sign_in(server, "dave@example.test", "wrong again")


def test_no_password_is_in_the_log(server: Server) -> None:
    log = (server.folder / "server.log").read_text()
    assert not re.search(f"{PASSWORD}|{ADMIN_PASSWORD}|wrong again", log)
