"""Which way mail takes: by an operator, its recipient, its sender, the default relay, or the DNS.

Owns: the tables of routes, the order of decision (docs/routing.md), relays with what is needed to call them. Never:
asks the DNS (routing.py does). Raises: PasswordUnreadable, RouteGone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from postroom.base import MailError

from .api import Undeliverable
from .destination import Destination, ascii_domain
from .next_hop import NextHop, Place, parse_place, parse_route, route_key, sender_key
from .settings import DeliverySettings, RelaySettings
from .tls_demand import TlsUse

_MAX_BY_HOSTS = 1000  # remembered
_SMARTHOST = "smarthost"  # the name of the relay that the settings of that name make
_TLS_USES: dict[str, TlsUse] = {
    "never": "never",
    "may": "opportunistic",
    "encrypt": "starttls",
    "verify": "starttls",
    "implicit": "implicit",
}


class PasswordUnreadable(MailError):
    """A relay's password_file can't be used."""

    code, enhanced, text = 451, "4.3.5", "A password can't be read"


class RouteGone(MailError):
    """An operator chose a route that the settings have no longer."""

    code, enhanced, text = 451, "4.3.5", "Unknown route"


@dataclass(frozen=True, slots=True)
class Relay:
    """How hosts are called: what all connections to a destination have in common."""

    hosts: tuple[Place, ...]  # none: those of the destination's domain
    port: int  # where the host names none
    tls: TlsUse
    verify: bool = False  # the certificate, by the host's name and the system's authorities
    username: str = ""
    password: str = field(default="", repr=False)
    source_ipv4: str = ""  # own address to call from; "": the system chooses
    source_ipv6: str = ""

    def source_for(self, address: str) -> str:
        """The own address from which this one is called."""
        return self.source_ipv6 if ":" in address else self.source_ipv4


class Routes:
    """`destination` for each recipient, then `relay` for each destination."""

    def __init__(self, settings: DeliverySettings) -> None:
        tls: TlsUse = "starttls" if settings.tls == "required" else settings.tls
        sources = settings.source_ipv4, settings.source_ipv6
        self._direct = Relay((), settings.port, tls, source_ipv4=sources[0], source_ipv6=sources[1])
        self._relays = {name: self._relay(name, relay) for name, relay in settings.relay.items()}
        self._by_hosts: dict[str, Relay] = {}  # routes that are hosts, as `relay` found them
        self._default = NextHop()
        if settings.smarthost in self._relays:
            self._default = NextHop(relay=settings.smarthost)
        elif settings.smarthost:
            self._default = NextHop(relay=_SMARTHOST)
            self._relays[_SMARTHOST] = self._smarthost(settings)
        names = self._relays.keys()
        self._by_recipient = {route_key(key): parse_route(route, names) for key, route in settings.routes.items()}
        self._by_sender = {sender_key(key): parse_route(route, names) for key, route in settings.sender_routes.items()}

    def _relay(self, name: str, settings: RelaySettings) -> Relay:
        direct = self._direct
        demand = settings.tls or ("verify" if settings.username else None)
        password = read_password(name, settings.password_file) if settings.password_file else settings.password
        return Relay(
            tuple(map(parse_place, settings.hosts)),
            settings.port or direct.port,
            direct.tls if demand is None else _TLS_USES[demand],
            demand in ("verify", "implicit"),
            settings.username,
            password,
            settings.source_ipv4 or direct.source_ipv4,
            settings.source_ipv6 or direct.source_ipv6,
        )

    def _smarthost(self, settings: DeliverySettings) -> Relay:
        return replace(
            self._direct,
            hosts=(parse_place(settings.smarthost),),
            tls=settings.smarthost_tls,
            verify=settings.smarthost_verify and settings.smarthost_tls in ("starttls", "implicit"),
            username=settings.smarthost_username,
            password=settings.smarthost_password,
        )

    def destination(self, domain: str, sender: str, route: str = "") -> Destination:
        """For a recipient's domain, the sender of the message, and an operator's choice."""
        try:
            domain = ascii_domain(domain)
        except Undeliverable:
            return Destination(domain)  # routing.py says so again, as this entry's answer
        if not route:
            return self._at(self._decided(domain, sender), domain)
        try:
            return self._at(self.chosen(route), domain)
        except ValueError:
            return Destination(domain, relay=route)  # `relay` says that it is gone

    def chosen(self, route: str) -> NextHop:
        """What an operator means. Raises ValueError."""
        return parse_route(route, self._relays)

    def _decided(self, domain: str, sender: str) -> NextHop:
        for key in _keys(domain):
            if (hop := self._by_recipient.get(key)) is not None:
                return hop
        for key in _sender_keys(sender) if self._by_sender else ():
            if (hop := self._by_sender.get(key)) is not None:
                return hop
        return self._default

    def _at(self, hop: NextHop, domain: str) -> Destination:
        """What shares a connection: the same relay, and where the DNS says its hosts, the same domain."""
        if hop.mx_of or hop.lmtp:
            return Destination(hop.mx_of or hop.lmtp)
        if hop.hosts:
            return Destination("", relay=",".join(map(str, hop.hosts)))
        if hop.relay and self._relays[hop.relay].hosts:
            return Destination("", relay=hop.relay)
        return Destination(domain, relay=hop.relay)

    def relay(self, destination: Destination) -> Relay:
        """How its hosts are called. Raises RouteGone."""
        if not destination.relay:
            return self._direct
        found = self._relays.get(destination.relay) or self._by_hosts.get(destination.relay)
        if found is not None:
            return found
        try:
            found = replace(self._direct, hosts=self.chosen(destination.relay).hosts)
        except ValueError as error:
            text = f"The route {destination.relay!r} that was chosen for this message can't be used: {error}"
            raise RouteGone(destination.relay, text=text) from error
        if len(self._by_hosts) >= _MAX_BY_HOSTS:
            self._by_hosts.clear()
        self._by_hosts[destination.relay] = found
        return found


def read_password(relay: str, path: str) -> str:
    """What the file holds, on one line. Raises PasswordUnreadable."""
    try:
        password = Path(path).read_text("utf-8").rstrip("\r\n")
        if not password or not password.isprintable():
            raise ValueError("it should hold the password on one line")
    except (OSError, ValueError) as error:  # ValueError also when it is not UTF-8
        raise PasswordUnreadable(f"delivery.relay.{relay}.password_file: {path}: {error}") from error
    return password


def _keys(domain: str) -> Iterator[str]:
    """What a table may say of a domain, the most exact first."""
    yield domain
    if not domain.startswith("["):
        parent = domain
        while parent:
            parent = parent.partition(".")[2]
            if parent:
                yield "." + parent
    yield "*"


def _sender_keys(sender: str) -> Iterator[str]:
    if not sender:
        yield "<>"
        yield "*"
        return
    local, at, domain = sender.rpartition("@")
    try:
        domain = ascii_domain(domain.lower())
    except Undeliverable:
        domain = ""
    yield f"{local.lower()}{at}{domain}"
    yield from _keys(domain)
