"""A server on loopback whose mail is shown to filters of a test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.filters.peers import Talk, dialer, serving
from tests.intake.strangers import Notes
from tests.servers.smtp.room import Room, make_room, service

from postroom.dns import StaticResolver
from postroom.filters import Filters, FilterSettings
from postroom.net import Listener, NetSettings
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION
from postroom.smtp import SmtpSettings

Wanted = tuple[str, Talk, dict[str, Any]]


class FilterRoom(Room):
    notes: Notes


@asynccontextmanager
async def filtering(*wanted: Wanted) -> AsyncIterator[FilterRoom]:
    """foo.com with bob, jones and brown; filters are called a, b, c … in the order in which they are asked."""
    async with AsyncExitStack() as held:
        folder = Path(held.enter_context(TemporaryDirectory()))
        made = await make_room(folder)
        room = FilterRoom(made.directory, made.store, made.queue, made.intake)
        room.intake.journal = room.notes = Notes()
        settings = {}
        for number, (kind, talk, more) in enumerate(wanted):
            peer = await held.enter_async_context(serving(talk))
            chosen: dict[str, Any] = {
                "kind": kind,
                "address": peer.address,
                "order": number,
                "timeout_seconds": 5.0,
            } | more
            settings["abcdef"[number]] = FilterSettings(**chosen)
        filters = Filters(
            settings, dialer(), hostname="foo.com", resolver=StaticResolver(), spool=lambda: room.store.draft().spool
        )
        room.intake.filters = filters
        held.callback(filters.close)
        smtp = SmtpSettings(allow_plaintext_auth_on_loopback=True)
        for name, policy in {"smtp": RELAY, "submission": SUBMISSION, "lmtp": LMTP}.items():
            listener = Listener(name, service(room, policy, smtp), NetSettings(sweep_interval_seconds=0.01))
            listener.bind(["127.0.0.1:0"])
            await listener.start()
            room.listeners[name] = listener
        try:
            yield room
        finally:
            for listener in room.listeners.values():
                await listener.stop()
            await asyncio.sleep(0.01)
            await room.directory.close()
            await room.queue.close()
            await room.store.close()


def with_filters(body: Callable[[FilterRoom], Awaitable[None]], *wanted: Wanted) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), filtering(*wanted) as room:
            await body(room)

    asyncio.run(run())
