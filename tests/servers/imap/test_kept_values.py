"""Values of FETCH that are not read again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from postroom.servers.imap.kept_values import KeptValues
from postroom.store.api import Mailbox, View
from postroom.store.memory import MemoryAccount
from postroom.store.view_cache import CacheRoom, ViewCache

from .room import message, open_room, run

HEADER = "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"


def view(octets: int = 100_000) -> View:
    made = View(Mailbox(1, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0))
    made.cache = ViewCache(CacheRoom(octets))
    return made


def test_what_was_made_is_there_the_next_time() -> None:
    mailbox = view()
    kept = KeptValues.of_item(mailbox, b"ENVELOPE %b")
    assert kept is not None
    kept.add(mailbox, [3, 1, 3], [b"three", b"one", b"three"])
    assert KeptValues.of_item(mailbox, b"ENVELOPE %b") is kept
    assert (kept.get([1, 3]), kept.get([1, 2])) == ([b"one", b"three"], None)
    other = KeptValues.of_item(mailbox, b"BODY %b")
    assert other is not None
    assert other.get([1]) is None


def test_the_room_is_kept_to() -> None:
    mailbox = view(40_000)
    kept = KeptValues.of_item(mailbox, b"ENVELOPE %b")
    assert kept is not None
    for start in range(0, 1000, 10):
        contents = range(start, start + 10)
        kept.add(mailbox, contents, [b"x" * 300] * 10)
        assert kept.get(contents) is not None  # the latest always is
        assert kept._octets <= mailbox.cache.max_octets
    kept.add(mailbox, range(2000, 2100), [b"x" * 300] * 100)
    assert kept.get(range(2000, 2100)) is None
    assert (KeptValues.can_be(mailbox, 10), KeptValues.can_be(mailbox, 1000)) == (True, False)


def test_without_room_there_is_nothing() -> None:
    assert KeptValues.of_item(view(0), b"ENVELOPE %b") is None


@contextmanager
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many contents were asked for, each time."""
    counts: list[int] = []
    read = MemoryAccount.read

    async def counted(self: MemoryAccount, content_ids: Sequence[int], *more: Any) -> Any:
        counts.append(len(content_ids))
        return await read(self, content_ids, *more)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryAccount, "read", counted)
        yield counts


def test_contents_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for number in range(5):
                await room.deliver(message(str(number)))
            client, other = await room.client("INBOX"), await room.client("INBOX")
            with reads(monkeypatch) as counts:
                first = await client.ok(f"FETCH 1:* (UID {HEADER} ENVELOPE)")
                assert counts == [5]
                assert await client.ok(f"FETCH 1:* (UID {HEADER} ENVELOPE)") == first
                assert await other.ok(f"FETCH 2:3 (UID {HEADER} ENVELOPE)") == first[1:3]
                assert counts == [5]
                [line] = await client.ok(f"FETCH 2 ({HEADER} FLAGS)")
                assert line.endswith(b"Subject: 1\r\n\r\n FLAGS (\\Recent))")
                await other.ok("STORE 2 +FLAGS (\\Answered)")
                [line] = [line for line in await client.ok(f"FETCH 2 ({HEADER} FLAGS)") if b"BODY" in line]
                assert b"\\Answered" in line  # flags are what they are
                assert counts == [5]
                await client.ok(f"FETCH 2 ({HEADER} BODY.PEEK[TEXT])")  # has to be read anyway
                assert counts == [5, 1]
                await room.deliver(message("5"))
                await client.ok("NOOP")
                lines = await client.ok(f"FETCH 1:* (UID {HEADER})")
                assert [line.count(b"Subject: %d\r\n" % at) for at, line in enumerate(lines)] == [1] * 6
                await client.ok(f"FETCH 1:* (UID {HEADER})")
                assert counts == [5, 1, 6]

    run(play())


def test_a_section_that_is_not_peeked_at_is_seen_all_the_same(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver(message("one"))
            client = await room.client("INBOX")
            await client.ok(f"FETCH 1 {HEADER}")
            [line] = await client.ok(f"FETCH 1 {HEADER.replace('.PEEK', '')}")
            assert b"FLAGS (\\Seen \\Recent)" in line
            assert (await client.ok("SEARCH SEEN")) == [b"* SEARCH 1"]

    run(play())


def test_a_long_value_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver(message("x" * 5000))
            client = await room.client("INBOX")
            with reads(monkeypatch) as counts:
                first = await client.ok(f"FETCH 1 ({HEADER})")
                assert await client.ok(f"FETCH 1 ({HEADER})") == first
                assert counts == [1, 1]

    run(play())


def test_the_same_content_in_what_the_client_has_enabled(tmp_path: Path) -> None:
    """A message/global is one only for who knows UTF-8 headers (RFC 9755)."""
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/global\r\n"
        b"\r\nSubject: \xc3\xa9\r\n\r\ntext\r\n--b--\r\n"
    )

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver(octets)
            plain, knowing = await room.client("INBOX"), await room.client()
            await knowing.ok("ENABLE UTF8=ACCEPT")
            await knowing.ok("SELECT INBOX")
            for _ in range(2):
                [line] = await plain.ok("FETCH 1 BODYSTRUCTURE")
                [other] = await knowing.ok("FETCH 1 BODYSTRUCTURE")
                assert line != other
                assert b'"global"' in other.lower()

    run(play())


def test_small_batches_of_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path, fetch_batch_octets=65_536) as room:
            for number in range(40):
                await room.deliver(message(str(number)))
            client = await room.client("INBOX")
            first = await client.ok(f"FETCH 1:* (UID {HEADER} ENVELOPE BODYSTRUCTURE FLAGS)")
            with reads(monkeypatch) as counts:
                assert await client.ok(f"FETCH 1:* (UID {HEADER} ENVELOPE BODYSTRUCTURE FLAGS)") == first
                assert await client.ok(f"FETCH 2:9,12,30:40 ({HEADER})")
                assert counts == []

    run(play())
