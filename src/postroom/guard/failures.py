"""Failed sign-ins: how long each is kept waiting, when an address is banned, when an account is under attack.

Owns: these rules. Never: checks a password, knows whether an account exists: a name is a name. Raises: nothing.

In a storm, when passwords are wrong all the time and from everywhere, all strangers take turns, so that the processors
have time for those who have been here before.

An address that guesses is slowed, each time twice as long, and then banned. An account that is guessed at from many
addresses is slowed for strangers: their passwords are looked at one after another, the others are put off. Where the
account has signed in from before, nothing changes. A password that has just been wrong for the same name is no new
guess: a phone that has the old one and tries it day and night bans nobody.
"""

import hashlib
import hmac
import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import TypeVar

from .buckets import Buckets, reached
from .origins import Origin
from .places import Places
from .settings import GuardSettings

_REPEATED = 0.05  # of a guess: what the same wrong password counts
_PUT_OFF = 0.125  # of a guess: what it counts to come before one's turn
_UNANSWERED_SECONDS = 10.0  # in which so many as make a storm are forgotten that never come to their end
_ALL = "*"  # no name: those are digests
_MAX_DOUBLINGS = 30
_K = TypeVar("_K", bound=Hashable)
_UNBANNED = 20  # failures that are forgotten in failure_memory_seconds where none are banned


class Failures:
    """`at` is a moment of the monotonic clock, `now` the time of day."""

    def __init__(self, settings: GuardSettings, places: Places, key: bytes) -> None:
        self.settings = settings
        self._places = places
        self._key = key
        memory, most = settings.failure_memory_seconds, settings.max_remembered
        until_ban = settings.failures_until_ban or _UNBANNED
        cap = 2 * max(until_ban, settings.known_failures_until_ban)
        self.addresses = Buckets("failures of addresses", until_ban, memory, most, shared=True, cap=cap)
        self.names = Buckets("failures of names", settings.failures_until_attack, memory, most, shared=True)
        self.everywhere = Buckets("failures", settings.failures_until_storm, 60.0, 1, shared=True)
        self._unanswered = Buckets("unanswered", settings.sign_ins_until_storm, _UNANSWERED_SECONDS, 1)
        self._tried: OrderedDict[bytes, None] = OrderedDict()
        self._turns: OrderedDict[str, float] = OrderedDict()  # of strangers, by name
        self._waiting: OrderedDict[tuple[str, str], float] = OrderedDict()  # the turn of one stranger for a name

    def before(self, origin: Origin | None, name: str, now: float, at: float) -> float | None:
        """Seconds until the password may be looked at; None: not now."""
        settings, waits = self.settings, [0.0]
        if reached(self.names.level(name, at), settings.failures_until_attack) and not (
            origin is not None and self._places.known(name, origin.host, now)
        ):
            stranger = name, _whose(origin)
            # One stranger stands in the queue once: else a single one fills it and no other ever gets in
            if at < self._waiting.get(stranger, -math.inf):
                return None
            waits.append(self._turn(name, settings.stranger_interval_seconds, at))
            if waits[-1] <= settings.max_stranger_delay_seconds:
                _remember(self._waiting, stranger, at + waits[-1], settings.max_remembered)
        if self._is_storm(at) and not self._welcome(origin, now):
            waits.append(self._turn(_ALL, 1 / settings.stranger_sign_ins_per_second, at))
        if max(waits) > settings.max_stranger_delay_seconds:
            return None
        self._unanswered.add(_ALL, 1, at)
        return max(waits)

    def answered(self, at: float) -> None:
        """One sign-in has come to its end."""
        self._unanswered.add(_ALL, -1, at)

    def _is_storm(self, at: float) -> bool:
        wrong, waiting = self.settings.failures_until_storm, self.settings.sign_ins_until_storm
        return bool(wrong and reached(self.everywhere.level(_ALL, at), wrong)) or bool(
            waiting and reached(self._unanswered.level(_ALL, at), waiting)
        )

    def put_off(self, origin: Origin | None, now: float, at: float) -> bool:
        """Whoever was told to come later, and comes again and again, has earned a ban some day."""
        if origin is None or origin.exempt:
            return False
        return self._earned(origin, self.addresses.add(origin.host, _PUT_OFF, at), now)

    def _welcome(self, origin: Origin | None, now: float) -> bool:
        return origin is not None and (origin.exempt or self._places.welcome(origin.host, now))

    def _turn(self, name: str, interval: float, at: float) -> float:
        """Seconds until the next one may; a turn that is too far away is not taken."""
        turn = max(at, self._turns.get(name, -math.inf) + interval)
        if turn - at <= self.settings.max_stranger_delay_seconds:
            _remember(self._turns, name, turn, self.settings.max_remembered)
        return turn - at

    def failed(self, origin: Origin | None, name: str, secret: str, now: float, at: float) -> tuple[float, bool]:
        """Seconds until the refusal is told, and whether the address has earned a ban."""
        self.answered(at)
        amount = _REPEATED if secret and self._repeated(name, secret) else 1.0
        level = self.names.add(name, amount, at)
        self.everywhere.add(_ALL, amount, at)
        ban = False
        if origin is not None and not origin.exempt:
            tries = self.addresses.add(origin.host, amount, at)
            level = max(level, tries)
            ban = self._earned(origin, tries, now)
        return self._delay(level), ban

    def _earned(self, origin: Origin, tries: float, now: float) -> bool:
        settings = self.settings
        limit = settings.failures_until_ban
        if limit and self._places.welcome(origin.host, now):
            limit = settings.known_failures_until_ban
        earned = bool(limit) and reached(tries, limit)
        if earned:
            self.addresses.forget(origin.host)
        return earned

    def _delay(self, level: float) -> float:
        settings = self.settings
        doublings = min(max(0.0, level - 1), _MAX_DOUBLINGS)
        return float(min(settings.failure_delay_seconds * 2.0**doublings, settings.max_failure_delay_seconds))

    def _repeated(self, name: str, secret: str) -> bool:
        digest = hmac.digest(self._key, f"{name} {secret}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        known = digest in self._tried
        self._tried[digest] = None
        self._tried.move_to_end(digest)
        if len(self._tried) > self.settings.max_remembered:
            self._tried.popitem(last=False)
        return known


def _whose(origin: Origin | None) -> str:
    """Who one stranger is: of IPv6 a whole site, as it has thousands of networks to come from."""
    if origin is None:
        return ""
    return origin.host if origin.version == 4 else origin.network


def _remember(kept: OrderedDict[_K, float], key: _K, moment: float, most: int) -> None:
    kept[key] = moment
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
