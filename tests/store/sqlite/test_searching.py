"""How text is searched; what is found is in tests/contract/test_store.py."""

from pathlib import Path

from tests.store.sqlite.stage import SETTINGS, Room, perform

from postroom.message import MessageSettings
from postroom.store import TextField, TextQuery
from postroom.store.sqlite.searching import TextSearch


def test_a_cut_text_is_read_again_only_when_it_is_no_hit_already(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(b"Subject: a\r\n\r\nneedle " + b"x" * 3000)
        await room.put(b"Subject: b\r\n\r\n" + b"x" * 3000 + b" needle")
        db = room.files.connect_writer()
        db.execute("UPDATE search_text SET complete = 0, body = substr(body, 1, 100)")
        db.close()
        search = TextSearch(room.files, MessageSettings())
        read: list[int] = []
        again = search._in_full_text

        def note(db: object, content_id: int, needle: str) -> bool:
            read.append(content_id)
            return again(db, content_id, needle)  # type: ignore[arg-type]

        search._in_full_text = note  # type: ignore[method-assign]
        reader = room.files.connect_reader()
        assert search.find(reader, 1, TextQuery(TextField.BODY, "needle"), None) == {1, 2}
        assert read == [2]
        reader.execute("SELECT 1")
        reader.close()

    perform(tmp_path, play)


def test_a_message_purged_meanwhile_is_no_hit(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        reader = room.files.connect_reader()
        assert not TextSearch(room.files, MessageSettings())._in_full_text(reader, 99, "x")
        reader.close()

    perform(tmp_path, play, SETTINGS)


def test_a_long_list_of_uids(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        for _ in range(3):
            await room.put(b"Subject: x\r\n\r\nneedle\r\n")
        query = TextQuery(TextField.BODY, "needle")
        assert await room.account.search_text(1, query, list(range(2, 5000))) == {2, 3}

    perform(tmp_path, play)
