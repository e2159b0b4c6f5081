from pathlib import Path

import apsw
import pytest

from postroom.store import Disk, NoSuchAccount, OverQuota, StoreFailure, StoreSettings
from postroom.store.sqlite.files import AccountFiles, Readers, refusal


def files(path: Path, settings: StoreSettings | None = None) -> AccountFiles:
    made = AccountFiles(path, Disk(), settings or StoreSettings())
    made.connect_writer(create=True).close()
    return made


def test_what_a_caller_is_told() -> None:
    over = OverQuota("x")
    assert refusal(over) is over
    bug = ZeroDivisionError()
    assert refusal(bug) is bug
    for trouble in (OSError(28, "No space"), apsw.IOError("disk I/O error")):
        told = refusal(trouble)
        assert isinstance(told, StoreFailure)
        assert told.__cause__ is trouble


def test_connections_are_durable_and_do_not_checkpoint_by_themselves(tmp_path: Path) -> None:
    made = files(tmp_path, StoreSettings(cache_kib=512, mmap_octets=1 << 20))
    db = made.connect_writer()
    assert (db.pragma("journal_mode"), db.pragma("synchronous"), db.pragma("cache_size")) == ("wal", 2, -512)
    assert db.pragma("wal_autocheckpoint") == 0
    reader = made.connect_reader()
    assert reader.pragma("mmap_size") == 1 << 20
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM messages")
    reader.close()
    db.close()
    with pytest.raises(NoSuchAccount):
        AccountFiles(tmp_path / "none", Disk(), StoreSettings()).connect_writer()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mail.db").write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(apsw.NotADBError):
        AccountFiles(tmp_path, Disk(), StoreSettings()).connect_writer()


def test_readers_are_kept_but_not_many(tmp_path: Path) -> None:
    readers = Readers(files(tmp_path))
    assert [readers.ready] == [False]
    with readers.one() as first, readers.one() as second, readers.one() as third:
        assert len({id(db) for db in (first, second, third)}) == 3
    assert [readers.ready] == [True]
    with readers.one() as again:
        assert again in (second, third)
    taken = readers.one()
    bad = taken.__enter__()
    trouble = apsw.IOError()
    taken.__exit__(apsw.IOError, trouble, None)
    with pytest.raises(apsw.ConnectionClosedError):
        bad.execute("SELECT 1")
    readers.close()
    assert [readers.ready] == [False]
    with readers.one() as late:
        pass
    with pytest.raises(apsw.ConnectionClosedError):
        late.execute("SELECT 1")
