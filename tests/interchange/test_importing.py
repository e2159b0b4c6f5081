import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.base import FakeClock, SeededIds
from postroom.interchange import Importer, ImportReport, InterchangeSettings, Stopped, find_source, survey
from postroom.interchange.importing import header_date, mailbox_name
from postroom.interchange.types import Folder, FoundMessage
from postroom.message import MessageSettings
from postroom.store import Account, MemoryStore, SqliteStore, StoreSettings, Want

SETTINGS = InterchangeSettings(batch_messages=3)
FROM = b"From alice@example.org Mon Jan  6 10:00:00 2020\n"


class Watching:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.failures: list[str] = []

    def begin(self, folder: Folder, mailbox: str) -> None:
        self.begun.append(mailbox)

    def reached(self, position: int, report: ImportReport) -> None:
        pass

    def failed(self, place: str, reason: str) -> None:
        self.failures.append(f"{place}: {reason}")


class Room:
    """A store with one account open."""

    def __init__(self, store: SqliteStore | MemoryStore, account: Account, folder: Path) -> None:
        self.store = store
        self.account = account
        self.folder = folder
        self.watching = Watching()

    async def bring(
        self, source: bytes | Path | list[Folder], prefix: str | None = None, **options: Any
    ) -> ImportReport:
        if isinstance(source, bytes):
            folders = list(find_source(None, "mbox", SETTINGS, io.BytesIO(source)).folders)
        elif isinstance(source, Path):
            folders = list(find_source(source, "auto", SETTINGS).folders)
        else:
            folders = source
        importer = Importer(
            self.store,
            self.account,
            SETTINGS,
            self.watching,
            memory_octets=options.pop("memory_octets", 1000),
            **options,
        )
        try:
            await importer.run(folders, prefix)
        finally:
            await importer.close()
        return importer.report

    async def mail(self, name: str = "INBOX") -> list[tuple[bytes, frozenset[str], int]]:
        """(content, flags, date) of each message."""
        mailbox = await self.account.mailbox(name)
        view = await self.account.view(mailbox.mailbox_id)
        try:
            rows = []
            for at, content_id in enumerate(view.content_ids):
                content = await self.account.read_range(content_id, 0, view.sizes[at])
                rows.append((content, frozenset(view.flag_names(view.masks[at])), view.dates[at]))
            return rows
        finally:
            self.account.release(view)


def play(tmp_path: Path, what: Callable[[Room], Awaitable[None]], kind: str = "sqlite") -> None:
    async def whole() -> None:
        settings = StoreSettings(threads=2, inline_limit_octets=2000, draft_memory_octets=2000)
        store: SqliteStore | MemoryStore
        if kind == "memory":
            store = MemoryStore(tmp_path, settings, MessageSettings(), FakeClock(), SeededIds(1))
        else:
            store = SqliteStore(tmp_path / "data", settings, MessageSettings(), FakeClock(), SeededIds(1))
        await store.create_account(1)
        account = await store.open(1)
        try:
            await what(Room(store, account, tmp_path))
        finally:
            account.close()
            await store.close()

    asyncio.run(whole())


def mbox(*subjects: str, body: bytes = b"x\n") -> bytes:
    return b"".join(FROM + b"Subject: %b\n\n%b\n" % (subject.encode(), body) for subject in subjects)


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_messages_flags_and_dates_arrive(tmp_path: Path, kind: str) -> None:
    async def it(room: Room) -> None:
        source = FROM + b"Status: RO\nX-Keywords: work b{d\nA: 1\n\nx\n\n" + mbox(*map(str, range(7)))
        report = await room.bring(source, "Old/Mail")
        assert (report.imported, report.failed, report.mailboxes) == (8, 0, {"Old/Mail": 8})
        mail = await room.mail("Old/Mail")
        assert mail[0] == (b"A: 1\r\n\r\nx\r\n", frozenset({"\\Seen", "work"}), 1_578_304_800)
        assert [content for content, _, _ in mail[1:]] == [b"Subject: %d\r\n\r\nx\r\n" % at for at in range(7)]
        assert report.octets == sum(len(content) for content, _, _ in mail)
        assert "Old/Mail" in await room.account.subscriptions()

    play(tmp_path, it, kind)


