"""Which hosts, in which order."""

import asyncio
import time

import pytest

from postroom.base import FakeClock, SeededIds
from postroom.delivery import DeliverySettings, Undeliverable
from postroom.delivery.destination import Destination
from postroom.delivery.routes import RouteGone, Routes
from postroom.delivery.routing import Found, Host, LeadsBack, Router
from postroom.delivery.settings import RelaySettings
from postroom.dns import Answer, DnsTemporary, Mx, StaticResolver
from postroom.net import NetSettings, OwnAddresses

RESOLVER = StaticResolver(
    mx_records={
        "b.test": [(20, "mx2.b.test"), (10, "mx1.b.test"), (30, "mx3.b.test")],
        "null.test": [(0, "")],
        "half-null.test": [(0, ""), (10, "mx1.b.test")],
        "equal.test": [(10, f"e{k}.test") for k in range(6)],
        "backup.test": [(10, "mx1.b.test"), (20, "mx2.b.test"), (20, "Mail.A.test"), (30, "mx3.b.test")],
        "ours.test": [(10, "mail.a.test"), (20, "mx1.b.test")],
        "by-address.test": [(10, "mx1.b.test"), (20, "alias.a.test")],
        "numeric.test": [(10, "192.0.2.9")],
        "empty.test": [],
        "odd+name.test": [(10, "mx1.b.test")],
    },
    a_records={
        "mx+1.b.test": ["192.0.2.1"],
        "mx1.b.test": ["192.0.2.1"],
        "mx2.b.test": ["192.0.2.2", "192.0.2.3"],
        "implicit.test": ["192.0.2.7"],
        "implicit-ours.test": ["192.0.2.100"],
        "alias.a.test": ["192.0.2.100"],
        "empty.test": [],
        "half-broken.test": ["192.0.2.8"],
    },
    aaaa_records={"mx2.b.test": ["2001:db8::2"], "implicit.test": ["2001:db8::7"]},
    failing={"broken.test"},
)
OWN = DeliverySettings(own_addresses=("192.0.2.100",))


def hosts(domain: str, settings: DeliverySettings | None = None, seed: int = 0) -> list[Host]:
    router, routes = routed(settings or DeliverySettings(), seed)
    return asyncio.run(router.hosts(routes.destination(domain, "alice@a.test")))


def routed(settings: DeliverySettings, seed: int = 0) -> tuple[Router, Routes]:
    routes = Routes(settings)
    return Router(RESOLVER, SeededIds(seed), settings, "mail.a.test", routes), routes


def names(domain: str, settings: DeliverySettings | None = None) -> list[str]:
    return [host.name for host in hosts(domain, settings)]


def test_by_preference() -> None:
    assert names("b.test") == ["mx1.b.test", "mx2.b.test", "mx3.b.test"]


def test_equals_are_shuffled() -> None:
    orders = {tuple(host.name for host in hosts("equal.test", seed=seed)) for seed in range(20)}
    assert len(orders) > 10
    assert all(sorted(order) == [f"e{k}.test" for k in range(6)] for order in orders)


def test_the_implicit_mx() -> None:
    assert hosts("implicit.test") == [Host("implicit.test", 25, ("2001:db8::7", "192.0.2.7"))]
    assert hosts("implicit.test", DeliverySettings(prefer_ipv6=False, port=2525)) == [
        Host("implicit.test", 2525, ("192.0.2.7", "2001:db8::7"))
    ]


@pytest.mark.parametrize(
    ("domain", "code", "enhanced"),
    [
        ("null.test", 556, "5.1.10"),
        ("nowhere.test", 550, "5.1.2"),
        ("odd+name.test", 550, "5.1.2"),
        ("empty.test", 550, "5.1.2"),
        ("ours.test", 554, "5.4.6"),
        ("mail.a.test", 550, "5.1.2"),
        ("implicit-ours.test", 554, "5.4.6"),
        ("[192.0.2.100]", 554, "5.4.6"),
        ("[300.1.1.1]", 553, "5.1.3"),
        ("[192.0.2.1", 553, "5.1.3"),
        ("[IPv6:xyz]", 553, "5.1.3"),
        ("a..b", 553, "5.1.3"),
    ],
)
def test_undeliverable(domain: str, code: int, enhanced: str) -> None:
    with pytest.raises(Undeliverable) as caught:
        hosts(domain, OWN)
    assert (caught.value.code, caught.value.enhanced, caught.value.permanent) == (code, enhanced, True)


