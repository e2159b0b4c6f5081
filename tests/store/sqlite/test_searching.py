"""How text is searched; what is found is in tests/contract/test_store.py."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.sqlite.stage import SETTINGS, Room, indexed, perform

from postroom.message import MessageSettings
from postroom.message.casemap import fold
from postroom.store import StoreSettings, TextField, TextQuery
from postroom.store.sqlite import searching
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


INDEXED = StoreSettings(index_tail_messages=5, index_segment_messages=12, index_quiet_seconds=0, threads=2)
PIECES = ["hotel", "Motel", "flight", "el", " ", " ", ", ", ".", "\r\n", "中", "文", "é", "🙂", "x" * 50]
WORDS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
LETTER = st.tuples(WORDS, WORDS)
STEPS = st.lists(st.one_of(st.lists(LETTER, min_size=1, max_size=7), st.sampled_from(["copy", "remove", "index"])))
NEEDLES = st.lists(st.one_of(WORDS, st.text("hotelfi. 中,", min_size=0, max_size=3)), min_size=4, max_size=8)


def message(subject: str, body: str) -> bytes:
    lines = [
        "Content-Type: text/plain; charset=utf-8",
        f"Subject: {' '.join(subject.split())}",
        "X-Kind: flight",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def plainly(room: Room, mailbox_id: int, where: TextField, needle: str) -> set[int]:
    """What looking at every text would find."""
    needle = fold(needle)
    columns = {TextField.SUBJECT: "subject", TextField.BODY: "body", TextField.TEXT: "headers || char(255) || body"}
    rows = room.ask(
        f"SELECT uid, {columns[where]}, headers FROM messages JOIN search_text USING (content_id) "
        f"WHERE mailbox_id = {mailbox_id}"
    )
    if where is TextField.SUBJECT and not needle:
        return {int(str(uid)) for uid, _, headers in rows if "subject:" in str(headers)}
    return {int(str(uid)) for uid, text, _ in rows if needle in str(text)}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, NEEDLES)
def test_the_index_finds_what_a_plain_look_finds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[str, str]] | str], needles: list[str]
) -> None:
    async def play(room: Room) -> None:
        for step in steps:
            uids = [int(str(uid)) for (uid,) in room.ask("SELECT uid FROM messages WHERE mailbox_id = 1")]
            if step == "copy":
                await room.account.copy(1, uids[::2], "Archive")
            elif step == "remove":
                await room.account.remove(1, uids[1::3])
            elif step == "index":
                await indexed(room)
            elif not isinstance(step, str):
                for subject, body in step:
                    await room.put(message(subject, body))
        archive = (await room.account.mailbox("Archive")).mailbox_id
        view = await room.account.view(1)  # one mailbox with a view, one without
        for needle in needles:
            for where in (TextField.SUBJECT, TextField.BODY, TextField.TEXT):
                for mailbox_id in (1, archive):
                    found = await room.account.search_text(mailbox_id, TextQuery(where, needle))
                    assert found == plainly(room, mailbox_id, where, needle), (where, needle)
        room.account.release(view)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "_FEW_TEXTS", 0)
        perform(tmp_path_factory.mktemp("store"), play, INDEXED)


def test_indexed_fields_cut_texts_and_few_uids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_FEW_TEXTS", 0)

    async def play(room: Room) -> None:
        await room.put(b"Subject: a\r\nX-Kind: big\r\n\r\nneedle " + b"x" * 3000)
        await room.put(b"Subject: b\r\nX-Kind: bigger\r\n\r\n" + b"x" * 3000 + b" needle")
        await room.put(b"Subject: c\r\nX-Other: x-kind: big\r\n\r\n" + b"x" * 3000)
        db = room.files.connect_writer()
        db.execute("UPDATE search_text SET complete = 0, body = substr(body, 1, 100)")
        db.close()
        await room.put(b"\r\nneedle")
        await room.put(b"\r\nother")
        await indexed(room)
        assert room.ask("SELECT texts FROM index_segments") == [(5,)]

        async def find(where: TextField, needle: str, name: str = "", uids: list[int] | None = None) -> set[int]:
            return await room.account.search_text(1, TextQuery(where, needle, name), uids)

        assert await find(TextField.BODY, "needle") == {1, 2, 4}
        assert await find(TextField.TEXT, "needle") == {1, 2, 4}
        assert await find(TextField.BODY, "needle", uids=[2, 3, 99]) == {2}
        assert await find(TextField.BODY, "needle", uids=list(range(2, 5000))) == {2, 4}
        assert await find(TextField.BODY, "") == {1, 2, 3, 4, 5}
        assert await find(TextField.HEADER, "big", "X-Kind") == {1, 2}
        assert await find(TextField.HEADER, "", "X-Kind") == {1, 2}
        assert await find(TextField.HEADER, "", "x-other") == {3}
        assert await find(TextField.SUBJECT, "") == {1, 2, 3}
        assert await find(TextField.SUBJECT, "b") == {2}

    perform(tmp_path, play, INDEXED)


def test_most_searches_read_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_FEW_TEXTS", 0)

    async def play(room: Room) -> None:
        for number in range(40):
            await room.put(b"Subject: n%d\r\nFrom: sender%d@a.test\r\n\r\nhotel flight\r\n" % (number, number))
        await indexed(room)
        db = room.files.connect_reader()
        asked: list[str] = []
        db.exec_trace = lambda _, sql, __: not asked.append(sql)  # type: ignore[func-returns-value]
        search = TextSearch(room.files, MessageSettings())
        assert len(search.find(db, 1, TextQuery(TextField.BODY, "tel flight"), None)) == 40
        assert search.find(db, 1, TextQuery(TextField.FROM, "sender17"), None) == {18}
        assert asked
        assert not [sql for sql in asked if "search_text" in sql]
        assert len(search.find(db, 1, TextQuery(TextField.BODY, "flight tel"), None)) == 0
        db.close()

    perform(tmp_path, play, StoreSettings(index_tail_messages=40, index_quiet_seconds=0, threads=2))
