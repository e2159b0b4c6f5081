"""kill -9 of the whole server under load: what was acknowledged is there after the restart, once."""

import imaplib
import smtplib
import socket
import threading
from pathlib import Path

import pytest
from tests.cli.crew import settings, wait_until
from tests.interop.server import PASSWORD, Server, restart_server, start_server, stop_server

BOB = "bob@example.test"


def _feed(server: Server, worker: int, acknowledged: list[str], stop: threading.Event) -> None:
    number = 0
    try:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=10) as smtp:
            while not stop.is_set():
                name = f"w{worker}n{number}"
                smtp.sendmail("x@else.test", [BOB], f"Subject: {name}\r\n\r\nbody\r\n".encode())
                acknowledged.append(name)
                number += 1
    except (OSError, smtplib.SMTPException):
        pass  # the server was killed under us, as it should be


def _subjects(server: Server) -> list[str]:
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.login(BOB, PASSWORD)
        imap.select("INBOX", readonly=True)
        data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [item[1].decode().partition(":")[2].strip() for item in data if isinstance(item, tuple)]


def _silent(server: Server) -> bool:
    """Nobody has the ports any more."""
    try:
        socket.create_connection(("127.0.0.1", server.ports["imap"]), timeout=1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_acknowledged_mail_survives_kill_9(tmp_path: Path, workers: int) -> None:
    server = start_server(tmp_path, "example.test", [BOB], settings(process=f"workers = {workers}"))
    acknowledged: list[str] = []
    try:
        for round_ in range(3):
            stop = threading.Event()
            threads = [
                threading.Thread(target=_feed, args=(server, 10 * round_ + worker, acknowledged, stop))
                for worker in range(4)
            ]
            for thread in threads:
                thread.start()
            enough = len(acknowledged) + 20
            wait_until(lambda enough=enough: len(acknowledged) > enough)  # type: ignore[misc]
            server.process.kill()
            server.process.wait()
            stop.set()
            for thread in threads:
                thread.join()
            wait_until(lambda server=server: _silent(server))  # type: ignore[misc]  # workers end when they notice
            server = restart_server(server)
            there = _subjects(server)
            assert set(acknowledged) <= set(there)
            assert len(there) == len(set(there)), "a message was stored twice"
    finally:
        if server.process.poll() is None:
            stop_server(server)
