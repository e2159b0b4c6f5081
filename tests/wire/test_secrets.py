"""What nobody may read: passwords are in no log, journal, file or process list, and our files are their owner's alone.

One server, whose user is careless with its umask and logs all there is to log, is signed in to in every way, rightly
and wrongly; then everything it wrote is searched for what was said to it.
"""

import base64
import contextlib
import imaplib
import os
import poplib
import smtplib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.server import PASSWORD, Server, start_server, stop_server

BOB = "bob@bob.test"
WRONG = "wrong-horse-battery"
RELAY_PASSWORD = "smart-host-battery"
TEXT = f"From: {BOB}\r\nTo: {BOB}\r\nSubject: Hello\r\n\r\nHello.\r\n"
RELAY = f"""
[delivery]
smarthost = "smart"
[delivery.relay.smart]
hosts = ["127.0.0.1:9"]
username = "us"
password = "{RELAY_PASSWORD}"
"""


def plain(password: str) -> str:
    return base64.b64encode(f"\0{BOB}\0{password}".encode()).decode()


SAID = [
    form
    for password in (PASSWORD, WRONG, RELAY_PASSWORD)
    for form in (password, base64.b64encode(password.encode()).decode(), plain(password))
]


SETTINGS = {
    "log": 'level = "debug"',
    "guard": "failure_delay_seconds = 0",  # or all that is wrong on purpose takes minutes
    "sign_in": "failure_step_seconds = 0.01",
}


def _edited(text: str) -> str:
    for section, line in SETTINGS.items():
        assert f"\n[{section}]\n" in text
        text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{line}\n")
    return text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("secrets")
    before = os.umask(0)
    try:
        running = start_server(folder, "bob.test", [BOB], edit=_edited)
    finally:
        os.umask(before)
    yield running
    stop_server(running)


def raw(server: Server, listener: str, *lines: str) -> None:
    """Lines that no client library would send; some have no answer."""
    with socket.create_connection(("127.0.0.1", server.ports[listener]), timeout=20) as sock:
        sock.recv(1000)
        sock.settimeout(0.5)
        with contextlib.suppress(ConnectionError):
            for line in lines:
                sock.sendall(line.encode() + b"\r\n")
                with contextlib.suppress(TimeoutError):
                    sock.recv(1000)


def sign_in_everywhere(server: Server) -> None:
    for password in (PASSWORD, WRONG):
        with smtplib.SMTP("127.0.0.1", server.ports["submission"]) as smtp, contextlib.suppress(smtplib.SMTPException):
            smtp.login(BOB, password)
            smtp.sendmail(BOB, [BOB], TEXT)
        with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap, contextlib.suppress(imaplib.IMAP4.error):
            imap.login(BOB, password)
        with (
            contextlib.closing(poplib.POP3("127.0.0.1", server.ports["pop3"])) as pop3,
            contextlib.suppress(poplib.error_proto),
        ):
            pop3.user(BOB)
            pop3.pass_(password)
            pop3.quit()
        raw(
            server,
            "imap",
            f"a AUTHENTICATE PLAIN {plain(password)}",
            f"b LOGIN {BOB} {password} more",
            f"LOGIN {password}",
        )
        raw(server, "imap", f'a LOGIN "{password}" {{{len(password)}+}}', password, f"b {password}")
        raw(
            server,
            "pop3",
            f"AUTH PLAIN {plain(password)}",
            f"AUTH PLAIN ={plain(password)}",
            f"PASS {password}",
            password,
        )
        raw(
            server, "submission", f"AUTH PLAIN {plain(password)}", "EHLO x", f"AUTH PLAIN {plain(password)} x", password
        )
        raw(server, "submission", "EHLO x", "AUTH LOGIN", plain(password), plain(password), f"MAIL FROM:<{password}")
        raw(server, "smtp", "EHLO x", f"AUTH PLAIN {plain(password)}")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def test_passwords_are_written_nowhere(server: Server) -> None:
    sign_in_everywhere(server)
    log = (server.folder / "server.log").read_text()
    assert "sign-in as" in log  # it does say that somebody was refused
    found = {
        (path.relative_to(server.folder), form)
        for path in [server.folder / "server.log", *_files(server.folder / "data")]
        for form in SAID
        if form.encode() in path.read_bytes()
    }
    assert found == set()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc here")
def test_passwords_are_in_no_process_list(server: Server) -> None:
    seen = b""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            seen += (process / "cmdline").read_bytes()
    assert str(server.config).encode() in seen
    assert [form for form in SAID if form.encode() in seen] == []


def test_what_the_server_writes_is_its_owners_alone(server: Server) -> None:
    sign_in_everywhere(server)
    data = server.folder / "data"
    open_to_others = {
        f"{path.relative_to(data)} {stat.filemode(path.lstat().st_mode)}"
        for path in [data, *data.rglob("*")]
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    }
    # a certificate is shown to everybody who connects
    assert {one for one in open_to_others if not one.startswith("tls/self-signed.crt ")} == set()


def test_settings_with_passwords_are_shown_without_them(tmp_path: Path) -> None:
    running = start_server(tmp_path, "bob.test", [BOB], edit=lambda text: text.replace("\n[delivery]\n", RELAY))
    try:
        shown = [running.cli("config", "explain", name) for name in ("delivery", "delivery.relay.smart.password")]
        shown += [(tmp_path / "server.log").read_text()]
        assert RELAY_PASSWORD in running.config.read_text()
        assert [text for text in shown if RELAY_PASSWORD in text] == []
    finally:
        stop_server(running)
