"""SEARCH: every key, alone and joined."""

import datetime
import time
from pathlib import Path

import apsw
import pytest

from postroom.servers.imap import searching

from .room import Client, both_stores, message, open_room, run


def seconds(year: int, month: int, day: int, hour: int = 12) -> int:
    return int(datetime.datetime(year, month, day, hour, tzinfo=datetime.UTC).timestamp())


async def found(client: Client, keys: str | bytes) -> list[int]:
    keys = keys.encode() if isinstance(keys, str) else keys
    [line] = await client.ok(b"SEARCH " + keys)
    assert line.startswith(b"* SEARCH")
    return [int(number) for number in line.split()[2:]]


@both_stores
def test_every_key(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(
                b"From: Ann <ann@x.example>\r\nTo: Bo <bo@x.example>\r\nCc: cy@x.example\r\nBcc: di@x.example\r\n"
                b"Subject: Invoice 42\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nX-Tag: red\r\n\r\nplease pay\r\n",
                flags=frozenset(("\\Seen", "\\Answered", "$Work")),
                internal_date=seconds(2020, 1, 1),
            )
            await room.deliver(
                message("Holiday", b"hotel and flight\r\n" * 20, "Tue, 1 Feb 2000 00:30:00 +1400"),
                flags=frozenset(("\\Flagged", "\\Deleted")),
                internal_date=seconds(2020, 1, 2, 0),
            )
            await room.deliver(message("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", b"Text\r\n"), flags=frozenset(("\\Draft",)))
            client = await room.client("INBOX")
            for keys, expected in {
                "ALL": [1, 2, 3],
                "SEEN": [1],
                "UNSEEN": [2, 3],
                "ANSWERED": [1],
                "UNANSWERED": [2, 3],
                "FLAGGED": [2],
                "UNFLAGGED": [1, 3],
                "DELETED": [2],
                "UNDELETED": [1, 3],
                "DRAFT": [3],
                "UNDRAFT": [1, 2],
                "RECENT": [1, 2, 3],
                "NEW": [2, 3],
                "OLD": [],
                "KEYWORD $work": [1],
                "UNKEYWORD $work": [2, 3],
                "KEYWORD unknown": [],
                "BEFORE 2-Jan-2020": [1],
                "ON 2-Jan-2020": [2],
                "SINCE 2-Jan-2020": [2, 3],
                "SENTBEFORE 8-Feb-1994": [1, 3],
                "SENTON 7-Feb-1994": [1, 3],
                "SENTSINCE 1-Feb-2000": [2],
                "LARGER 300": [2],
                "SMALLER 300": [1, 3],
                "FROM ann": [1],
                "FROM X.EXAMPLE": [1, 2, 3],
                'TO "bo <"': [1],
                "CC cy": [1],
                "BCC di@": [1],
                "SUBJECT invoice": [1],
                "BODY HOTEL": [2],
                "BODY invoice": [],
                "TEXT invoice": [1],
                "HEADER X-Tag RED": [1],
                'HEADER X-Tag ""': [1],
                "HEADER X-Tag blue": [],
                "1:2": [1, 2],
                "2,9": [2],
                "UID 2:*": [2, 3],
                "NOT 2": [1, 3],
                "NOT NOT 2": [2],
                "OR SEEN DRAFT": [1, 3],
                "OR (SEEN FLAGGED) (UNSEEN 3)": [3],
                "UNSEEN FROM x.example NOT BODY hotel": [3],
                "SEEN UNSEEN": [],
                "2:3 TEXT hotel": [2],
                "NOT TEXT hotel": [1, 3],
            }.items():
                assert await found(client, keys) == expected, keys
            needle = "grüsse".encode()
            assert await found(client, b"CHARSET UTF-8 SUBJECT {%d+}\r\n%b" % (len(needle), needle)) in ([3], [])
            needle = "Grüße".encode()
            assert await found(client, b"CHARSET UTF-8 SUBJECT {%d+}\r\n%b" % (len(needle), needle)) == [3]
            assert (await client.command("SEARCH CHARSET X-NONE ALL")).tagged.startswith(b"NO [BADCHARSET")

    run(play())


@both_stores
def test_uid_search_answers_with_uids(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for number in range(4):
                await room.deliver(message(f"s{number}"))
            client = await room.client("INBOX")
            await client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            assert await client.ok("UID SEARCH ALL") == [b"* SEARCH 1 3 4"]
            assert await client.ok("UID SEARCH 2:3") == [b"* SEARCH 3 4"]
            assert await client.ok("UID SEARCH SUBJECT s2") == [b"* SEARCH 3"]
            assert await client.ok("UID SEARCH UID 900:*") == [b"* SEARCH 4"]

    run(play())


def test_an_empty_mailbox(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            client = await room.client("INBOX")
            for keys in ("ALL", "1:*", "UID 1:*", "NOT TEXT x", "TEXT x"):
                assert await found(client, keys) == []

    run(play())


def test_large_mailboxes_are_searched_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_CHUNK", 10)

    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            for _ in range(6):
                await client.ok("COPY 1:* INBOX")
            await client.ok("STORE 10:20 +FLAGS.SILENT (\\Seen)")
            assert await found(client, "SEEN") == list(range(10, 21))
            assert await found(client, "ALL UNSEEN LARGER 1") == [*range(1, 10), *range(21, 65)]
            assert await found(client, "OR SEEN 64") == [*range(10, 21), 64]
            assert len(await found(client, "TEXT meeting")) == 64

    run(play())


@both_stores
def test_before_the_first_day_there_is_nothing(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver()
            client = await room.client("INBOX")
            for key in (
                "BEFORE 1-Jan-0001",
                "SENTBEFORE 1-Jan-0001",
                "NOT SINCE 1-Jan-0001",
                "NOT SENTSINCE 1-Jan-0001",
            ):
                assert await client.ok(f"SEARCH {key}") == [b"* SEARCH"], key

    run(play())


@both_stores
def test_several_flags_at_once(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for flags in ((), ("\\Seen",), ("\\Flagged", "$Work"), ("\\Seen", "\\Flagged"), ("\\Flagged",)):
                await room.deliver(message("x"), flags=frozenset(flags))
            client = await room.client("INBOX")
            assert await found(client, "UNSEEN FLAGGED") == [3, 5]
            assert await found(client, "UNSEEN FLAGGED KEYWORD $work") == [3]
            assert await found(client, "UNSEEN FLAGGED UNKEYWORD $work") == [5]
            assert await found(client, "FLAGGED KEYWORD none") == []
            assert await found(client, "FLAGGED UNKEYWORD none 3:4") == [3, 4]
            assert await found(client, "SEEN UNSEEN") == []
            assert await found(client, "NOT (SEEN FLAGGED)") == [1, 2, 3, 5]

    run(play())


def test_a_search_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_search_seconds=1e-9) as room:
            await room.deliver()
            client = await room.client("INBOX")
            assert (await client.command("SEARCH RETURN (SAVE) TEXT meeting")).tagged.startswith(b"NO [LIMIT]")
            assert await client.ok("SEARCH 1") == [b"* SEARCH 1"]  # what the view answers at once is not long

    run(play())


def test_large_sets_many_keys_and_deep_trees_take_little_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            await room.deliver()
            client = await room.client("INBOX")
            for _ in range(14):
                await client.ok("COPY 1:* INBOX")
            count = 2**14
            start = time.process_time()
            every_second = b",".join(b"%d" % uid for uid in range(count, 0, -2))[:65_000].rpartition(b",")[0]
            some = every_second.count(b",") + 1
            assert some > 8_000
            [line] = await client.ok(b"UID SEARCH RETURN (COUNT) UID " + every_second)
            assert line.endswith(b"COUNT %d" % some)
            [line] = await client.ok(b"SEARCH RETURN (COUNT) NOT " + every_second)
            assert line.endswith(b"COUNT %d" % (count - some))
            [line] = await client.ok(b"SEARCH RETURN (COUNT) " + b" ".join(b"NOT %d" % n for n in range(1, 1001)))
            assert line.endswith(b"COUNT %d" % (count - 1000))
            [line] = await client.ok(b"SEARCH RETURN (COUNT) " + b" ".join(b"LARGER %d" % n for n in range(100, 1100)))
            assert line.endswith(b"COUNT 0")
            for depth, expected in ((24, 0), (23, count)):  # each NOT OR SEEN turns nothing into all, all into nothing
                [line] = await client.ok(b"SEARCH RETURN (COUNT) " + b"NOT OR SEEN " * depth + b"SEEN")
                assert line.endswith(b"COUNT %d" % expected)
            assert time.process_time() - start < 5

    run(play())


@both_stores
def test_a_message_is_found_the_moment_append_returns(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            client = await room.client("INBOX")
            for number in range(1, 6):
                assert (await client.append("INBOX", message(f"s{number}", b"needle%d\r\n" % number))).ok
                assert await found(client, f"BODY needle{number} SUBJECT s{number} TEXT needle") == [number]

    run(play())


def test_a_message_without_a_save_date_is_judged_by_its_internal_date(tmp_path: Path) -> None:
    """RFC 8514 §4.3; versions before did not keep save dates."""

    async def play() -> None:
        async with open_room(tmp_path, "sqlite") as room:
            for _ in range(2):
                await room.deliver(internal_date=seconds(2001, 1, 1))
            db = apsw.Connection(str(tmp_path / "accounts" / "1" / "mail.db"))
            db.execute("UPDATE messages SET saved_at = NULL WHERE uid = 1")
            db.close()
            client = await room.client("INBOX")
            assert await found(client, "SAVEDON 1-Jan-2001") == [1]
            assert await found(client, "SAVEDSINCE 2-Jan-2001") == [2]
            assert await found(client, "NOT SAVEDBEFORE 2-Jan-2001") == [2]

    run(play())


@both_stores
def test_text_among_a_part_of_a_mailbox_with_and_without_gaps(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for number in range(8):
                await room.deliver(message("even" if number % 2 else "odd"))
            client = await room.client("INBOX")
            assert await client.ok("UID SEARCH SUBJECT even") == [b"* SEARCH 2 4 6 8"]
            assert await client.ok("UID SEARCH UID 3:7 SUBJECT even") == [b"* SEARCH 4 6"]
            assert await client.ok("SEARCH 3:7 NOT SUBJECT even") == [b"* SEARCH 3 5 7"]
            await client.ok("UID STORE 1,6 +FLAGS (\\Deleted)")
            await client.ok("EXPUNGE")
            assert await client.ok("UID SEARCH UID 3:8 SUBJECT even") == [b"* SEARCH 4 8"]
            assert await client.ok("SEARCH 1:4 SUBJECT even") == [b"* SEARCH 1 3"]

    run(play())
