import asyncio
import mailbox as standard
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds
from postroom.interchange import Exporter, ExportReport, Importer, ImportReport, InterchangeSettings, find_source
from postroom.interchange.types import Folder
from postroom.message import MessageSettings
from postroom.store import AppendOptions, KeptMailbox, SqliteStore, StoreSettings

SETTINGS = InterchangeSettings(read_octets=4096)
Mail = list[tuple[str, bytes, frozenset[str], int]]
LARGE = b"Subject: large\r\n\r\n" + b"From the start\r\n>From\r\n" * 2000
MESSAGES: Mail = [
    (
        "INBOX",
        b"Return-Path: <a@b.test>\r\nSubject: 1\r\n\r\nFrom here on\r\n>From there\r\n",
        frozenset(),
        1_578_304_800,
    ),
    ("INBOX", b"Subject: 2\r\n\r\n\r\n\r\n", frozenset({"\\Seen", "\\Flagged", "$Forwarded"}), 0),
    (
        "INBOX",
        b"no header, bare\rCR, \0 and \xff\r\n",
        frozenset({"\\Answered", "\\Deleted", "\\Draft"}),
        2_000_000_000,
    ),
    ("INBOX", b"From me Mon Jan  6 10:00:00 2020\r\n", frozenset({"work", "$label1"}), 5),
    ("A/B.c", LARGE, frozenset({"\\Seen", "work"}), 1_000_000_000),
    ("A/Übung", b"\r\n", frozenset(), 1_000_000_000),
]


class Watching:
    """A watcher of both ways that looks away."""

    def begin(self, *_: object) -> None:
        pass

    def reached(self, *_: object) -> None:
        pass

    def failed(self, place: str, reason: str) -> None:
        raise AssertionError(f"{place}: {reason}")


def store_in(folder: Path) -> SqliteStore:
    settings = StoreSettings(threads=2, inline_limit_octets=2000, draft_memory_octets=2000)
    return SqliteStore(folder, settings, MessageSettings(), FakeClock(), SeededIds(1))


def fill(folder: Path, messages: Mail) -> None:
    async def whole() -> None:
        store = store_in(folder)
        await store.create_account(1)
        account = await store.open(1)
        for name, content, flags, date in messages:
            with store.draft() as draft:
                draft.write(content)
                draft.finish()
                await account.append(name, draft, AppendOptions(flags=flags, internal_date=date, create=True))
        account.close()
        await store.close()

    asyncio.run(whole())


def bring(folder: Path, source: Path) -> ImportReport:
    async def whole() -> ImportReport:
        store = store_in(folder)
        await store.create_account(1)
        account = await store.open(1)
        importer = Importer(store, account, SETTINGS, Watching(), memory_octets=2000)
        await importer.run(find_source(source, "auto", SETTINGS).folders, None)
        account.close()
        await store.close()
        return importer.report

    return asyncio.run(whole())


def mail(folder: Path) -> Mail:
    reader = store_in(folder).reader(1)
    found = [
        (box.name, reader.read(one.content_id, 0, one.size), frozenset(one.flags), one.internal_date)
        for box in reader.mailboxes()
        for one in reader.messages(box.mailbox_id, 0, 100)
    ]
    reader.close()
    return found


def write(folder: Path, target: Path, format_: str, names: Sequence[str] = ()) -> ExportReport:
    reader = store_in(folder).reader(1)
    boxes: list[KeptMailbox] = [box for box in reader.mailboxes() if not names or box.name in names]
    exporter = Exporter(reader, SETTINGS, Watching())
    if format_ == "mbox":
        exporter.mbox_tree(boxes, target)
    else:
        exporter.maildir_tree(boxes, target)
    reader.close()
    return exporter.report


@pytest.mark.parametrize("format_", ["mbox", "maildir"])
def test_what_is_exported_can_be_imported(tmp_path: Path, format_: str) -> None:
    fill(tmp_path / "one", MESSAGES)
    report = write(tmp_path / "one", tmp_path / "out", format_)
    assert (report.messages, report.missing) == (len(MESSAGES), [])
    assert report.octets == sum(len(content) for _, content, _, _ in MESSAGES)
    assert bring(tmp_path / "two", tmp_path / "out").imported == len(MESSAGES)
    assert sorted(mail(tmp_path / "two")) == sorted(mail(tmp_path / "one"))


def test_the_standard_library_reads_what_is_written(tmp_path: Path) -> None:
    fill(tmp_path / "one", MESSAGES)
    write(tmp_path / "one", tmp_path / "mbox", "mbox")
    write(tmp_path / "one", tmp_path / "maildir", "maildir")
    file = standard.mbox(tmp_path / "mbox" / "INBOX")
    assert [one["Subject"] for one in file] == ["1", "2", None, None]
    assert list(file)[1].get_flags() == "ROF"
    file.close()
    folder = standard.Maildir(tmp_path / "maildir", create=False)
    assert len(folder) == 4
    assert sorted(one.get_flags() for one in folder) == ["", "DRT", "FPS", "ab"]
    assert sorted(folder.list_folders()) == sorted(
        ["Archive", "Drafts", "Sent", "Trash", "Junk", "A.B&AC4-c", "A.&ANw-bung"]
    )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    fill(tmp_path / "one", MESSAGES)
    write(tmp_path / "one", tmp_path / "out", "mbox")
    with pytest.raises(FileExistsError):
        write(tmp_path / "one", tmp_path / "out", "mbox")


def test_a_lost_file_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    fill(tmp_path / "one", MESSAGES)
    [blob] = (tmp_path / "one" / "accounts" / "1" / "blobs").iterdir()
    blob.unlink()
    report = write(tmp_path / "one", tmp_path / "out", "mbox")
    assert report.messages == len(MESSAGES) - 1
    assert [place for place, _ in report.missing] == ["A/B.c, uid 1"]


def test_a_maildir_has_room_for_26_keywords(tmp_path: Path) -> None:
    fill(tmp_path / "one", [("INBOX", b"A: 1\r\n", frozenset({f"k{at}"}), 1) for at in range(30)])
    report = write(tmp_path / "one", tmp_path / "out", "maildir", ["INBOX"])
    assert len(report.dropped_keywords) == 4
    assert report.messages == len(os.listdir(tmp_path / "out" / "cur")) == 30


def test_a_hidden_name_is_written_so_that_it_is_seen(tmp_path: Path) -> None:
    fill(tmp_path / "one", [(".x", b"A: 1\r\n", frozenset(), 1)])
    write(tmp_path / "one", tmp_path / "out", "mbox", [".x"])
    assert os.listdir(tmp_path / "out") == ["_x"]
    assert [folder.name for folder in find_source(tmp_path / "out", "auto", SETTINGS).folders] == ["_x"]


def test_progress_types_fit() -> None:
    Watching().begin(Folder("", 0, lambda: iter(())))
