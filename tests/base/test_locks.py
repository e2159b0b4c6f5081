"""Locks between processes: who has one keeps others out, and a killed process lets go."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.base import FileLock, NumberedLocks


@contextmanager
def _another_process(statements: str, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Runs the statements, says what `taken` is, and stays until it is killed."""
    program = (
        "import sys; from pathlib import Path; from postroom.base import FileLock, NumberedLocks\n"
        f"path = Path(sys.argv[1])\n{statements}\nprint(taken, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def _said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_file_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    one, two = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert one.try_take()
    assert not two.try_take()
    one.release()
    two.take()
    assert not one.try_take()
    two.close()
    two.close()
    assert one.try_take()
    one.close()


def test_a_killed_process_lets_go_of_its_file_lock(tmp_path: Path) -> None:
    mine = FileLock(tmp_path / "lock")
    with _another_process("lock = FileLock(path); taken = lock.try_take()", tmp_path / "lock") as process:
        assert _said(process) == "True"
        assert not mine.try_take()
        process.kill()
        mine.take()
    mine.close()


def test_numbered_locks_are_apart_from_each_other(tmp_path: Path) -> None:
    locks = NumberedLocks(tmp_path / "locks")
    assert locks.try_take(1)
    assert not locks.try_take(1)
    assert locks.try_take(2**40)
    locks.release(1)
    locks.release(1)
    assert locks.try_take(1)
    locks.close()
    assert locks.try_take(2**40)
    locks.close()


def test_numbered_locks_hold_between_processes(tmp_path: Path) -> None:
    mine = NumberedLocks(tmp_path / "locks")
    assert mine.try_take(5)
    statements = "locks = NumberedLocks(path); taken = locks.try_take(5), locks.try_take(6)"
    with _another_process(statements, tmp_path / "locks") as process:
        assert _said(process) == "(False, True)"
        assert not mine.try_take(6)
        mine.release(5)
        process.kill()
        process.wait()
        assert mine.try_take(6)
        assert mine.try_take(5)
    mine.close()


def test_a_lock_knows_whether_others_would_find_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "a")
    seen = [lock.in_place]
    (tmp_path / "a").rename(tmp_path / "b")
    seen.append(lock.in_place)
    other = FileLock(tmp_path / "a")
    assert [*seen, other.in_place, lock.in_place] == [True, False, True, False]
    for one in (lock, other):
        one.close()
