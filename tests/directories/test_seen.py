"""Which accounts a directory has brought, on disk."""

from pathlib import Path

import pytest

from postroom.accounts import DirectoryFailure
from postroom.base import FakeClock
from postroom.directories import Seen


def test_here_and_gone(tmp_path: Path) -> None:
    clock = FakeClock()
    seen = Seen(tmp_path / "directory.db", clock)
    assert not seen.knows(1)
    assert seen.gone(1) == 0
    assert not seen.knows(1)
    seen.here(1)
    seen.here(1)
    assert seen.knows(1)
    assert seen.gone(1) == 0
    clock._now += 100
    assert seen.gone(1) == 100
    seen.close()
    again = Seen(tmp_path / "directory.db", clock)
    other = Seen(tmp_path / "directory.db", clock)  # of another process
    assert again.gone(1) == 100
    other.here(1)
    assert again.gone(1) == 0
    assert (tmp_path / "directory.db").stat().st_mode & 0o777 == 0o600
    again.close()
    other.close()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "directory.db").write_bytes(b"no database" * 100)
    with pytest.raises(DirectoryFailure, match=r"directory\.db"):
        Seen(tmp_path / "directory.db", FakeClock())