def test_trouble_is_not_absence() -> None:
    with pytest.raises(DnsTemporary):
        hosts("broken.test")


def test_we_never_call_ourselves_or_worse() -> None:
    assert names("backup.test") == ["mx1.b.test"]
    assert names("by-address.test", OWN) == ["mx1.b.test", "alias.a.test"]  # as long as mx1 may do
    router, _ = routed(OWN)
    first, second = hosts("by-address.test", OWN)
    assert (first.preference, second.preference) == (10, 20)
    assert asyncio.run(router.find_all([first])) == [Found(("192.0.2.1",))]
    for equals in ([second], [first, second]):
        with pytest.raises(LeadsBack) as caught:
            asyncio.run(router.find_all(equals))
        assert (caught.value.code, caught.value.enhanced) == (554, "5.4.6")


def test_what_is_the_matter_with_one_host_is_no_matter_of_its_equals() -> None:
    router, _ = routed(DeliverySettings())
    refused, broken, good = asyncio.run(
        router.find_all([Host("127.0.0.1", 25), Host("broken.test", 25), Host("mx1.b.test", 25)])
    )
    assert isinstance(refused, Undeliverable)
    assert isinstance(broken, DnsTemporary)
    assert good == Found(("192.0.2.1",))


def test_a_host_that_is_called_as_no_host_is_has_no_address() -> None:
    router, _ = routed(DeliverySettings())
    assert asyncio.run(router.find_all([Host("mx+1.b.test", 25), Host("mx1.b.test", 25)])) == [
        Found(()),
        Found(("192.0.2.1",)),
    ]


def test_an_address_at_which_we_listen_is_ours() -> None:
    own = OwnAddresses(NetSettings(), FakeClock(), ("0.0.0.0:25",), ask={"192.0.2.1": "192.0.2.1"}.get)
    for domain in ("implicit-ours.test", "b.test", "[192.0.2.1]"):
        for port, ours in ((25, domain != "implicit-ours.test"), (2525, False)):
            settings = DeliverySettings(port=port)
            router = Router(RESOLVER, SeededIds(), settings, "mail.a.test", Routes(settings), own)

            async def ask(router: Router = router, domain: str = domain) -> object:
                found = await router.hosts(Destination(domain))
                return await router.find_all(found[:1])

            if ours:
                with pytest.raises(LeadsBack):
                    asyncio.run(ask())
            else:
                assert asyncio.run(ask())
    configured = Host("192.0.2.1", 25, ("192.0.2.1",), configured=True)  # a filter, say: the operator knows
    settings = DeliverySettings()
    router = Router(RESOLVER, SeededIds(), settings, "mail.a.test", Routes(settings), own)
    assert asyncio.run(router.find(configured)) == Found(("192.0.2.1",))


def test_an_address_without_a_way_there_comes_last() -> None:
    own = OwnAddresses(NetSettings(), FakeClock(), ask=lambda address: None if ":" in address else "10.0.0.1")
    settings = DeliverySettings(prefer_ipv6=True)
    router = Router(RESOLVER, SeededIds(), settings, "mail.a.test", Routes(settings), own)
    assert asyncio.run(router.find(Host("mx2.b.test", 25))).addresses == ("192.0.2.2", "192.0.2.3", "2001:db8::2")


# ---- RFC 8305 §3: who does not wait for the slower answer


