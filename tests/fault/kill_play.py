"""Servers under load that are killed: who sends, what was acknowledged, what is in mailboxes after the restart."""

import imaplib
import json
import smtplib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tests.cli.crew import wait_until
from tests.interop.server import PASSWORD, Server, restart_server

LARGE = 50_000  # octets that are no row of a database: they are kept in a file


class Load:
    """`with Load(…) as load`: threads that send messages with subjects of their own, over connections as they can get.

    A server that is killed under them is called until it is there again.
    """

    def __init__(
        self, port: int, sender: str, recipients: Sequence[str], *, threads: int = 2, sign_in: bool = False
    ) -> None:
        self._port = port
        self._sender = sender
        self._recipients = recipients
        self._sign_in = sign_in
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(threads)]
        self.acknowledged: list[str] = []  # subjects that were answered with 250
        self._trouble = ""  # what the server said, or did, when it last took no message

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int) -> None:
        """So many messages more were acknowledged."""
        enough = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) > enough, lambda: f"nothing is accepted any more: {self._trouble}")

    def _send(self, worker: int) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=10) as smtp:
                    if self._sign_in:
                        smtp.login(self._sender, PASSWORD)
                    while not self._stop.is_set():
                        number += 1
                        name = f"w{worker}n{number}"
                        text = f"From: {self._sender}\r\nSubject: {name}\r\n\r\n{'x' * (number % 3) * LARGE}\r\n"
                        smtp.sendmail(self._sender, self._recipients, text)
                        self.acknowledged.append(name)
            except (OSError, smtplib.SMTPException) as error:  # the server was killed under us, as it should be
                self._trouble = str(error)
            time.sleep(0.02)


def kill(server: Server) -> Server:
    """SIGKILL, and the server that comes after it."""
    server.process.kill()
    server.process.wait()
    wait_until(lambda: _silent(server))  # workers end when they notice
    return restart_server(server)


def end(server: Server) -> Server:
    """SIGTERM, and the server that comes after it."""
    server.process.terminate()
    assert server.process.wait(30) == 0
    return restart_server(server)


def _silent(server: Server) -> bool:
    """Nobody has the ports any more."""
    try:
        socket.create_connection(("127.0.0.1", server.ports["imap"]), timeout=1).close()
    except OSError:
        return True
    return False


def subjects(server: Server, user: str) -> Counter[str]:
    """What is in somebody's INBOX, by subject."""
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        _, rows = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return Counter(row[1].decode().removeprefix("Subject: ").strip() for row in rows if isinstance(row, tuple))


def wait_for_all(names: Iterable[str], there: Callable[[], Counter[str]]) -> None:
    """Until each of them is there."""
    wanted, deadline = set(names), time.monotonic() + 60
    while missing := wanted - set(there()):
        assert time.monotonic() < deadline, missing
        time.sleep(0.1)


def of_unknown_outcome(server: Server, address: str) -> int:
    """Attempts that ended without the other side's answer on record: RFC 1047's, each told by the journal."""
    stories = json.loads(server.cli("trace", address, "--limit", "100000", "--json"))
    steps = [step for story in stories for step in story["steps"] if step.get("to") in (address, [address])]
    cut = [step for step in steps if step["step"] == "attempt" and "end of DATA" in step.get("reply", "")]
    return len(cut) + len([step for step in steps if step["step"] == "interrupted"])
