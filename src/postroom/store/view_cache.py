"""What readers have worked out of a view and leave with it for the next one: an order, threads, pieces of FETCH.

Owns: how much of that is kept, for all views together: the latest used, up to so many octets. Never: knows what it is,
or whether it still holds (who put it there compares it with the view). Raises: nothing.

It lies with the view, so it ends with the view, the mailbox and the account, and is never another's.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

_SHARE = 4  # a single value may take one part in so many: no folder drives out all others
_ENTRY = 500  # octets that keeping a value takes, beside its own


class CacheRoom:
    """The room that the caches of all views have in common. All methods run on the event loop."""

    def __init__(self, max_octets: int = 0) -> None:
        self._limit = max_octets
        self._sizes: OrderedDict[tuple[ViewCache, Hashable], int] = OrderedDict()  # the longest unused first
        self.octets = 0  # of all that is kept

    @property
    def max_octets(self) -> int:
        """What one value may take."""
        return max(self._limit // _SHARE - _ENTRY, 0)

    def used(self, cache: "ViewCache", key: Hashable) -> None:
        """Just now."""
        self._sizes.move_to_end((cache, key))

    def take_out(self, cache: "ViewCache", key: Hashable) -> None:
        """It takes no room any more."""
        self.octets -= self._sizes.pop((cache, key), 0)

    def put_in(self, cache: "ViewCache", key: Hashable, octets: int) -> None:
        """It takes so much from now on; those used longest ago make room."""
        self.take_out(cache, key)
        self._sizes[cache, key] = octets + _ENTRY
        self.octets += octets + _ENTRY
        while self.octets > self._limit:
            (other, its_key), _ = next(iter(self._sizes.items()))
            other.drop(its_key)


class ViewCache:
    """That of one view; without a room to share nothing is kept. All methods run on the event loop."""

    __slots__ = ("_room", "_values")

    def __init__(self, room: CacheRoom | None = None) -> None:
        self._room = room or CacheRoom()
        self._values: dict[Hashable, Any] = {}

    @property
    def max_octets(self) -> int:
        """What one value may take; 0 when nothing is kept."""
        return self._room.max_octets

    def get(self, key: Hashable) -> Any:
        """What was put there, or None."""
        value = self._values.get(key)
        if value is not None:
            self._room.used(self, key)
        return value

    def put(self, key: Hashable, value: object, octets: int) -> None:
        """Keep a value, in place of what was there; the same value again when it takes another number of octets."""
        if octets > self.max_octets:
            self.drop(key)
            return
        self._values[key] = value
        self._room.put_in(self, key, octets)

    def drop(self, key: Hashable) -> None:
        """Let one value go."""
        if self._values.pop(key, None) is not None:
            self._room.take_out(self, key)

    def clear(self) -> None:
        """Let all go: the view has come to its end."""
        for key in list(self._values):
            self.drop(key)
