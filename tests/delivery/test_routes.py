"""The order of decision, and what may share a connection."""

from pathlib import Path

import pytest

from postroom.delivery import DeliverySettings
from postroom.delivery.destination import Destination
from postroom.delivery.routes import PasswordUnreadable, RouteGone, Routes
from postroom.delivery.settings import RelaySettings

PROVIDER = RelaySettings(hosts=("smtp.provider.test:587",), username="us", password="secret")
SETTINGS = DeliverySettings(
    relay={
        "provider": PROVIDER,
        "bulk": RelaySettings(source_ipv4="192.0.2.9"),
        "old": RelaySettings(hosts=("o.test",)),
    },
    routes={
        "exact.test": "provider",
        ".corp.test": "10.0.0.1",
        ".deep.corp.test": ("10.0.0.2", "gw.corp.test:26"),
        "usual.test": "mx",
        "moved.test": "mx:new.test",
        "source.test": "bulk",
        "[192.0.2.5]": "old",
    },
    sender_routes={
        "news@a.test": "bulk",
        "a.test": "old",
        ".a.test": "provider",
        "<>": "mx:bounces.test",
    },
    smarthost="relay.test",
)


@pytest.mark.parametrize(
    ("domain", "sender", "route", "expected"),
    [
        # the recipient's route
        ("exact.test", "", "", Destination("", relay="provider")),
        ("exact.test.", "", "", Destination("", relay="provider")),
        ("sub.exact.test", "x@y.test", "", Destination("", relay="smarthost")),
        ("x.corp.test", "", "", Destination("", relay="10.0.0.1")),
        ("x.y.corp.test", "", "", Destination("", relay="10.0.0.1")),
        ("corp.test", "x@y.test", "", Destination("", relay="smarthost")),
        ("x.deep.corp.test", "", "", Destination("", relay="10.0.0.2,gw.corp.test:26")),
        ("usual.test", "", "", Destination("usual.test")),
        ("moved.test", "", "", Destination("new.test")),
        ("source.test", "", "", Destination("source.test", relay="bulk")),
        ("[192.0.2.5]", "", "", Destination("", relay="old")),
        # then the sender's
        ("else.test", "News@A.test", "", Destination("else.test", relay="bulk")),
        ("else.test", "alice@a.test", "", Destination("", relay="old")),
        ("else.test", "alice@sub.a.test", "", Destination("", relay="provider")),
        ("else.test", "", "", Destination("bounces.test")),
        ("exact.test", "news@a.test", "", Destination("", relay="provider")),
        # then the default relay
        ("else.test", "alice@other.test", "", Destination("", relay="smarthost")),
        ("else.test", "alice@a..b", "", Destination("", relay="smarthost")),
        # before all an operator's
        ("exact.test", "news@a.test", "old", Destination("", relay="old")),
        ("exact.test", "", "mx", Destination("exact.test")),
        ("exact.test", "", "mx:b.test", Destination("b.test")),
        ("exact.test", "", "10.0.0.9:26, b.test", Destination("", relay="10.0.0.9:26,b.test")),
        ("exact.test", "", "bulk", Destination("exact.test", relay="bulk")),
        ("exact.test", "", "lmtp:/run/app.sock", Destination("lmtp:/run/app.sock")),
        ("exact.test", "", "gone", Destination("exact.test", relay="gone")),
        # what is no domain goes nowhere
        ("a..b", "", "", Destination("a..b")),
    ],
)
def test_the_order_of_decision(domain: str, sender: str, route: str, expected: Destination) -> None:
    assert Routes(SETTINGS).destination(domain, sender, route) == expected


def test_wildcards_for_all() -> None:
    routes = Routes(DeliverySettings(routes={"*": "a.test", "b.test": "mx"}, sender_routes={"*": "b.test"}))
    assert routes.destination("x.test", "") == Destination("", relay="a.test")
    assert routes.destination("b.test", "") == Destination("b.test")
    routes = Routes(DeliverySettings(sender_routes={"*": "b.test:26"}))
    for sender in ("", "a@b.test"):
        assert routes.destination("x.test", sender) == Destination("", relay="b.test:26")


def test_without_settings_the_dns_decides() -> None:
    assert Routes(DeliverySettings()).destination("b.test", "a@a.test") == Destination("b.test")