class Slow(StaticResolver):
    """Some questions are answered when they are let go."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(a_records={"h.test": ["192.0.2.1"]}, aaaa_records={"h.test": ["2001:db8::1"]})
        self.slow = kinds
        self.go = asyncio.Event()
        self.trouble = False

    async def a(self, host: str) -> Answer[str]:
        await self._wait("A")
        return await super().a(host)

    async def aaaa(self, host: str) -> Answer[str]:
        await self._wait("AAAA")
        return await super().aaaa(host)

    async def _wait(self, kind: str) -> None:
        if kind in self.slow:
            await self.go.wait()
            if self.trouble:
                raise DnsTemporary(kind)


@pytest.mark.parametrize("prefer_ipv6", [False, True])
@pytest.mark.parametrize("slow", ["A", "AAAA"])
def test_one_kind_of_addresses_is_enough_to_begin(slow: str, prefer_ipv6: bool) -> None:
    async def main() -> None:
        resolver = Slow(slow)
        # the kind to begin with waits for nobody, the other one for the resolution delay
        waits = (slow == "AAAA") is prefer_ipv6
        settings = DeliverySettings(prefer_ipv6=prefer_ipv6, resolution_delay_seconds=0.03 if waits else 2)
        router = Router(resolver, SeededIds(), settings, "mail.a.test", Routes(settings))
        begin = time.monotonic()
        found = await router.find(Host("h.test", 25))
        assert (0.03 if waits else 0) <= time.monotonic() - begin < 1
        v4, v6 = ("192.0.2.1",), ("2001:db8::1",)
        assert found.addresses == (v6 if slow == "A" else v4)
        assert found.late is not None
        resolver.go.set()
        assert await found.late() == (v4 if slow == "A" else v6)

    asyncio.run(main())


def test_no_addresses_of_one_kind_are_no_reason_to_begin() -> None:
    async def main() -> None:
        resolver = Slow("AAAA")
        resolver.a_records = {}
        settings = DeliverySettings()
        router = Router(resolver, SeededIds(), settings, "mail.a.test", Routes(settings))
        asyncio.get_running_loop().call_later(0.02, resolver.go.set)
        assert await router.find(Host("h.test", 25)) == Found(("2001:db8::1",))

    asyncio.run(main())


def test_late_addresses_are_judged_too_and_trouble_with_them_is_none() -> None:
    async def main() -> None:
        own = OwnAddresses(NetSettings(), FakeClock(), ("192.0.2.1:25",))
        settings = DeliverySettings(prefer_ipv6=True)
        for trouble, address in ((True, "192.0.2.9"), (False, "192.0.2.1"), (False, "127.0.0.1")):
            resolver = Slow("A")
            resolver.a_records["h.test"], resolver.trouble = [address], trouble
            router = Router(resolver, SeededIds(), settings, "mail.a.test", Routes(settings), own)
            found = await router.find(Host("h.test", 25))
            resolver.go.set()
            assert found.late is not None
            assert await found.late() == ()

    asyncio.run(main())


def test_where_all_that_is_known_may_not_be_called_the_rest_is_waited_for() -> None:
    async def main() -> None:
        resolver = Slow("A")
        resolver.aaaa_records["h.test"] = ["::1"]
        settings = DeliverySettings(prefer_ipv6=True)
        router = Router(resolver, SeededIds(), settings, "mail.a.test", Routes(settings))
        asyncio.get_running_loop().call_later(0.02, resolver.go.set)
        assert await router.find(Host("h.test", 25)) == Found(("192.0.2.1",))

    asyncio.run(main())


def test_a_null_among_others_is_ignored() -> None:
    assert names("half-null.test") == ["mx1.b.test"]


def test_literals() -> None:
    assert hosts("[192.0.2.5]")[0].addresses == ("192.0.2.5",)
    assert hosts("[IPv6:2001:DB8::5]")[0].addresses == ("2001:db8::5",)


def test_routes_and_smarthost() -> None:
    settings = DeliverySettings(
        routes={
            "Bücher.test": "127.0.0.1:4025",
            "v6.test": "[::1]:26",
            "named.test": "relay.test",
            "bare6.test": "::1",
        },
        smarthost="relay.test:587",
    )
    assert hosts("xn--bcher-kva.test", settings) == [Host("127.0.0.1", 4025, ("127.0.0.1",), True)]
    assert hosts("v6.test", settings) == [Host("::1", 26, ("::1",), True)]
    assert hosts("bare6.test", settings) == [Host("::1", 25, ("::1",), True)]
    assert hosts("named.test", settings) == [Host("relay.test", 25, configured=True)]
    assert hosts("else.test", settings) == [Host("relay.test", 587, configured=True)]


def test_hosts_of_a_relay_in_their_order() -> None:
    settings = DeliverySettings(
        relay={"two": RelaySettings(hosts=("b.test", "192.0.2.1:26", "[::1]"), port=587), "one": RelaySettings(port=26)}
    )
    router, routes = routed(settings)

    def ask(route: str) -> list[Host]:
        return asyncio.run(router.hosts(routes.destination("b.test", "", route)))

    assert ask("two") == [
        Host("b.test", 587, configured=True),
        Host("192.0.2.1", 26, ("192.0.2.1",), True),
        Host("::1", 587, ("::1",), True),
    ]
    assert [(host.name, host.port) for host in ask("one")] == [(f"mx{k}.b.test", 26) for k in (1, 2, 3)]
    assert [host.name for host in ask("mx:backup.test")] == ["mx1.b.test"]
    with pytest.raises(RouteGone) as caught:
        ask("three")
    assert not caught.value.permanent


def test_addresses_of_a_host() -> None:
    router, _ = routed(DeliverySettings())

    def ask(name: str) -> tuple[str, ...]:
        return asyncio.run(router.find(Host(name, 25))).addresses

    assert ask("mx2.b.test") == ("2001:db8::2", "192.0.2.2", "192.0.2.3")
    assert ask("192.0.2.9") == ("192.0.2.9",)
    assert ask("nowhere.test") == ()
    with pytest.raises(DnsTemporary):
        ask("broken.test")
    assert asyncio.run(router.find(Host("x", 25, ("192.0.2.77",)))) == Found(("192.0.2.77",))


# ---- what the DNS may not say


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.1.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:169.254.169.254",
        "fe80::1",
        "ff02::1",
    ],
)
def test_addresses_that_the_dns_can_not_make_us_call(address: str) -> None:
    router, _ = routed(DeliverySettings())
    with pytest.raises(Undeliverable) as caught:
        asyncio.run(router.find(Host("mx.b.test", 25, (address,))))
    assert (caught.value.code, caught.value.enhanced) == (550, "5.4.4")
    assert address in caught.value.text
    both = Host("mx.b.test", 25, (address, "192.0.2.1"))
    assert asyncio.run(router.find(both)) == Found(("192.0.2.1",))
    chosen = Host("mx.b.test", 25, (address,), configured=True)
    assert asyncio.run(router.find(chosen)) == Found((address,))
    anything, _ = routed(DeliverySettings(refuse_networks=()))
    assert asyncio.run(anything.find(Host("mx.b.test", 25, (address,)))) == Found((address,))


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd00::1"])
def test_private_networks_may_be_refused_too(address: str) -> None:
    host = Host("mx.b.test", 25, (address,))
    router, _ = routed(DeliverySettings())
    assert asyncio.run(router.find(host)) == Found((address,))
    router, _ = routed(DeliverySettings(refuse_networks=("10.0.0.0/8", "192.168.0.0/16", "fc00::/7")))
    with pytest.raises(Undeliverable):
        asyncio.run(router.find(host))


@pytest.mark.parametrize("domain", ["[127.0.0.1]", "[IPv6:::1]"])
def test_address_literals_are_judged_too(domain: str) -> None:
    router, routes = routed(DeliverySettings())

    async def ask() -> None:
        (host,) = await router.hosts(routes.destination(domain, ""))
        await router.find(host)

    with pytest.raises(Undeliverable):
        asyncio.run(ask())


def test_other_names_of_ours() -> None:
    settings = DeliverySettings(own_names=("MX2.b.test",))
    assert names("b.test", settings) == ["mx1.b.test"]
    assert names("backup.test", settings) == ["mx1.b.test"]
    with pytest.raises(Undeliverable, match="mx2"):
        hosts("mx2.b.test", settings)


def test_a_thousand_mx_records_cost_no_more_than_the_setting() -> None:
    resolver = StaticResolver(mx_records={"many.test": [(k % 100, f"h{k}.many.test") for k in range(1000)]})
    settings = DeliverySettings(max_mx_hosts=7, own_addresses=("192.0.2.100",))
    router = Router(resolver, SeededIds(), settings, "mail.a.test", Routes(settings))
    found = asyncio.run(router.hosts(Destination("many.test")))
    assert len(found) == 7
    assert {int(host.name[1:].partition(".")[0]) % 100 for host in found} == {0}
    assert len(resolver.asked) == 1
    asyncio.run(router.find_all(found))
    assert len(resolver.asked) == 1 + 2 * 7


def test_a_domain_whose_mx_does_not_exist_and_whose_address_does() -> None:
    """A server that says NXDOMAIN for a type it does not know would have mail for its domain returned at once."""

    class Liar(StaticResolver):
        async def mx(self, domain: str) -> Answer[Mx]:
            return Answer((), exists=False)

    resolver = Liar(a_records={"liar.test": ["192.0.2.1"]}, failing={"half.test"})
    router = Router(resolver, SeededIds(), DeliverySettings(), "mail.a.test", Routes(DeliverySettings()))
    assert asyncio.run(router.hosts(Destination("liar.test"))) == [Host("liar.test", 25, ("192.0.2.1",))]
    with pytest.raises(DnsTemporary):
        asyncio.run(router.hosts(Destination("half.test")))
    with pytest.raises(Undeliverable, match="nowhere"):
        asyncio.run(router.hosts(Destination("nowhere.test")))
