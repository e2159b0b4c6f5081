"""Content files."""

import os
from pathlib import Path

import pytest

from postroom.base import Spool
from postroom.queue.contents import Contents
from postroom.queue.states import DiskState


def spool(directory: Path, octets: bytes, *, in_memory: bool) -> Spool:
    made = Spool(directory, 1 << 30 if in_memory else 0)
    made.write(octets)
    return made


@pytest.mark.parametrize("in_memory", [True, False])
def test_put_and_read(tmp_path: Path, in_memory: bool) -> None:
    reached: list[DiskState] = []
    contents = Contents(tmp_path / "queue", reached.append)
    with spool(tmp_path, b"0123456789", in_memory=in_memory) as source:
        contents.put("one", source)
    assert contents.read("one", 2, 5) == b"234"
    assert contents.read("one", 8, 99) == b"89"
    assert contents.read("one", 5, 2) == b""
    assert reached == ([DiskState.COPYING] if in_memory else []) + [DiskState.STORED]
    assert contents.path("one").stat().st_mode & 0o777 == 0o600
    contents.remove("one")
    contents.remove("one")
    assert list((tmp_path / "queue").iterdir()) == []


@pytest.mark.parametrize("in_memory", [True, False])
def test_put_never_replaces(tmp_path: Path, in_memory: bool) -> None:
    contents = Contents(tmp_path / "queue", lambda state: None)
    with spool(tmp_path, b"old", in_memory=True) as source:
        contents.put("one", source)
    with spool(tmp_path, b"new", in_memory=in_memory) as source, pytest.raises(FileExistsError):
        contents.put("one", source)
    assert contents.read("one", 0, 9) == b"old"
    assert [p.name for p in (tmp_path / "queue").iterdir()] == ["one.msg"]


def test_a_file_system_without_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = Contents(tmp_path / "queue", lambda state: None)
    monkeypatch.setattr(Spool, "link_to", lambda self, target: (_ for _ in ()).throw(OSError("cross-device")))
    with spool(tmp_path, b"x" * 3_000_000, in_memory=False) as source:
        contents.put("one", source)
    assert len(contents.read("one", 0, 1 << 30)) == 3_000_000


def test_a_failing_fsync_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = Contents(tmp_path / "queue", lambda state: None)
    for failing in (1, 2):
        calls = iter(range(1, 99))

        def fsync(fd: int, calls: object = calls, failing: int = failing) -> None:
            if next(calls) == failing:  # type: ignore[call-overload]
                raise OSError("disk trouble")

        monkeypatch.setattr(os, "fsync", fsync)
        with spool(tmp_path, b"x", in_memory=True) as source, pytest.raises(OSError, match="disk trouble"):
            contents.put("one", source)
        assert list((tmp_path / "queue").iterdir()) == []


def test_sweep(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "queue", lambda state: None)
    for name in ("known.msg", "unknown.msg", "x.part", "lock", "README"):
        (tmp_path / "queue" / name).write_bytes(b"")
    assert contents.sweep({"known"}) == 2
    assert sorted(p.name for p in (tmp_path / "queue").iterdir()) == ["README", "known.msg", "lock"]
