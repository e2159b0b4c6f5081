"""Octets in memory or in a file read the same."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.base import Spool


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(0, 100), st.integers(0, 200), st.integers(0, 200))
def test_any_range_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int, start: int, end: int
) -> None:
    whole = b"".join(pieces)
    with Spool(tmp_path_factory.getbasetemp(), limit) as spool:
        for piece in pieces:
            spool.write(piece)
        assert spool.size == len(whole)
        assert spool.in_memory == (len(whole) <= limit)
        assert spool.read(start, end) == whole[start:end]
        assert spool.getvalue() == whole
        assert b"".join(spool.pieces(7)) == whole
        spool.rest()
        assert spool.in_memory == (len(whole) <= limit)
        assert spool.read(start, end) == whole[start:end]
        assert spool.getvalue() == whole
        assert b"".join(spool.pieces(7)) == whole


def test_the_file_goes_with_the_spool_unless_linked(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 3)
    spool.write(b"hello")
    assert spool.path is not None
    assert spool.path.read_bytes() == b"hello"
    spool.sync()
    spool.link_to(tmp_path / "kept")
    spool.close()
    spool.close()
    assert list((tmp_path / "spool").iterdir()) == []
    assert (tmp_path / "kept").read_bytes() == b"hello"


def test_a_spool_that_rests_keeps_no_file_open(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    spools = [Spool(tmp_path / "spool", 3) for _ in range(20)]
    for spool in spools:
        spool.write(b"hello")
        spool.rest()
        spool.rest()
        spool.sync()
        assert spool.read(1, 3) == b"el"
        with pytest.raises(ValueError, match="rests"):
            spool.write(b"more")
    assert len(os.listdir("/dev/fd")) == before
    spools[0].link_to(tmp_path / "kept")
    for spool in spools:
        spool.close()
    assert (tmp_path / "kept").read_bytes() == b"hello"
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_small_spool_touches_no_disk(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool", 10) as spool:
        spool.write(b"hello")
        spool.sync()
        with pytest.raises(ValueError, match="in memory"):
            spool.link_to(tmp_path / "kept")
    assert not (tmp_path / "spool").exists()
