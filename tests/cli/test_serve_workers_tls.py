"""What is said of TLS to others, with several workers: the policy host answers by each of them, results of all sessions
are counted, and reports that any of them takes are read."""

import asyncio
import smtplib
import socket
import ssl
from contextlib import closing
from pathlib import Path

import apsw
from tests.cli.crew import BOB, CAROL, log, owner, start_crew, wait_until, workers
from tests.delivery.peer import Peer
from tests.delivery.world import server_context
from tests.interop.server import PASSWORD, Server, stop_server

from postroom.delivery.tls_report_mail import compose_report
from postroom.dns import TestDnsServer
from postroom.mailauth.tls_rpt import PolicyResults, Report
from postroom.net import client_context


def _page(port: int) -> tuple[socket.socket, ssl.SSLSocket]:
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return plain, client_context(verify=False).wrap_socket(plain, server_hostname="mta-sts.example.test")


def _policies(server: Server, port: int) -> dict[int, bytes]:
    """The policy, by each worker."""
    told: dict[int, bytes] = {}
    for _ in range(64):
        _, secure = _page(port)
        with secure:
            pid = owner(server, secure)
            secure.sendall(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n\r\n")
            answer = b""
            while piece := secure.recv(65_536):
                answer += piece
        told[pid] = answer
        if set(told) == set(workers(server).values()):
            break
    return told


def _hand_over(server: Server, pid: int, listener: str, sender: str, recipient: str, octets: bytes) -> None:
    """A message, given to this worker."""
    while True:
        with smtplib.SMTP("127.0.0.1", server.ports[listener], timeout=60) as smtp:
            assert smtp.sock is not None
            if owner(server, smtp.sock) == pid:
                if listener == "submission":
                    smtp.login(sender, PASSWORD)
                smtp.sendmail(sender, [recipient], octets)
                return


def _report(number: int) -> bytes:
    policies = (PolicyResults("sts", "example.test", (), (), 5),)
    report = Report("Else", "tls@else.test", f"{number}@else.test", 0.0, 86_399.0, policies)
    return compose_report(report, domain="example.test", submitter="else.test", to=CAROL, date=0.0, token="x")


def test_tls_towards_others_with_two_workers(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def main() -> None:
        peer = Peer(extensions=("STARTTLS", "PIPELINING"), tls=server_context(tmp_path))
        await peer.start()
        zones = {"else.test": {"MX": ["10 mx.else.test"]}, "mx.else.test": {"A": ["127.0.0.1"]}}
        async with TestDnsServer(zones) as names:
            server = await asyncio.to_thread(
                start_crew,
                tmp_path,
                [BOB, CAROL],
                listen=f'policy_host = ["127.0.0.1:{port}"]',
                dns=f'nameservers = ["{names.address}"]',
                delivery=f"port = {peer.port}\nrefuse_networks = []",
                tls_reports=f'send = true\nflush_seconds = 0.1\nlook_seconds = 0.1\nread_from = "{CAROL}"',
                outbound_tls="mta_sts = false",
            )
            await asyncio.to_thread(_scene, server, port)
            assert len(peer.taken) == len(workers(server))
            assert all(peer.secure)
            await asyncio.to_thread(_counted, server, peer.sessions)
            await asyncio.to_thread(stop_server, server)
        await peer.stop()

    asyncio.run(main())


def _scene(server: Server, port: int) -> None:
    pids = set(workers(server).values())
    told = _policies(server, port)
    assert set(told) == pids
    for answer in told.values():
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\n\r\nversion: STSv1\r\n" in answer
    assert len({answer.partition(b"\r\n\r\n")[2] for answer in told.values()}) == 1
    for number, pid in enumerate(pids):
        _hand_over(server, pid, "submission", BOB, "x@else.test", b"Subject: x\r\n\r\nbody\r\n")
        _hand_over(server, pid, "smtp", "tls@else.test", CAROL, _report(number))
    wait_until(lambda: _rows(server, "SELECT count(*) FROM received") == len(pids), lambda: log(server))
    wait_until(lambda: server.cli("queue", "list", "--json").strip() == "[]", lambda: log(server))


def _counted(server: Server, sessions: int) -> None:
    sql = "SELECT coalesce(sum(successes), 0) FROM result WHERE domain = 'else.test'"
    wait_until(lambda: _rows(server, sql) == sessions, lambda: log(server))


def _rows(server: Server, sql: str) -> int:
    with closing(apsw.Connection(str(server.folder / "data" / "tls.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        db.set_busy_timeout(5000)
        return int(str(db.execute(sql).get))
