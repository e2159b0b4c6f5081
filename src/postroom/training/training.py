"""The two halves, learning and judging, as one service for the server.

Owns: where the files lie, what start, stop and new settings mean for both. Never: more. Raises: nothing.
"""

from pathlib import Path

from postroom.base import Clock, Ids
from postroom.store import Account, Draft

from .judging import Judged, Judging
from .learning import Learning, Store
from .settings import TrainingSettings

FOLDER = "training"
_KEY_OCTETS = 32


class Training:
    """`start` once, `close` once."""

    def __init__(
        self, data: Path, store: Store, clock: Clock, ids: Ids, settings: TrainingSettings, *, first: bool = True
    ) -> None:
        def new_key() -> bytes:
            return ids.octets(_KEY_OCTETS)

        folder = data / FOLDER
        self._judging = Judging(folder, clock, settings, new_key)
        self.learning = Learning(folder, store, clock, settings, new_key, self._judging.changed, first=first)

    @property
    def settings(self) -> TrainingSettings:
        """Those in force; others may be put in their place."""
        return self._judging.settings

    @settings.setter
    def settings(self, settings: TrainingSettings) -> None:
        self._judging.settings = self.learning.settings = settings

    def start(self) -> None:
        self.learning.start()

    def watch(self, account: Account) -> None:
        """See Learning.watch."""
        self.learning.watch(account)

    async def classify(self, account_id: int, draft: Draft, prefix: bytes) -> Judged | None:
        """See Judging.classify."""
        return await self._judging.classify(account_id, draft, prefix)

    async def close(self) -> None:
        await self.learning.close()
        await self._judging.close()
