"""Where it is measured: processor, kernel, file system, versions.

Owns: finding out. Never: measures. Raises: nothing; what can't be found out is "unknown".
"""

import os
import platform
import subprocess
import time
from pathlib import Path

from bench.results import Session

_ROOT = Path(__file__).parents[1]


def session(runs: int, folder: Path, peers: str, quick: bool) -> Session:
    """This machine, now; `folder` is where the servers' data will be."""
    return Session(
        date=time.strftime("%Y-%m-%d"),
        runs=runs,
        processor=processor(_text("/proc/cpuinfo")),
        cores=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()}",
        filesystem=filesystem(_text("/proc/mounts"), folder),
        python=platform.python_version(),
        commit=_commit(),
        peers=peers,
        quick=quick,
    )


def processor(cpuinfo: str) -> str:
    """The model that the first processor has."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine() or "unknown"


def filesystem(mounts: str, folder: Path) -> str:
    """Of the longest mount point above the folder."""
    found = (0, "unknown")
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        if folder.is_relative_to(point):
            found = max(found, (len(point), kind))
    return found[1]


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=_ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()
