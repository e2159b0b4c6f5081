"""Who is kept out, in memory: a look-up takes a microsecond.

Owns: bans in force, how they grow, when they are forgotten, when many of a network become one of the network. Never:
disk, sockets; decides who deserves one. Raises: nothing.

Bans end by a clock that never goes back: setting the system's clock neither frees anybody nor keeps anybody out for
years. What is on disk has the time of day; a ban is read from there with no more than its own length left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .origins import Network, Origin, network_of
from .settings import GuardSettings
from .types import Ban


@dataclass(slots=True)
class _Held:
    ban: Ban
    ends: float  # monotonic
    forgotten: float


class Bans:
    """`now` is the time of day, `at` the moment of the monotonic clock; both in seconds."""

    def __init__(self, settings: GuardSettings) -> None:
        self.settings = settings
        self._by_prefix: dict[tuple[int, int], dict[int, _Held]] = {}  # version and bits: prefix: ban
        self._members: dict[Network, dict[int, float]] = {}  # of a network: banned addresses, and their ends
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, origin: Origin, at: float) -> Ban | None:
        """The ban that keeps this client out now."""
        for (version, bits), held in self._by_prefix.items():
            if version == origin.version:
                found = held.get(origin.prefix(bits))
                if found is not None and at < found.ends:
                    return found.ban
        return None

    def impose(
        self,
        network: str,
        reason: str,
        now: float,
        at: float,
        *,
        seconds: float | None = None,
        by_operator: bool = False,
    ) -> Ban:
        """A ban from now on, longer than the last one; `seconds`: just so long."""
        place, text = network_of(network)
        before = self._held(place)
        times = before.ban.times + 1 if before is not None and at < before.forgotten else 1
        if seconds is None:
            growth = self.settings.ban_growth ** min(times - 1, 100)
            seconds = min(self.settings.ban_seconds * growth, self.settings.max_ban_seconds)
            if before is not None and at + seconds <= before.ends:
                return before.ban  # an operator's, that is in force: what they earn besides does not shorten it
        ban = Ban(text, now, now + seconds, times, reason, by_operator)
        self._keep(place, ban, at + seconds)
        return ban

    def impose_on(self, origin: Origin, reason: str, now: float, at: float) -> list[Ban]:
        """A ban of this client, and of its network when enough of that are banned."""
        bans = [self.impose(origin.host, reason, now, at)]
        most = self.settings.bans_until_network
        around, _ = network_of(origin.network)
        banned = sum(ends > at for ends in self._members.get(around, {}).values())
        if most and banned >= most:
            bans.append(self.impose(origin.network, f"{banned} of its addresses: {reason}", now, at))
        return bans

    def lift(self, network: str, now: float) -> list[Ban]:
        """Forget all bans of this network, those within it and around it; as they are to be told to others."""
        place, _ = network_of(network)
        lifted: list[Ban] = []
        for one, other in self._every():
            if _overlap(other, place):
                lifted.append(replace(one.ban, until=min(one.ban.until, now), times=0))
                self._drop(other)
        return lifted

    def learn(self, ban: Ban, now: float, at: float) -> None:
        """From the database; what an operator lifted is gone."""
        place, _ = network_of(ban.network)
        if ban.times <= 0:
            self._drop(place)
            return
        left = min(ban.until - now, ban.until - ban.since)
        if left > -self.settings.ban_memory_seconds:
            self._keep(place, ban, at + left)

    def in_force(self, at: float) -> Iterator[tuple[Ban, float]]:
        """Those that keep somebody out, and for how many seconds."""
        for held in self._by_prefix.values():
            for one in held.values():
                if at < one.ends:
                    yield one.ban, one.ends - at

    # ---- the table

    def _held(self, place: Network) -> _Held | None:
        version, bits, prefix = place
        return self._by_prefix.get((version, bits), {}).get(prefix)

    def _around(self, place: Network) -> Network | None:
        """The network that this client is counted in; None for what is no single client."""
        version, bits, prefix = place
        settings = self.settings
        if bits != (32 if version == 4 else settings.ipv6_address_prefix):
            return None
        around = settings.ipv4_network_prefix if version == 4 else settings.ipv6_network_prefix
        return version, around, prefix >> max(0, bits - around)

    def _keep(self, place: Network, ban: Ban, ends: float) -> None:
        version, bits, prefix = place
        held = self._by_prefix.setdefault((version, bits), {})
        self._count += prefix not in held
        held[prefix] = _Held(ban, ends, ends + self.settings.ban_memory_seconds)
        if (around := self._around(place)) is not None:
            self._members.setdefault(around, {})[prefix] = ends
        if self._count > self.settings.max_bans:
            self._make_room()

    def _drop(self, place: Network) -> None:
        version, bits, prefix = place
        held = self._by_prefix.get((version, bits), {})
        if held.pop(prefix, None) is None:
            return
        self._count -= 1
        if not held:
            del self._by_prefix[version, bits]
        around = self._around(place)
        if around is not None and (members := self._members.get(around)) is not None:
            members.pop(prefix, None)
            if not members:
                del self._members[around]

    def _every(self) -> list[tuple[_Held, Network]]:
        return [
            (one, (version, bits, prefix))
            for (version, bits), held in self._by_prefix.items()
            for prefix, one in held.items()
        ]

    def prune(self, at: float) -> None:
        """Drop what is forgotten."""
        for one, place in self._every():
            if one.forgotten <= at:
                self._drop(place)

    def _make_room(self) -> None:
        """A tenth goes: those that end first, and those of operators last."""
        every = sorted(self._every(), key=lambda found: (found[0].ban.by_operator, found[0].ends))
        for _, place in every[: max(1, len(every) // 10)]:
            self._drop(place)


def _overlap(one: Network, other: Network) -> bool:
    """Either is within the other."""
    (version, bits, prefix), (other_version, other_bits, other_prefix) = one, other
    if version != other_version:
        return False
    return prefix >> max(0, bits - other_bits) == other_prefix >> max(0, other_bits - bits)
