"""kill -9 of the whole server while a client appends several messages a command, and another replaces its draft: all of
a command's messages are there or none, and the draft is there once, not older than what was acknowledged."""

import socket
import threading
import time
from collections import Counter
from pathlib import Path

from tests.interop.server import PASSWORD, Server, restart_server, start_server, stop_server

BOB = "bob@example.test"
SIZES = (10, 70_000, 10)  # the second one is kept in a file


class Client:
    """Sends whole commands, returns their answers."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.ports["imap"]), timeout=10)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self.do(f"LOGIN {BOB} {PASSWORD}")

    def do(self, command: str) -> list[bytes]:
        self._socket.sendall(b"t " + command.encode() + b"\r\n")
        lines = []
        while not (line := self._file.readline()).startswith(b"t "):
            if not line:
                raise ConnectionError
            lines.append(line)
        assert line.startswith(b"t OK"), line
        return lines

    def subjects(self, mailbox: str) -> list[str]:
        self.do(f"SELECT {mailbox}")
        lines = self.do("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        return [line.decode().partition(":")[2].strip() for line in lines if line.startswith(b"Subject:")]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def message(subject: str, octets: int) -> str:
    text = f"Subject: {subject}\r\n\r\n" + "x" * octets
    return f" {{{len(text)}+}}\r\n{text}"


def append_groups(server: Server, round_: int, acknowledged: list[str]) -> None:
    client = Client(server)
    try:
        for number in range(10_000):
            group = f"r{round_}g{number}"
            client.do("APPEND INBOX" + "".join(message(group, octets) for octets in SIZES))
            acknowledged.append(group)
    except OSError:
        pass  # the server was killed under us, as it should be
    finally:
        client.close()


def replace_draft(server: Server, acknowledged: list[int]) -> None:
    client = Client(server)
    try:
        [version] = map(int, client.subjects("Drafts"))
        while True:
            version += 1
            client.do("REPLACE 1 Drafts" + message(str(version), 100 if version % 2 else 70_000))
            acknowledged.append(version)
    except OSError:
        pass
    finally:
        client.close()


def test_appends_and_replacements_survive_kill_9(tmp_path: Path) -> None:
    server = start_server(tmp_path, "example.test", [BOB])
    groups: list[str] = []
    versions = [0]
    try:
        first = Client(server)
        first.do("APPEND Drafts" + message("0", 10))
        first.close()
        for round_ in range(3):
            threads = [
                threading.Thread(target=append_groups, args=(server, round_, groups)),
                threading.Thread(target=replace_draft, args=(server, versions)),
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.4)
            server.process.kill()
            server.process.wait()
            for thread in threads:
                thread.join()
            server = restart_server(server)
            client = Client(server)
            there = Counter(client.subjects("INBOX"))
            assert set(there.values()) == {len(SIZES)}, "a part of a command's messages"
            assert set(groups) <= set(there)
            [draft] = client.subjects("Drafts")
            assert versions[-1] <= int(draft) <= versions[-1] + 1
            versions.append(int(draft))
            client.close()
        assert len(groups) > 5
        assert len(versions) > 8
    finally:
        if server.process.poll() is None:
            stop_server(server)
