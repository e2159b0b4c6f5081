"""Zones with DNSSEC signatures on loopback, and an unbound that validates them.

Owns: keys, signatures, denial by NSEC (RFC 4035 §3.1.3), unbound's configuration and process. Never: more
than tests need.
"""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm
from dns.rdtypes.ANY.RRSIG import RRSIG
from tests.interop.clients import need

from postroom.dns.server import TestDnsServer

_TTL = 1  # second: what a test changes is seen soon
_DAY = 86_400
Records = Mapping[str, Mapping[str, Sequence[str]]]


class SignedZone:
    """One zone, signed with a key of its own; `trust_anchor` is for the resolver."""

    def __init__(self, origin: str, records: Records) -> None:
        self.origin = dns.name.from_text(origin)
        self.spoiled: set[tuple[str, str]] = set()  # ("mx.origin.test", "A"): the signatures there are wrong
        key = ec.generate_private_key(ec.SECP256R1())
        public = dns.dnssec.make_dnskey(key.public_key(), Algorithm.ECDSAP256SHA256, flags=257)
        self._zone = dns.zone.Zone(self.origin, relativize=False)
        apex = {"SOA": [f"ns.{origin}. admin.{origin}. 1 3600 600 86400 {_TTL}"], "NS": [f"ns.{origin}."]}
        with self._zone.writer() as writer:
            for name, kinds in [(origin, apex), (f"ns.{origin}", {"A": ["127.0.0.1"]}), *records.items()]:
                for kind, texts in kinds.items():
                    for text in texts:
                        rdata = dns.rdata.from_text("IN", kind, text, origin=dns.name.root, relativize=False)
                        writer.add(dns.name.from_text(name), _TTL, rdata)
        dns.dnssec.sign_zone(
            self._zone, keys=[(key, public)], dnskey_ttl=_TTL, inception=time.time() - _DAY, lifetime=2 * _DAY
        )
        self.trust_anchor = f"{origin}. IN DS {dns.dnssec.make_ds(self.origin, public, 'SHA256').to_text()}"
        # dns.name.Name compares in the canonical order of RFC 4034 §6.1
        self._denials = sorted(name for name in self._zone if self._at(name, dns.rdatatype.NSEC) is not None)

    def fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        """Records or the proof that there are none, each with its signature."""
        if self._add(response.answer, name, kind):
            return
        if kind != dns.rdatatype.CNAME and self._add(response.answer, name, dns.rdatatype.CNAME):
            return  # the resolver goes on by itself
        self._add(response.authority, self.origin, dns.rdatatype.SOA)
        self._deny(response, name)
        if not any(known.is_subdomain(name) for known in self._denials):
            response.set_rcode(dns.rcode.NXDOMAIN)
            encloser = name.parent()
            while not any(known.is_subdomain(encloser) for known in self._denials):
                encloser = encloser.parent()
            self._deny(response, dns.name.from_text("*", encloser))

    def _deny(self, response: dns.message.Message, name: dns.name.Name) -> None:
        before = max(known for known in self._denials if known <= name)
        if not any(rrset.name == before and rrset.rdtype == dns.rdatatype.NSEC for rrset in response.authority):
            self._add(response.authority, before, dns.rdatatype.NSEC)

    def _at(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType, covers: dns.rdatatype.RdataType | None = None
    ) -> dns.rdataset.Rdataset | None:
        return self._zone.get_rdataset(name, kind, covers or dns.rdatatype.NONE)

    def _add(self, section: list[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType) -> bool:
        found = self._at(name, kind)
        if found is None:
            return False
        section.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
        signatures = self._at(name, dns.rdatatype.RRSIG, kind)
        if signatures is not None:
            plain = (name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(kind))
            kept = [_spoil(one) for one in signatures] if plain in self.spoiled else list(signatures)
            section.append(dns.rrset.from_rdata_list(name, found.ttl, kept))
        return True


def _spoil(signature: dns.rdata.Rdata) -> dns.rdata.Rdata:
    assert isinstance(signature, RRSIG)
    return signature.replace(signature=bytes([signature.signature[0] ^ 1]) + signature.signature[1:])


class SignedDnsServer(TestDnsServer):
    """The project's own DNS server with some of its zones signed; it runs in a thread of its own."""

    __test__ = False

    def __init__(self, plain: Records, signed: Mapping[str, Records]) -> None:
        super().__init__(plain, ttl=_TTL)
        self.signed = {origin: SignedZone(origin, records) for origin, records in signed.items()}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="signed DNS", daemon=True)

    def answer(self, wire: bytes, by: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        for zone in self.signed.values():
            if question.name.is_subdomain(zone.origin):
                response = dns.message.make_response(query)
                response.flags |= dns.flags.AA
                zone.fill(response, question.name, question.rdtype)
                return response.to_wire(max_size=65_535)
        return super().answer(wire, by)

    @contextmanager
    def serving(self) -> Iterator[Self]:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self.close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()


@contextmanager
def unbound(folder: Path, server: SignedDnsServer, port: int) -> Iterator[str]:
    """The address of a validating unbound that asks `server` about its zones, signed and plain."""
    program = need("unbound")
    plain = {".".join(name.split(".")[-2:]) for name in server.zones}
    stubs = "".join(
        f'stub-zone:\n  name: "{name}"\n  stub-addr: {server.host}@{server.port}\n' for name in [*server.signed, *plain]
    )
    anchors = "".join(f'  trust-anchor: "{zone.trust_anchor}"\n' for zone in server.signed.values())
    config = folder / "unbound.conf"
    config.write_text(
        f'server:\n  interface: 127.0.0.1\n  port: {port}\n  username: ""\n  chroot: ""\n  directory: "{folder}"\n'
        f'  pidfile: ""\n  use-syslog: no\n  logfile: "{folder}/unbound.log"\n  verbosity: 1\n  val-log-level: 2\n'
        '  do-not-query-localhost: no\n  module-config: "validator iterator"\n  local-zone: "test." nodefault\n'
        "  cache-max-ttl: 1\n  cache-max-negative-ttl: 1\n  infra-host-ttl: 1\n  do-ip6: no\n"
        f"{anchors}remote-control:\n  control-enable: no\n{stubs}"
    )
    process = subprocess.Popen([program, "-d", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port, folder / "unbound.log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Until it answers."""
    asker = asker_of(port)
    deadline = time.monotonic() + 20
    while True:
        try:
            asker.resolve("id.server.", "TXT", rdclass="CH", raise_on_no_answer=False)
            return
        except (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers, OSError):
            assert process.poll() is None, log.exists() and log.read_text()
            assert time.monotonic() < deadline, "unbound does not answer"


def asker_of(port: int) -> dns.resolver.Resolver:
    """A resolver that asks this server alone."""
    asker = dns.resolver.Resolver(configure=False)
    asker.nameservers, asker.port, asker.lifetime = ["127.0.0.1"], port, 3.0
    asker.use_edns(0, dns.flags.DO, 1232)
    return asker
