"""What `postroom check dns` makes of port 25, block lists, the resolver and the clock, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from tests.cli.nameserver import HOST, Zones, look, only

from postroom.cli import network_findings
from postroom.cli.findings import Finding, Verdict
from postroom.cli.network_findings import (
    Caller,
    block_list_findings,
    clock_findings,
    inbound_findings,
    outbound_findings,
    resolver_findings,
)
from postroom.dns import InspectingResolver
from postroom.net import Connection, ConnectionEnd, Dialer, Listener, NetSettings

CALLER = Caller(Dialer(NetSettings()), 0.5)
NOW = 784_111_777.0  # of the date in RFC 9110 §5.6.7
DATED = b"HTTP/1.1 301 Moved\r\nServer: x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
Asked = Callable[[InspectingResolver, int], AsyncIterator[Finding]]


class _Says:
    """net.Service: says this to everybody, and closes; where it has nothing to say, it waits."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    async def serve(self, connection: Connection) -> None:
        connection.send(self._octets)
        try:
            await connection.drain()
            while not self._octets and await connection.receive():
                pass
        except ConnectionEnd:
            return


def beside(said: bytes | None, asked: Asked, zones: Zones) -> list[Finding]:
    """With a server on 127.0.0.1 that says this; None: there is none."""

    async def look_at(resolver: InspectingResolver) -> AsyncIterator[Finding]:
        listener = Listener(
            "fake", _Says(said or b""), NetSettings(stop_timeout_seconds=0.2, close_timeout_seconds=0.1)
        )
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        port = listener.ports[0]
        if said is None:
            await listener.stop()
        try:
            async for one in asked(resolver, port):
                yield one
        finally:
            await listener.stop()

    return look(zones, look_at)


MX = {"big.test": {"MX": ["10 mx.big.test."]}, "mx.big.test": {"A": ["127.0.0.1"]}, "host.test": {"A": ["127.0.0.1"]}}


@pytest.mark.parametrize(
    ("hosts", "said", "verdict", "words"),
    [
        (["big.test"], b"220 mx.big.test ESMTP\r\n", Verdict.GOOD, "a server of big.test, 127.0.0.1"),
        (["none.test", "host.test"], b"220 hello\r\n", Verdict.GOOD, "a server of host.test"),
        (["big.test"], b"554 go away\r\n", Verdict.BAD, "554 go away"),
        (["big.test"], b"", Verdict.BAD, "no answer in 0.5 s"),
        (["big.test"], None, Verdict.BAD, "127.0.0.1"),
        (["none.test"], b"220 hello\r\n", Verdict.UNASKED, "no addresses of none.test"),
    ],
)
def test_outgoing(hosts: list[str], said: bytes | None, verdict: Verdict, words: str) -> None:
    one = only(beside(said, lambda resolver, port: outbound_findings(resolver, CALLER, hosts, port), MX))
    assert one.verdict is verdict
    assert words in one.text


def test_outgoing_without_a_resolver() -> None:
    one = only(look({}, lambda resolver: outbound_findings(resolver, CALLER, ["big.test"]), failing={"big.test"}))
    assert one.verdict is Verdict.UNASKED
    assert "SERVFAIL" in one.text
    assert look({}, lambda resolver: outbound_findings(resolver, CALLER, [])) == []


@pytest.mark.parametrize(
    ("said", "verdict", "words"),
    [
        (b"220 MAIL.example.org ESMTP\r\n", Verdict.GOOD, f"answers as {HOST}"),
        (b"220-mail.example.org hello\r\n220 x\r\n", Verdict.BAD, "does not answer as"),
        (b"220 router.test\r\n", Verdict.BAD, "router.test"),
        (b"", Verdict.BAD, "no answer in"),
        (None, Verdict.BAD, "nobody answers"),
        (b"\xff" * 30_000, Verdict.BAD, "does not answer as"),
    ],
)
def test_incoming(said: bytes | None, verdict: Verdict, words: str) -> None:
    one = only(beside(said, lambda _, port: inbound_findings(CALLER, HOST, "127.0.0.1", port), {}))
    assert one.verdict is verdict
    assert words in one.text


def test_incoming_behind_a_translator_is_not_known_from_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_findings, "_is_of_this_machine", lambda _: False)
    one = only(beside(None, lambda _, port: inbound_findings(CALLER, HOST, "127.0.0.1", port), {}))
    assert one.verdict is Verdict.UNASKED
    assert "nc -v 127.0.0.1" in one.fix


def test_whose_address_it_is() -> None:
    assert network_findings._is_of_this_machine("127.0.0.1")
    assert not network_findings._is_of_this_machine("192.0.2.1")


# ---- block lists

LIST = "bl.test"
OURS, OURS_V6 = "99.2.0.192", "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
WORKS = {f"2.0.0.127.{LIST}": {"A": ["127.0.0.2"]}}


def listed(zones: Zones, address: str = "192.0.2.99", lists: tuple[str, ...] = (LIST,)) -> list[Finding]:
    return look(zones, lambda resolver: block_list_findings(resolver, address, lists))


