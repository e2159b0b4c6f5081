"""A route as people write it: which next hop it names.

Owns: that grammar, for the settings and for `postroom queue move`. Never: looks anything up. Raises: ValueError with
words for people.
"""

import ipaddress
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from postroom.dns import to_question

MX = "mx"
_RELAY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_RESERVED = frozenset({MX, "local", "none", "smarthost"})


@dataclass(frozen=True, slots=True)
class Place:
    """A host by name (A-labels) or address."""

    name: str
    port: int | None = None  # None: as usual there

    def __str__(self) -> str:
        if self.port is None:
            return self.name
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class NextHop:
    """One of these; all empty: the hosts that the recipient's domain names in the DNS."""

    relay: str = ""  # by its name in the settings
    hosts: tuple[Place, ...] = ()  # in the order in which they are tried
    mx_of: str = ""  # the hosts of another domain
    lmtp: str = ""  # a program's socket: "lmtp:/path" or "lmtp:host:port"


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone identifier has no meaning to anybody else


def parse_place(text: str) -> Place:
    """ "host", "host:port", "192.0.2.1:25", "2001:db8::1", "[2001:db8::1]:25"."""
    port: str | None = None
    if bracketed := _BRACKETED.fullmatch(text):
        name, port = bracketed[1], bracketed[2]
        if not is_address(name):
            raise ValueError(f"{text!r}: there is no IP address in the brackets")
    elif text.count(":") == 1:
        name, _, port = text.partition(":")
    else:
        name = text
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise ValueError(f"{text!r}: not a port")
    number = None if port is None else int(port)
    if is_address(name):
        return Place(str(ipaddress.ip_address(name)), number)
    try:
        return Place(to_question(name), number)
    except ValueError as error:
        raise ValueError(f'{text!r} is not like "host", "host:port", "192.0.2.1:25" or "[2001:db8::1]:25"') from error


def parse_route(value: str | Sequence[str], relays: Container[str]) -> NextHop:
    """A relay's name, "mx", "mx:DOMAIN", "lmtp:SOCKET", or one or several hosts, in a list or with commas between."""
    items = [item.strip(" ") for item in value.split(",")] if isinstance(value, str) else list(value)
    if len(items) == 1:
        (item,) = items
        if item == MX:
            return NextHop()
        if item in relays:
            return NextHop(relay=item)
        if item.startswith("mx:"):
            return NextHop(mx_of=to_question(item[3:]))
        if item.startswith("lmtp:"):
            return NextHop(lmtp="lmtp:" + _socket(item[5:]))
        if not set(item) & set(".:["):
            raise ValueError(f'there is no relay {item!r} (a host without a dot is written with its port: "{item}:25")')
    if not items:
        raise ValueError("a route names at least one host")
    return NextHop(hosts=tuple(map(parse_place, items)))


def _socket(text: str) -> str:
    if text.startswith("/") and text.isprintable():
        return text
    place = parse_place(text)
    if place.port is None:
        raise ValueError(f"'lmtp:{text}' is not a socket: lmtp:/path/to/socket, or lmtp:host:port")
    return str(place)


def check_relay_name(name: str) -> None:
    """Names can't be taken for a host's, nor for what has a meaning already."""
    if not _RELAY_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a relay: it may have letters, digits, _ and -")
    if name in _RESERVED:
        raise ValueError(f"{name!r} is no name for a relay: it has another meaning")


def route_key(text: str) -> str:
    """ "example.net", ".example.net" (all below it), "[192.0.2.1]" or "*" as it is looked up. Raises ValueError."""
    if text == "*":
        return text
    dot = "." if text.startswith(".") else ""
    try:
        return text if text.startswith("[") else dot + to_question(text.removeprefix("."))
    except ValueError as error:
        raise ValueError(f'{text!r} is not like "example.net", ".example.net" or "*"') from error


def sender_key(text: str) -> str:
    """The same, or an address, or "<>" for the null sender. Raises ValueError."""
    if text == "<>":
        return text
    local, at, domain = text.rpartition("@")
    if at and (not local or domain.startswith((".", "*"))):
        raise ValueError(f'{text!r} is not like "alice@example.net", "example.net", ".example.net", "*" or "<>"')
    return f"{local.lower()}{at}{route_key(domain)}"


def check_source(text: str, version: int) -> None:
    """Raises ValueError unless it is an address of that version, or empty."""
    if not text:
        return
    try:
        right = ipaddress.ip_address(text).version == version
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"{text!r} is not an IPv{version} address")
