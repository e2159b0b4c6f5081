"""What /proc says of processes."""

import os
import time
from pathlib import Path

import pytest

from bench import processes

TICK = os.sysconf("SC_CLK_TCK")


def _process(proc: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], pages: int = 0) -> Path:
    folder = proc / str(pid)
    (folder / "task").mkdir(parents=True)
    words = ["S", str(parent), *["0"] * 9, *map(str, ticks), *["0"] * 6, str(pages)]
    (folder / "stat").write_text(f"{pid} (a (strange) name) {' '.join(words)}\n")
    return folder


def test_a_name_with_parentheses_and_spaces_is_passed_over() -> None:
    assert processes.stat_fields("17 (a (b) c) S 4 5") == ["S", "4", "5"]


def test_processor_time_is_of_the_whole_tree_and_of_ended_children(tmp_path: Path) -> None:
    _process(tmp_path, 10, 1, (TICK, 2 * TICK, 3 * TICK, 4 * TICK))
    _process(tmp_path, 11, 10, (TICK, 0, 0, 0))
    _process(tmp_path, 12, 11, (TICK, 0, 0, 0))
    _process(tmp_path, 13, 1, (50 * TICK, 0, 0, 0))  # somebody else's
    assert processes.tree([10], tmp_path) == {10, 11, 12}
    assert processes.cpu_seconds([10], tmp_path) == pytest.approx(12)


def test_the_exact_time_of_threads_counts_where_there_is_more_of_it(tmp_path: Path) -> None:
    folder = _process(tmp_path, 10, 1, (1, 0, 0, 0))
    for thread, nanoseconds in (("10", 8_000_000), ("11", 7_000_000)):
        (folder / "task" / thread).mkdir()
        (folder / "task" / thread / "schedstat").write_text(f"{nanoseconds} 5 9\n")
    assert processes.cpu_seconds([10], tmp_path) == pytest.approx(max(0.015, 1 / TICK))


def test_memory(tmp_path: Path) -> None:
    for pid in (10, 11):
        folder = _process(tmp_path, pid, 10, (0, 0, 0, 0), pages=3)
        (folder / "smaps_rollup").write_text("55d0-7ffe ---p 0 [rollup]\nRss:      900 kB\nPss:      100 kB\n")
    assert processes.resident_octets([10], tmp_path) == 6 * os.sysconf("SC_PAGE_SIZE")
    assert processes.proportional_octets([10], tmp_path) == 200 * 1024


def test_a_process_that_has_gone_costs_nothing(tmp_path: Path) -> None:
    assert processes.cpu_seconds([10], tmp_path) == 0
    assert processes.resident_octets([10], tmp_path) == 0
    assert processes.proportional_octets([10], tmp_path) == 0


def test_our_own_time_and_memory_are_seen() -> None:
    assert processes.cpu_seconds([os.getpid()]) >= time.process_time() - 1 / TICK
    assert processes.resident_octets([os.getpid()]) > 1 << 20


def test_settling_ends_when_nothing_is_consumed_any_more() -> None:
    readings = iter([0.0, 1.0, 2.0, 2.001])
    processes.settle(lambda: next(readings))
    assert next(readings, None) is None
