"""SORT and UID SORT, and what they may be asked to return."""

from pathlib import Path

import pytest

from postroom.imap.sorting import ROWS
from postroom.servers.imap.sorting import HANDLERS

from .room import Client, both_stores, message, open_room, run


def test_every_row_has_its_handler() -> None:
    assert set(HANDLERS) == {row.name for row in ROWS}


async def told(client: Client, command: str) -> bytes:
    [line] = await client.ok(command)
    return line


@both_stores
def test_return_options(tmp_path: Path, kind: str) -> None:
    """RFC 5267 §3.1: MIN and MAX are the ends of the order, not the smallest and largest number."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for subject in "dacbe":
                await room.deliver(message(subject))
            client = await room.client("INBOX")
            await client.ok("STORE 5 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            for options, expected in {
                "": b"ALL 2,4,3,1",
                "ALL": b"ALL 2,4,3,1",
                "MIN": b"MIN 2",
                "MAX": b"MAX 1",
                "MIN MAX COUNT": b"MIN 2 MAX 1 COUNT 4",
                "COUNT CONTEXT": b"COUNT 4",
                "PARTIAL 2:3": b"PARTIAL (2:3 4,3)",
                "PARTIAL 3:1 COUNT": b"COUNT 4 PARTIAL (3:1 2,4,3)",
                "PARTIAL 4:9": b"PARTIAL (4:9 1)",
                "PARTIAL 5:9": b"PARTIAL (5:9 NIL)",
                "PARTIAL -1:-2": b"PARTIAL (-1:-2 3,1)",  # RFC 9394
            }.items():
                line = await told(client, f"SORT RETURN ({options}) (SUBJECT) UTF-8 ALL")
                assert line == b'* ESEARCH (TAG "t%d") %b' % (client._count, expected)
                line = await told(client, f"UID SORT RETURN ({options}) (SUBJECT) UTF-8 ALL")
                assert line == b'* ESEARCH (TAG "t%d") UID %b' % (client._count, expected)
            line = await told(client, "SORT RETURN (MIN MAX COUNT ALL) (SUBJECT) UTF-8 FLAGGED")
            assert line.endswith(b") COUNT 0")
            # ranges ascend (§3.2)
            assert (await told(client, "SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 ALL")).split()[4:] != [b"4:1"]

    run(play())


@both_stores
def test_saved_results(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for subject in "cab":
                await room.deliver(message(subject))
            client = await room.client("INBOX")
            assert await client.ok("SORT RETURN (SAVE) (SUBJECT) UTF-8 2:3") == []
            assert await told(client, "SEARCH $") == b"* SEARCH 2 3"
            await client.ok("SORT RETURN (SAVE MIN) (REVERSE SUBJECT) UTF-8 2:3")
            assert await told(client, "SEARCH $") == b"* SEARCH 3"

    run(play())


def test_mod_sequences(tmp_path: Path) -> None:
    """RFC 7162 §3.1.6: the highest of the messages found."""

    async def play() -> None:
        async with open_room(tmp_path) as room:
            for subject in "ba":
                await room.deliver(message(subject))
            client = await room.client("INBOX")
            await client.ok("ENABLE CONDSTORE")
            assert (await told(client, "SORT (SUBJECT) UTF-8 MODSEQ 1")).startswith(b"* SORT 2 1 (MODSEQ ")
            line = await told(client, "SORT RETURN (COUNT) (SUBJECT) UTF-8 MODSEQ 1")
            assert b" COUNT 2 MODSEQ " in line

    run(play())


@both_stores
def test_relevancy(tmp_path: Path, kind: str) -> None:
    """RFC 6203 §6: the highest score first."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(message("other", b"hello once, and much else besides it " * 20))
            await room.deliver(message("hello", b"hello hello hello hello\r\n"))
            client = await room.client("INBOX")
            line = await told(client, "SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT hello")
            _, _, scores = line.partition(b"RELEVANCY (")
            ranked = [int(score) for score in scores.rstrip(b")").split()]
            assert len(ranked) == 2
            assert ranked == sorted(ranked, reverse=True)
            backwards = await told(client, "SORT RETURN (RELEVANCY ALL) (REVERSE RELEVANCY) UTF-8 FUZZY TEXT hello")
            _, _, scores = backwards.partition(b"RELEVANCY (")
            assert [int(score) for score in scores.rstrip(b")").split()] == ranked[::-1]
            assert (await client.command("SORT (RELEVANCY) UTF-8 TEXT hello")).tagged.startswith(b"BAD")

    run(play())


def test_a_result_of_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from postroom.servers.imap import sorting

    monkeypatch.setattr(sorting, "FACTS_AT_ONCE", 2)

    async def play() -> None:
        async with open_room(tmp_path) as room:
            for subject in "dacbe":
                await room.deliver(message(subject))
            client = await room.client("INBOX")
            line = await told(client, "UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNSEEN")
            assert line.endswith(b"UID ALL 2,4,3,1,5")
            *_, line = await client.ok("STORE 3 +FLAGS.SILENT (\\Seen)")
            assert line == b'* ESEARCH (TAG "t3") UID REMOVEFROM (3 3)'

    run(play())
