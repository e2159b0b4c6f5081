"""How contents are read; what is read is in tests/contract/test_store.py."""

from pathlib import Path

import apsw
import pytest
from tests.store.sqlite.stage import LARGE, Room, perform

from postroom.store import NoSuchContent, StoreSettings, Want
from postroom.store.sqlite import reading


def test_few_statements_for_many_contents(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(40):
            await room.put()
        db = room.files.connect_reader()
        said: list[str] = []

        def note(cursor: object, sql: str, bindings: object) -> bool:
            said.append(sql)
            return True

        db.set_exec_trace(note)
        want = Want.ENVELOPE | Want.BODY_STRUCTURE
        for ids, how in ((range(1, 41), "BETWEEN"), ([5], "id = ?"), ([3, 1], "carray"), ([1, 3], "carray")):
            said.clear()
            assert [one.content_id for one in reading.read(db, room.files, ids, want, 1 << 20)] == list(ids)
            assert len(said) == 1
            assert how in said[0]
            assert "header," not in said[0].replace("header_len,", "")  # nothing that was not wanted
        db.close()

    perform(tmp_path, play)


def test_a_content_that_is_gone_ends_the_prefix(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        await room.put()
        assert len(await room.account.read([1, 2, 77], Want.ENVELOPE)) == 2
        assert len(await room.account.read([1, 2, 77, 78, 79], Want.WHOLE)) == 2
        with pytest.raises(NoSuchContent):
            await room.account.read([77, 1], Want.ENVELOPE)

    perform(tmp_path, play)


def test_a_limit_that_was_raised_later(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE, prefix=b"X: y\r\n")

    async def later(room: Room) -> None:
        [stored] = await room.account.read([1], Want.WHOLE)
        assert stored.whole == b"X: y\r\n" + LARGE

    perform(tmp_path, play)
    perform(tmp_path, later, StoreSettings(inline_limit_octets=1 << 20))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(LARGE)
        [name] = room.blobs()
        path = room.files.blobs / name
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(NoSuchContent):
            await room.account.read_range(1, 100, 200)
        (tmp_path / "elsewhere").rename(path)
        assert await room.account.read_range(1, 100, 200) == LARGE[100:200]

    perform(tmp_path, play)


def test_readers_change_nothing(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        db = room.files.connect_reader()
        with pytest.raises(apsw.ReadOnlyError):
            db.execute("DELETE FROM contents")
        db.close()

    perform(tmp_path, play)
