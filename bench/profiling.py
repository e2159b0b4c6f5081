"""Where a row's time goes in our server: samples taken while it is measured, as a text that a commit can quote.

Owns: running py-spy, or perf where that is missing, and adding up what it saw. Never: measures. Raises: Unavailable
when there is neither.

py-spy (PyPI) sees Python's functions; perf, with Python 3.11, only the C ones below them.
"""

import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.errors import Unavailable

_RATE = 500  # samples a second
_START_SECONDS = 1.0  # until a profiler that has been started takes samples
_TOP = 30  # functions


class Profiler:
    """Samples one server's processes while `during` runs something; `report` says where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stacks = Counter[str]()
        self._py_spy, self._perf = shutil.which("py-spy"), shutil.which("perf")
        if self._py_spy is None and self._perf is None:
            raise Unavailable("neither py-spy nor perf is installed")

    def during(self, pid: int, work: Callable[[], float]) -> float:
        """What `work` gives."""
        output = self._folder / "samples"
        profiler = subprocess.Popen(self._command(pid, output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(_START_SECONDS)
        try:
            return work()
        finally:
            profiler.send_signal(signal.SIGINT)
            profiler.wait(timeout=120)
            self._stacks += self._read(output)

    def _command(self, pid: int, output: Path) -> list[str]:
        if self._py_spy is not None:
            options = ["-p", str(pid), "-r", str(_RATE), "-f", "raw", "-d", "3600", "-o", str(output), "--subprocesses"]
            return [self._py_spy, "record", "--nonblocking", *options]
        return [self._perf or "perf", "record", "-q", "-F", str(_RATE), "-g", "-p", str(pid), "-o", str(output)]

    def _read(self, output: Path) -> "Counter[str]":
        if self._py_spy is not None:
            return collapsed(output.read_text("utf-8") if output.exists() else "")
        command = [self._perf or "perf", "script", "-i", str(output), "-F", "comm,ip,sym"]
        return scripted(subprocess.run(command, capture_output=True, text=True).stdout)

    def report(self) -> str:
        return summary(self._stacks)


def collapsed(text: str) -> "Counter[str]":
    """Stacks of lines like "outer;inner 17"."""
    stacks = Counter[str]()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            stacks[stack] += int(count)
    return stacks


def scripted(text: str) -> "Counter[str]":
    """The same of perf script's blocks: the program, then frames from the innermost to the outermost."""
    stacks = Counter[str]()
    for block in text.split("\n\n"):
        frames = [words[1] for line in block.splitlines()[1:] if len(words := line.split(None, 1)) == 2]
        if frames:
            stacks[";".join(reversed(frames))] += 1
    return stacks


def summary(stacks: "Counter[str]") -> str:
    """The functions in which most samples were, and those below which most were, in percent."""
    total = stacks.total()
    own, below = Counter[str](), Counter[str]()
    for stack, count in stacks.items():
        frames = stack.split(";")
        own[frames[-1]] += count
        for frame in set(frames):
            below[frame] += count
    lines = [f"{total} samples"]
    for title, counts in (("in it", own), ("in it and below", below)):
        lines += ["", f"{title}:"]
        lines += [f"{count / total:6.1%}  {frame}" for frame, count in counts.most_common(_TOP)]
    return "\n".join(lines) + "\n"
