"""From where each account has signed in: what is known there is not slowed when strangers attack the account.

Owns: those addresses, bounded in number and time. Never: says that an account exists. Raises: nothing.

Names are digests (guard.py makes them), addresses those of origins.py. Moments are seconds since 1970.
"""

from collections import OrderedDict

from .settings import GuardSettings

_DAY = 86_400.0


class Places:
    """`note` who came from where, ask whether they are `known` there."""

    def __init__(self, settings: GuardSettings) -> None:
        self.settings = settings
        self._by_name: OrderedDict[str, dict[str, float]] = OrderedDict()  # name: address: last seen
        self._hosts: OrderedDict[str, float] = OrderedDict()

    def known(self, name: str, host: str, now: float) -> bool:
        """Whether this account has signed in from there not long ago."""
        last = self._by_name.get(name, {}).get(host)
        return last is not None and now - last < self._memory

    def welcome(self, host: str, now: float) -> bool:
        """Whether anybody has."""
        last = self._hosts.get(host)
        return last is not None and now - last < self._memory

    @property
    def _memory(self) -> float:
        return self.settings.known_place_days * _DAY

    def note(self, name: str, host: str, now: float) -> bool:
        """It has, now; whether that is news of this day, worth writing down."""
        last = self._by_name.get(name, {}).get(host)
        if last is not None and abs(now - last) < _DAY:
            return False
        self.learn(name, host, now)
        return True

    def learn(self, name: str, host: str, last: float) -> None:
        """It has, then."""
        places = self._by_name.setdefault(name, {})
        self._by_name.move_to_end(name)
        places.pop(host, None)
        places[host] = last
        if len(places) > self.settings.max_known_places:
            del places[min(places, key=places.__getitem__)]
        if len(self._by_name) > self.settings.max_remembered:
            self._by_name.popitem(last=False)
        self._hosts[host] = max(last, self._hosts.get(host, last))
        self._hosts.move_to_end(host)
        if len(self._hosts) > self.settings.max_remembered:
            self._hosts.popitem(last=False)

    def of(self, name: str) -> dict[str, float]:
        """All of one account, for people."""
        return dict(self._by_name.get(name, {}))
