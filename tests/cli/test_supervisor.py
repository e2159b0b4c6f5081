"""The parent of workers: real processes that come up, die, hang, and are told."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.crew import gone, wait_until

_PROGRAM = """
import logging, os, signal, sys, time
from postroom.base import SystemClock, log
from postroom.cli.supervisor import Supervisor, WorkerFailed
from postroom.config import ProcessSettings

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Watcher:
    def ready(self): say("ready")
    def gone(self, number): say("gone", number)
    def reload(self): say("reload")
    def reloaded(self): say("reloaded")
    def stopping(self): say("stopping")

def until_term(line, on_hup=lambda: None):
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    signal.signal(signal.SIGHUP, lambda *_: (on_hup(), line.reloaded()))
    line.up()
    while not ended:
        time.sleep(0.01)

WORK

log.configure("info", "text")
settings = ProcessSettings(restart_pause_seconds=0.01, max_restart_pause_seconds=0.03, stop_timeout_seconds=STOP)
try:
    Supervisor(2, work, Watcher(), settings, SystemClock()).run()
except WorkerFailed as error:
    say("failed:", error)
    sys.exit(1)
say("ended")
"""


class Parent:
    """The program, and what it has said so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.process = process
        self._folder = folder

    @property
    def said(self) -> list[str]:
        return (self._folder / "out").read_text().splitlines()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def wait_for(self, line: str, times: int = 1) -> None:
        wait_until(lambda: self.said.count(line) >= times, lambda: f"{self.said}\n{self.log}")

    def pids(self, number: int) -> list[int]:
        """All that have been worker `number`, as they said."""
        return [int(line.split()[2]) for line in self.said if line.startswith(f"worker {number} ")]


@contextmanager
def parent(folder: Path, work: str, stop: float = 20.0) -> Iterator[Parent]:
    """`work` is the body of `work(number, line)`."""
    body = "def work(number, line):\n    say('worker', number, os.getpid())\n" + textwrap.indent(work, "    ")
    program = _PROGRAM.replace("WORK", body).replace("STOP", str(stop))
    with (folder / "out").open("wb") as out, (folder / "log").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=out, stderr=errors)
    try:
        yield Parent(process, folder)
    finally:
        process.kill()
        process.wait()


def test_they_come_up_the_first_one_first_and_end_at_sigterm(tmp_path: Path) -> None:
    with parent(tmp_path, "until_term(line)") as made:
        made.wait_for("ready")
        made.process.terminate()
        assert made.process.wait(60) == 0
        assert [line.rpartition(" ")[0] for line in made.said[:2]] == ["worker 0", "worker 1"]
        assert made.said[2:4] == ["ready", "stopping"]
        assert sorted(made.said[4:]) == ["ended", "gone 0", "gone 1"]


def test_a_killed_worker_is_replaced_at_once(tmp_path: Path) -> None:
    with parent(tmp_path, "until_term(line)") as made:
        made.wait_for("ready")
        (first,) = made.pids(1)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(made.pids(1)) == 2)
        assert "worker 1 ended: killed by SIGKILL; starting it again in 0 s" in made.log
        assert made.said.count("gone 1") == 1
        assert len(made.pids(0)) == 1
        made.process.terminate()
        assert made.process.wait(60) == 0


def test_one_that_keeps_dying_is_started_after_growing_pauses(tmp_path: Path) -> None:
    with parent(tmp_path, "if number == 0: until_term(line)\nelse: line.up(); os._exit(7)") as made:
        wait_until(lambda: len(made.pids(1)) > 6)
        pauses = re.findall(r"worker 1 ended: exit code 7; starting it again in (\S+) s", made.log)
        assert pauses[:6] == ["0", "0.01", "0.02", "0.03", "0.03", "0.03"]
        assert len(made.pids(0)) == 1


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        ("line.failed('the disk is full')", "failed: the disk is full"),
        ("raise RuntimeError('a bug')", "failed: worker 0 could not start: exit code 1"),
        ("if number: line.failed('no'); sys.exit(3)\nuntil_term(line)", "failed: no"),
    ],
)
def test_when_one_can_not_start_all_end_and_it_is_said(tmp_path: Path, work: str, reason: str) -> None:
    with parent(tmp_path, work) as made:
        assert made.process.wait(60) == 1
        assert made.said[-1] == reason
        assert ("Traceback" in made.log) == ("bug" in work)
        assert all(gone(pid) for number in (0, 1) for pid in made.pids(number))


def test_sighup_reaches_all_and_its_end_is_known(tmp_path: Path) -> None:
    with parent(tmp_path, "until_term(line, lambda: say('told', number))") as made:
        made.wait_for("ready")
        made.process.send_signal(signal.SIGHUP)
        made.wait_for("reloaded")
        assert sorted(made.said[3:-1]) == ["reload", "told 0", "told 1"]
        made.process.terminate()
        assert made.process.wait(60) == 0


def test_a_worker_that_was_not_up_is_told_of_a_sighup_later(tmp_path: Path) -> None:
    work = (
        "if number:\n"
        "    say('waits')\n"
        f"    while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)\n"
        "until_term(line, lambda: say('told', number))"
    )
    with parent(tmp_path, work) as made:
        made.wait_for("waits")
        made.process.send_signal(signal.SIGHUP)
        made.wait_for("told 0")
        (tmp_path / "go").touch()
        made.wait_for("told 1")
        made.process.terminate()
        assert made.process.wait(60) == 0


def test_one_that_does_not_end_is_killed_and_that_is_no_good_end(tmp_path: Path) -> None:
    work = "if number: signal.signal(signal.SIGTERM, signal.SIG_IGN); line.up()\nwhile number: signal.pause()\n"
    with parent(tmp_path, work + "until_term(line)", stop=0.1) as made:
        made.wait_for("ready")
        made.process.send_signal(signal.SIGINT)
        assert made.process.wait(60) == 1
        assert made.said[-1] == "failed: worker 1 did not end well: killed by SIGKILL"
        assert "worker 1 has not ended in time and is killed" in made.log


def test_workers_end_with_their_parent_even_if_they_hang(tmp_path: Path) -> None:
    with parent(tmp_path, "line.up()\nwhile True: signal.pause()") as made:
        made.wait_for("ready")
        made.process.kill()
        for number in (0, 1):
            (pid,) = made.pids(number)
            wait_until(lambda pid=pid: gone(pid))  # type: ignore[misc]
