"""Open sessions waiting for another message to the same destination.

Owns: which are kept, and for how long. Never: sends anything but QUIT. Raises: nothing.
"""

import asyncio

from postroom.base import Clock, TaskOwner

from .destination import Destination
from .session import Session
from .settings import DeliverySettings


class IdleSessions:
    """`take` one before connecting, `put` one back after a message."""

    def __init__(self, clock: Clock, settings: DeliverySettings, tasks: TaskOwner) -> None:
        self._clock = clock
        self._settings = settings
        self._tasks = tasks
        self._kept: list[tuple[Destination, Session, float]] = []  # oldest first; few, so a list will do
        self._sweeping = False

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, destination: Destination) -> Session | None:
        """The session used last for this destination."""
        for at in range(len(self._kept) - 1, -1, -1):
            if self._kept[at][0] == destination:
                return self._kept.pop(at)[1]
        return None

    async def put(self, destination: Destination, session: Session) -> None:
        """Keep a session, or close it when it is used up or there are too many."""
        worn = session.uses >= self._settings.max_messages_per_connection
        if worn or not session.usable or not self._settings.max_idle_connections:
            await session.close()
            return
        surplus = self._kept.pop(0)[1] if len(self._kept) >= self._settings.max_idle_connections else None
        self._kept.append((destination, session, self._clock.monotonic()))
        if not self._sweeping:
            self._sweeping = True
            self._tasks.spawn(self._sweep(), name="close idle connections")
        if surplus is not None:
            await surplus.close()

    async def _sweep(self) -> None:
        try:
            while self._kept:
                age = self._clock.monotonic() - self._kept[0][2]
                if age >= self._settings.idle_connection_seconds:
                    await self._kept.pop(0)[1].close()
                else:
                    await self._clock.sleep(self._settings.idle_connection_seconds - age)
        finally:
            self._sweeping = False

    async def close(self) -> None:
        kept, self._kept = self._kept, []
        await asyncio.gather(*(session.close() for _, session, _ in kept))
