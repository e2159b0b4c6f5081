"""What processes cost, with all their descendants: processor time and memory, from /proc.

Owns: reading and adding up. Never: starts or ends any. Raises: nothing for a process that has gone meanwhile.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
_QUIET_SECONDS, _QUIET_CPU = 0.03, 0.002
_LONGEST_SETTLING = 5.0
_REST_SECONDS, _LONGEST_REST = 1.5, 600.0  # store.index_quiet_seconds is 1.0


def cpu_seconds(roots: Iterable[int], proc: Path = _PROC) -> float:
    """User and system time of the processes, their living descendants and the children they have waited for."""
    return sum(_cpu(proc / str(pid)) for pid in tree(roots, proc))


def _cpu(folder: Path) -> float:
    """`stat` counts in hundredths and knows threads that have ended; `schedstat` of the living ones is exact."""
    stat = stat_fields(_text(folder / "stat"))
    if not stat:
        return 0.0
    own = (int(stat[11]) + int(stat[12])) / _TICK
    reaped = (int(stat[13]) + int(stat[14])) / _TICK
    return max(own, _exact(folder)) + reaped


def _exact(folder: Path) -> float:
    try:
        threads = os.listdir(folder / "task")
    except OSError:
        return 0.0
    words = (_text(folder / "task" / thread / "schedstat").split() for thread in threads)
    return sum(int(word[0]) for word in words if word) / 1e9


def resident_octets(roots: Iterable[int], proc: Path = _PROC) -> int:
    """Resident sets, added up: pages that processes share are counted in each."""
    stats = (stat_fields(_text(proc / str(pid) / "stat")) for pid in tree(roots, proc))
    return sum(int(stat[21]) * _PAGE for stat in stats if stat)


def proportional_octets(roots: Iterable[int], proc: Path = _PROC) -> int:
    """Proportional set sizes: a page that n processes share counts as 1/n in each."""
    return sum(pss_octets(_text(proc / str(pid) / "smaps_rollup")) for pid in tree(roots, proc))


def pss_octets(rollup: str) -> int:
    """The Pss of a smaps_rollup."""
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def stat_fields(stat: str) -> list[str]:
    """What stands behind the name, which may have spaces and parentheses, in /proc/PID/stat: state, parent …"""
    return stat.rpartition(")")[2].split()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def tree(roots: Iterable[int], proc: Path = _PROC) -> set[int]:
    """The processes and their descendants."""
    children: dict[int, list[int]] = {}
    for name in os.listdir(proc):
        if name.isdigit() and (stat := stat_fields(_text(proc / name / "stat"))):
            children.setdefault(int(stat[1]), []).append(int(name))
    found, new = set(roots), list(roots)
    while new:
        new = [child for parent in new for child in children.get(parent, ()) if child not in found]
        found.update(new)
    return found


def settle(cpu: Callable[[], float]) -> None:
    """Return when the processes have (almost) nothing to do any more, or never stop having something."""
    _wait(cpu, _QUIET_SECONDS, _QUIET_CPU, _LONGEST_SETTLING)


def rest(cpu: Callable[[], float]) -> None:
    """The same, with what is begun only after a quiet moment: the search index."""
    _wait(cpu, _REST_SECONDS, _QUIET_CPU * 10, _LONGEST_REST)


def _wait(cpu: Callable[[], float], seconds: float, little: float, longest: float) -> None:
    deadline = time.monotonic() + longest
    before = cpu()
    while time.monotonic() < deadline:
        time.sleep(seconds)
        now = cpu()
        if now - before < little:
            return
        before = now
