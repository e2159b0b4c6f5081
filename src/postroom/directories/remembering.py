"""What a directory has said, so that it is not asked again at once, and goes on while it is down.

Owns: how long answers are good, and for how long more when no new one can be had; one question for all who wait for
the same. Never: keeps a password (only a digest under a key that lives as long as the process). Raises: SourceDown.

While the directory is down, what was a yes is one for outage_seconds; what was a no is not: that could be wrong by now,
and a wrong no loses mail for good.
"""

import asyncio
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from postroom.base import Clock, Ids, TaskOwner

from .settings import DirectorySettings
from .types import Known, Source, SourceDown

_log = logging.getLogger("postroom.directories")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Answer:
    known: Known | None
    at: float  # monotonic


class _Answers(Generic[K]):
    """Of one kind of question."""

    def __init__(
        self, yes_seconds: float, no_seconds: float, settings: DirectorySettings, clock: Clock, tasks: TaskOwner
    ) -> None:
        self._yes_seconds = yes_seconds
        self._no_seconds = no_seconds
        self._settings = settings
        self._clock = clock
        self._tasks = tasks
        # The one that was needed last at the end. Apart, so that no storm of wrong passwords drives out the right ones
        # that an outage is got over with.
        self._yes: OrderedDict[K, _Answer] = OrderedDict()
        self._no: OrderedDict[K, _Answer] = OrderedDict()
        self._under_way: dict[K, asyncio.Future[Known | SourceDown | None]] = {}

    def __len__(self) -> int:
        return len(self._yes) + len(self._no)

    def forget(self, key: K) -> None:
        self._yes.pop(key, None)
        self._no.pop(key, None)

    async def get(self, key: K, ask: Callable[[], Awaitable[Known | None]]) -> Known | None:
        for kept, good in ((self._yes, self._yes_seconds), (self._no, self._no_seconds)):
            answer = kept.get(key)
            if answer is not None:
                kept.move_to_end(key)
                if self._clock.monotonic() < answer.at + good:
                    return answer.known
        found = await asyncio.shield(self._start(key, ask))
        if not isinstance(found, SourceDown):
            return found
        before = self._yes.get(key)
        if (
            before is not None
            and self._clock.monotonic() < before.at + self._yes_seconds + self._settings.outage_seconds
        ):
            return before.known
        raise SourceDown(str(found))

    def _start(self, key: K, ask: Callable[[], Awaitable[Known | None]]) -> "asyncio.Future[Known | SourceDown | None]":
        future = self._under_way.get(key)
        if future is None:
            future = self._under_way[key] = asyncio.get_running_loop().create_future()
            self._tasks.spawn(self._fill(key, ask, future), name="question")
        return future

    async def _fill(
        self, key: K, ask: Callable[[], Awaitable[Known | None]], future: "asyncio.Future[Known | SourceDown | None]"
    ) -> None:
        found: Known | SourceDown | None = SourceDown("the server stops")
        try:
            found = await ask()
            self._keep(key, found)
        except SourceDown as error:
            found = error
        except Exception as error:  # our bug: it is nobody's yes or no
            _log.exception("directory: a question failed")
            found = SourceDown(type(error).__name__)
        finally:
            del self._under_way[key]
            if not future.done():
                future.set_result(found)

    def _keep(self, key: K, known: Known | None) -> None:
        self.forget(key)
        kept = self._no if known is None else self._yes
        kept[key] = _Answer(known, self._clock.monotonic())
        while len(kept) > self._settings.max_remembered:
            kept.popitem(last=False)


class RememberingSource:
    """A Source over another one."""

    def __init__(self, source: Source, settings: DirectorySettings, clock: Clock, ids: Ids) -> None:
        self._source = source
        self._key = ids.octets(32)
        self._tasks = TaskOwner("directory")
        known, unknown = settings.known_seconds, settings.unknown_seconds
        self._addresses: _Answers[str] = _Answers(known, unknown, settings, clock, self._tasks)
        self._users: _Answers[str] = _Answers(known, unknown, settings, clock, self._tasks)
        self._proofs: _Answers[bytes] = _Answers(
            settings.proven_seconds, settings.refused_seconds, settings, clock, self._tasks
        )

    async def close(self) -> None:
        await self._tasks.close()
        await self._source.close()

    async def find(self, address: str) -> Known | None:
        return await self._addresses.get(address, lambda: self._source.find(address))

    async def find_user(self, username: str) -> Known | None:
        return await self._users.get(username, lambda: self._source.find_user(username))

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        parts = [text.encode("utf-8", "surrogatepass") for text in (username, password, protocol)]
        told = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        digest = hmac.digest(self._key, told, hashlib.sha256)
        return await self._proofs.get(digest, lambda: self._source.authenticate(username, password, protocol))
