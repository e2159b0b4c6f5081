"""Questions to a resolver that validates DNSSEC and is trusted to say so.

Owns: which resolver is trusted, the AD bit (RFC 6840 §5.7, §5.8), servers tried in turn. Never: validates itself,
caches. Raises: DnsTemporary; for a resolver, trusted or not, a bogus answer is SERVFAIL (RFC 4035 §5.5).
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from postroom.mailauth.caa import Caa

from .api import DnsTemporary, Mx, Srv
from .names import from_answer, labels_of, name_server
from .settings import DnsSettings
from .types import Found

_UDP_OCTETS = 1232  # what passes without fragments
_PORT = 53
_SYSTEM = Path("/etc/resolv.conf")
Server = tuple[str, int]

_KINDS: dict[str, Callable[[Any], Any]] = {
    "A": lambda data: str(data.address),
    "AAAA": lambda data: str(data.address),
    "CNAME": lambda data: from_answer(data.target.to_text()),
    "MX": lambda data: Mx(data.preference, from_answer(data.exchange.to_text())),
    "TLSA": lambda data: bytes((data.usage, data.selector, data.mtype)) + data.cert,
}
_OTHER_KINDS: dict[str, Callable[[Any], Any]] = {
    "CAA": lambda data: Caa(data.flags, data.tag.decode("latin-1"), data.value.decode("latin-1")),
    "PTR": lambda data: from_answer(data.target.to_text()),
    "SRV": lambda data: Srv(data.priority, data.weight, data.port, from_answer(data.target.to_text())),
    "TXT": lambda data: b"".join(data.strings),
}
_READERS = _KINDS | _OTHER_KINDS


def trusted_servers(settings: DnsSettings, system: Path = _SYSTEM) -> list[Server]:
    """The name servers, if their word on DNSSEC may be taken; else none.

    An AD bit is worth what the way to the resolver is worth (RFC 7672 §2.1.1, RFC 4035 §4.9.3): by itself only
    on this machine.
    """
    if settings.trust_ad == "never":
        return []
    servers = all_servers(settings, system)
    local = all(ipaddress.ip_address(address).is_loopback for address, _ in servers)
    return servers if local or settings.trust_ad == "always" else []


def all_servers(settings: DnsSettings, system: Path = _SYSTEM) -> list[Server]:
    """The name servers that are set, else those of the system."""
    return list(map(_apart, settings.nameservers)) or _system_servers(system)


def _apart(text: str) -> Server:
    checked = name_server(text)
    address, _, port = checked.rpartition(":")
    if checked.endswith("]") or checked.count(":") == 0:
        address, port = checked, ""
    return address.removeprefix("[").removesuffix("]"), int(port or _PORT)


def _system_servers(path: Path) -> list[Server]:
    try:
        resolver = dns.resolver.Resolver(str(path))
    except (dns.exception.DNSException, OSError):
        return []
    return [(server, _PORT) for server in resolver.nameservers if isinstance(server, str)]


class ValidatedAsk:
    """dns.types.Ask, for the kinds of records whose security matters, KINDS, and some more; for names of any octets.

    `believed`: whether the servers' word on DNSSEC is taken.
    """

    KINDS = frozenset(_KINDS)

    def __init__(self, settings: DnsSettings, servers: Sequence[Server], *, believed: bool = True) -> None:
        self._settings = settings
        self._servers = servers
        self._believed = believed

    async def ask(self, name: str, kind: str) -> Found:
        try:
            async with asyncio.timeout(self._settings.total_timeout_seconds):
                response = await self._response(name, kind)
        except TimeoutError as error:
            raise DnsTemporary(f"{kind} {name}: no answer in {self._settings.total_timeout_seconds:g} s") from error
        secure = self._believed and bool(response.flags & dns.flags.AD)
        absent = self._settings.negative_cache_seconds
        try:
            chain = response.resolve_chaining()
        except dns.exception.DNSException as error:
            raise DnsTemporary(f"{kind} {name}: {error}") from error
        if response.rcode() == dns.rcode.NXDOMAIN:
            return Found((), absent, exists=False, secure=secure)
        records = tuple(map(_READERS[kind], chain.answer or ()))
        if not records:
            return Found((), absent, secure=secure)
        canonical = from_answer(chain.canonical_name.to_text()) if chain.cnames else ""
        return Found(records, float(chain.minimum_ttl), secure=secure, canonical=canonical)

    async def _response(self, name: str, kind: str) -> dns.message.QueryMessage:
        """From the first server that has one. One that fails is not asked again, one that is silent is."""
        # by labels: dnspython reads "@" and escapes in text in its own way
        labels = dns.name.Name((*labels_of(name), b""))
        query = dns.message.make_query(labels, kind, use_edns=0, payload=_UDP_OCTETS)
        query.flags |= dns.flags.AD  # RFC 6840 §5.7: we want to know
        trouble = "no name server to ask"
        servers = list(self._servers)
        for _ in range(self._settings.tries):
            for server in tuple(servers):
                try:
                    response, _ = await dns.asyncquery.udp_with_fallback(
                        query, server[0], timeout=self._settings.timeout_seconds, port=server[1]
                    )
                except (dns.exception.Timeout, OSError) as error:
                    trouble = str(error) or type(error).__name__
                    continue
                except dns.exception.DNSException as error:
                    trouble = str(error)
                else:
                    if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                        return cast(dns.message.QueryMessage, response)
                    trouble = dns.rcode.to_text(response.rcode())
                servers.remove(server)
        raise DnsTemporary(f"{kind} {name}: {trouble}")

    async def close(self) -> None:
        """There is nothing to close."""
