"""Telling a client that is waited for; what is told is in test_idle.py and test_notify.py."""

import asyncio
from pathlib import Path

from postroom.base import SeededIds, SystemClock
from postroom.base.errors import MailError
from postroom.net.api import IdleTimeout
from postroom.servers.imap.pushing import Pusher
from postroom.servers.imap.session import Session
from postroom.store.api import StoreFailure

from .room import open_room, run


class Watcher:
    """session.Watcher, from outside."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.on_news = None
        self.news: list[bytes] = []
        self.failure = failure
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def has_news(self) -> bool:
        return bool(self.news)

    async def take_news(self) -> bytes:
        news, self.news = b"".join(self.news), []
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return news

    def close(self) -> None:
        pass
