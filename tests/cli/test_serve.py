"""`postroom serve` as a process: signals, a second start, and words when it can't."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.server import POSTROOM, Server, start_server, stop_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("serve"), "example.test", ["bob@example.test"])
    yield running
    stop_server(running)


def _log(server: Server) -> str:
    return (server.folder / "server.log").read_text()


def _wait_for(server: Server, text: str) -> None:
    for _ in range(500):
        if text in _log(server):
            return
        time.sleep(0.02)
    raise AssertionError(_log(server))


def test_sighup_reloads_and_says_what_needs_a_restart(server: Server) -> None:
    text = server.config.read_text()
    server.config.write_text(text.replace('hostname = "mail.example.test"', 'hostname = "other.example.test"'))
    server.process.send_signal(signal.SIGHUP)
    _wait_for(server, "hostname has changed; it takes effect at the next start")
    _wait_for(server, "settings reloaded")
    server.config.write_text("this is not TOML")
    server.process.send_signal(signal.SIGHUP)
    _wait_for(server, "settings not reloaded")
    server.config.write_text(text)
    assert server.process.poll() is None


def test_a_second_serve_says_why_it_cannot(server: Server) -> None:
    command = [*POSTROOM, "serve", "--config", str(server.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "cannot listen on 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_without_settings_says_how_to_make_them(tmp_path: Path) -> None:
    command = [*POSTROOM, "serve", "--config", str(tmp_path / "none.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "postroom init" in done.stderr


def test_what_lives_as_long_as_the_process_is_not_looked_through_again() -> None:
    program = (
        "import gc, postroom.cli.serve as serve\n"
        "serve.calm_garbage_collection()\n"
        "print(gc.get_freeze_count() > 10_000, gc.get_threshold()[0] > 700)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True"]
