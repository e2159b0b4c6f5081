"""`postroom serve` with several workers: they share everything, and what one suffers the others do not feel."""

import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from tests.cli.crew import (
    BOB,
    CAROL,
    Talk,
    gone,
    greeted,
    log,
    restart_crew,
    start_crew,
    talks,
    wait_for_log,
    wait_until,
    workers,
)
from tests.interop.server import PASSWORD, POSTROOM, Server, stop_server

from postroom.base import SystemClock, SystemIds
from postroom.net import self_signed

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux who has a connection")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("crew")
    running = start_crew(folder, net="max_connections_per_address = 8", tls="reload_interval_seconds = 600")
    yield running
    stop_server(running)


def test_each_worker_gets_connections_and_says_who_it_is(server: Server) -> None:
    with talks(server, "smtp") as pair:
        assert all(talk.greeting.startswith(b"220 ") for talk in pair)
    text = log(server)
    assert re.search(r"INFO worker-0 postroom\.serve: up as process \d+\n", text)
    assert re.search(r"INFO worker-1 postroom\.serve: up as process \d+\n", text)
    assert re.search(r"INFO parent postroom\.serve: 2 workers are up\n", text)


def test_connections_are_limited_over_all_workers(server: Server) -> None:
    opened: list[Talk] = []
    try:
        while len(opened) < 8:
            talk = Talk(server, "pop3")
            assert talk.greeting.startswith(b"+OK"), f"{len(opened)} are open"
            opened.append(talk)
        for _ in range(4):  # whichever worker it comes to
            assert greeted(server, "pop3").startswith(b"-ERR [SYS/TEMP] Too many")
        assert greeted(server, "imap").startswith(b"* OK")
    finally:
        for talk in opened:
            talk.close()
    wait_until(lambda: greeted(server, "pop3").startswith(b"+OK"))


def _sign_in(talk: Talk, user: str, password: str) -> bytes:
    assert talk.say(f"USER {user}").startswith(b"+OK")
    return talk.say(f"PASS {password}")


def test_a_maildrop_is_locked_for_all_workers(server: Server) -> None:
    with talks(server, "pop3") as (one, two):
        assert _sign_in(one, BOB, PASSWORD).startswith(b"+OK")
        assert _sign_in(two, BOB, PASSWORD).startswith(b"-ERR [IN-USE]")
        assert _sign_in(two, CAROL, PASSWORD).startswith(b"+OK")
        assert one.say("QUIT").startswith(b"+OK")
        assert two.say("QUIT").startswith(b"+OK")
    with talks(server, "pop3") as (one, two):
        assert _sign_in(two, BOB, PASSWORD).startswith(b"+OK")
        assert two.say("QUIT").startswith(b"+OK")


def test_a_new_password_holds_at_once_in_all_workers(server: Server) -> None:
    def answers(password: str) -> list[bytes]:
        with talks(server, "pop3") as pair:
            said = []
            for talk in pair:
                said.append(_sign_in(talk, CAROL, password)[:4].strip())
                talk.say("QUIT")
            return said

    assert answers(PASSWORD) == [b"+OK"] * 2  # now both have it in their caches
    server.cli("account", "password", CAROL, "--password-stdin", stdin="another-horse")
    assert answers(PASSWORD) == [b"-ERR"] * 2
    assert answers("another-horse") == [b"+OK"] * 2
    server.cli("account", "password", CAROL, "--password-stdin", stdin=PASSWORD)


def test_sighup_brings_a_new_certificate_to_all_workers(server: Server, tmp_path: Path) -> None:
    def shown() -> set[bytes]:
        found: dict[int, bytes] = {}
        for _ in range(64):
            with talks(server, "pop3") as pair:
                for talk in pair:
                    assert talk.say("STLS").startswith(b"+OK")
                    raw = talk.socket.dup()
                    with ssl._create_unverified_context().wrap_socket(raw) as encrypted:
                        found[talk.pid] = encrypted.getpeercert(binary_form=True) or b""
            if set(found) == set(workers(server).values()):
                break
        assert len(found) == 2
        return set(found.values())

    (before,) = shown()
    for new in self_signed(tmp_path, "mail.example.test", 10, SystemClock().now()):
        shutil.copy(new, server.folder / "data" / "tls" / new.name)
    begin = len(log(server))
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "certificate reloaded", begin, times=2)
    (after,) = shown()
    assert after != before


def test_sighup_names_once_what_needs_a_restart(server: Server) -> None:
    text = server.config.read_text()
    begin = len(log(server))
    server.config.write_text(text.replace('hostname = "mail.example.test"', 'hostname = "other.example.test"'))
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "settings reloaded", begin, times=3)
    assert log(server).count("hostname has changed", begin) == 1
    server.config.write_text(text)
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "settings reloaded", begin, times=6)


def test_a_killed_worker_takes_only_its_own_connections_with_it(server: Server) -> None:
    begin = len(log(server))
    with talks(server, "pop3") as (one, two):
        assert _sign_in(one, BOB, PASSWORD).startswith(b"+OK")
        os.kill(one.pid, signal.SIGKILL)
        assert one.line() == b""
        assert two.say("CAPA").startswith(b"+OK")
        meanwhile = [greeted(server, "pop3") for _ in range(16)]  # those for the dead one wait for its successor
        assert all(greeting.startswith(b"+OK") for greeting in meanwhile)
        wait_for_log(server, "ended: killed by SIGKILL", begin)
        wait_for_log(server, "postroom.serve: up", begin)
        assert one.pid not in workers(server).values()
    with talks(server, "pop3") as (one, two):  # the lock has died with its worker, whoever is asked
        assert _sign_in(one, BOB, PASSWORD).startswith(b"+OK")
        assert _sign_in(two, CAROL, PASSWORD).startswith(b"+OK")
        assert one.say("QUIT").startswith(b"+OK")
    opened = [Talk(server, "pop3") for _ in range(8)]  # and so have its connections, for the limit of 8
    assert all(talk.greeting.startswith(b"+OK") for talk in opened)
    for talk in opened:
        talk.close()


