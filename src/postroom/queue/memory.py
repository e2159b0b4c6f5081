"""The queue in memory: for tests and for trying things out. It keeps nothing over an end of the process.

Owns: the same behaviour as sqlite.py without a disk; the contract tests hold both to it. Raises: the QueueError family.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from postroom.base import Clock, Ids, Spool

from .api import Entry, EntryState, Envelope, NoSuchEntry, QueuedMessage, QueueFull, Recipient, Wake
from .names import check_message_id, new_message_id
from .settings import QueueSettings


class MemoryQueue:
    """postroom.queue.Queue without a disk."""

    def __init__(self, settings: QueueSettings, clock: Clock, ids: Ids) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._entries: dict[int, Entry] = {}
        self._contents: dict[str, bytes] = {}
        self._last_entry_id = 0
        self._wakes: list[Wake] = []

    async def enqueue(
        self,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        spool: Spool,
        *,
        prefix: bytes = b"",
        message_id: str | None = None,
        hold: bool = False,
    ) -> str:
        if not recipients:
            raise ValueError("a message needs a recipient")
        queue_id = new_message_id(self._ids) if message_id is None else check_message_id(message_id)
        if queue_id in self._contents:
            raise ValueError(f"message id {queue_id} is in use")
        content = prefix + spool.read(0, spool.size)
        octets = sum(map(len, self._contents.values())) + len(content)
        if len(self._contents) >= self._settings.max_messages or octets > self._settings.max_octets:
            raise QueueFull(f"{len(self._contents)} messages, {octets} octets")
        now = self._clock.now()
        message = QueuedMessage(queue_id, envelope, len(content), now)
        self._contents[queue_id] = content
        state = EntryState.HELD if hold else EntryState.WAITING
        for recipient in recipients:
            self._last_entry_id += 1
            self._entries[self._last_entry_id] = Entry(
                self._last_entry_id, message, recipient, state, 0, now, "", False
            )
        self._wake()
        return queue_id

    async def claim(self, now: float, limit: int) -> list[Entry]:
        due = [e for e in self._entries.values() if e.state is EntryState.WAITING and e.next_attempt <= now]
        due.sort(key=lambda e: (e.next_attempt, e.entry_id))
        return [self._put(replace(e, state=EntryState.SENDING)) for e in due[:limit]]

    async def next_due(self) -> float | None:
        return min((e.next_attempt for e in self._entries.values() if e.state is EntryState.WAITING), default=None)

    async def read(self, message_id: str, start: int, end: int) -> bytes:
        if message_id not in self._contents:
            raise NoSuchEntry(message_id)
        return self._contents[message_id][start:end] if start < end else b""

    async def finish(self, entry_ids: Sequence[int]) -> None:
        self._delete(entry_ids)

    async def defer(
        self, entry_ids: Sequence[int], next_attempt: float, reply: str, *, delay_warned: bool = False
    ) -> None:
        for entry in self._known(entry_ids):
            self._put(
                replace(
                    entry,
                    state=EntryState.WAITING if entry.state is EntryState.SENDING else entry.state,
                    attempts=entry.attempts + 1,
                    next_attempt=next_attempt,
                    last_reply=reply[: self._settings.max_reply_characters],
                    delay_warned=entry.delay_warned or delay_warned,
                )
            )
        self._wake()

    async def release(self, entry_ids: Sequence[int], *, not_before: float | None = None) -> None:
        for entry in self._known(entry_ids):
            if entry.state is EntryState.SENDING:
                due = entry.next_attempt if not_before is None else max(entry.next_attempt, not_before)
                self._put(replace(entry, state=EntryState.WAITING, next_attempt=due))
        self._wake()

    async def entries(self) -> list[Entry]:
        return list(self._entries.values())

    async def message_entries(self, message_id: str) -> list[Entry]:
        found = [e for e in self._entries.values() if e.message.message_id == message_id]
        if not found:
            raise NoSuchEntry(message_id)
        return found

    async def retry_now(self, which: Sequence[str], now: float) -> int:
        return self._operate(which, {EntryState.WAITING}, lambda e: replace(e, next_attempt=now))

    async def hold(self, which: Sequence[str]) -> int:
        states = {EntryState.WAITING, EntryState.SENDING}
        return self._operate(which, states, lambda e: replace(e, state=EntryState.HELD))

    async def unhold(self, which: Sequence[str], now: float) -> int:
        return self._operate(which, {EntryState.HELD}, lambda e: replace(e, state=EntryState.WAITING, next_attempt=now))

    async def remove(self, which: Sequence[str]) -> int:
        return self._delete([e.entry_id for e in self._chosen(which, set(EntryState))])

    def on_new_work(self, wake: Wake) -> None:
        self._wakes.append(wake)

    async def close(self) -> None:
        """Nothing to close."""

    # ---- inside

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    def _put(self, entry: Entry) -> Entry:
        self._entries[entry.entry_id] = entry
        return entry

    def _known(self, entry_ids: Sequence[int]) -> list[Entry]:
        return [self._entries[entry_id] for entry_id in entry_ids if entry_id in self._entries]

    def _delete(self, entry_ids: Iterable[int]) -> int:
        gone = [entry for entry_id in entry_ids if (entry := self._entries.pop(entry_id, None)) is not None]
        left = {entry.message.message_id for entry in self._entries.values()}
        for entry in gone:
            if entry.message.message_id not in left:
                self._contents.pop(entry.message.message_id, None)
        return len(gone)

    def _chosen(self, which: Sequence[str], states: set[EntryState]) -> list[Entry]:
        return [
            e
            for e in self._entries.values()
            if e.state in states and ("all" in which or str(e.entry_id) in which or e.message.message_id in which)
        ]

    def _operate(self, which: Sequence[str], states: set[EntryState], change: Callable[[Entry], Entry]) -> int:
        chosen = self._chosen(which, states)
        for entry in chosen:
            self._put(change(entry))
        self._wake()
        return len(chosen)
