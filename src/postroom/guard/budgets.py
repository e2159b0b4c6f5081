"""How much each address, network and account may do in an hour and a day.

Owns: the buckets of each budget. Never: says what a peer hears but by BudgetSpent, knows who is exempt. Raises:
nothing.
"""

from collections.abc import Iterator

from .buckets import Buckets
from .settings import GuardSettings
from .types import BudgetSpent, Kind, Who

_PERIODS = (("hour", 3600.0), ("day", 86_400.0))
_KINDS: tuple[Kind, ...] = ("messages", "recipients", "octets")
_WORDS = {"messages": "Too many messages", "recipients": "Too many recipients", "octets": "Too much mail"}
_FROM = {"address": "from your address", "network": "from your network", "account": "from your account"}


class Budgets:
    """What accounts do is known to all processes, and after a restart; the rest where there are `several`."""

    def __init__(self, settings: GuardSettings, *, several: bool) -> None:
        self._buckets: dict[tuple[Who, Kind], list[Buckets]] = {}
        whos: tuple[Who, ...] = ("address", "network", "account")
        for who in whos:
            for kind in _KINDS:
                self._buckets[who, kind] = [
                    Buckets(
                        f"{kind} of {who} per {name}",
                        getattr(settings, f"{who}_{kind}_per_{name}"),
                        seconds,
                        settings.max_remembered,
                        shared=several or who == "account",
                    )
                    for name, seconds in _PERIODS
                ]

    def every(self) -> Iterator[Buckets]:
        for buckets in self._buckets.values():
            yield from buckets

    def spent(self, kind: Kind, who: Who, key: str, amount: float, at: float) -> BudgetSpent | None:
        """Whether so much is too much now; nothing is spent."""
        for buckets in self._buckets[who, kind]:
            wait = buckets.wait(key, amount, at)
            if wait > 0:
                words = f"{_WORDS[kind]} {_FROM[who]} for now, please try again later"
                return BudgetSpent(
                    f"{buckets.name}: {key} has spent {buckets.limit:.0f}, wait {wait:.0f} s", text=words
                )
        return None

    def spend(self, kind: Kind, who: Who, key: str, amount: float, at: float) -> None:
        """So much more is done."""
        for buckets in self._buckets[who, kind]:
            if buckets.limit:
                buckets.add(key, amount, at)

    def levels(self, who: Who, key: str, at: float) -> dict[str, tuple[float, float]]:
        """What one has spent of what: by the name of the budget, level and limit."""
        found = {}
        for kind in _KINDS:
            for buckets in self._buckets[who, kind]:
                if (level := buckets.level(key, at)) > 0:
                    found[buckets.name] = (level, buckets.limit)
        return found
