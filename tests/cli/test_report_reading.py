"""Reports for commands."""

from pathlib import Path

import pytest

from postroom.cli.outcome import Refusal
from postroom.cli.report_reading import read_reports
from postroom.delivery import DmarcDatabase


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "dmarc.db"
    assert read_reports(path, DmarcDatabase, lambda db: 5) is None
    assert not path.exists()
    DmarcDatabase(path).close()
    assert read_reports(path, DmarcDatabase, lambda db: 5) == 5
    path.write_bytes(b"junk" * 1000)
    with pytest.raises(Refusal, match="can't be read"):
        read_reports(path, DmarcDatabase, lambda db: 5)
