"""A real Postfix on loopback relays to Postroom, and Postroom relays to it."""

import os
import pwd
import smtplib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.interop.clients import need
from tests.interop.server import PASSWORD, Server, start_server, stop_server
from tests.interop.test_python_clients import wait_for_mail

pytestmark = pytest.mark.interop


@dataclass
class Postfix:
    """A Postfix of its own folder: postfix.test is local to it (Maildirs), example.test goes to Postroom."""

    folder: Path
    port: int

    def received(self) -> list[str]:
        """The messages in carol@postfix.test's Maildir."""
        new = self.folder / "mail" / "carol" / "new"
        return [path.read_text() for path in new.iterdir()] if new.exists() else []


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Postfix]]:
    """Postroom for example.test and Postfix for postfix.test, each knowing the way to the other."""
    program = need("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    folder = tmp_path_factory.mktemp("postfix").resolve()
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o755)
    port = _free_port()

    def routed(text: str) -> str:
        return text.replace("\n[delivery]\n", f'\n[delivery]\nroutes = {{"postfix.test" = "127.0.0.1:{port}"}}\n')

    server = start_server(
        tmp_path_factory.mktemp("beside-postfix"), "example.test", ["alice@example.test", "bob@example.test"], routed
    )
    owner = pwd.getpwnam("postfix")
    etc, queue, data, mail = (folder / name for name in ("etc", "queue", "data", "mail"))
    for path in (etc, queue, data, mail):
        path.mkdir()
    os.chown(data, owner.pw_uid, owner.pw_gid)
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    (etc / "main.cf").write_text(
        f"compatibility_level = 3.6\nmyhostname = mx.postfix.test\nmydestination =\nqueue_directory = {queue}\n"
        f"data_directory = {data}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
        f"virtual_mailbox_domains = postfix.test\nvirtual_mailbox_base = {mail}\n"
        f"virtual_mailbox_maps = inline:{{ carol@postfix.test=carol/ }}\nvirtual_uid_maps = static:{owner.pw_uid}\n"
        f"virtual_gid_maps = static:{owner.pw_gid}\nvirtual_minimum_uid = 1\n"
        f"transport_maps = inline:{{ example.test=smtp:[127.0.0.1]:{server.ports['smtp']} }}\n"
        f"smtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1\nmaillog_file = /dev/stdout\n"
        f"maillog_file_prefixes = /dev/stdout\n"
        f"smtpd_relay_restrictions = permit_mynetworks, reject\nalias_maps =\n"
    )
    standard = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [line for line in standard.splitlines() if line and not line.startswith(("#", " ", "\t", "smtp      inet"))]
    (etc / "master.cf").write_text("\n".join([f"127.0.0.1:{port} inet n - n - - smtpd", *_no_chroot(lines)]) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(etc), "start-fg"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
        yield server, Postfix(folder, port)
    finally:
        subprocess.run([program, "-c", str(etc), "stop"], capture_output=True, timeout=60)
        process.wait(timeout=60)
        stop_server(server)


def _no_chroot(lines: list[str]) -> list[str]:
    """master.cf lines with chroot off, so that the folder needs no copies of system files."""
    out = []
    for line in lines:
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[4] == "y":
            fields[4] = "n"
        out.append(" ".join(fields))
    return out


def test_postfix_relays_to_postroom_over_tls(pair: tuple[Server, Postfix]) -> None:
    server, postfix = pair
    with smtplib.SMTP("127.0.0.1", postfix.port) as smtp:
        smtp.sendmail("carol@postfix.test", ["bob@example.test"], b"Subject: through postfix\r\n\r\n.dot\r\nbody\r\n")
    wait_for_mail(server, "through postfix")


def test_postfix_gets_the_bounce_for_an_unknown_user(pair: tuple[Server, Postfix]) -> None:
    _, postfix = pair
    with smtplib.SMTP("127.0.0.1", postfix.port) as smtp:
        smtp.sendmail("carol@postfix.test", ["nobody@example.test"], b"Subject: lost\r\n\r\nbody\r\n")
    _wait_until(lambda: any("5.1.1" in text and "nobody@example.test" in text for text in postfix.received()), postfix)


def test_postroom_relays_to_postfix(pair: tuple[Server, Postfix]) -> None:
    server, postfix = pair
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=context) as smtp:
        smtp.login("alice@example.test", PASSWORD)
        smtp.sendmail("alice@example.test", ["carol@postfix.test"], b"Subject: to postfix\r\n\r\n.dot\r\nbody\r\n")
    _wait_until(
        lambda: any("Subject: to postfix" in text and "\n.dot\n" in text for text in postfix.received()), postfix
    )


def test_postroom_bounces_what_postfix_refuses(pair: tuple[Server, Postfix]) -> None:
    server, _ = pair
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=context) as smtp:
        smtp.login("alice@example.test", PASSWORD)
        smtp.sendmail("alice@example.test", ["dave@postfix.test"], b"Subject: refused\r\n\r\nbody\r\n")
    wait_for_mail(server, "could not be delivered", user="alice@example.test")


def _wait_until(condition: object, postfix: Postfix) -> None:
    assert callable(condition)
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError((postfix.folder / "log").read_text()[-3000:])
