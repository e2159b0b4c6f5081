"""Leaky buckets: what was done runs out evenly, so that a limit holds without remembering each moment.

Owns: their levels, bounded in number. Never: keeps the time, decides what follows. Raises: nothing.

A bucket holds `limit` and loses that much in `period` seconds. Whoever never fills it may do `limit` at once and, in
the long run, `limit` in each period.
"""

from collections import OrderedDict

_CAP = 4.0  # limits


class Buckets:
    """A bucket for each key; moments are seconds of a clock that never goes back."""

    def __init__(
        self, name: str, limit: float, period: float, most: int, *, shared: bool = False, cap: float = 0.0
    ) -> None:
        """`most` keys, those not touched for longest go first; a `limit` of 0 is none. `shared`: see `pending`.

        `cap` is the highest level, four times the limit if not given: so what was done is forgotten some day.
        """
        self.name = name
        self.limit = limit
        self.cap = cap or _CAP * limit
        self.rate = limit / period  # a second
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, at
        self._shared = shared
        self.pending: dict[str, float] = {}  # what was added here and other processes do not know

    def __len__(self) -> int:
        return len(self._levels)

    def level(self, key: str, now: float) -> float:
        """What is in it now."""
        found = self._levels.get(key)
        if found is None:
            return 0.0
        return max(0.0, found[0] - self.rate * max(0.0, now - found[1]))

    def add(self, key: str, amount: float, now: float) -> float:
        """Pour in, or take out; the new level. It may be over the limit."""
        level = min(self.cap, max(0.0, self.level(key, now) + amount))
        self._keep(key, level, now)
        if self._shared and (key in self.pending or len(self.pending) < self._most):
            self.pending[key] = self.pending.get(key, 0.0) + amount
        return level

    def wait(self, key: str, amount: float, now: float) -> float:
        """Seconds until so much more fits; 0.0: it does. More than the limit fits into an empty one."""
        if not self.limit:
            return 0.0
        over = self.level(key, now) + min(amount, self.limit) - self.limit
        return max(0.0, over / self.rate)

    def learn(self, key: str, level: float, now: float) -> None:
        """What all processes together have done, by the database; what it does not know yet is added."""
        self._keep(key, min(self.cap, max(0.0, level + self.pending.get(key, 0.0))), now)

    def forget(self, key: str) -> None:
        """As if it had never done anything."""
        self._levels.pop(key, None)
        self.pending.pop(key, None)

    def _keep(self, key: str, level: float, now: float) -> None:
        levels = self._levels
        levels[key] = (level, now)
        levels.move_to_end(key)
        if len(levels) > self._most:
            levels.popitem(last=False)


def reached(level: float, count: int) -> bool:
    """Whether that is the `count`th of its kind: the earlier ones have begun to run out."""
    return level > count - 1