def test_how_a_relay_is_called() -> None:
    routes = Routes(SETTINGS)
    provider = routes.relay(Destination("", relay="provider"))
    assert (provider.tls, provider.verify, provider.username, provider.password) == ("starttls", True, "us", "secret")
    assert "secret" not in repr(provider)
    smarthost = routes.relay(Destination("", relay="smarthost"))
    assert (smarthost.tls, smarthost.verify, smarthost.port) == ("starttls", True, 25)
    direct = routes.relay(Destination("b.test"))
    assert (direct.hosts, direct.tls, direct.verify, direct.username) == ((), "opportunistic", False, "")
    assert routes.relay(Destination("", relay="10.0.0.1:26")).hosts[0].port == 26
    with pytest.raises(RouteGone, match="gone"):
        routes.relay(Destination("b.test", relay="gone"))


@pytest.mark.parametrize(
    ("demand", "tls", "verify"),
    [
        ("never", "never", False),
        ("may", "opportunistic", False),
        ("encrypt", "starttls", False),
        ("verify", "starttls", True),
        ("implicit", "implicit", True),
        (None, "starttls", False),  # as delivery.tls
    ],
)
def test_tls_demands(demand: str | None, tls: str, verify: bool) -> None:
    relay = RelaySettings(hosts=("x.test",), tls=demand)  # type: ignore[arg-type]
    found = Routes(DeliverySettings(relay={"x": relay}, tls="required")).relay(Destination("", relay="x"))
    assert (found.tls, found.verify) == (tls, verify)


def test_the_default_relay_may_be_a_named_one() -> None:
    routes = Routes(DeliverySettings(relay={"provider": PROVIDER}, smarthost="provider"))
    assert routes.destination("b.test", "") == Destination("", relay="provider")


def test_sources() -> None:
    settings = DeliverySettings(
        source_ipv4="192.0.2.1", source_ipv6="2001:db8::1", relay={"bulk": RelaySettings(source_ipv4="192.0.2.9")}
    )
    routes = Routes(settings)
    sources = [
        (relay.source_for("198.51.100.1"), relay.source_for("2001:db8::25"))
        for relay in map(routes.relay, (Destination("b.test"), Destination("b.test", relay="bulk")))
    ]
    assert sources == [("192.0.2.1", "2001:db8::1"), ("192.0.2.9", "2001:db8::1")]


def test_a_password_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    settings = DeliverySettings(relay={"p": RelaySettings(hosts=("x.test",), username="u", password_file=str(path))})
    for octets in (None, b"", b"\n", b"two\nlines\n", b"nul\x00\n", b"\xff\n"):
        if octets is not None:
            path.write_bytes(octets)
        with pytest.raises(PasswordUnreadable, match=r"delivery\.relay\.p\.password_file"):
            Routes(settings)
    path.write_bytes("sécret word\r\n".encode())
    assert Routes(settings).relay(Destination("", relay="p")).password == "sécret word"


@pytest.mark.parametrize(
    "wrong",
    [
        {"routes": {"x.test": "nowhere"}},
        {"routes": {"*.x.test": "a.test"}},
        {"sender_routes": {"a@": "a.test"}},
        {"relay": {"mx": RelaySettings()}},
        {"own_addresses": ("mail.test",)},
        {"source_ipv4": "::1"},
        {"source_ipv6": "192.0.2.1"},
        {"smarthost": "a b"},
        {"relay": {"p": PROVIDER}, "smarthost": "p", "smarthost_username": "x"},
    ],
    ids=str,
)
def test_what_can_not_be_meant(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        DeliverySettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"hosts": ("a\r\nb.test",)},
        {"username": "u"},
        {"password": "p"},
        {"username": "u", "password": "p", "password_file": "f"},
        {"username": "u", "password": "p", "tls": "may"},
        {"username": "u\x00v", "password": "p"},
        {"username": "u", "password": "p\r\nDATA"},
        {"source_ipv4": "mail"},
    ],
    ids=str,
)
def test_what_can_not_be_meant_of_a_relay(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        RelaySettings(**wrong)  # type: ignore[arg-type]


def test_the_hosts_that_are_named() -> None:
    assert SETTINGS.next_hops() == ["gw.corp.test", "o.test", "relay.test", "smtp.provider.test"]
    assert DeliverySettings().next_hops() == []
