"""How each destination is doing: how many connections it can take, whether it is down.

Owns: that memory, bounded; the arithmetic of growing and shrinking. Never: connects, knows hosts (unreachable.py does).
Raises: nothing.

A destination begins with a few connections. Each message it answers, for or against, lets it have one more, up to the
setting, or that of its relay; each time nobody could be asked, or everybody said 421, halves them. After as many
failures in a row as it has connections left it is down: for a pause, which doubles each time, its mail is put off
without a call. Then one connection tries.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from postroom.base import Clock
from postroom.smtp import ServerReply

from .destination import Destination
from .settings import DeliverySettings


@dataclass(slots=True)
class Site:
    """One destination."""

    limit: float  # connections it may have now
    failures: int = 0  # in a row
    pause: float = 0.0  # seconds, of the last time it was down; 0.0: it has answered since
    down_until: float = 0.0
    reply: ServerReply | None = None  # of the last failure

    @property
    def suspect(self) -> bool:
        """Nothing has been heard of it since something failed."""
        return self.failures > 0 or self.pause > 0


class Sites:
    """`answered` or `failed` after each attempt."""

    def __init__(self, clock: Clock, settings: DeliverySettings) -> None:
        self._clock = clock
        self._settings = settings
        self._sites: OrderedDict[Destination, Site] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sites)

    def of(self, destination: Destination) -> Site:
        """What is known of it."""
        settings = self._settings
        site = self._sites.get(destination)
        if site is None:
            first = min(settings.initial_connections_per_destination, self._most(destination))
            site = self._sites[destination] = Site(float(first))
            if len(self._sites) > settings.max_remembered_sites:
                self._sites.popitem(last=False)
        else:
            self._sites.move_to_end(destination)
        return site

    def _most(self, destination: Destination) -> int:
        """Connections it may have, however well it does."""
        settings = self._settings
        relay = settings.relay.get(destination.relay)
        own = relay.max_connections if relay is not None else None
        most = settings.max_connections_per_destination
        return most if own is None else min(own, most)

    def answered(self, destination: Destination) -> None:
        """Somebody was there and took, or refused, what was brought."""
        site = self.of(destination)
        site.limit = min(site.limit + 1, float(self._most(destination)))
        site.failures, site.pause, site.down_until, site.reply = 0, 0.0, 0.0, None

    def failed(self, destination: Destination, reply: ServerReply) -> bool:
        """Nobody could be asked; True when that makes the site down."""
        site = self.of(destination)
        site.limit = max(1.0, site.limit / 2)
        site.failures += 1
        site.reply = reply
        if site.failures < site.limit or self._clock.now() < site.down_until:
            return False
        settings = self._settings
        site.limit = 1.0
        site.pause = min(max(site.pause * 2, settings.site_pause_seconds), settings.max_site_pause_seconds)
        site.down_until = self._clock.now() + site.pause
        return site.pause > 0

    def why_down(self, destination: Destination) -> ServerReply | None:
        """What to answer instead of calling; None: call."""
        site = self._sites.get(destination)
        if site is None or site.reply is None or self._clock.now() >= site.down_until:
            return None
        lines = (f"{destination} is not called for a while, since: {site.reply.lines[0]}", *site.reply.lines[1:])
        return replace(site.reply, lines=lines, local=True)
