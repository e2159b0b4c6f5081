"""The queue in memory: for tests and for trying things out. It keeps nothing over an end of the process.

Owns: the same behaviour as sqlite.py without a disk; the contract tests hold both to it. Raises: the QueueError family.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace

from postroom.base import Clock, Ids, Spool

from .api import (
    BOUNCE,
    NO_SHARES,
    RETRY,
    DestinationSummary,
    Entry,
    EntryState,
    Envelope,
    NoSuchEntry,
    QueuedMessage,
    QueueFull,
    Recipient,
    Share,
    Suppression,
    Wake,
    destination_for,
    message_for,
)
from .claiming import Portions
from .fairness import Turns
from .names import check_message_id, new_message_id, sent_by
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
        self._turns = Turns(settings.sender_turn_seconds, settings.max_remembered_senders)
        self._line: dict[int, tuple[int, float]] = {}  # rank and turn, by entry id
        self._paused: set[str] = set()
        self._served = dict[str, float]()  # destination: when some of its entries were claimed last
        self._once: set[str] = set()
        self._suppressions: dict[str, Suppression] = {}

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
        if once in self._once:
            return ""
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
        if once:
            self._once.add(once)
        state = EntryState.HELD if hold else EntryState.WAITING
        due = max(now, envelope.hold_until or now)
        for recipient in recipients:
            self._last_entry_id += 1
            turn = self._turns.take(destination_for(recipient), envelope.mail_from, due)
            self._line[self._last_entry_id] = -envelope.priority, turn
            self._entries[self._last_entry_id] = Entry(
                self._last_entry_id, message_for(message, recipient), recipient, state, 0, due, "", False
            )
        self._wake()
        return queue_id

    async def claim(
        self, now: float, limit: int, *, share: int | None = None, shares: Mapping[str, Share] = NO_SHARES
    ) -> list[Entry]:
        due: dict[str, list[Entry]] = {}
        for entry in self._waiting():
            if entry.next_attempt <= now:
                due.setdefault(entry.destination, []).append(entry)
        claimed: list[Entry] = []
        portions = Portions(due, limit, share, shares)
        for name, line in sorted(due.items(), key=lambda one: (self._served.get(one[0], 0.0), _due(one[1]))):
            line.sort(key=lambda entry: (*self._line[entry.entry_id], entry.entry_id))
            chosen = line[: portions.of(name)]
            messages = {entry.message.message_id for entry in chosen}  # their other recipients go with them
            chosen += [entry for entry in line[len(chosen) :] if entry.message.message_id in messages]
            chosen = chosen[: limit - len(claimed)]
            if chosen:
                self._served[name] = now
                portions.taken(name, len(chosen))
            claimed += chosen
        return [self._put(replace(entry, state=EntryState.SENDING)) for entry in claimed]

    async def next_due(self, full: Container[str] = ()) -> float | None:
        return min((e.next_attempt for e in self._waiting() if e.destination not in full), default=None)

    def _waiting(self) -> list[Entry]:
        return [
            e for e in self._entries.values() if e.state is EntryState.WAITING and e.destination not in self._paused
        ]

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
            self._stand_at(entry, next_attempt)
            self._put(
                replace(
                    entry,
                    wish="",
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

    async def entries(self, *, limit: int | None = None, destination: str | None = None) -> list[Entry]:
        return [e for e in self._entries.values() if destination is None or e.destination == destination][:limit]

    async def message_entries(self, message_id: str) -> list[Entry]:
        found = [e for e in self._entries.values() if e.message.message_id == message_id]
        if not found:
            raise NoSuchEntry(message_id)
        return found

    async def retry_now(self, which: Sequence[str], now: float) -> int:
        return self._operate(which, {EntryState.WAITING}, lambda e: replace(e, next_attempt=now, wish=RETRY), now)

    async def hold(self, which: Sequence[str]) -> int:
        states = {EntryState.WAITING, EntryState.SENDING}
        return self._operate(which, states, lambda e: replace(e, state=EntryState.HELD))

    async def unhold(self, which: Sequence[str], now: float) -> int:
        def change(entry: Entry) -> Entry:
            return replace(entry, state=EntryState.WAITING, next_attempt=now)

        return self._operate(which, {EntryState.HELD}, change, now)

    async def bounce(self, which: Sequence[str], now: float, text: str) -> int:
        def change(entry: Entry) -> Entry:
            wish = BOUNCE + text[: self._settings.max_reply_characters]
            return replace(entry, state=EntryState.WAITING, next_attempt=now, wish=wish)

        return self._operate(which, {EntryState.WAITING, EntryState.HELD}, change, now)

    async def move(self, which: Sequence[str], route: str, now: float) -> int:
        def change(entry: Entry) -> Entry:
            due = now if entry.state is EntryState.WAITING else entry.next_attempt
            return replace(entry, route=route, next_attempt=due, wish=RETRY)

        return self._operate(which, set(EntryState), change)

    async def prioritize(self, which: Sequence[str], priority: int) -> int:
        chosen = self._chosen(which, set(EntryState))
        for entry in chosen:
            self._line[entry.entry_id] = -max(-9, min(9, priority)), self._line[entry.entry_id][1]
        return len(chosen)

    async def remove(self, which: Sequence[str]) -> int:
        return self._delete([e.entry_id for e in self._chosen(which, set(EntryState))])

    async def pause(self, destinations: Sequence[str]) -> None:
        self._paused.update(map(str.lower, destinations))

    async def resume(self, destinations: Sequence[str]) -> int:
        resumed = self._paused.intersection(map(str.lower, destinations))
        self._paused -= resumed
        self._wake()
        return len(resumed)

    async def paused(self) -> list[str]:
        return sorted(self._paused)

    async def summaries(self) -> list[DestinationSummary]:
        found: list[DestinationSummary] = []
        names = {e.destination for e in self._entries.values()} | self._paused
        for name in names:
            own = [e for e in self._entries.values() if e.destination == name]
            waiting, sending, held = (sum(e.state is state for e in own) for state in EntryState)
            due = min((e.next_attempt for e in own if e.state is EntryState.WAITING), default=None)
            oldest = min((e.message.arrived for e in own), default=0.0)
            found.append(DestinationSummary(name, waiting, sending, held, due, name in self._paused, oldest))
        return sorted(found, key=lambda one: (-one.waiting - one.sending - one.held, one.name))

    # ---- addresses that bounced for good

    async def held_against(self, addresses: Collection[str]) -> dict[str, Suppression]:
        found = {address: self._suppressions.get(address.lower()) for address in addresses}
        return {address: one for address, one in found.items() if one is not None}

    async def note_refused(self, addresses: Sequence[str], reply: str, now: float) -> None:
        settings = self._settings
        if not settings.suppress_after_bounces:
            return
        for address in map(str.lower, addresses):
            known = self._suppressions.get(address)
            bounces = 1 + (known.bounces if known else 0)
            until = known.until if known else None
            if bounces >= settings.suppress_after_bounces:
                until = now + settings.suppress_seconds
            self._suppressions[address] = Suppression(
                address, bounces, reply[: settings.max_reply_characters], now, until
            )
        while len(self._suppressions) > settings.max_suppressions:
            del self._suppressions[min(self._suppressions.values(), key=lambda one: one.refused).address]

    async def note_accepted(self, addresses: Sequence[str]) -> None:
        await self.unsuppress(addresses)

    async def suppressions(self) -> list[Suppression]:
        return sorted(self._suppressions.values(), key=lambda one: (-one.refused, one.address))

    async def suppress(self, address: str, reply: str, now: float, until: float) -> None:
        self._suppressions[address.lower()] = Suppression(address.lower(), 0, reply, now, until)

    async def unsuppress(self, addresses: Sequence[str]) -> int:
        return sum(self._suppressions.pop(address.lower(), None) is not None for address in addresses)

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
            del self._line[entry.entry_id]
            if entry.message.message_id not in left:
                self._contents.pop(entry.message.message_id, None)
        return len(gone)

    def _chosen(self, which: Sequence[str], states: set[EntryState]) -> list[Entry]:
        return [e for e in self._entries.values() if e.state in states and not _names(e).isdisjoint(which)]

    def _stand_at(self, entry: Entry, turn: float) -> None:
        self._line[entry.entry_id] = self._line[entry.entry_id][0], turn

    def _operate(
        self,
        which: Sequence[str],
        states: set[EntryState],
        change: Callable[[Entry], Entry],
        turn: float | None = None,
    ) -> int:
        chosen = self._chosen(which, states)
        for entry in chosen:
            self._put(change(entry))
            if turn is not None:
                self._stand_at(entry, turn)
        self._wake()
        return len(chosen)


def _due(line: Sequence[Entry]) -> float:
    return min(entry.next_attempt for entry in line)


def _names(entry: Entry) -> set[str]:
    """What operators call it."""
    holder = entry.message.envelope.holder
    names = {"all", str(entry.entry_id), entry.message.message_id}
    return names if holder is None else names | {sent_by(holder)}
