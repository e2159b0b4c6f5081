"""When each password was last used, noted seldom and not while somebody waits.

Owns: what is still to be written. Never: delays a sign-in or fails it. Raises: nothing.
"""

import logging

from postroom.base import Clock, TaskOwner

from .api import AccountError
from .settings import AccountSettings
from .types import Book, CredentialRow, Tables

_log = logging.getLogger("postroom.accounts")
_TOGETHER_SECONDS = 60.0  # uses of this long are written in one transaction


class LastUse:
    """`note` at each sign-in."""

    def __init__(self, book: Book, settings: AccountSettings, clock: Clock) -> None:
        self._book = book
        self._settings = settings
        self._clock = clock
        self._tasks = TaskOwner("accounts")
        self._pending: dict[int, float] = {}

    def note(self, row: CredentialRow) -> None:
        """`row` has just been proven."""
        now = self._clock.now()
        if row.last_used is not None and now - row.last_used < self._settings.last_use_seconds:
            return
        self._pending.setdefault(row.credential_id, now)
        if not self._tasks:
            self._tasks.spawn(self._later(), name="last use")

    async def _later(self) -> None:
        while self._pending:  # what comes while it writes as well
            await self._clock.sleep(_TOGETHER_SECONDS)
            await self._write()

    async def _write(self) -> None:
        pending, self._pending = self._pending, {}
        if not pending:
            return

        def write(tables: Tables) -> None:
            for credential_id, when in pending.items():
                tables.set_last_used(credential_id, when)

        try:
            await self._book.change(write)
        except AccountError as error:
            _log.warning("the last use of %d passwords was not noted: %s", len(pending), error)

    async def close(self) -> None:
        """Write what is left."""
        await self._tasks.close()
        await self._write()
