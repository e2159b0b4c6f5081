"""Strangers, with several workers: who was asked by one to come again is taken by another, and after a restart too."""

import socket
import time
from pathlib import Path
from typing import Self

from tests.cli.crew import BOB, Talk, owner, restart_crew, start_crew, workers
from tests.interop.server import Server, stop_server

_STRANGERS = """\
greylist_points = 0
greylist_delay_seconds = 1
greeting_delay_seconds = 0
first_time_delay_seconds = 0
[listener.smtp]
proxies = ["127.0.0.0/8"]"""
_DNS = 'nameservers = ["127.0.0.1:1"]\ntries = 1\ntimeout_seconds = 0.2'  # there is none


class _Stranger(Talk):
    """A client from 192.0.2.7, as a proxy says."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=60)
        self.socket.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.250 4321 25\r\n")
        self._lines = self.socket.makefile("rb")
        self.greeting = self.line()
        self.pid = owner(server, self.socket)

    def __enter__(self) -> Self:
        return self

    def asks(self, sender: str) -> bytes:
        """The answer to RCPT."""
        for command in ("HELO mx.bar.test", f"MAIL FROM:<{sender}>"):
            assert self.say(command).startswith(b"250")
        return self.say(f"RCPT TO:<{BOB}>")


def _at_worker(server: Server, number: int, sender: str) -> bytes:
    for _ in range(64):
        with _Stranger(server) as stranger:
            if stranger.pid == workers(server)[number]:
                return stranger.asks(sender)
    raise AssertionError("a worker that gets no connections")


def test_workers_know_those_who_came_to_another_and_a_restart_forgets_nobody(tmp_path: Path) -> None:
    server = start_crew(tmp_path, strangers=_STRANGERS, dns=_DNS)
    try:
        assert _at_worker(server, 0, "a@bar.test").startswith(b"450 4.7.1 Greylisted")
        assert _at_worker(server, 1, "a@bar.test").startswith(b"450 4.7.1 Greylisted")
        time.sleep(1.2)
        assert _at_worker(server, 1, "a@bar.test").startswith(b"250")
        assert _at_worker(server, 0, "other@else.test").startswith(b"250")
        server.process.terminate()
        server.process.wait(timeout=60)
        server = restart_crew(server)
        for number in range(2):
            assert _at_worker(server, number, f"{number}@third.test").startswith(b"250")
    finally:
        stop_server(server)
