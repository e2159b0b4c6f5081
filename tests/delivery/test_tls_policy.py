"""Who decides what is demanded of a host: the table of docs/tls.md."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from postroom.delivery.destination import Destination
from postroom.delivery.next_hop import Place
from postroom.delivery.routes import Relay
from postroom.delivery.routing import Host
from postroom.delivery.sts_policies import NoPolicy, StsPolicies
from postroom.delivery.tls_demand import TlsDemand, TlsUse
from postroom.delivery.tls_policy import HostRefused, TlsPolicies
from postroom.delivery.tls_settings import OutboundTlsSettings
from postroom.dns import DnsTemporary, StaticResolver
from postroom.mailauth import ResultType
from postroom.mailauth.mta_sts import Mode, Policy

DIRECT = Relay((), 25, "opportunistic")
B = Destination("b.test")
MX = Host("mx.b.test", 25)
OTHER = Host("other.test", 25)
ENFORCE = Policy(Mode.ENFORCE, 86_400, ("mx.b.test",))
TESTING = Policy(Mode.TESTING, 86_400, ("mx.b.test",))
TLSA = "_25._tcp.mx.b.test"
USABLE, UNUSABLE = bytes((3, 1, 1)) + bytes(32), bytes((0, 1, 1)) + bytes(32)


@dataclass
class Sts:
    """A StsPolicies that knows one answer."""

    answer: Policy | NoPolicy = field(default_factory=NoPolicy)

    async def policy(self, domain: str) -> Policy | NoPolicy:
        return self.answer


def policies(
    answer: Policy | NoPolicy | None = None,
    tlsa: bytes | None = None,
    *,
    secure: bool = False,
    settings: OutboundTlsSettings | None = None,
    failing: set[str] | None = None,
) -> TlsPolicies:
    resolver = StaticResolver(
        mx_records={"b.test": [(10, "mx.b.test")], "sub.b.test": [(10, "mx.b.test")]},
        a_records={"mx.b.test": ["127.0.0.1"]},
        tlsa_records={TLSA: [tlsa]} if tlsa else {},
        secure={"*"} if secure or tlsa else set(),
        failing=failing or set(),
    )
    return TlsPolicies(resolver, settings or OutboundTlsSettings(), cast(StsPolicies, Sts(answer or NoPolicy())))


def demand(
    made: TlsPolicies, destination: Destination = B, relay: Relay = DIRECT, host: Host = MX, **message: bool
) -> TlsDemand:
    return asyncio.run(made.demand(destination, relay, host, **message))


def by(demanded: str) -> OutboundTlsSettings:
    return OutboundTlsSettings(demands={"b.test": demanded})


def summary(found: TlsDemand) -> tuple[str, bool, tuple[str, ...]]:
    return found.use, found.dane is not None, found.names


@pytest.mark.parametrize(
    ("made", "expected", "kind"),
    [
        (policies(), ("opportunistic", False, ()), "no-policy-found"),
        (policies(secure=True), ("opportunistic", False, ()), "no-policy-found"),
        (policies(tlsa=USABLE), ("starttls", True, ()), "tlsa"),
        (policies(tlsa=UNUSABLE), ("starttls", True, ()), "tlsa"),
        (policies(ENFORCE), ("starttls", False, ("mx.b.test",)), "sts"),
        (policies(TESTING), ("starttls", False, ("mx.b.test",)), "sts"),
        (policies(ENFORCE, USABLE), ("starttls", True, ()), "tlsa"),  # RFC 8461 §2
        (
            policies(ENFORCE, USABLE, settings=OutboundTlsSettings(dane=False)),
            ("starttls", False, ("mx.b.test",)),
            "sts",
        ),
        (
            policies(ENFORCE, settings=OutboundTlsSettings(mta_sts=False)),
            ("opportunistic", False, ()),
            "no-policy-found",
        ),
    ],
)
def test_what_is_published(made: TlsPolicies, expected: tuple[str, bool, tuple[str, ...]], kind: str) -> None:
    found = demand(made)
    assert summary(found) == expected
    assert found.published is not None
    assert (found.published.domain, found.published.kind) == ("b.test", kind)
    assert found.soft == (found.by == "MTA-STS (testing)")


@pytest.mark.parametrize(
    ("demanded", "expected"),
    [
        ("never", ("never", False, ())),
        ("may", ("opportunistic", False, ())),
        ("encrypt", ("starttls", False, ())),
        ("verify", ("starttls", False, ("mx.b.test",))),
        ("verify x.test *.y.test", ("starttls", False, ("x.test", "*.y.test"))),
        ("dane", ("starttls", True, ())),
    ],
)
def test_our_operator_comes_first(demanded: str, expected: tuple[str, bool, tuple[str, ...]]) -> None:
    found = demand(policies(ENFORCE, USABLE, settings=by(demanded)))
    assert summary(found) == expected
    assert "setting" in found.by


@pytest.mark.parametrize(
    ("domain", "use"),
    [("b.test", "starttls"), ("sub.b.test", "never"), ("x.sub.b.test", "never"), ("c.test", "opportunistic")],
)
def test_demands_for_all_below_a_domain(domain: str, use: str) -> None:
    settings = OutboundTlsSettings(demands={".b.test": "never", "b.test": "encrypt"})
    assert demand(policies(settings=settings), Destination(domain)).use == use


@pytest.mark.parametrize("tlsa", [None, UNUSABLE])
def test_dane_demanded_and_not_there(tlsa: bytes | None) -> None:
    with pytest.raises(HostRefused) as refused:
        demand(policies(tlsa=tlsa, settings=by("dane")))
    assert (refused.value.code, refused.value.failure) == (454, ResultType.DANE_REQUIRED)


def test_a_host_that_the_policy_does_not_name() -> None:
    with pytest.raises(HostRefused, match=r"other\.test is not among") as refused:
        demand(policies(ENFORCE), host=OTHER)
    assert (refused.value.code, refused.value.enhanced) == (454, "4.7.5")
    found = demand(policies(TESTING), host=OTHER)
    assert found.use == "opportunistic"
    assert found.fault is not None
    assert found.fault[0] is ResultType.VALIDATION_FAILURE


def test_a_policy_that_could_not_be_had_is_told() -> None:
    found = demand(policies(NoPolicy("no answer", ResultType.STS_POLICY_FETCH_ERROR)))
    assert found.use == "opportunistic"
    assert found.fault == (ResultType.STS_POLICY_FETCH_ERROR, "no answer")


def test_tlsa_records_that_cannot_be_asked_for() -> None:
    with pytest.raises(DnsTemporary):
        demand(policies(ENFORCE, secure=True, failing={TLSA}))


@pytest.mark.parametrize(
    ("destination", "relay", "host", "use"),
    [
        (
            Destination("", relay="r"),
            Relay((Place("gw.test"),), 25, "starttls", verify=True),
            Host("gw.test", 25),
            "starttls",
        ),
        (
            Destination("", relay="r"),
            Relay((Place("gw.test"),), 25, "opportunistic"),
            Host("gw.test", 25),
            "opportunistic",
        ),
        (Destination("b.test", relay="r"), Relay((), 25, "never"), MX, "never"),
        (Destination("b.test", relay="r"), Relay((), 465, "implicit", verify=True), MX, "implicit"),
        (Destination("[127.0.0.1]"), DIRECT, Host("[127.0.0.1]", 25, ("127.0.0.1",)), "opportunistic"),
        (Destination("b.test"), DIRECT, Host("127.0.0.1", 25), "opportunistic"),
    ],
)
def test_what_is_published_does_not_matter_there(destination: Destination, relay: Relay, host: Host, use: str) -> None:
    found = demand(policies(ENFORCE, USABLE), destination, relay, host)
    assert (found.use, found.names, found.dane) == (use, (), None)


@pytest.mark.parametrize(("tls", "by_dane"), [("opportunistic", True), ("starttls", True), ("never", False)])
def test_a_relay_may_have_tlsa_records(tls: TlsUse, by_dane: bool) -> None:
    """RFC 7672 §2.2.2."""
    found = demand(policies(tlsa=USABLE), Destination("", relay="r"), Relay((Place("mx.b.test"),), 25, tls))
    assert (found.dane is not None) == by_dane
    if found.dane is not None:
        assert (found.use, found.dane.names) == ("starttls", ("mx.b.test",))


def test_required_tls_stays_required_in_testing() -> None:
    found = demand(policies(TESTING), relay=Relay((), 25, "starttls"))
    assert (found.soft, found.otherwise) == (True, "starttls")


def test_a_message_may_waive_what_is_published_and_no_more() -> None:
    assert demand(policies(ENFORCE, USABLE), waived=True).use == "opportunistic"
    assert demand(policies(ENFORCE), host=OTHER, waived=True).use == "opportunistic"
    assert demand(policies(settings=by("encrypt")), waived=True).use == "starttls"


@pytest.mark.parametrize(
    ("made", "destination", "relay", "expected"),
    [
        (policies(tlsa=USABLE), B, DIRECT, ("starttls", True, ())),
        (policies(tlsa=UNUSABLE), B, DIRECT, ("starttls", False, ("mx.b.test",))),
        (policies(secure=True), B, DIRECT, ("starttls", False, ("mx.b.test",))),
        (policies(ENFORCE), B, DIRECT, ("starttls", False, ("mx.b.test",))),
        (policies(TESTING), B, DIRECT, ("starttls", False, ("mx.b.test",))),
        (
            policies(),
            Destination("", relay="r"),
            Relay((Place("mx.b.test"),), 25, "opportunistic"),
            ("starttls", False, ("mx.b.test",)),
        ),
        (
            policies(),
            Destination("", relay="r"),
            Relay((Place("mx.b.test"),), 465, "implicit"),
            ("implicit", False, ("mx.b.test",)),
        ),
    ],
)
def test_requiretls(
    made: TlsPolicies, destination: Destination, relay: Relay, expected: tuple[str, bool, tuple[str, ...]]
) -> None:
    """RFC 8689 §4.2.1."""
    found = demand(made, destination, relay, authenticated=True)
    assert summary(found) == expected
    assert found.authenticates
    assert not found.soft


@pytest.mark.parametrize("answer", [NoPolicy(), Policy(Mode.ENFORCE, 1, ("elsewhere.test",))])
def test_requiretls_without_a_host_that_is_certain(answer: Policy | NoPolicy) -> None:
    with pytest.raises(HostRefused) as refused:
        demand(policies(answer), authenticated=True)
    assert (refused.value.code, refused.value.enhanced) == (550, "5.7.30")
