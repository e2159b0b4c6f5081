"""A small authoritative DNS server on loopback, for the demo and for tests.

Owns: a UDP and a TCP socket on one port, and what they answer. Never: resolves, caches, or is fit for the open network.
Raises: OSError when it can't listen.
"""

import asyncio
import contextlib
import errno
import struct
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from .names import from_answer

Zones = Mapping[str, Mapping[str, Sequence[str]]]

_MAX_CNAMES = 8
_MAX_TCP_QUESTION = 4096
_UDP_OCTETS = 1232


class TestDnsServer:
    """`async with TestDnsServer({"bob.test": {"MX": ["10 mx.bob.test"]}, "mx.bob.test": {"A": ["127.0.0.2"]}})`.

    Names are absolute, with or without a final dot, as `names.exact_name` takes them; records are in master-file form,
    TXT as plain text. All attributes below may change while it runs; a TTL of 0 makes clients see a change at once.
    """

    __test__ = False  # not a test case, whatever its name says to pytest

    def __init__(self, zones: Zones, *, host: str = "127.0.0.1", port: int = 0, ttl: int = 0) -> None:
        self.zones: dict[str, Mapping[str, Sequence[str]]] = dict(zones)
        self.failing: set[str] = set()  # names answered with SERVFAIL
        self.silent: set[str] = set()  # names never answered
        self.secure: set[str] = set()  # names whose answers count as validated, "*": all (RFC 6840 §5.8)
        self.cut: set[str] = set()  # names whose UDP answers are truncated, so that the client has to come by TCP
        self.questions: list[tuple[str, str, str]] = []  # ("udp" | "tcp", "MX", "bob.test"), the last thousand
        self.host = host
        self.port = port
        self.ttl = ttl
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[asyncio.Transport] = set()

    @property
    def address(self) -> str:
        """As DnsSettings.nameservers wants it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for attempt in range(20):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self.host, self.port)
            )
            port = transport.get_extra_info("sockname")[1]
            try:
                self._tcp = await loop.create_server(lambda: _Stream(self), self.host, port)
            except OSError as error:
                transport.close()
                # a port that was free for UDP may be taken for TCP; with a port of our choice, choose again
                if error.errno != errno.EADDRINUSE or self.port or attempt == 19:
                    raise
                continue
            self._udp = transport
            self.port = port
            return

    async def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._tcp.wait_closed()
            self._tcp = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    def answer(self, wire: bytes, by: str) -> bytes | None:
        """The response to a question as it came over "udp" or "tcp"; None: say nothing."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, struct.error):
            return None
        if len(query.question) != 1 or query.flags & dns.flags.QR:
            return None
        question = query.question[0]
        name = _plain(question.name)
        self.questions.append((by, dns.rdatatype.to_text(question.rdtype), name))
        del self.questions[:-1000]
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        names = self._fill(response, question.name, question.rdtype)
        # RFC 6840 §5.8: for those who ask for it, when everything that was found on the way is validated
        wanted = query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO
        if wanted and all(not self.secure.isdisjoint((one, "*")) for one in names):
            response.flags |= dns.flags.AD
        if by == "tcp":
            return response.to_wire(max_size=65535, want_shuffle=False)
        if name not in self.cut:
            with contextlib.suppress(dns.exception.TooBig):
                return response.to_wire(max_size=max(512, min(query.payload or 512, _UDP_OCTETS)), want_shuffle=False)
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.AA | dns.flags.TC
        return cut.to_wire()

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> list[str]:
        """The names that were come by on the way."""
        names: list[str] = []
        for _ in range(_MAX_CNAMES):
            names.append(_plain(name))
            records = self._records(_plain(name))
            if records is None:
                if not response.answer:
                    response.set_rcode(dns.rcode.NXDOMAIN)
                break
            if found := records.get(dns.rdatatype.to_text(kind)):
                response.answer.append(
                    dns.rrset.from_rdata_list(name, self.ttl, [_rdata(kind, text) for text in found])
                )
                return names
            if not (aliases := records.get("CNAME")):
                break
            alias = _rdata(dns.rdatatype.CNAME, aliases[0])
            response.answer.append(dns.rrset.from_rdata_list(name, self.ttl, [alias]))
            name = dns.name.from_text(alias.to_text())
        # RFC 2308 §3: how long "there is none" may be remembered
        soa = _rdata(dns.rdatatype.SOA, f"ns.invalid. hostmaster.invalid. 1 3600 600 86400 {self.ttl}")
        zone = name.parent() if len(name) > 2 else name
        response.authority.append(dns.rrset.from_rdata_list(zone, self.ttl, [soa]))
        return names

    def _records(self, name: str) -> Mapping[str, Sequence[str]] | None:
        """What is at the name; None: nothing at it and nothing below it (RFC 8020)."""
        known = {from_answer(key): records for key, records in self.zones.items()}
        if name in known:
            return known[name]
        return {} if any(key.endswith("." + name) for key in known) else None


def _plain(name: dns.name.Name) -> str:
    return from_answer(name.to_text())


def _rdata(kind: dns.rdatatype.RdataType, text: str) -> dns.rdata.Rdata:
    if kind == dns.rdatatype.TXT:
        octets = text.encode()
        strings = [octets[k : k + 255] for k in range(0, len(octets), 255)] or [b""]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, kind, strings)
    return dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: TestDnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._server.answer(data, "udp")
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)


class _Stream(asyncio.Protocol):
    def __init__(self, server: TestDnsServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server._connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._server._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        for question in self._questions(data):
            response = self._server.answer(question, "tcp")
            if response is not None:
                self._transport.write(struct.pack("!H", len(response)) + response)
        if len(self._rest) > _MAX_TCP_QUESTION:
            self._transport.abort()

    def _questions(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while len(self._rest) >= 2:
            end = 2 + int.from_bytes(self._rest[:2], "big")  # RFC 1035 §4.2.2
            if len(self._rest) < end:
                return
            question, self._rest = self._rest[2:end], self._rest[end:]
            yield question
