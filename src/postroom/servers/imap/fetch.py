"""FETCH (RFC 3501 §6.4.5).

Owns: the command: \\Seen, batches, long sections in pieces. Never: holds more of the mailbox than a batch, or more of a
message than a piece. Raises: Refused, StoreError, EndOfSession.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from postroom.imap.seqset import Span
from postroom.imap.types import Binary, Fetch, FetchItem, Item, Preview, Section
from postroom.store.api import SEEN, FlagAction, Stored, StoreError, Want

from . import binary, preview
from .columns import NOTHING, Column, Later, Value, Values, column, literal
from .kept_values import KeptValues
from .refusal import Refused, bad
from .resync import changed_since, say_vanished, window
from .rows import Rows, batches
from .sections import Octets, picked, pieces
from .selected import SelectedMailbox
from .session import Session

_log = logging.getLogger("postroom.imap")


async def fetch(session: Session, command: Fetch) -> bytes:
    """FETCH and UID FETCH."""
    selected = session.mailbox
    items = command.items
    if command.vanished and b"QRESYNC" not in session.enabled:
        raise bad(b"Enable QRESYNC first")  # RFC 7162 §3.2.6
    if Item.MODSEQ in items:
        session.enable_condstore()
    if selected.uid_only and not command.uid_asked:
        items = tuple(item for item in items if item is not Item.UID) or (Item.UID,)  # UIDFETCH names it anyway
    spans = selected.resolve(command.seqset, uid=command.uid)
    if command.window is not None:  # RFC 9394: first the window, then what of it has changed
        spans = window(spans, *command.window)
    if command.changed_since is not None:
        if command.vanished:
            await say_vanished(session, selected, command.seqset, command.changed_since)
        spans = changed_since(selected, spans, command.changed_since)
    if spans:
        await _Fetching(session, selected, items).run(spans)
    return b"OK UID FETCH completed" if command.uid else b"OK FETCH completed"


async def send_items(
    session: Session, selected: SelectedMailbox, items: Sequence[FetchItem], spans: list[Span]
) -> None:
    """FETCH responses that no FETCH asked for (RFC 5465 §5.2). Nobody has seen a message by that."""
    items = tuple(dict.fromkeys([replace(one, peek=True) if isinstance(one, Section) else one for one in items]))
    if Item.MODSEQ in items:
        session.enable_condstore()
    if selected.uid_only:
        items = tuple(item for item in items if item is not Item.UID) or (Item.UID,)
    if not spans:
        return
    try:
        await _Fetching(session, selected, items).run(spans)
    except Refused:  # an item that some message has not: no command is there to be refused
        pass


class _Fetching:
    """One FETCH under way."""

    def __init__(self, session: Session, selected: SelectedMailbox, items: Sequence[FetchItem]) -> None:
        self._session = session
        self._selected = selected
        self._columns: list[Column] = [_column(item, session) for item in items]
        self._says_flags = Item.FLAGS in items
        self._says_uid = Item.UID in items
        self._says_save_date = Item.SAVEDATE in items
        self._says_modseq = Item.MODSEQ in items
        self._sets_seen = not selected.read_only and any(
            isinstance(item, Section | Binary) and not item.peek for item in items
        )
        if "s" not in selected.rights:  # RFC 4314 §4
            self._sets_seen = False
        self._newly_seen: set[int] = set()
        self._refusal: Refused | None = None
        self._wants = NOTHING
        for some in self._columns:
            if some.wants is not NOTHING:  # arithmetic with enums is slow
                self._wants = some.wants if self._wants is NOTHING else self._wants | some.wants
        self._may_be_long = bool(self._wants & (Want.WHOLE | Want.PREVIEW))
        # A message's octets are sent once for each of its sections that are asked for
        self._sections = max(1, sum(isinstance(item, Section | Binary) for item in items))
        first, *more = [c.format for c in self._columns]
        self._formats = [first, *(b" " + shape for shape in more)]
        self._kept = self._kept_values()
        self._keeps = False  # what is read from now on
        self._known_at_once = KeptValues.at_once(session.settings.fetch_batch_octets, len(self._kept) or 1)

    def _kept_values(self) -> dict[int, KeptValues]:
        """What is known of each item that is read; nothing unless that can be all there is to be read."""
        read = {at: some for at, some in enumerate(self._columns) if some.wants is not NOTHING}
        if not all(some.fixed for some in read.values()):
            return {}
        view, as_enabled = self._selected.view, self._selected.knows_global
        found = {at: KeptValues.of_item(view, (some.format, as_enabled)) for at, some in read.items()}
        return {at: kept for at, kept in found.items() if kept is not None}

    async def run(self, spans: list[Span]) -> None:
        session, selected = self._session, self._selected
        size = session.settings.fetch_batch_messages
        self._keeps = KeptValues.can_be(selected.view, sum(stop - start for start, stop in spans))
        if self._sets_seen:
            await self._mark_seen(spans)
        first = True
        for positions in batches(spans, size):
            if not first:
                await session.breathe()
            first = False
            rows = selected.rows(positions)
            if self._says_flags or self._newly_seen:
                selected.said_flags(rows.uids if self._says_flags else self._newly_seen.intersection(rows.uids))
                if fresh := selected.new_keywords():
                    session.send(fresh)
            if self._says_save_date:
                rows.save_dates = await selected.account.save_dates(selected.mailbox_id, rows.uids)
            if self._wants is not NOTHING:
                await self._read_and_send(rows)
            else:
                await self._send(rows, ())
        if self._refusal is not None:
            raise self._refusal

    async def _mark_seen(self, spans: list[Span]) -> None:
        """BODY[…] sets \\Seen (RFC 3501 §6.4.5); what changes is told with the message."""
        selected = self._selected
        unseen: list[int] = []
        for positions in batches(spans, self._session.settings.fetch_batch_messages):
            rows = selected.rows(positions)
            unseen += [uid for uid, mask in zip(rows.uids, rows.masks, strict=True) if not mask & SEEN]
        if not unseen:
            return
        try:
            flagged = await selected.account.set_flags(
                selected.mailbox_id, unseen, FlagAction.ADD, frozenset(("\\Seen",)), origin=selected
            )
        except StoreError as error:  # a full disk is no reason not to let mail be read
            _log.warning("\\Seen was not set: %s", error)
            return
        self._newly_seen = set(flagged.uids)

    async def _read_and_send(self, rows: Rows) -> None:
        account, budget = self._selected.account, self._session.settings.fetch_batch_octets // self._sections
        done, total = 0, len(rows.uids)
        while done < total:
            if done:
                await self._session.breathe()
            rest = rows if not done else _after(rows, done)
            if self._kept and (count := await self._send_known(rest)):
                done += count
                continue
            stored = await account.read(rest.content_ids, self._wants, budget)
            done += len(stored)
            await self._send(rest if len(stored) == len(rest.uids) else _before(rest, len(stored)), stored)

    async def _send_known(self, rows: Rows) -> int:
        """Send the first of these messages without reading anything, if that can be; how many."""
        some = _before(rows, self._known_at_once)
        known: dict[int, list[bytes]] = {}
        for at, kept in self._kept.items():
            if (values := kept.get(some.content_ids)) is None:
                return 0
            known[at] = values
        columns: list[Values] = [
            known[at] if at in known else c.values(self._selected, some, ()) for at, c in enumerate(self._columns)
        ]
        await self._send_columns(some, self._formats, columns)
        return len(some.uids)

    async def _send(self, rows: Rows, stored: Sequence[Stored]) -> None:
        if len(stored) == 1 and self._is_too_much(stored[0]):
            await self._send_one_by_one(rows, stored)
            return
        try:
            columns: list[Values] = [c.values(self._selected, rows, stored) for c in self._columns]
        except Refused as refusal:
            self._refusal = refusal
            await self._send_what_can_be(rows, stored)
            return
        for at, kept in self._kept.items() if self._keeps else ():
            kept.add(self._selected.view, rows.content_ids, columns[at])
        await self._send_columns(rows, self._formats, columns)

    async def _send_what_can_be(self, rows: Rows, stored: Sequence[Stored]) -> None:
        """An item of one of these can't be answered, which makes the command fail in the end (RFC 3516 §4.3)."""
        selected = self._selected
        for at in range(len(rows.uids)):
            row, one = _before(_after(rows, at), 1), stored[at : at + 1]
            formats: list[bytes] = []
            columns: list[Values] = []
            for some in self._columns:
                try:
                    columns.append(some.values(selected, row, one))
                except Refused:
                    continue
                formats.append(b" " + some.format if formats else some.format)
            if formats:
                await self._send_columns(row, formats, columns)
            elif flags := self._unasked_flags(row)[0].lstrip():
                await self._session.emit(selected.fetch_start % selected.numbers(row)[0] + flags + b")\r\n")

    async def _send_columns(self, rows: Rows, formats: list[bytes], columns: list[Values]) -> None:
        selected = self._selected
        if self._newly_seen and (not self._says_flags or selected.condstore):
            columns.append(self._unasked_flags(rows))
            formats = [*formats, b"%b"]
        numbers = selected.numbers(rows)
        if self._may_be_long and any(isinstance(value, (Octets, Later)) for values in columns for value in values):
            for number, *values in zip(numbers, *columns, strict=True):
                await self._send_in_pieces(selected.fetch_start % number, formats, values)
            return
        step = self._rows_a_piece(columns) if self._may_be_long else len(numbers)
        for at in range(0, len(numbers), step):
            piece = slice(at, at + step)
            values = [column[piece] for column in columns]
            await self._session.emit(_formatted(selected.fetch_start, formats, numbers[piece], values))

    def _rows_a_piece(self, columns: Sequence[Values]) -> int:
        """How many rows make a piece of output: memory for several MB at once is had from the system each time."""
        octets = sum(len(value) for values in columns for value in values if isinstance(value, bytes))
        count = len(columns[0])
        return max(1, count * self._session.settings.output_piece_octets // max(octets, 1))

    def _is_too_much(self, stored: Stored) -> bool:
        """Whether all sections of a message would be too much to have in memory at once, or too long to wait for."""
        octets = len(stored.whole or b"") + len(stored.header or b"")
        return self._sections > 1 and octets * self._sections > self._session.settings.fetch_batch_octets

    async def _send_one_by_one(self, rows: Rows, stored: Sequence[Stored]) -> None:
        """A row with hundreds of sections of a message: each is made when the ones before have been taken."""
        session, selected = self._session, self._selected
        begin, end = selected.fetch_start % selected.numbers(rows)[0], b""
        for shape, some in zip(self._formats, self._columns, strict=True):
            try:
                value = some.values(selected, rows, stored)[0]
            except Refused as refusal:  # see _send_what_can_be
                self._refusal = refusal
                continue
            await self._send_value(shape if not begin else begin + shape.lstrip(), value)
            begin, end = b"", b")\r\n"
            await session.breathe()
        if self._newly_seen and (not self._says_flags or selected.condstore):
            flags = self._unasked_flags(rows)[0]
            await session.emit(begin + flags.lstrip() if begin else flags)
            end = b")\r\n"
        await session.emit(end)

    def _unasked_flags(self, rows: Rows) -> list[bytes]:
        """FLAGS that changed by this very FETCH, where they were not asked for, with the space before them.

        A client of CONDSTORE gets UID and MODSEQ with them (RFC 7162 §3.2.4), unless it asked for those.
        """
        selected, newly_seen = self._selected, self._newly_seen
        shape, columns = b"", list[Sequence[int] | Sequence[bytes]]()
        if not self._says_flags:
            shape += b" FLAGS %b"
            columns.append(selected.flag_lists(rows.masks))
        if selected.condstore and not self._says_uid and not selected.uid_only:
            shape += b" UID %d"
            columns.append(rows.uids)
        if selected.condstore and not self._says_modseq:
            shape += b" MODSEQ (%d)"
            columns.append(rows.modseqs)
        values = zip(rows.uids, *columns, strict=True)
        return [shape % tuple(more) if uid in newly_seen else b"" for uid, *more in values]

    async def _send_in_pieces(self, start: bytes, formats: list[bytes], values: Sequence[Value]) -> None:
        """A row with a section that is too large for one piece of memory."""
        await self._session.emit(start)
        for shape, value in zip(formats, values, strict=True):
            await self._send_value(shape, value)
        await self._session.emit(b")\r\n")

    async def _send_value(self, shape: bytes, value: Value) -> None:
        session, account = self._session, self._selected.account
        if isinstance(value, Later):
            await value.send(session, account, shape)
        elif not isinstance(value, Octets):
            await session.emit(shape % value)
        elif value.fields is not None:
            end = min(value.end, value.start + session.settings.max_nested_header_octets)
            header = await account.read_range(value.content_id, value.start, end)
            await session.emit(shape % literal(picked(value.fields, header)))
        else:
            await session.emit(shape % (b"{%d}\r\n" % (value.end - value.start)))
            await session.emit_promised(pieces(account, value, session.settings.output_piece_octets))


def _column(item: FetchItem, session: Session) -> Column:
    if isinstance(item, Binary):
        return binary.column(item)
    return preview.column(item, session.utf8) if isinstance(item, Preview) else column(item)


def _formatted(start: bytes, formats: list[bytes], numbers: Sequence[int], columns: list[Values]) -> bytes:
    """All rows by one `%`: the rows' format repeated, the columns interleaved."""
    row = start + b"".join(formats) + b")\r\n"
    width, count = len(columns) + 1, len(numbers)
    values: list[Value | None] = [None] * (width * count)
    values[0::width] = numbers
    for at, column_values in enumerate(columns, start=1):
        values[at::width] = column_values
    return row * count % tuple(values)


def _after(rows: Rows, start: int) -> Rows:
    return Rows(
        rows.positions[start:],
        rows.uids[start:],
        rows.masks[start:],
        rows.sizes[start:],
        rows.dates[start:],
        rows.modseqs[start:],
        rows.content_ids[start:],
        save_dates=rows.save_dates,
    )


def _before(rows: Rows, stop: int) -> Rows:
    return Rows(
        rows.positions[:stop],
        rows.uids[:stop],
        rows.masks[:stop],
        rows.sizes[:stop],
        rows.dates[:stop],
        rows.modseqs[:stop],
        rows.content_ids[:stop],
        save_dates=rows.save_dates,
    )
