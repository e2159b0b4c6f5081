"""What FETCH items look like, column by column.

Owns: for each FETCH item its format and the values for a batch of messages. Never: reads
the store, sends anything. Raises: nothing.

A row is made by one `template % values`, so formatting a batch is a list comprehension over zipped columns. A section
that was too large to be read with its batch is an Octets, which fetch.py sends in pieces.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from postroom.imap import encode
from postroom.imap.types import Item, Section, SectionText
from postroom.message import close_global
from postroom.store.api import Account, Stored, Want

from .object_ids import email_id, thread_id
from .rows import Rows
from .sections import FIELDS, OF_HEADER, Octets, octets_of, picked, selector
from .selected import SelectedMailbox

if TYPE_CHECKING:
    from .session import Session

NIL = b"NIL"
NOTHING = Want(0)


class Later(ABC):
    """A value that takes more reading, for which fetch.py gives it its turn."""

    @abstractmethod
    async def send(self, session: "Session", account: Account, shape: bytes) -> None:
        """Send it as `shape` has it."""


Value = int | bytes | Octets | Later
Values = Sequence[int] | Sequence[bytes] | Sequence[Value]


@dataclass(frozen=True, slots=True)
class Column:
    """One FETCH item. `format` has one place for the value, `wants` is what has to be read for it. `fixed`: of the same
    content the value is always the same octets (but see SelectedMailbox.knows_global)."""

    format: bytes
    values: Callable[[SelectedMailbox, Rows, Sequence[Stored]], Values]
    wants: Want = NOTHING
    fixed: bool = False


class _Days(dict[int, bytes]):
    """The date part of INTERNALDATE for each day, made once."""

    def __missing__(self, day: int) -> bytes:
        if len(self) > 20_000:
            self.clear()
        made = self[day] = encode.date_time(day * 86400)[1:13]
        return made


class _Times(dict[int, bytes]):
    """The time part for each second of the day, made once."""

    def __missing__(self, second: int) -> bytes:
        made = self[second] = encode.date_time(second)[13:-1]
        return made


_days, _times = _Days(), _Times()


def _internal_dates(selected: SelectedMailbox, rows: Rows, stored: Sequence[Stored]) -> list[bytes]:
    return [b"%b%b" % (_days[date // 86400], _times[date % 86400]) for date in rows.dates]


def _email_ids(selected: SelectedMailbox, rows: Rows) -> list[bytes]:
    account_id = selected.account.account_id
    return [email_id(account_id, content_id) for content_id in rows.content_ids]


def _thread_ids(selected: SelectedMailbox, stored: Sequence[Stored]) -> list[bytes]:
    """RFC 8474 §5.2: NIL for a guest, to whom a thread would tell what else its owner has."""
    if selected.guest is not None:
        return [NIL] * len(stored)
    account_id = selected.account.account_id
    return [b"(%b)" % thread_id(account_id, s.thread_id or s.content_id) for s in stored]


def _save_dates(rows: Rows) -> list[bytes]:
    """RFC 8514 §4.3; NIL for what was stored before save dates were kept, or is gone by now."""
    dates = [rows.save_dates.get(uid) for uid in rows.uids]
    return [NIL if date is None else b'"%b%b"' % (_days[date // 86400], _times[date % 86400]) for date in dates]


def _wire(facts: list[bytes | None]) -> list[bytes]:
    return [fact if fact is not None else NIL for fact in facts]


def _structures(selected: SelectedMailbox, facts: list[bytes | None]) -> list[bytes]:
    """Only who knows UTF-8 headers knows message/global (RFC 9051 §9 media-message, RFC 9755)."""
    return _wire(facts) if selected.knows_global else [close_global(fact) for fact in _wire(facts)]


_ITEMS: dict[Item, Column] = {
    Item.UID: Column(b"UID %d", lambda selected, rows, stored: rows.uids),
    Item.SIZE: Column(b"RFC822.SIZE %d", lambda selected, rows, stored: rows.sizes),
    Item.MODSEQ: Column(b"MODSEQ (%d)", lambda selected, rows, stored: rows.modseqs),
    Item.FLAGS: Column(b"FLAGS %b", lambda selected, rows, stored: selected.flag_lists(rows.masks)),
    Item.INTERNALDATE: Column(b'INTERNALDATE "%b"', _internal_dates),
    Item.ENVELOPE: Column(
        b"ENVELOPE %b", lambda selected, rows, stored: _wire([s.envelope for s in stored]), Want.ENVELOPE, True
    ),
    Item.BODYSTRUCTURE: Column(
        b"BODYSTRUCTURE %b",
        lambda selected, rows, stored: _structures(selected, [s.body_structure for s in stored]),
        Want.BODY_STRUCTURE,
        fixed=True,
    ),
    Item.EMAILID: Column(b"EMAILID (%b)", lambda selected, rows, stored: _email_ids(selected, rows)),
    Item.THREADID: Column(
        b"THREADID %b",
        lambda selected, rows, stored: _thread_ids(selected, stored),
        Want.THREAD,
    ),
    Item.SAVEDATE: Column(b"SAVEDATE %b", lambda selected, rows, stored: _save_dates(rows)),
    Item.BODY: Column(
        b"BODY %b", lambda selected, rows, stored: _structures(selected, [s.body for s in stored]), Want.BODY, True
    ),
}


def column(item: Item | Section) -> Column:
    """The column of a FETCH item; those of extensions with more to them have their own modules."""
    if isinstance(item, Item):
        return _ITEMS[item]
    section = item
    label = section.label.replace(b"%", b"%%") + b" %b"
    if not section.part and section.text in FIELDS and section.partial is None:
        return Column(label, partial(_fields, selector(section)), Want.HEADER, True)
    if not section.part and section.text in OF_HEADER:
        return Column(label, lambda selected, rows, stored: [_of_header(section, s) for s in stored], Want.HEADER)
    wants = Want.WHOLE | Want.PARTS if section.part else Want.WHOLE
    return Column(label, lambda selected, rows, stored: [_of_content(section, s) for s in stored], wants)


def literal(octets: bytes) -> bytes:
    """A string of any octets (RFC 3501 §4.3)."""
    return b"{%d}\r\n%b" % (len(octets), octets) if octets else b'""'


def _fields(
    select: Callable[[bytes], bytes], selected: SelectedMailbox, rows: Rows, stored: Sequence[Stored]
) -> list[bytes]:
    """What every client asks of every message, so without a call too many; never empty, so always a literal."""
    chosen = [select(s.header or b"") for s in stored]
    return [b"{%d}\r\n%b" % (len(fields), fields) for fields in chosen]


def _of_header(section: Section, stored: Stored) -> bytes:
    header = stored.header or b""
    if section.text is not SectionText.HEADER:
        return literal(picked(section, header))
    if section.partial is not None:
        first, count = section.partial
        header = header[first : first + count]
    return literal(header)


def _of_content(section: Section, stored: Stored) -> bytes | Octets:
    octets, whole = octets_of(section, stored), stored.whole
    if octets is None:
        return NIL
    if octets.start == octets.end and octets.fields is None:
        return b'""'
    if whole is None:
        return octets
    chosen = whole[octets.start : octets.end]
    return literal(chosen if octets.fields is None else picked(octets.fields, chosen))
