"""Files for this server alone."""

import os
from pathlib import Path

import pytest

from postroom.acme.files import make_folder, remove_file, write_secret


def test_files_are_for_their_owner_alone_and_replaced_whole(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert [(tmp_path / one).stat().st_mode & 0o777 for one in ("a", "a/b")] == [0o700, 0o700]
    path = tmp_path / "a" / "b" / "key"
    write_secret(path, b"one")
    inode = path.stat().st_ino
    write_secret(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["key"]
    remove_file(path)
    remove_file(path)
    assert not path.exists()


def test_what_a_crash_left_over_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".key.new").write_bytes(b"half")
    write_secret(tmp_path / "key", b"whole")
    assert os.listdir(tmp_path) == ["key"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"stays")
    (tmp_path / ".key.new").symlink_to(tmp_path / "victim")
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "victim").read_bytes() == b"stays"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    make_folder(tmp_path / "tls" / "acme")
    write_secret(tmp_path / "tls" / "acme" / "key", b"x")
    for path in ("tls", "tls/acme", "tls/acme/key"):
        assert ((tmp_path / path).stat().st_uid, (tmp_path / path).stat().st_gid) == (12345, 12346)
