"""Which hosts take mail for a destination, best first (RFC 5321 §5.1).

Owns: MX look-up and its order, null MX, implicit MX, never calling ourselves, when a host's addresses are known well
enough to begin. Never: connects, chooses a route (routes.py). Raises: Undeliverable, DnsTemporary, RouteGone.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from postroom.base import Ids, TaskOwner
from postroom.dns import Answer, DnsTemporary, Mx, Resolver, is_plain, to_question
from postroom.net import Networks, OwnAddresses

from .api import Undeliverable
from .calling_order import in_calling_order
from .destination import Destination, ascii_domain, literal_address
from .next_hop import is_address
from .routes import Routes
from .settings import DeliverySettings

Ask = Callable[[str], Awaitable[Answer[str]]]
Told = Answer[str] | Exception | None  # None: not yet


@dataclass(frozen=True, slots=True)
class Host:
    """A host to call; its addresses are looked up when its turn comes."""

    name: str
    port: int
    addresses: tuple[str, ...] = ()  # known already
    configured: bool = False  # the settings or an operator named it: its addresses are not judged
    preference: int = 0  # those with the same one are worth the same


@dataclass(frozen=True, slots=True)
class Found:
    """The addresses of a host, in the order in which to call them."""

    addresses: tuple[str, ...]
    late: Callable[[], Awaitable[tuple[str, ...]]] | None = None  # more of them, which the DNS has not told yet


class LeadsBack(Undeliverable):
    """The host is this server."""

    code, enhanced = 554, "5.4.6"


class Router:
    """`hosts` once an attempt, then `find` for each host in turn."""

    def __init__(
        self,
        resolver: Resolver,
        ids: Ids,
        settings: DeliverySettings,
        hostname: str,
        routes: Routes,
        own: OwnAddresses | None = None,
    ) -> None:
        self._resolver = resolver
        self._ids = ids
        self._settings = settings
        self._hostname = hostname
        self._own_names = frozenset(to_question(name) for name in (hostname, *settings.own_names))
        self._refused = Networks(settings.refuse_networks)
        self._own_addresses = frozenset(str(ipaddress.ip_address(a)) for a in settings.own_addresses)
        self._routes = routes
        self._own = own  # what this machine knows of its addresses
        self._source = own.source_for if own is not None else None

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
            if self._is_own(address, port):
                raise self._ourselves(domain)
            return [Host(domain, port, (address,))]
        # The DNS may have other names (RFC 2181 §11), but mail goes to none of them (RFC 5321 §2.3.5)
        answer = await self._resolver.mx(domain) if is_plain(domain) else Answer((), exists=False)
        if any(not mx.host or mx.host == "." for mx in answer.records):
            if len(answer.records) == 1:  # RFC 7505 §3
                text = f"Domain {domain} does not accept mail"
                raise Undeliverable(domain, code=556, enhanced="5.1.10", text=text)
            answer = type(answer)(tuple(mx for mx in answer.records if mx.host and mx.host != "."))
        if not answer.records:  # the implicit MX
            # Also after "no such name" (RFC 5321 §5.1): some servers say so of the MX of a domain that has an address.
            addresses = await self._all_addresses(domain)
            if not addresses:
                text = f"Domain {domain} " + (
                    "has no mail server and no address" if answer.exists else "does not exist"
                )
                raise Undeliverable(domain, code=550, enhanced="5.1.2", text=text)
            if domain in self._own_names or any(self._is_own(address, port) for address in addresses):
                raise self._ourselves(domain)
            return [Host(domain, port, addresses)]
        ranked = self._ranked(answer.records)[: self._settings.max_mx_hosts]
        kept = self._before_ourselves(ranked)
        if not kept:
            raise self._ourselves(domain)
        return [Host(mx.host, port, preference=mx.preference) for mx in kept]

    def _ranked(self, records: tuple[Mx, ...]) -> list[Mx]:
        """By preference, equals in random order to spread the load (RFC 5321 §5.1)."""
        return [mx for _, mx in sorted(((mx.preference, self._ids.jitter()), mx) for mx in records)] if records else []

    def _before_ourselves(self, ranked: list[Mx]) -> list[Mx]:
        """Drop our own preference and all worse ones (RFC 5321 §5.1), so that mail never circles.

        Where it is the address that shows it, `find_all` does, when the host's turn comes.
        """
        worst = min((mx.preference for mx in ranked if self.is_own_name(mx.host)), default=None)
        return [mx for mx in ranked if worst is None or mx.preference < worst]

    def _is_own(self, address: str, port: int) -> bool:
        return address in self._own_addresses or (self._own is not None and self._own.listens(address, port))

    def is_own_name(self, name: str) -> bool:
        """What calls itself so is this server."""
        return name.lower().removesuffix(".") in self._own_names

    def _ourselves(self, domain: str) -> LeadsBack:
        return LeadsBack(domain, text=f"Mail for {domain} would come back to {self._hostname}")

    async def find_all(self, hosts: Sequence[Host]) -> list[Found | Undeliverable | DnsTemporary]:
        """The addresses of hosts of one preference, or what is the matter with them. Raises LeadsBack: one is us."""
        if len(hosts) == 1:
            found = [await self._find_or_trouble(hosts[0])]
        else:
            found = await asyncio.gather(*map(self._find_or_trouble, hosts))
        for one in found:
            if isinstance(one, LeadsBack):
                raise one
        return found

    async def _find_or_trouble(self, host: Host) -> Found | Undeliverable | DnsTemporary:
        try:
            return await self.find(host)
        except (Undeliverable, DnsTemporary) as error:
            return error

    async def find(self, host: Host) -> Found:
        """Those of a host that may be called; none when it has none. Raises DnsTemporary, Undeliverable, LeadsBack."""
        found = Found(host.addresses) if host.addresses else await self._look_up(host.name)
        if host.configured:
            return found
        if any(self._is_own(address, host.port) for address in found.addresses):
            raise self._ourselves(host.name)
        allowed = self._allowed(found.addresses)
        if found.late is not None and not allowed:
            found = Found(await self._all_addresses(host.name))
            allowed = self._allowed(found.addresses)
        if found.addresses and not allowed:
            text = f"{host.name} has an address that is never called: {', '.join(found.addresses[:3])}"
            raise Undeliverable(f"{host.name}: delivery.refuse_networks", code=550, enhanced="5.4.4", text=text)
        late = found.late
        return Found(allowed, None if late is None else lambda: self._late(host, late))

    async def _late(self, host: Host, late: Callable[[], Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
        """What the DNS tells only now; nothing when that is us, or trouble: the host's other addresses are called."""
        try:
            addresses = await late()
        except DnsTemporary:
            return ()
        return () if any(self._is_own(address, host.port) for address in addresses) else self._allowed(addresses)

    def _allowed(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Whoever makes an MX record does not choose which of our own neighbours we talk to."""
        return tuple(address for address in addresses if address not in self._refused)

    async def _all_addresses(self, name: str) -> tuple[str, ...]:
        found = await self._look_up(name, patient=True)
        return found.addresses

    async def _look_up(self, name: str, *, patient: bool = False) -> Found:
        """The addresses of both kinds, or those of one when the others keep us waiting (RFC 8305 §3)."""
        if is_address(name):  # an MX that names an address is wrong, and common; calling it does no harm
            return Found((name,))
        if not is_plain(name):  # no host is called so
            return Found(())
        kinds = [self._resolver.a, self._resolver.aaaa]
        if self._settings.prefer_ipv6:
            kinds.reverse()
        told = await self._first_answers(name, kinds, patient)
        for at, missing in enumerate(told):
            if missing is None:

                async def late(ask: Ask = kinds[at]) -> tuple[str, ...]:
                    return in_calling_order((await ask(name)).records, (), self._source)

                return Found(in_calling_order(_records(told[1 - at]), (), self._source), late)
        addresses = in_calling_order(_records(told[0]), _records(told[1]), self._source)
        trouble = [answer for answer in told if isinstance(answer, Exception)]
        if trouble and not (addresses and isinstance(trouble[0], DnsTemporary)):
            raise trouble[0]
        return Found(addresses)

    async def _first_answers(self, name: str, kinds: Sequence[Ask], patient: bool) -> list[Told]:
        """Those of both kinds, or of one that has some addresses to begin with."""
        told: list[Told] = [None, None]
        tasks = TaskOwner("addresses")

        async def answer(at: int) -> None:
            try:
                told[at] = await kinds[at](name)
            except Exception as error:  # raised by who wants both
                told[at] = error

        begun = [tasks.spawn(answer(at), name=name) for at in range(2)]
        try:
            await asyncio.wait(begun, return_when=asyncio.ALL_COMPLETED if patient else asyncio.FIRST_COMPLETED)
            if told[0] is None and _records(told[1]):
                await asyncio.wait(begun[:1], timeout=self._settings.resolution_delay_seconds)
            if not any(map(_records, told)):
                await asyncio.wait(begun)
            return list(told)
        finally:
            await tasks.close()  # the resolver goes on: who asks again has the answer the sooner


def _records(told: Told) -> tuple[str, ...]:
    return told.records if isinstance(told, Answer) else ()
