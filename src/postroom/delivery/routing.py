"""Which hosts take mail for a destination, best first (RFC 5321 §5.1).

Owns: MX look-up and its order, null MX, implicit MX, never calling ourselves. Never: connects, chooses a route
(routes.py). Raises: Undeliverable, DnsTemporary, RouteGone.
"""

import asyncio
import ipaddress
from dataclasses import dataclass
from itertools import chain, zip_longest

from postroom.base import Ids
from postroom.dns import DnsTemporary, Mx, Resolver, to_question
from postroom.net import Networks

from .api import Undeliverable
from .destination import Destination, ascii_domain, literal_address
from .next_hop import is_address
from .routes import Routes
from .settings import DeliverySettings


@dataclass(frozen=True, slots=True)
class Host:
    """A host to call; its addresses are looked up when its turn comes."""

    name: str
    port: int
    addresses: tuple[str, ...] = ()  # known already
    configured: bool = False  # the settings or an operator named it: its addresses are not judged


class Router:
    """`hosts` once an attempt, then `addresses` for each host in turn."""

    def __init__(self, resolver: Resolver, ids: Ids, settings: DeliverySettings, hostname: str, routes: Routes) -> None:
        self._resolver = resolver
        self._ids = ids
        self._settings = settings
        self._hostname = hostname
        self._own_names = frozenset(to_question(name) for name in (hostname, *settings.own_names))
        self._refused = Networks(settings.refuse_networks)
        self._own_addresses = frozenset(str(ipaddress.ip_address(a)) for a in settings.own_addresses)
        self._routes = routes

    async def hosts(self, destination: Destination) -> list[Host]:
        """The hosts to try, in order; never empty."""
        relay = self._routes.relay(destination)
        if relay.hosts:
            return [
                Host(place.name, place.port or relay.port, (place.name,) if is_address(place.name) else (), True)
                for place in relay.hosts
            ]
        domain = ascii_domain(destination.domain)
        port = relay.port
        if domain.startswith("["):
            address = literal_address(domain)
            if address in self._own_addresses:
                raise self._ourselves(domain)
            return [Host(domain, port, (address,))]
        answer = await self._resolver.mx(domain)
        if any(not mx.host or mx.host == "." for mx in answer.records):
            if len(answer.records) == 1:  # RFC 7505 §3
                text = f"Domain {domain} does not accept mail"
                raise Undeliverable(domain, code=556, enhanced="5.1.10", text=text)
            answer = type(answer)(tuple(mx for mx in answer.records if mx.host and mx.host != "."))
        if not answer.records:  # the implicit MX
            # Also after "no such name" (RFC 5321 §5.1): some servers say so of the MX of a domain that has an address.
            addresses = await self._look_up(domain)
            if not addresses:
                text = f"Domain {domain} " + (
                    "has no mail server and no address" if answer.exists else "does not exist"
                )
                raise Undeliverable(domain, code=550, enhanced="5.1.2", text=text)
            if domain in self._own_names or self._own_addresses.intersection(addresses):
                raise self._ourselves(domain)
            return [Host(domain, port, addresses)]
        ranked = self._ranked(answer.records)[: self._settings.max_mx_hosts]
        kept = await self._before_ourselves(ranked)
        if not kept:
            raise self._ourselves(domain)
        return [Host(mx.host, port) for mx in kept]

    def _ranked(self, records: tuple[Mx, ...]) -> list[Mx]:
        """By preference, equals in random order to spread the load (RFC 5321 §5.1)."""
        return [mx for _, mx in sorted(((mx.preference, self._ids.jitter()), mx) for mx in records)] if records else []

    async def _before_ourselves(self, ranked: list[Mx]) -> list[Mx]:
        """Drop our own preference and all worse ones (RFC 5321 §5.1), so that mail never circles."""
        ours = await asyncio.gather(*(self._is_ourselves(mx.host) for mx in ranked))
        worst = min((mx.preference for mx, own in zip(ranked, ours, strict=True) if own), default=None)
        return [mx for mx in ranked if worst is None or mx.preference < worst]

    async def _is_ourselves(self, name: str) -> bool:
        if self.is_own_name(name):
            return True
        if not self._own_addresses:
            return False
        try:
            return bool(self._own_addresses.intersection(await self._look_up(name)))
        except DnsTemporary:
            return False  # its addresses can't be called either

    def is_own_name(self, name: str) -> bool:
        """What calls itself so is this server."""
        return name.lower().removesuffix(".") in self._own_names

    def _ourselves(self, domain: str) -> Undeliverable:
        return Undeliverable(
            domain, code=554, enhanced="5.4.6", text=f"Mail for {domain} would come back to {self._hostname}"
        )

    async def addresses(self, host: Host) -> tuple[str, ...]:
        """Those of a host that may be called; none when it has none. Raises DnsTemporary, Undeliverable."""
        found = host.addresses or await self._look_up(host.name)
        if host.configured:
            return found
        # Whoever makes an MX record does not choose which of our own neighbours we talk to.
        allowed = tuple(address for address in found if address not in self._refused)
        if found and not allowed:
            text = f"{host.name} has an address that is never called: {', '.join(found[:3])}"
            raise Undeliverable(f"{host.name}: delivery.refuse_networks", code=550, enhanced="5.4.4", text=text)
        return allowed

    async def _look_up(self, name: str) -> tuple[str, ...]:
        if is_address(name):  # an MX that names an address is wrong, and common; calling it does no harm
            return (name,)
        v4, v6 = await asyncio.gather(self._resolver.a(name), self._resolver.aaaa(name), return_exceptions=True)
        found: list[tuple[str, ...]] = []
        trouble: BaseException | None = None
        for answer in (v6, v4) if self._settings.prefer_ipv6 else (v4, v6):
            if isinstance(answer, BaseException):
                trouble = trouble or answer
            else:
                found.append(answer.records)
        if trouble is not None and not (any(found) and isinstance(trouble, DnsTemporary)):
            raise trouble
        in_turns = chain.from_iterable(zip_longest(*found))  # RFC 8305 §4: the families alternate
        return tuple(dict.fromkeys(address for address in in_turns if address is not None))
