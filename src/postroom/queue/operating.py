"""The queue on disk as operators see it: what they change, what they look at, what people have held, addresses that
bounced for good.

Owns: these statements. Never: attempts, puts messages in. Raises: the QueueError family.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import apsw

from . import claiming, suppression
from .api import BOUNCE, RETRY, DestinationSummary, QueueFailure, Suppression
from .names import chosen_ids
from .settings import QueueSettings
from .states import DiskState, Probe
from .writer import GroupWriter, Transaction, translate

T = TypeVar("T")


class Operated:
    """The part of SqliteQueue for operators."""

    _settings: QueueSettings
    _probe: Probe
    _writer: GroupWriter
    _reader: apsw.Connection
    _reading: ThreadPoolExecutor
    _closed: bool

    @abstractmethod
    def _wake(self) -> None: ...

    @abstractmethod
    def _delete(self, transaction: Transaction, entry_ids: Iterable[int]) -> int: ...

    async def _read(self, query: Callable[[], T]) -> T:
        if self._closed:
            raise QueueFailure("the queue is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, query)
        except apsw.Error as error:
            raise translate(error) from error

    async def retry_now(self, which: Sequence[str], now: float) -> int:
        sql = "UPDATE entries SET next_attempt=?2, turn=?2, wish=?3 WHERE entry_id=?1"
        return await self._operate(which, "waiting", sql, now, RETRY)

    async def hold(self, which: Sequence[str]) -> int:
        sql = "UPDATE entries SET state='held' WHERE entry_id=?1"
        return await self._operate(which, "waiting sending", sql, probe=DiskState.HELD)

    async def unhold(self, which: Sequence[str], now: float) -> int:
        sql = "UPDATE entries SET state='waiting', next_attempt=?2, turn=?2 WHERE entry_id=?1"
        return await self._operate(which, "held", sql, now)

    async def bounce(self, which: Sequence[str], now: float, text: str) -> int:
        sql = "UPDATE entries SET state='waiting', next_attempt=?2, turn=?2, wish=?3 WHERE entry_id=?1"
        return await self._operate(
            which, "waiting held", sql, now, BOUNCE + text[: self._settings.max_reply_characters]
        )

    async def move(self, which: Sequence[str], route: str, now: float) -> int:
        sql = (
            "UPDATE entries SET route=?3, next_attempt=iif(state='waiting',?2,next_attempt), wish=?4 WHERE entry_id=?1"
        )
        return await self._operate(which, "waiting sending held", sql, now, route, RETRY)

    async def prioritize(self, which: Sequence[str], priority: int) -> int:
        sql = "UPDATE entries SET rank=-?2 WHERE entry_id=?1"
        return await self._operate(which, "waiting sending held", sql, max(-9, min(9, priority)))

    async def remove(self, which: Sequence[str]) -> int:
        return await self._writer.run(
            lambda transaction: self._delete(transaction, chosen_ids(transaction.db, which, "waiting sending held"))
        )

    async def _operate(
        self, which: Sequence[str], states: str, sql: str, *values: float | str, probe: DiskState | None = None
    ) -> int:
        def work(transaction: Transaction) -> int:
            db = transaction.db
            chosen = chosen_ids(db, which, states)
            db.executemany(sql, [(entry_id, *values) for entry_id in chosen])
            claiming.refresh(db, claiming.destinations_of(db, chosen))
            if probe is not None:
                transaction.afterwards.append(lambda: self._probe(probe))
            return len(chosen)

        count = await self._writer.run(work)
        self._wake()
        return count

    async def pause(self, destinations: Sequence[str]) -> None:
        def work(transaction: Transaction) -> None:
            for name in destinations:
                number = claiming.destination_with(transaction.db, name.lower(), None)
                transaction.db.execute("UPDATE destinations SET paused=1 WHERE id=?", (number,))

        await self._writer.run(work)

    async def resume(self, destinations: Sequence[str]) -> int:
        def work(transaction: Transaction) -> int:
            db = transaction.db
            resumed = [
                int(cast(int, row[0]))
                for name in destinations
                for row in db.execute(
                    "UPDATE destinations SET paused=0 WHERE name=? AND paused=1 RETURNING id", (name.lower(),)
                ).fetchall()
            ]
            claiming.refresh(db, resumed)
            return len(resumed)

        count = await self._writer.run(work)
        self._wake()
        return count

    async def paused(self) -> list[str]:
        sql = "SELECT name FROM destinations WHERE paused=1 ORDER BY name"
        return await self._read(lambda: [str(name) for (name,) in self._reader.execute(sql)])

    async def summaries(self) -> list[DestinationSummary]:
        return await self._read(lambda: claiming.summaries(self._reader))

    async def held(self, holder: int, now: float) -> tuple[int, int]:
        """queue.HeldMail."""
        sql = (
            "SELECT count(*), coalesce(sum(size), 0) FROM messages INDEXED BY messages_held"
            " WHERE holder=? AND hold_until>?"
        )

        def query() -> tuple[int, int]:
            messages, octets = self._reader.execute(sql, (holder, now)).fetchall()[0]
            return cast(int, messages), cast(int, octets)

        return await self._read(query)

    # ---- addresses that bounced for good

    async def held_against(self, addresses: Collection[str]) -> dict[str, Suppression]:
        return await self._read(lambda: suppression.held_against(self._reader, addresses))

    async def note_refused(self, addresses: Sequence[str], reply: str, now: float) -> None:
        reply = reply[: self._settings.max_reply_characters]
        await self._writer.run(
            lambda transaction: suppression.note_refused(transaction.db, addresses, reply, now, self._settings),
            durable=False,
        )

    async def note_accepted(self, addresses: Sequence[str]) -> None:
        await self._writer.run(lambda transaction: suppression.forget(transaction.db, addresses), durable=False)

    async def suppressions(self) -> list[Suppression]:
        return await self._read(lambda: suppression.everything(self._reader))

    async def suppress(self, address: str, reply: str, now: float, until: float) -> None:
        await self._writer.run(lambda transaction: suppression.suppress(transaction.db, address, reply, now, until))

    async def unsuppress(self, addresses: Sequence[str]) -> int:
        return await self._writer.run(lambda transaction: suppression.forget(transaction.db, addresses))
