"""The queue in data/queue.db and data/queue/ (docs/queue.md has the states).

Owns: those files, the group commit of everything that changes them, what start-up repairs. Never: knows DNS, SMTP or
when to try again. Raises: the QueueError family.
"""

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw

from postroom.base import ALONE, Clock, FileLock, Ids, Spool, TaskOwner, WorkerPlace

from . import claiming, rows
from .api import (
    NO_SHARES,
    Entry,
    EntryState,
    Envelope,
    NoSuchEntry,
    QueueError,
    QueueFailure,
    QueueFull,
    Recipient,
    Share,
    Wake,
    destination_for,
)
from .contents import Contents
from .fairness import Turns
from .names import check_message_id, new_message_id
from .operating import Operated
from .schema import ENTRY_COLUMNS, create
from .settings import QueueSettings
from .states import DiskState, Probe, no_probe
from .writer import GroupWriter, Transaction, translate

_log = logging.getLogger("postroom.queue")
T = TypeVar("T")
_CONTENT_THREADS = 4
_FEW = 100  # entries whose change takes microseconds each


class SqliteQueue(Operated):
    """postroom.queue.Queue on disk. `serving=False` opens it beside a running server (the command line does).

    Any number of processes put messages in; only one takes them out. Where `place` is one of several workers, that is
    the first, and their parent has the lock (`hold_queue`).
    """

    def __init__(
        self,
        directory: Path,
        settings: QueueSettings,
        clock: Clock,
        ids: Ids,
        *,
        serving: bool = True,
        place: WorkerPlace = ALONE,
        probe: Probe = no_probe,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._probe = probe
        self._contents = Contents(directory / "queue", probe)
        self._lock = hold_queue(directory) if serving and place.alone else None
        # Workers take turns at writing: SQLite's own lock is asked for again and again, who waits for this one sleeps.
        turns = FileLock(directory / "queue" / "turns") if serving and not place.alone else None
        self._wakes: list[Wake] = []
        self._tasks = TaskOwner("queue")
        self._totals: tuple[int, int] | None = None  # messages, octets; None: count them (writer thread only)
        self._counted_at = 0.0
        self._turns = Turns(settings.sender_turn_seconds, settings.max_remembered_senders)  # writer thread only
        self._seen_version = self._writer_version = 0
        self._closed = False
        # (queue id, recipient) of attempts that the last run did not see the end of: it was killed
        self.interrupted: tuple[tuple[str, str], ...] = ()
        self._finishing: tuple[list[int], asyncio.Future[None]] | None = None
        try:
            db = _open(directory / "queue.db", settings)
            create(db)
            if serving and place.first:
                self._recover(db, None if place.alone else place.started_at)
            self._reader = _open(directory / "queue.db", settings)
            self._near = _open(directory / "queue.db", settings)  # for the event loop
        except apsw.Error as error:
            self._unlock()
            raise translate(error) from error
        self._data_version(db)
        self._writer = GroupWriter(
            db, settings.max_batch, self._forget_totals, turns, int(settings.busy_timeout_seconds * 1000)
        )
        self._db = db
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="postroom-queue-reader")
        self._files = ThreadPoolExecutor(_CONTENT_THREADS, thread_name_prefix="postroom-queue-content")

    @property
    def commits(self) -> int:
        """Transactions so far; fewer than changes when they came together."""
        return self._writer.commits

    # ---- start and end

    def _recover(self, db: apsw.Connection, before: float | None) -> None:
        """What start-up does about each state of docs/queue.md; of the files, those older than `before`."""
        known = {str(row[0]) for row in db.execute("SELECT id FROM messages WHERE is_file")}
        swept = self._contents.sweep(known, before)
        with db:
            rows = db.execute(
                "SELECT m.id, e.address FROM entries e JOIN messages m ON m.seq=e.message WHERE e.state='sending'"
            ).fetchall()
            self.interrupted = tuple((str(message_id), str(address)) for message_id, address in rows)
            db.execute("UPDATE entries SET state='waiting' WHERE state='sending'")
            for message_id in known:
                if not self._contents.path(message_id).exists():
                    _log.error("%s: its content file is missing; its entries are on hold", message_id)
                    db.execute(
                        "UPDATE entries SET state='held', last_reply='content file is missing'"
                        " WHERE message=(SELECT seq FROM messages WHERE id=?)",
                        (message_id,),
                    )
            numbers = db.execute("SELECT id FROM destinations").fetchall()
            claiming.refresh(db, [cast(int, row[0]) for row in numbers])
        if swept or self.interrupted:
            _log.info(
                "start-up: %d interrupted attempts are due again, %d leftover files removed",
                len(self.interrupted),
                swept,
            )

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._tasks.close()
        await self._writer.close()
        loop = asyncio.get_running_loop()
        for pool in (self._reading, self._files):
            await loop.run_in_executor(None, pool.shutdown)
        self._reader.close()
        self._near.close()
        self._db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # ---- messages in

    async def enqueue(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        spool: Spool,
        *,
        prefix: bytes = b"",
        message_id: str | None = None,
        hold: bool = False,
        once: str = "",
    ) -> str:
        if not recipients:
            raise ValueError("a message needs a recipient")
        queue_id = new_message_id(self._ids) if message_id is None else check_message_id(message_id)
        is_file = spool.size > self._settings.inline_limit_octets
        if is_file:
            await self._put_content(queue_id, spool)
        data = None if is_file else spool.getvalue()
        size = len(prefix) + spool.size

        def work(transaction: Transaction) -> bool:
            now, kept = self._clock.now(), self._settings.once_seconds
            if once and not rows.is_first(transaction.db, once, now, kept):
                return False
            self._insert(transaction, queue_id, envelope, recipients, size, prefix, data, hold)
            return True

        try:
            small = (spool.size if not is_file else 0) <= self._settings.on_loop_octets and len(recipients) <= _FEW
            inserted = await self._writer.run(work, light=small)
        except Exception:
            if is_file:
                self._contents.remove(queue_id)
            raise
        if is_file and not inserted:
            self._contents.remove(queue_id)
        self._wake()
        return queue_id if inserted else ""

    async def _put_content(self, queue_id: str, spool: Spool) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._files, self._contents.put, queue_id, spool)
        except FileExistsError as error:
            raise ValueError(f"message id {queue_id} is in use") from error
        except OSError as error:
            raise translate(error) from error

    def _insert(
        self,
        transaction: Transaction,
        queue_id: str,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        size: int,
        prefix: bytes,
        data: bytes | None,
        hold: bool,
    ) -> None:
        db = transaction.db
        totals = self._with_one_more(db, size)
        now = self._clock.now()
        seq = rows.insert_message(db, queue_id, envelope, size, now, prefix, data)
        due = max(now, envelope.hold_until or now)  # RFC 4865 §4
        state = EntryState.HELD if hold else EntryState.WAITING
        for recipient in recipients:
            name = destination_for(recipient)
            place = -envelope.priority, self._turns.take(name, envelope.mail_from, due)
            destination = claiming.destination_with(db, name, None if hold else due)
            rows.insert_entry(db, seq, recipient, state, due, destination, place)
        self._totals = totals
        transaction.afterwards.append(lambda: self._probe(DiskState(state.value)))

    def _with_one_more(self, db: apsw.Connection, size: int) -> tuple[int, int]:
        """How many messages and octets that makes. Raises QueueFull.

        Where others write too, what is remembered is seldom exact. Counting takes the longer the more there are, so it
        is done now and then, and before anything is refused.
        """
        totals, settings = self._totals, self._settings
        others = self._data_version(db)
        if totals is None or (others and self._clock.monotonic() - self._counted_at >= settings.poll_interval_seconds):
            totals = self._count(db)
        if totals[0] >= settings.max_messages or totals[1] + size > settings.max_octets:
            totals = self._count(db)
        messages, octets = totals[0] + 1, totals[1] + size
        if messages > settings.max_messages or octets > settings.max_octets:
            raise QueueFull(f"{messages} messages, {octets} octets")
        return messages, octets

    def _count(self, db: apsw.Connection) -> tuple[int, int]:
        self._counted_at = self._clock.monotonic()
        messages, octets = _row(db, "SELECT count(*), CAST(total(size) AS INTEGER) FROM messages")
        self._totals = messages, octets
        return self._totals

    # ---- attempts

    async def claim(
        self, now: float, limit: int, *, share: int | None = None, shares: Mapping[str, Share] = NO_SHARES
    ) -> list[Entry]:
        def work(transaction: Transaction) -> list[Entry]:
            claimed = rows.entries(claiming.claim(transaction.db, now, limit, share, shares), EntryState.SENDING)
            if claimed:
                transaction.afterwards.append(lambda: self._probe(DiskState.SENDING))
            return claimed

        full = {name for name, own in shares.items() if own.left <= 0}
        if await self._next_due(full, now) is None:
            return []
        return await self._writer.run(work, durable=False)

    async def next_due(self, full: Container[str] = ()) -> float | None:
        return await self._next_due(full, float("inf"))

    async def _next_due(self, full: Container[str], until: float) -> float | None:
        return await self._read(lambda: claiming.next_due(self._reader, full, until))

    async def finish(self, entry_ids: Sequence[int]) -> None:
        """Those that are finished in one turn of the loop are one change."""
        if not entry_ids:
            return
        if self._finishing is None:
            self._finishing = [], asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._finish_together)
        together, done = self._finishing
        together += entry_ids
        await asyncio.shield(done)

    def _finish_together(self) -> None:
        assert self._finishing is not None
        (entry_ids, done), self._finishing = self._finishing, None
        try:
            light = len(entry_ids) <= _FEW and self._settings.on_loop_octets > 0
            job = self._writer.start(lambda transaction: self._delete(transaction, entry_ids), light=light)
        except QueueFailure as error:
            done.set_exception(error)
            return
        job.add_done_callback(partial(_pass_on, done))

    async def defer(
        self, entry_ids: Sequence[int], next_attempt: float, reply: str, *, delay_warned: bool = False
    ) -> None:
        reply = reply[: self._settings.max_reply_characters]
        await self._change(
            "UPDATE entries SET state=iif(state='sending','waiting',state), attempts=attempts+1, next_attempt=?2,"
            " turn=?2, last_reply=?3, delay_warned=max(delay_warned,?4), wish='' WHERE entry_id=?1",
            entry_ids,
            (next_attempt, reply, delay_warned),
        )

    async def release(self, entry_ids: Sequence[int], *, not_before: float | None = None) -> None:
        await self._change(
            "UPDATE entries SET state='waiting', next_attempt=max(next_attempt,?2) WHERE entry_id=?1"
            " AND state='sending'",
            entry_ids,
            (0.0 if not_before is None else not_before,),
            durable=False,
        )

    async def _change(
        self, sql: str, entry_ids: Sequence[int], values: tuple[Any, ...], *, durable: bool = True
    ) -> None:
        if not entry_ids:
            return

        def work(transaction: Transaction) -> None:
            transaction.db.executemany(sql, [(entry_id, *values) for entry_id in entry_ids]).fetchall()
            claiming.refresh(transaction.db, claiming.destinations_of(transaction.db, entry_ids))

        light = len(entry_ids) <= _FEW and self._settings.on_loop_octets > 0
        await self._writer.run(work, durable=durable, light=light)
        self._wake()

    def _delete(self, transaction: Transaction, entry_ids: Iterable[int]) -> int:
        """Remove entries, and each message with its last one."""
        db = transaction.db
        deleted = 0
        touched: set[int] = set()
        destinations: set[int] = set()
        for seq, destination in db.execute(
            "DELETE FROM entries WHERE entry_id IN (SELECT value FROM json_each(?)) RETURNING message, destination",
            (json.dumps(list(entry_ids)),),
        ):
            touched.add(cast(int, seq))
            destinations.add(cast(int, destination))
            deleted += 1
        claiming.refresh(db, destinations)
        gone = db.execute(
            "DELETE FROM messages WHERE seq IN (SELECT value FROM json_each(?))"
            " AND NOT EXISTS (SELECT 1 FROM entries WHERE message=seq) RETURNING id, size, is_file",
            (json.dumps(list(touched)),),
        ).fetchall()
        for queue_id, size, is_file in gone:
            if self._totals is not None:
                self._totals = self._totals[0] - 1, self._totals[1] - cast(int, size)
            if is_file:
                transaction.afterwards.append(partial(self._remove_content, str(queue_id)))
        return deleted

    def _remove_content(self, queue_id: str) -> None:
        self._probe(DiskState.FORGOTTEN)
        self._contents.remove(queue_id)

    # ---- reading

    async def read(self, message_id: str, start: int, end: int) -> bytes:
        if start >= end:
            return b""

        def query(reader: apsw.Connection) -> tuple[bool, bytes, bytes]:
            row = reader.execute("SELECT is_file, prefix, data FROM messages WHERE id=?", (message_id,)).fetchone()
            if row is None:
                raise NoSuchEntry(message_id)
            is_file, prefix, data = cast(tuple[int, bytes, bytes | None], row)
            return bool(is_file), prefix, data or b""

        if end - start <= self._settings.on_loop_octets and not self._closed:
            try:
                is_file, prefix, data = query(self._near)
            except apsw.Error as error:
                raise translate(error) from error
        else:
            is_file, prefix, data = await self._read(lambda: query(self._reader))
        if not is_file:
            return (prefix + data)[start:end]
        prefix_length = len(prefix)
        head = prefix[start:end]
        if end <= prefix_length:
            return head
        first, last = max(0, start - prefix_length), end - prefix_length
        try:
            rest = await asyncio.get_running_loop().run_in_executor(
                self._files, self._contents.read, message_id, first, last
            )
        except FileNotFoundError as error:
            raise NoSuchEntry(f"{message_id}: content file is missing") from error
        except OSError as error:
            raise translate(error) from error
        return head + rest

    async def entries(self, *, limit: int | None = None, destination: str | None = None) -> list[Entry]:
        where, values = "1", list[Any]()
        if destination is not None:
            where = "e.destination=(SELECT id FROM destinations WHERE name=?)"
            values.append(destination)
        values.append(-1 if limit is None else limit)
        return await self._read(lambda: self._select(f"{where} ORDER BY m.seq, e.entry_id LIMIT ?", values))

    async def message_entries(self, message_id: str) -> list[Entry]:
        entries = await self._read(lambda: self._select("m.id=? ORDER BY e.entry_id", (message_id,)))
        if not entries:
            raise NoSuchEntry(message_id)
        return entries

    def _select(self, where: str, values: Sequence[Any]) -> list[Entry]:
        sql = f"SELECT {ENTRY_COLUMNS} FROM entries e JOIN messages m ON m.seq=e.message WHERE {where}"
        return rows.entries(self._reader.execute(sql, values).fetchall())

    # ---- news

    def on_new_work(self, wake: Wake) -> None:
        if not self._tasks:
            self._tasks.spawn(self._watch(), name="watch")
        self._wakes.append(wake)

    def on_own_change(self, wake: Wake) -> None:
        """Call `wake` (on the loop) when this process has changed something: another one takes the messages out."""
        self._wakes.append(wake)

    def look(self) -> None:
        """Another process says that it has changed something."""
        self._wake()

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    async def _watch(self) -> None:
        """Notice what other processes (postroom queue …) change."""
        while True:
            await self._clock.sleep(self._settings.poll_interval_seconds)
            try:
                if await self._read(self._reader_version_changed):
                    self._wake()
            except QueueError as error:
                _log.error("looking for changes: %s", error)

    def _reader_version_changed(self) -> bool:
        """The reading connection also sees our own writer's commits; a needless wake costs one look."""
        version = int(_row(self._reader, "PRAGMA data_version")[0])
        changed, self._seen_version = version != self._seen_version, version
        return changed

    def _data_version(self, db: apsw.Connection) -> bool:
        """True when another process has committed since the last call (writer's thread, inside a transaction)."""
        version = int(_row(db, "PRAGMA data_version")[0])
        changed, self._writer_version = version != self._writer_version, version
        return changed

    def _forget_totals(self) -> None:
        self._totals = None


def _pass_on(done: "asyncio.Future[None]", job: "asyncio.Future[int]") -> None:
    error = job.exception()
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()  # who asked may be gone


def _row(db: apsw.Connection, sql: str, *values: Any) -> tuple[Any, ...]:
    (row,) = db.execute(sql, values).fetchall()
    return row


def _open(path: Path, settings: QueueSettings) -> apsw.Connection:
    # People's mail: for nobody else's eyes; SQLite gives its log files the same mode. Only a file that is new is opened
    # here: closing a descriptor of one that SQLite has open would drop SQLite's locks on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    db = apsw.Connection(str(path))
    db.set_busy_timeout(int(settings.busy_timeout_seconds * 1000))
    db.execute("PRAGMA journal_mode=WAL").fetchall()
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA foreign_keys=ON")
    return db


def hold_queue(directory: Path) -> FileLock:
    """Take the queue in this data folder for a server. Raises QueueFailure when another server has it."""
    (directory / "queue").mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(directory / "queue" / "lock")
    if not lock.try_take():
        lock.close()
        raise QueueFailure("another server is running on this data folder")
    return lock
