"""The order that SORT asks for (RFC 5256 §3, RFC 5957 §4).

Owns: what each criterion compares, putting messages in order by it. Never: computes base subjects and their like (the
store has them since delivery), answers the client. Raises: StoreError.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from postroom.imap.contexts import Descending, Entry
from postroom.imap.sorting import Criterion, SortKey
from postroom.store.api import SortFact

from .rows import Rows
from .searching import Searching
from .selected import SelectedMailbox
from .session import Session

FACTS_AT_ONCE = 10_000  # messages whose facts are asked for before other sessions get their turn
_SAMPLES = 1000  # values that are looked at to see how all are spread
_FACTS = {
    SortKey.CC: SortFact.CC,
    SortKey.DATE: SortFact.SENT,
    SortKey.FROM: SortFact.FROM,
    SortKey.SUBJECT: SortFact.SUBJECT,
    SortKey.TO: SortFact.TO,
    SortKey.DISPLAYFROM: SortFact.DISPLAY_FROM,
    SortKey.DISPLAYTO: SortFact.DISPLAY_TO,
}
_NUMBERS = (SortKey.ARRIVAL, SortKey.DATE, SortKey.SIZE, SortKey.RELEVANCY)

Column = Sequence[Any]  # a value a message


class Expunged(Exception):
    """Of a message that was asked for nothing is known any more."""


async def fact_columns(
    session: Session,
    selected: SelectedMailbox,
    rows: Rows,
    facts: Sequence[SortFact],
    found: Sequence[int],
    *,
    strict: bool = False,
) -> list[Column]:
    """These facts of the messages at these ascending positions. Of what was expunged none is known: "" for a text, or
    Expunged raised where that won't do."""
    columns: list[list[Any]] = [[] for _ in facts]
    uids, dates = rows.uids, rows.dates
    nothing = [None if fact is SortFact.SENT else "" for fact in facts]
    for start in range(0, len(found), FACTS_AT_ONCE):
        asked = [uids[at] for at in found[start : start + FACTS_AT_ONCE]]
        told = await selected.account.sort_facts(selected.mailbox_id, facts, asked)
        if len(told) < len(asked):
            if strict:
                raise Expunged
            by_uid = {row[0]: row for row in told}
            told = [by_uid.get(uid) or (uid, *nothing) for uid in asked]
        for fact, column, values in zip(facts, columns, list(zip(*told, strict=True))[1:], strict=True):
            if fact is SortFact.SENT:  # RFC 5256 §2.2: without a Date that can be read, INTERNALDATE
                some = found[start : start + FACTS_AT_ONCE]
                column += [dates[at] if date is None else date for at, date in zip(some, values, strict=True)]
            else:
                column += values
        await session.breathe()
    return list(columns)


async def key_columns(
    session: Session,
    selected: SelectedMailbox,
    searching: Searching,
    criteria: Sequence[Criterion],
    found: Sequence[int],
    *,
    strict: bool = False,
) -> list[Column]:
    """What each criterion compares of the messages at these ascending positions, which `searching` has found."""
    rows = searching.rows
    facts = [_FACTS[one.key] for one in criteria if one.key in _FACTS]
    known = await fact_columns(session, selected, rows, facts, found, strict=strict) if facts else ()
    told = dict(zip(facts, known, strict=True))
    columns: list[Column] = []
    for criterion in criteria:
        if criterion.key is SortKey.ARRIVAL:
            columns.append([rows.dates[at] for at in found])
        elif criterion.key is SortKey.SIZE:
            columns.append([rows.sizes[at] for at in found])
        elif criterion.key is SortKey.RELEVANCY:  # RFC 6203 §6: the highest first
            columns.append([-score for score in searching.scores(found)])
        elif criterion.key is SortKey.DATE:
            columns.append(told[SortFact.SENT])
        else:
            columns.append(await _in_title_case(session, told[_FACTS[criterion.key]]))
    return columns


async def _in_title_case(session: Session, texts: Column) -> Column:
    """As RFC 5051 §2 orders them, where "_" comes behind the letters; the facts are in lower case."""
    result: list[str] = []
    for start in range(0, len(texts), FACTS_AT_ONCE):
        if start:
            await session.breathe()
        result += [text.upper() for text in texts[start : start + FACTS_AT_ONCE]]
    return result


async def in_order(session: Session, criteria: Sequence[Criterion], columns: Sequence[Column], count: int) -> list[int]:
    """The indexes 0 to `count`, sorted. Python's sort keeps the order of equal ones, also when it is reversed: so the
    last tie-breaker is the mailbox's order, and REVERSE does not touch it (RFC 5256 §3)."""
    order = list(range(count))
    for criterion, column in zip(reversed(criteria), reversed(columns), strict=True):
        if count > FACTS_AT_ONCE:
            order = await _in_order_of(session, column, order, reverse=criterion.reverse)
        else:
            order.sort(key=column.__getitem__, reverse=criterion.reverse)
        await session.breathe()
    return order


async def _in_order_of(session: Session, column: Column, order: Sequence[int], *, reverse: bool) -> list[int]:
    """The same by one criterion and a piece at a time: first into groups, by some of the values, then each group."""
    some = sorted({column[at] for at in order[:: len(order) // _SAMPLES + 1]})
    bounds = some[:: len(some) * FACTS_AT_ONCE // len(order) + 1]
    groups: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for start in range(0, len(order), FACTS_AT_ONCE):
        for at in order[start : start + FACTS_AT_ONCE]:
            groups[bisect_right(bounds, column[at])].append(at)
        await session.breathe()
    result: list[int] = []
    for group in reversed(groups) if reverse else groups:
        group.sort(key=column.__getitem__, reverse=reverse)
        result += group
        await session.breathe()
    return result


def entries(criteria: Sequence[Criterion], columns: Sequence[Column], uids: Sequence[int]) -> Iterator[Entry]:
    """The same keys a message, as contexts keep them."""
    directed: list[Column] = []
    for criterion, column in zip(criteria, columns, strict=True):
        if not criterion.reverse:
            directed.append(column)
        elif criterion.key in _NUMBERS:
            directed.append([-value for value in column])
        else:
            directed.append([Descending(value) for value in column])
    return zip(*directed, uids, strict=True)
