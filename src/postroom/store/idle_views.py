"""Views that nobody has open any more, kept for who comes next.

Owns: which of them stay, for all accounts together: the latest used, up to so many messages. Never: looks into a view,
holds on to one by itself (its account does). Raises: nothing.

A message takes 48 octets of a view, so what is bounded is memory: the default of a million messages is 48 MB at most,
for all accounts, and gives back a folder of 100,000 messages at once that would take some 55 ms to load.
"""

from collections import OrderedDict
from typing import Protocol

from .view_cache import CacheRoom

_VIEW = 32  # what an empty view costs, in messages


class Keeper(Protocol):
    """Who has the views: one account's OpenViews."""

    def forget_idle(self, mailbox_id: int) -> None:
        """Let one go."""


class IdleViews:
    """All methods run on the event loop."""

    def __init__(self, max_messages: int, room: CacheRoom | None = None) -> None:
        self.room = room or CacheRoom()  # that all views, idle or not, have for their caches
        self._limit = max_messages
        self._sizes: OrderedDict[tuple[Keeper, int], int] = OrderedDict()  # the longest unused first
        self._total = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def keep(self, keeper: Keeper, mailbox_id: int, messages: int) -> None:
        """A view was given back by the last who had it."""
        self.take(keeper, mailbox_id)
        size = messages + _VIEW
        if size > self._limit:
            keeper.forget_idle(mailbox_id)  # it would only drive out the others
            return
        self._sizes[keeper, mailbox_id] = size
        self._total += size
        self._shrink()

    def grown(self, keeper: Keeper, mailbox_id: int, messages: int) -> None:
        """A change was folded into an idle view."""
        key = (keeper, mailbox_id)
        if key in self._sizes:
            self._total += messages + _VIEW - self._sizes[key]
            self._sizes[key] = messages + _VIEW
            self._shrink()

    def take(self, keeper: Keeper, mailbox_id: int) -> None:
        """It is used again, or gone."""
        self._total -= self._sizes.pop((keeper, mailbox_id), 0)

    def _shrink(self) -> None:
        while self._total > self._limit:
            (keeper, mailbox_id), size = self._sizes.popitem(last=False)
            self._total -= size
            keeper.forget_idle(mailbox_id)
