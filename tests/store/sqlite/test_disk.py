import os
from pathlib import Path

import apsw
import pytest

from postroom.base import Spool
from postroom.store import Disk


def test_files(tmp_path: Path) -> None:
    disk, path = Disk(), tmp_path / "a"
    disk.write_file(path, b"0123456789" * 300_000)
    assert disk.read_at(path, 5, 10) == b"5678901234"
    assert disk.read_at(path, 2_999_995, 100) == b"56789"
    assert disk.read_at(path, 5_000_000, 5) == b""
    assert len(disk.read_at(path, 0, 2_500_000)) == 2_500_000
    with pytest.raises(FileExistsError):
        disk.write_file(path, b"")
    disk.sync_folder(tmp_path)
    disk.remove(path)
    disk.remove(path)
    assert not path.exists()


def test_a_spool_gets_a_second_name(tmp_path: Path) -> None:
    with Spool(tmp_path, 1) as spool:
        spool.write(b"abc")
        Disk().sync_spool(spool)
        Disk().link_spool(spool, tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_folders(tmp_path: Path) -> None:
    disk, source, target = Disk(), tmp_path / "s", tmp_path / "t"
    source.mkdir()
    (source / "file").touch()
    target.mkdir()
    (target / "file").touch()
    assert not disk.rename_folder(source, target)
    disk.remove_folder(target)
    assert disk.rename_folder(source, target)
    assert os.listdir(target) == ["file"]
    with pytest.raises(FileNotFoundError):
        disk.rename_folder(source, target)


def test_a_database_is_only_made_when_asked(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        Disk().connect(tmp_path / "x.db")
    Disk().connect(tmp_path / "x.db", create=True).close()