def test_a_second_server_is_refused(server: Server, tmp_path: Path) -> None:
    """By the ports, which it may not share; with other ports, by the data folder."""
    command = [*POSTROOM, "serve", "--config", str(server.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    for count in (1, 2):
        other = server.folder / "other.toml"
        text = server.config.read_text().replace("workers = 2", f"workers = {count}")
        text = re.sub(
            r"^(smtp|submission|submissions|lmtp|pop3|pop3s|imap|imaps|policy_host) = .*$", "", text, flags=re.M
        )
        other.write_text(text.replace("\n[listen]\n", '\n[listen]\nsmtp = ["127.0.0.1:0"]\n'))
        done = subprocess.run([*command[:-1], str(other)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "another Postroom has" in done.stderr
        assert "Traceback" not in done.stderr
    with talks(server, "smtp") as pair:
        assert len(pair) == 2


def test_workers_do_not_outlive_their_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is the parent that tells systemd how far the server is, once all are there."""
    server = start_crew(tmp_path, [])
    pids = workers(server)
    server.process.kill()
    server.process.wait()
    for pid in pids.values():
        wait_until(lambda pid=pid: gone(pid))  # type: ignore[misc]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        name = f"@postroom-{SystemIds().token(8)}"
        systemd.bind("\0" + name[1:])
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        server = restart_crew(server)
        assert systemd.recv(100) == b"READY=1"
        pids = workers(server)
        assert len(pids) == 2
        server.process.send_signal(signal.SIGHUP)
        assert [systemd.recv(100) for _ in range(2)] == [b"RELOADING=1", b"READY=1"]
        stop_server(server)
        assert systemd.recv(100) == b"STOPPING=1"
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)
    assert all(gone(pid) for pid in pids.values())


def test_port_0_and_a_unix_socket_are_shared(tmp_path: Path) -> None:
    path = Path(f"/tmp/postroom-{SystemIds().token(8)}")  # pytest's folders are too deep for one

    server = start_crew(tmp_path, [])
    stop_server(server)
    text = server.config.read_text()
    text = re.sub(r"^smtp = .*$", 'smtp = ["127.0.0.1:0"]', text, flags=re.M)
    server.config.write_text(re.sub(r"^lmtp = .*$", f'lmtp = ["unix:{path}"]', text, flags=re.M))
    begin = len(log(server))
    ports = {name: port for name, port in server.ports.items() if name not in ("smtp", "lmtp")}
    server = restart_crew(Server(server.folder, server.config, ports, server.process))
    wait_for_log(server, "smtp on 127.0.0.1:", begin)
    found = re.search(r"smtp on 127\.0\.0\.1:(\d+)\n", log(server)[begin:])
    assert found is not None
    server.ports["smtp"] = int(found[1])
    with talks(server, "smtp") as pair:
        assert len(pair) == 2
    for pid in workers(server).values():
        seen = len(log(server))
        os.kill(pid, signal.SIGTERM)
        wait_for_log(server, "postroom.serve: up", seen)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(str(path))
            assert sock.recv(100).startswith(b"220 ")
    stop_server(server)
    assert not path.exists()


def test_what_keeps_the_first_worker_from_starting_is_said(tmp_path: Path) -> None:
    server = start_crew(tmp_path, [])
    stop_server(server)
    db = apsw.Connection(str(tmp_path / "data" / "queue.db"))
    db.execute("PRAGMA user_version=99")
    db.close()
    command = [*POSTROOM, "serve", "--config", str(server.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Error: queue.db has version 99" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_worker_under_load_disturbs_no_other(tmp_path: Path) -> None:
    """Each client writes to a mailbox of its own, through one connection."""
    server = start_crew(tmp_path)
    stop, counts, cut = threading.Event(), [0, 0], [False, False]
    begin = len(log(server))

    def feed(index: int, talk: Talk, recipient: str) -> None:
        assert talk.say("HELO x.test").startswith(b"250")
        while not stop.is_set():
            lines = ["MAIL FROM:<x@else.test>", f"RCPT TO:<{recipient}>", "DATA", f"Subject: {counts[index]}\r\n\r\n."]
            if not all(talk.say(line)[:1] in (b"2", b"3") for line in lines):
                cut[index] = True
                return
            counts[index] += 1

    with talks(server, "smtp") as pair:
        threads = [
            threading.Thread(target=feed, args=(index, talk, (BOB, CAROL)[index])) for index, talk in enumerate(pair)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: min(counts) > 20)
        os.kill(pair[1].pid, signal.SIGKILL)
        threads[1].join()
        reached = counts[0]
        wait_until(lambda: counts[0] > reached + 20)
        wait_for_log(server, "postroom.serve: up", begin)
        stop.set()
        threads[0].join()
    assert cut == [False, True]
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"]) as smtp:
        assert smtp.noop()[0] == 250
    stop_server(server)