@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_nothing_is_imported_twice(tmp_path: Path, kind: str) -> None:
    async def it(room: Room) -> None:
        await room.bring(mbox("a", "b", "c", "d"))
        grown = await room.bring(mbox("a", "b", "c", "d", "e"))
        assert (grown.imported, grown.already) == (1, 4)
        assert len(await room.mail()) == 5
        elsewhere = await room.bring(mbox("a", "b"), "Other")
        assert (elsewhere.imported, elsewhere.already) == (2, 0)
        again = await room.bring(mbox("a", "b"), "Other", again=True)
        assert (again.imported, again.already) == (2, 0)

    play(tmp_path, it, kind)


def test_equal_messages_of_one_source_all_arrive(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        assert (await room.bring(mbox("a", "a", "a"))).imported == 3
        for name in ("1.x", "2.x"):
            (room.folder / "M" / "cur").mkdir(parents=True, exist_ok=True)
            (room.folder / "M" / "cur" / name).write_bytes(b"A: 1\n")
        assert (await room.bring(room.folder / "M")).imported == 2
        assert (await room.bring(room.folder / "M")).already == 2

    play(tmp_path, it)


def test_a_mailbox_made_anew_gets_everything_again(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        await room.bring(mbox("a", "b"), "X")
        await room.account.delete("X")
        assert (await room.bring(mbox("a", "b"), "X")).imported == 2

    play(tmp_path, it)


def test_large_messages_go_through_files(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        source = mbox("a", "b", body=b"0123456789\n" * 1000) + mbox("c")
        assert (await room.bring(source)).imported == 3
        [first, _, last] = [content for content, _, _ in await room.mail()]
        assert first == b"Subject: a\r\n\r\n" + b"0123456789\r\n" * 1000
        assert last == b"Subject: c\r\n\r\nx\r\n"
        assert (await room.bring(source)).already == 3
        assert list((room.folder / "data" / "spool").iterdir()) == []
        assert len(list((room.folder / "data" / "accounts" / "1" / "blobs").iterdir())) == 2

    play(tmp_path, it)


ODD = {
    "no header": b"just text",
    "bare CR and NUL": b"Subject: a\rb\r\n\r\nx\0y\rz\r\n",
    "8 bits": b"Subject: \xff\xfe\xe4\r\nFrom: \x80\r\n\r\n\x80\xff\r\n",
    "a huge line": b"Subject: x\r\n\r\n" + b"y" * 300_000 + b"\r\n",
    "a huge header": b"X: y\r\n" * 60_000 + b"\r\nz\r\n",
    "only a line end": b"\r\n",
    "endless nesting": b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(200)
    ),
    "lone surrogates": b"Subject: =?utf-8?b?7aCA?=\r\n\r\n\xed\xa0\x80\r\n",
}


def test_odd_messages_are_taken_as_they_are(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        folder = room.folder / "odd"
        folder.mkdir()
        for name, content in ODD.items():
            (folder / f"{name}.eml").write_bytes(content)
        report = await room.bring(folder)
        assert (report.imported, report.failures) == (len(ODD), [])
        assert sorted(content for content, _, _ in await room.mail()) == sorted(ODD.values())

    play(tmp_path, it)


def test_what_cannot_be_taken_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        source = (
            b"junk\n\n" + mbox("a") + FROM + b"\n" + mbox("b") + FROM + b"X-Mozilla-Status: 0008\n\nx\n\n" + mbox("c")
        )
        report = await room.bring(source)
        assert (report.imported, report.failed, report.left_out, report.looked_at) == (3, 2, 1, 6)
        assert [reason for _, reason in report.failures][1] == "it has no octets"
        assert len(room.watching.failures) == 2
        assert room.watching.failures[1].startswith("standard input, octet ")

    play(tmp_path, it)


def test_a_mailbox_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        report = await room.bring(mbox("a"), "a//b")
        assert (report.imported, report.failed) == (0, 1)
        assert "can't be made" in report.failures[0][1]

    play(tmp_path, it)


def test_too_many_keywords_cost_only_the_keywords(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        source = b"".join(FROM + b"X-Keywords: k%d\nStatus: R\nA: %d\n\n" % (at, at) for at in range(60))
        report = await room.bring(source)
        assert (report.imported, report.without_keywords, report.failed) == (60, 2, 0)
        assert all("\\Seen" in flags for _, flags, _ in await room.mail())
        assert (await room.bring(source)).already == 60

    play(tmp_path, it)


def test_a_quota_ends_it_with_what_fits(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        with pytest.raises(Stopped, match="quota"):
            await room.bring(mbox(*map(str, range(20))), quota=(None, 5))
        assert len(await room.mail()) == 5
        report = await room.bring(mbox(*map(str, range(20))))
        assert (report.imported, report.already) == (15, 5)

    play(tmp_path, it)


def test_a_source_that_breaks_off_gives_what_it_had(tmp_path: Path) -> None:
    def broken() -> Iterator[FoundMessage]:
        for at in range(5):
            yield FoundMessage(str(at), str(at), b"", at, iter((b"A: %d\r\n" % at,)), date=1)
        raise OSError("the disk is sick")

    def unreadable() -> Iterator[bytes]:
        yield b"A: 1\r\n" * 1000
        raise OSError("bad sector")

    async def it(room: Room) -> None:
        whole = Folder("", 0, lambda: iter((FoundMessage("x", "x", b"", 1, unreadable()),)))
        report = await room.bring([Folder("", 0, broken), whole])
        assert (report.imported, report.failed) == (5, 2)
        assert [reason.split(": ")[-1] for _, reason in report.failures] == ["the disk is sick", "bad sector"]
        assert list((room.folder / "data" / "spool").iterdir()) == []

    play(tmp_path, it)


def test_cancelling_leaves_no_drafts_and_the_next_run_completes(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        source = mbox(*map(str, range(50)), body=b"0123456789\n" * 300)
        task = asyncio.ensure_future(room.bring(source))
        while not (await room.account.mailbox("INBOX")).messages:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list((room.folder / "data" / "spool").iterdir()) == []
        done = len(await room.mail())
        assert 0 < done < 50
        report = await room.bring(source)
        assert (report.imported, report.already) == (50 - done, done)
        assert len({content for content, _, _ in await room.mail()}) == 50

    play(tmp_path, it)


def test_search_facts_are_those_of_other_mail(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        await room.bring(mbox("hello"))
        mailbox = await room.account.mailbox("INBOX")
        view = await room.account.view(mailbox.mailbox_id)
        [stored] = await room.account.read(list(view.content_ids), Want.ENVELOPE)
        assert b"hello" in (stored.envelope or b"")
        room.account.release(view)

    play(tmp_path, it)


@pytest.mark.parametrize(
    ("header", "date"),
    [
        (b"Received: x; Mon, 6 Jan 2020 10:00:00 +0000\r\nDate: Mon, 6 Jan 2020 09:00:00 +0000\r\n", 1_578_304_800),
        (b"Received: x; nonsense\r\nDate: Mon, 6 Jan 2020 09:00:00 +0000\r\n", 1_578_301_200),
        (b"Date: Mon, 6 Jan 2020 09:00:00 +0000\r\n", 1_578_301_200),
        (b"Date: whenever\r\n", None),
        (b"", None),
    ],
)
def test_the_date_of_a_header(header: bytes, date: int | None) -> None:
    assert header_date(header) == date


def test_a_file_says_when_nothing_else_does(tmp_path: Path) -> None:
    async def it(room: Room) -> None:
        message = FoundMessage("x", "x", b"", 1, iter((b"A: 1\r\n",)), file_date=77)
        await room.bring([Folder("", 1, lambda: iter((message,)))])
        assert [date for _, _, date in await room.mail()] == [77]

    play(tmp_path, it)


def test_where_folders_go() -> None:
    assert mailbox_name("", None) == "INBOX"
    assert mailbox_name("A/B", None) == "A/B"
    assert mailbox_name("", "Old") == "Old"
    assert mailbox_name("A/B", "Old") == "Old/A/B"


def test_a_survey_says_what_an_import_would() -> None:
    source = b"junk\n\n" + mbox("a", "b") + FROM + b"\n" + FROM + b"X-IMAP: 1\n\nx\n\n"
    folders = find_source(None, "mbox", SETTINGS, io.BytesIO(source)).folders
    watching = Watching()
    report = survey(folders, "Old", SETTINGS, watching)
    assert (report.imported, report.failed, report.left_out, report.mailboxes) == (2, 2, 1, {"Old": 2})
    assert (watching.begun, len(watching.failures)) == (["Old"], 2)

    def broken() -> Iterator[FoundMessage]:
        yield from folders[0].messages()
        raise OSError("sick")

    assert survey([Folder("", 0, broken)], None, SETTINGS, watching).failed == 1
