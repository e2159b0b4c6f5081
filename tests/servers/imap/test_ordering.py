"""What criteria compare, and both ways of putting messages in order by it."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.sorting import Criterion, SortKey
from postroom.servers.imap import ordering
from postroom.servers.imap.ordering import entries, in_order
from postroom.servers.imap.session import Session

from .room import Breathing, both_stores, open_room, run

TEXTS = (SortKey.CC, SortKey.FROM, SortKey.SUBJECT, SortKey.TO, SortKey.DISPLAYFROM, SortKey.DISPLAYTO)
criteria = st.lists(st.builds(Criterion, st.sampled_from(SortKey), st.booleans()), min_size=1, max_size=4)


@given(criteria, st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=12), st.sampled_from((2, 5, 10_000)))
def test_sort_and_contexts_have_one_order(wanted: list[Criterion], rows: list[tuple[int, ...]], at_once: int) -> None:
    columns: list[list[Any]] = []
    for at, criterion in enumerate(wanted):
        values = [row[at] for row in rows]
        columns.append([str(value) for value in values] if criterion.key in TEXTS else list(values))
    with pytest.MonkeyPatch.context() as patch:  # beyond that many a group at a time is sorted
        patch.setattr(ordering, "FACTS_AT_ONCE", at_once)
        order = asyncio.run(in_order(cast(Session, Breathing()), wanted, columns, len(rows)))
    kept = sorted(entries(wanted, columns, range(100, 100 + len(rows))))
    assert [entry[-1] - 100 for entry in kept] == order
    plain = list(range(len(rows)))
    for criterion, column in reversed(list(zip(wanted, columns, strict=True))):  # RFC 5256 §3, criterion by criterion
        ranks = {value: rank for rank, value in enumerate(sorted(set(column), reverse=criterion.reverse))}
        plain = sorted(plain, key=lambda at, ranks=ranks, column=column: ranks[column[at]])  # type: ignore[misc]
    assert plain == order


MAIL = (
    (b"From: Zed <a@x>\r\nTo: b@x\r\nSubject: Re: x\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\n", 300),
    (b"From: \"\" <c@x>\r\nTo: A <d@x>\r\nSubject: b\r\nDate: no date\r\n\r\nlonger text\r\n", 100),
    (b"Cc: Friends: e@x, f@x;\r\nSubject: [list] a\r\nDate: Tue, 8 Feb 1994 01:00:00 +0000\r\n\r\n", 200),
    (b"\r\n", 200),
)  # fmt: skip


@both_stores
@pytest.mark.parametrize("at_once", [2, 10_000])
def test_every_key(tmp_path: Path, kind: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "FACTS_AT_ONCE", at_once)

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for octets, date in MAIL:
                await room.deliver(octets, internal_date=date)
            client = await room.client("INBOX")
            for wanted, expected in {
                "ARRIVAL": b"2 3 4 1",
                "REVERSE ARRIVAL": b"1 3 4 2",
                "DATE": b"2 4 3 1",  # without a Date that can be read: the internal date (RFC 5256 §2.2)
                "REVERSE DATE": b"1 3 4 2",
                "SIZE": b"4 2 1 3",
                "SUBJECT": b"4 3 2 1",
                "FROM": b"3 4 1 2",
                "TO": b"3 4 1 2",
                "CC": b"1 2 4 3",
                "DISPLAYFROM": b"3 4 2 1",
                "DISPLAYTO": b"3 4 2 1",
                "REVERSE CC ARRIVAL": b"3 2 4 1",
            }.items():
                [line] = await client.ok(f"SORT ({wanted}) UTF-8 ALL")
                assert line == b"* SORT " + expected, wanted

    run(play())


@both_stores
def test_texts_are_in_the_order_of_unicode_casemap(tmp_path: Path, kind: str) -> None:
    """RFC 5255 §4.2, RFC 5051 §2: by title case, so "_" comes behind the letters and "É" behind "E"."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for subject in ("_x", "éa", "zoo", "Ea", "[x", "eb"):
                await room.deliver(f"Subject: {subject}\r\n\r\n".encode())
            client = await room.client("INBOX")
            assert await client.ok("SORT (SUBJECT) UTF-8 ALL") == [b"* SORT 4 6 2 3 5 1"]

    run(play())
