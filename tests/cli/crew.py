"""A server of several workers, and which of them has a connection."""

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.interop.server import Server, restart_server, start_server

BOB, CAROL = "bob@example.test", "carol@example.test"


def settings(**sections: str) -> Callable[[str], str]:
    """An edit for start_server: lines put at the beginning of sections."""

    def edit(text: str) -> str:
        for name, lines in sections.items():
            assert f"\n[{name}]\n" in text
            text = text.replace(f"\n[{name}]\n", f"\n[{name}]\n{lines}\n")
        return text

    return edit


def start_crew(folder: Path, people: Sequence[str] = (BOB, CAROL), **sections: str) -> Server:
    lines = "workers = 2\nrestart_pause_seconds = 0.05"
    server = start_server(folder, "example.test", list(people), settings(process=lines, **sections))
    wait_for_log(server, "workers are up")
    return server


def restart_crew(server: Server) -> Server:
    begin = len(log(server))
    server = restart_server(server)
    wait_for_log(server, "workers are up", begin)
    return server


def log(server: Server) -> str:
    return (server.folder / "server.log").read_text()


def wait_for_log(server: Server, text: str, begin: int = 0, times: int = 1) -> None:
    wait_until(lambda: log(server).count(text, begin) >= times, lambda: log(server))


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.01)


def workers(server: Server) -> dict[int, int]:
    """Those that are up: the process ids by number."""
    said = re.findall(r"worker-(\d+) postroom\.serve: up as process (\d+)\n", log(server))
    return {int(number): int(pid) for number, pid in said if not gone(int(pid))}


def kill_worker(server: Server, number: int) -> int:
    """SIGKILL; returns the process id it had when its successor is up."""
    pid = workers(server)[number]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: workers(server).get(number, pid) != pid, lambda: log(server))
    return pid


def gone(pid: int) -> bool:
    """Ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def owner(server: Server, client: socket.socket) -> int:
    """Which worker has the other end of a connection: its process id."""
    port, peer = client.getsockname()[1], client.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(":")[2], 16) == peer and int(words[2].rpartition(":")[2], 16) == port:
            inode = words[9]
            break
    else:
        raise AssertionError("no such connection")
    for pid in workers(server).values():
        with contextlib.suppress(FileNotFoundError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    if os.readlink(f"/proc/{pid}/fd/{descriptor}") == f"socket:[{inode}]":
                        return pid
    raise AssertionError("nobody has it")


class Talk:
    """A connection, its greeting read, and the worker that has it."""

    def __init__(self, server: Server, name: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.ports[name]), timeout=60)
        self._lines = self.socket.makefile("rb")
        self.greeting = self.line()
        self.pid = owner(server, self.socket) if self.greeting[:1] in (b"2", b"+", b"*") else 0

    def line(self) -> bytes:
        """The next; b"" at the end."""
        try:
            return self._lines.readline()
        except ConnectionError:
            return b""

    def say(self, text: str) -> bytes:
        """A command; the first line of its answer."""
        self.socket.sendall(text.encode() + b"\r\n")
        return self.line()

    def close(self) -> None:
        self._lines.close()
        self.socket.close()

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def greeted(server: Server, name: str) -> bytes:
    """What a new connection hears."""
    with Talk(server, name) as talk:
        return talk.greeting


@contextlib.contextmanager
def talks(server: Server, name: str, most: int = 64) -> Iterator[list[Talk]]:
    """Connections, as many as it takes until each worker has one; one for each, by their numbers."""
    opened: dict[int, Talk] = {}
    try:
        wanted = set(workers(server).values())
        for _ in range(most):
            talk = Talk(server, name)
            if talk.pid in opened:
                talk.close()
            else:
                opened[talk.pid] = talk
            if set(opened) == wanted:
                break
        assert set(opened) == wanted, "a worker that gets no connections"
        yield [opened[pid] for _, pid in sorted(workers(server).items())]
    finally:
        for talk in opened.values():
            talk.close()
