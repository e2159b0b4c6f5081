"""How an address stands: its names, the lists it is on, what is remembered of its network.

Owns: the points for each, and for how long they hold. Never: asks itself, decides. Raises: nothing.
"""

import ipaddress
from dataclasses import dataclass, field

from postroom.junk import ScorePart
from postroom.mailauth.iprev import IprevResult, IprevVerdict

from .database import Remembered
from .greylist import is_known
from .names import kind_of
from .settings import StrangersSettings

Parts = tuple[ScorePart, ...]
_MOST_JUNK = 10  # good messages for one of junk, of those who are known
_FEW = 3  # messages of junk that may be an accident
_MAX_HELLOS = 8  # names that one address is remembered to have called itself


@dataclass(slots=True)
class Standing:
    """What is found about an address, and kept for a while."""

    address: str
    network: str
    remembered: Remembered | None
    parts: Parts = ()  # of its names and of lists
    name: str = ""  # that is confirmed
    complete: bool = False  # all questions had an answer
    hellos: dict[str, Parts] = field(default_factory=dict)  # what it has called itself
    vouched: dict[str, Remembered | None] = field(default_factory=dict)  # domains for which SPF vouches

    def keep_hello(self, hello: str, parts: Parts) -> None:
        """For its next visit."""
        if len(self.hellos) < _MAX_HELLOS:
            self.hellos[hello] = parts

    def keep_vouched(self, domain: str, remembered: Remembered | None) -> None:
        """SPF lets this address send for the domain."""
        if len(self.vouched) < _MAX_HELLOS:
            self.vouched[domain] = remembered

    def noted(self, good: int, junk: int, now: float) -> None:
        """It has just brought these."""
        old = self.remembered or Remembered(now, now, False, 0, 0)
        self.remembered = old._replace(last=now, good=old.good + good, junk=old.junk + junk)

    def has_come_again(self, now: float) -> None:
        """As it was asked to."""
        self.remembered = (self.remembered or Remembered(now, now, False, 0, 0))._replace(last=now, passed=True)


def network_of(address: str, settings: StrangersSettings) -> str:
    """ "192.0.2.0/24"; "" for what is no IP address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    prefix = settings.ipv4_prefix if found.version == 4 else settings.ipv6_prefix
    return str(ipaddress.ip_network((found, prefix), strict=False))


def of_name(verdict: IprevVerdict, address: str, settings: StrangersSettings) -> Parts:
    """What the reverse DNS says; its trouble gives no points."""
    if verdict.result is IprevResult.TEMPERROR:
        return ()
    if verdict.result is IprevResult.PERMERROR:
        return _part("name.none", settings.no_name_points, verdict.words)
    if verdict.result is IprevResult.FAIL:
        return _part("name.unconfirmed", settings.unconfirmed_name_points, verdict.words)
    kind = kind_of(verdict.name, address)
    if not kind:
        return ()
    points = {
        "generic": settings.generic_name_points,
        "dynamic": settings.dynamic_name_points,
        "static": settings.static_name_points,
    }[kind]
    return _part(f"name.{kind}", points, f"{address} is called {verdict.name}, a name made from its address")


def of_past(remembered: Remembered | None, who: str, settings: StrangersSettings) -> Parts:
    """What came from there before."""
    if remembered is None:
        return _part("history.none", settings.first_time_points, f"nothing is remembered of {who}")
    good, junk = remembered.good, remembered.junk
    if junk > good and junk >= _FEW:
        words = f"{junk} messages of junk and {good} good ones came from {who}"
        return _part("history.junk", settings.junk_history_points, words)
    if is_known(remembered, settings) and good >= settings.known_after and junk * _MOST_JUNK <= good:
        return _part("history.known", settings.known_points, f"{good} good messages came from {who}")
    return ()


def _part(name: str, points: float, words: str) -> Parts:
    return (ScorePart(name, points, words),) if points else ()
