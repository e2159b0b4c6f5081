"""Unbound from Debian validates the zones that the tests sign: the ground under the tests of DANE."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import pytest
from tests.interop.signed_zones import SignedDnsServer, asker_of, unbound

pytestmark = pytest.mark.interop

_SIGNED = {
    "signed.test": {"MX": ["10 mx.signed.test."]},
    "mx.signed.test": {"A": ["127.0.0.1"]},
    "alias.signed.test": {"CNAME": ["mx.signed.test."]},
    "deep.down.signed.test": {"A": ["127.0.0.1"]},
    "lie.signed.test": {"A": ["127.0.0.1"]},
}
_PLAIN = {"plain.test": {"MX": ["10 mx.plain.test."]}, "mx.plain.test": {"A": ["127.0.0.1"]}}


@dataclass
class Dns:
    server: SignedDnsServer
    asker: dns.resolver.Resolver


@pytest.fixture(scope="module")
def validating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dns]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = SignedDnsServer(_PLAIN, {"signed.test": _SIGNED})
    with server.serving(), unbound(tmp_path_factory.mktemp("unbound"), server, port):
        yield Dns(server, asker_of(port))


@pytest.mark.parametrize(
    ("name", "kind", "secure"),
    [
        ("signed.test", "MX", True),
        ("mx.signed.test", "A", True),
        ("alias.signed.test", "A", True),
        ("mx.signed.test", "AAAA", True),  # NODATA
        ("down.signed.test", "A", True),  # NODATA of an empty non-terminal
        ("plain.test", "MX", False),
    ],
)
def test_answers_are_secure_where_the_zone_is_signed(validating: Dns, name: str, kind: str, secure: bool) -> None:
    answer = validating.asker.resolve(name, kind, raise_on_no_answer=False)
    assert bool(answer.response.flags & dns.flags.AD) is secure


def test_that_a_name_does_not_exist_is_proven(validating: Dns) -> None:
    query = dns.message.make_query("nothing.at.all.signed.test", "A", want_dnssec=True)
    response = dns.query.udp(query, "127.0.0.1", port=validating.asker.port, timeout=5)
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert response.flags & dns.flags.AD


def test_a_wrong_signature_is_no_answer(validating: Dns) -> None:
    validating.server.signed["signed.test"].spoiled.add(("lie.signed.test", "A"))
    with pytest.raises(dns.resolver.NoNameservers, match="SERVFAIL"):
        validating.asker.resolve("lie.signed.test", "A")
