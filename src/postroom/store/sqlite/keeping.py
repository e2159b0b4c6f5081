"""Large contents on their way into files of their own.

Owns: which contents go to files, some of them at once, and that none is left behind when its message is not stored
after all. Never: decides what is accepted, writes rows. Raises: StoreFailure.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from postroom.base import Ids
from postroom.store.api import AppendOptions
from postroom.store.draft import Draft
from postroom.store.settings import StoreSettings
from postroom.store.states import Probe

from .appending import Item, keep_blob
from .files import AccountFiles, refusal
from .pool import Pool

_log = logging.getLogger("postroom.store")
_KEPT_AT_ONCE = 4  # their fsyncs wait together; the other threads are for other accounts


class Means(Protocol):
    """What the store has for it."""

    pool: Pool
    ids: Ids
    settings: StoreSettings
    probe: Probe
    spool: Path


class Keeper:
    """Of one account."""

    def __init__(self, means: Means, files: AccountFiles) -> None:
        self._means = means
        self._files = files

    async def items(
        self, drafts: Sequence[tuple[Draft, AppendOptions]], before_large: Callable[[], object]
    ) -> list[Item]:
        """The drafts as they go into a change, the large ones durable. `before_large` is asked before much is written
        in vain: for the first large one whose mailbox is not made when it is missing."""
        limit = self._means.settings.inline_limit_octets
        large = [draft for draft, _ in drafts if draft.facts.size > limit]
        if any(draft.facts.size > limit and not options.create for draft, options in drafts):
            before_large()
        names = iter(await self._keep_all(large) if large else ())
        return [
            Item(draft.facts, options, None, next(names))
            if draft.facts.size > limit
            else Item(draft.facts, options, draft.spool.getvalue(), None)
            for draft, options in drafts
        ]

    async def _keep_all(self, drafts: Sequence[Draft]) -> list[str]:
        if len(drafts) == 1:
            return [await self._keep(drafts[0])]
        kept: dict[int, str] = {}
        room = asyncio.Semaphore(_KEPT_AT_ONCE)

        async def keep(at: int) -> None:
            async with room:
                kept[at] = await self._keep(drafts[at])

        try:
            # All come to their end, however one fares: what they leave must be known.
            for outcome in await asyncio.gather(*map(keep, range(len(drafts))), return_exceptions=True):
                if outcome is not None:
                    raise outcome
        except BaseException:
            self._drop(kept.values())
            raise
        return [kept[at] for at in range(len(drafts))]

    async def _keep(self, draft: Draft) -> str:
        means = self._means
        name = means.ids.token(24)
        job = partial(keep_blob, self._files, draft.spool, name, means.spool, means.probe)
        try:
            # Through to the end: the thread reads from the caller's draft.
            await means.pool.call_through(job)
        except asyncio.CancelledError:
            self._drop((name,))
            raise
        except OSError as error:
            raise refusal(error) from error
        return name

    def drop(self, items: Sequence[Item]) -> None:
        """Nothing will come of these."""
        self._drop(item.blob for item in items if item.blob is not None)

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._means.pool.run(partial(self._files.disk.remove, self._files.blob(name)), _ignore)


def _ignore(result: object, error: BaseException | None) -> None:
    if error is not None:
        _log.error("a file was left behind; the next start removes it", exc_info=error)