def test_on_no_list() -> None:
    one = only(listed(WORKS))
    assert (one.verdict, one.text) == (Verdict.GOOD, f"192.0.2.99 is not on {LIST}")


def test_on_a_list() -> None:
    entry = {"A": ["127.0.0.4", "127.0.0.10"], "TXT": ["see https://bl.test/99\x1b[2J"]}
    one = only(listed({**WORKS, f"{OURS}.{LIST}": entry}))
    assert one.verdict is Verdict.BAD
    assert one.text.startswith("192.0.2.99 is on bl.test (127.0.0.4, 127.0.0.10): see https://bl.test/99")
    assert f"ask {LIST} to take the address off" in one.fix


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("127.255.255.254", "tells this machine's resolver nothing (127.255.255.254)"),  # asked by an open resolver
        ("203.0.113.7", "no answer of a block list"),  # the list's domain has been sold
    ],
)
def test_an_answer_that_is_no_listing(answer: str, words: str) -> None:
    one = only(listed({f"{OURS}.{LIST}": {"A": [answer]}}))
    assert one.verdict is Verdict.UNASKED
    assert words in one.text


def test_a_list_that_refuses_only_its_test_point() -> None:
    one = only(listed({f"2.0.0.127.{LIST}": {"A": ["127.255.255.255"]}}))
    assert one.verdict is Verdict.UNASKED


def test_a_list_that_is_dead_says_nothing_of_us() -> None:
    one = only(listed({}))
    assert one.verdict is Verdict.UNASKED
    assert "works no more" in one.text


def test_ipv6_addresses() -> None:
    address = "2001:db8::1"
    assert only(listed({}, address)).verdict is Verdict.GOOD  # a list of IPv4 alone
    one = only(listed({f"{OURS_V6}.{LIST}": {"A": ["127.0.0.2"]}}, address))
    assert (one.verdict, one.text) == (Verdict.BAD, f"{address} is on {LIST} (127.0.0.2)")


def test_one_list_that_fails_does_not_hide_the_others() -> None:
    name = f"{OURS}.dead.test"
    found = look(
        WORKS,
        lambda resolver: block_list_findings(resolver, "192.0.2.99", ("dead.test", LIST)),
        failing={name},
    )
    assert [one.verdict for one in found] == [Verdict.UNASKED, Verdict.GOOD]


# ---- DNSSEC


@pytest.mark.parametrize(
    ("secure", "trusted", "verdict", "words"),
    [
        (True, True, Verdict.GOOD, "validates DNSSEC"),
        (True, False, Verdict.NOTE, "not on this machine"),
        (False, True, Verdict.NOTE, "no AD bit for signed.test"),
    ],
)
def test_the_resolver(secure: bool, trusted: bool, verdict: Verdict, words: str) -> None:
    found = look(
        {"signed.test": {"A": ["192.0.2.1"]}},
        lambda resolver: resolver_findings(resolver, "signed.test", trusted),
        secure={"signed.test"} if secure else (),
    )
    assert (only(found).verdict, words in found[0].text) == (verdict, True)


def test_a_signed_name_that_is_not_there() -> None:
    assert only(look({}, lambda r: resolver_findings(r, "signed.test", True))).verdict is Verdict.UNASKED


# ---- the clock


def clock(said: bytes | None, now: float, hosts: tuple[str, ...] = ("time.test",)) -> Finding:
    def asked(resolver: InspectingResolver, port: int) -> AsyncIterator[Finding]:
        return clock_findings(resolver, CALLER, [f"{host}:{port}" for host in hosts], 30, lambda: now)

    return only(beside(said, asked, {"time.test": {"A": ["127.0.0.1"]}}))


@pytest.mark.parametrize(
    ("now", "verdict", "words"),
    [
        (NOW + 2, Verdict.GOOD, "within 30 s"),
        (NOW + 3600, Verdict.BAD, "3600 s ahead of time.test"),
        (NOW - 86_400, Verdict.BAD, "86400 s behind time.test"),
    ],
)
def test_the_clock(now: float, verdict: Verdict, words: str) -> None:
    one = clock(DATED, now)
    assert (one.verdict, words in one.text) == (verdict, True)


@pytest.mark.parametrize(
    "said",
    [b"", None, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n", b"x" * 40_000],
)
def test_a_clock_that_could_not_be_compared(said: bytes | None) -> None:
    one = clock(said, NOW)
    assert one.verdict is Verdict.UNASKED
    assert "could not be compared" in one.text


def test_the_next_host_is_asked() -> None:
    assert clock(DATED, NOW, ("gone.test", "time.test")).verdict is Verdict.GOOD
    assert look({}, lambda resolver: clock_findings(resolver, CALLER, [], 30, lambda: NOW)) == []


def test_who_says_nothing_is_not_waited_for() -> None:
    """A port that swallows what is sent to it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

        async def ask() -> None:
            with pytest.raises(network_findings.Unanswered, match=r"no answer in 0\.2 s"):
                await Caller(Dialer(NetSettings()), 0.2).ask("127.0.0.1", port, b"", b"\n")

        asyncio.run(ask())
