"""data/dmarc.db."""

from pathlib import Path

from postroom.delivery.dmarc_database import DmarcDatabase


def test_it_is_made_for_nobody_else_and_kept(tmp_path: Path) -> None:
    for _ in range(2):
        database = DmarcDatabase(tmp_path / "dmarc.db")
        tables = database.now(lambda db: [str(name) for (name,) in db.execute("SELECT name FROM sqlite_schema")])
        database.close()
        assert {"result", "report", "received", "failed", "reading"} <= set(tables)
    assert (tmp_path / "dmarc.db").stat().st_mode & 0o777 == 0o600
