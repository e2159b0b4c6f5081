"""CPU seconds and resident memory of a process with all its descendants, from /proc."""

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(roots: list[int]) -> float:
    """User and system time of the processes, their living descendants and their reaped children."""
    return sum(sum(int(_stat(pid)[field]) for field in (11, 12, 13, 14)) for pid in _tree(roots) if _stat(pid)) / _TICK


def resident_octets(roots: list[int]) -> int:
    """Sum of resident set sizes."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(_stat(pid)[21]) * page for pid in _tree(roots) if _stat(pid))


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _tree(roots: list[int]) -> set[int]:
    parents = {
        int(p.name): int(stat[1]) for p in Path("/proc").iterdir() if p.name.isdigit() and (stat := _stat(int(p.name)))
    }
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found
