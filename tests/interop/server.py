"""A running Postroom: its own process, real ports, real files, set up with the commands a person would use.

Used by the interop tests and by the benchmark.
"""

import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
POSTROOM = [sys.executable, "-m", "postroom"]
PASSWORD = "correct-horse-battery"
STANDARD_PORTS = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "lmtp": 24,
    "pop3": 110,
    "pop3s": 995,
    "imap": 143,
    "imaps": 993,
}


@dataclass(frozen=True)
class Server:
    """Where a running Postroom is and how to sign in."""

    folder: Path
    config: Path
    ports: dict[str, int]
    process: "subprocess.Popen[bytes]"

    def cli(self, *words: str, stdin: str = "") -> str:
        """Run a postroom command against this server's configuration; its output. Fails on a non-zero exit."""
        command = [*POSTROOM, *words, "--config", str(self.config)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


def free_port_base() -> int:
    """A number that, added to each standard port, gives a free port."""
    for base in random.sample(range(12000, 31700), 100):  # below the ports that clients get
        try:
            for port in STANDARD_PORTS.values():
                with socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind(("127.0.0.1", base + port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports")


def start_server(
    folder: Path, domain: str, people: list[str], edit: Callable[[str], str] = lambda text: text
) -> Server:
    """init, account add, serve: the commands a person would use; returns when every port answers.

    `edit` changes the text of postroom.toml between init and serve.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base, config = free_port_base(), folder / "postroom.toml"
    init = ["init", domain, "--config", str(config), "--data", str(folder / "data"), "--dev", "--port-base", str(base)]
    subprocess.run([*POSTROOM, *init], check=True, capture_output=True, timeout=60)
    text = config.read_text().replace("skip_taken_addresses = true", "skip_taken_addresses = false")
    config.write_text(edit(text))
    for person in people:
        add = ["account", "add", person, "--password-stdin", "--config", str(config)]
        subprocess.run([*POSTROOM, *add], input=PASSWORD, text=True, check=True, capture_output=True, timeout=60)
    ports = {name: port + base for name, port in STANDARD_PORTS.items()}
    return serve(folder, config, ports)


def with_settings(text: str, sections: str) -> str:
    """A settings file with more settings; its sections are there already."""
    for section in re.split(r"(?m)^(?=\[)", sections)[1:]:
        header, _, rest = section.partition("\n")
        assert f"\n{header}\n" in text, header
        text = text.replace(f"\n{header}\n", f"\n{header}\n{rest}", 1)
    return text


def restart_server(server: Server) -> Server:
    """The same server again, after its process has ended."""
    return serve(server.folder, server.config, server.ports)


def serve(folder: Path, config: Path, ports: dict[str, int]) -> Server:
    """Start a server whose settings file is there; returns when every port answers."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([*POSTROOM, "serve", "--config", str(config)], stdout=log, stderr=log)
    for port in ports.values():
        wait_for_port(port, process, folder / "server.log")
    return Server(folder, config, ports, process)


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when 127.0.0.1:port accepts connections; fail with the log when the process ends or 30 s pass."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"port {port} does not answer\n{log.read_text()}"
            time.sleep(0.05)


def stop_server(server: Server) -> None:
    """SIGTERM, and a clean end is part of the test."""
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(timeout=30)
    log = (server.folder / "server.log").read_text()
    assert code == 0, log
    assert "Traceback" not in log, log
