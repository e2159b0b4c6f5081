from pathlib import Path

from tests.store.sqlite.stage import Room, indexed, perform

from postroom.store import StoreSettings
from postroom.store.sqlite.index_reading import FIELDS, FieldIndex, indexed_to, live_segments
from postroom.store.text_index.blocks import MARK
from postroom.store.text_index.building import Cover, Part

SETTINGS = StoreSettings(index_tail_messages=2, index_quiet_seconds=0, threads=2)


def test_a_segment_is_asked_field_by_field(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(b"Subject: one\r\n\r\nhotel\r\n")
        await room.put(b"Subject: one\r\n\r\n")
        await indexed(room)
        db = room.files.connect_reader()
        assert indexed_to(db) == 3
        [segment] = live_segments(db)
        assert (segment.first, segment.end, segment.texts, segment.made_of, segment.whole) == (1, 3, 2, 2, False)
        body = FieldIndex(db, segment, FIELDS.index("body"))
        assert (body.documents, body.cover) == (2, Cover(0b01, 0))
        [block] = body.blocks(Part.OTHER, b"ote")
        assert block.terms == MARK + b"hotel" + MARK
        assert list(body.blocks(Part.OTHER, b"x")) == []
        assert FieldIndex(db, segment, FIELDS.index("cc")).cover == Cover(0, 0)
        db.close()

    perform(tmp_path, play, SETTINGS)


def test_an_account_without_an_index(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put()
        db = room.files.connect_reader()
        assert (indexed_to(db), live_segments(db)) == (1, [])
        db.close()

    perform(tmp_path, play, SETTINGS)
