"""The examples of RFC 7208, Appendix A (and §5.2), with the zone that it gives."""

import pytest
from tests.mailauth.zone import Records, Zone

from postroom.mailauth.spf import SpfResult, check_host


def ptr(last: int, name: str, network: str = "2.0.192") -> tuple[str, Records]:
    return f"{last}.{network}.in-addr.arpa", [("PTR", name)]


ZONE: dict[str, Records] = {
    "example.com": [
        ("MX", "mail-a.example.com"),
        ("MX", "mail-b.example.com"),
        ("A", "192.0.2.10"),
        ("A", "192.0.2.11"),
    ],
    "amy.example.com": [("A", "192.0.2.65")],
    "bob.example.com": [("A", "192.0.2.66")],
    "mail-a.example.com": [("A", "192.0.2.129")],
    "mail-b.example.com": [("A", "192.0.2.130")],
    "www.example.com": [("CNAME", "example.com")],
    "example.org": [("MX", "mail-c.example.org")],
    "mail-c.example.org": [("A", "192.0.2.140")],
    **dict(
        [
            ptr(10, "example.com"),
            ptr(11, "example.com"),
            ptr(65, "amy.example.com"),
            ptr(66, "bob.example.com"),
            ptr(129, "mail-a.example.com"),
            ptr(130, "mail-b.example.com"),
            ptr(140, "mail-c.example.org"),
            ptr(4, "bob.example.com", "0.0.10"),
        ]
    ),
}
EVERYBODY = [
    "192.0.2.10",
    "192.0.2.11",
    "192.0.2.65",
    "192.0.2.66",
    "192.0.2.129",
    "192.0.2.130",
    "192.0.2.140",
    "10.0.0.4",
]


def result(address: str, sender: str = "strong-bad@example.com", **more: str) -> SpfResult:
    """`more`: records by name, with "__" for each dot."""
    zone = dict(ZONE)
    for name, text in more.items():
        at = name.replace("__", ".")
        zone[at] = [*zone.get(at, ()), ("TXT", text.encode())]
    domain = sender.partition("@")[2]
    check = check_host(address, domain, sender, "mail.example.com", receiver="mx.example.net", now=0)
    return Zone(zone).conclude(check).result


@pytest.mark.parametrize(
    ("record", "passing"),
    [
        ("v=spf1 +all", EVERYBODY),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"]),
        ("v=spf1 a:example.org -all", []),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"]),
        ("v=spf1 ptr -all", ["192.0.2.10", "192.0.2.11", "192.0.2.65", "192.0.2.66", "192.0.2.129", "192.0.2.130"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"]),
        ("v=spf1 a:www.example.com -all", ["192.0.2.10", "192.0.2.11"]),
    ],
)
def test_simple_examples(record: str, passing: list[str]) -> None:
    """Appendix A.1; the last is not there, but the alias is in its zone."""
    for address in EVERYBODY:
        assert (result(address, example__com=record) is SpfResult.PASS) == (address in passing), address


@pytest.mark.parametrize(
    ("address", "passes"),
    [
        ("192.0.2.128", True),
        ("192.0.2.131", True),
        ("192.0.2.132", False),
        ("192.0.2.140", True),
        ("192.0.2.143", True),
    ],
)
def test_any_host_in_the_network_of_an_exchange(address: str, passes: bool) -> None:
    found = result(address, example__com="v=spf1 mx/30 mx:example.org/30 -all")
    assert found is (SpfResult.PASS if passes else SpfResult.FAIL)


def test_multiple_domains() -> None:
    """Appendix A.2."""
    records = {
        "example__org": "v=spf1 include:example.com include:example.net -all",
        "example__com": "v=spf1 mx -all",
        "example__net": "v=spf1 ip4:198.51.100.1 -all",
        "la__example__org": "v=spf1 redirect=example.org",
    }
    for domain in ("example.org", "la.example.org"):
        for address in ("192.0.2.129", "198.51.100.1"):
            assert result(address, f"x@{domain}", **records) is SpfResult.PASS
        assert result("192.0.2.140", f"x@{domain}", **records) is SpfResult.FAIL


def test_lists_of_users() -> None:
    """Appendix A.3."""
    records: dict[str, Records] = {
        **ZONE,
        "example.com": [
            *ZONE["example.com"],
            ("TXT", b"v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all"),
        ],
        "mobile-users._spf.example.com": [("TXT", b"v=spf1 exists:%{l1r+}.%{d}")],
        "remote-users._spf.example.com": [("TXT", b"v=spf1 exists:%{ir}.%{l1r+}.%{d}")],
        "mary.mobile-users._spf.example.com": [("A", "127.0.0.2")],
        "15.15.168.192.joel.remote-users._spf.example.com": [("A", "127.0.0.2")],
    }

    def found(local: str, address: str) -> SpfResult:
        sender = f"{local}@example.com"
        check = check_host(address, "example.com", sender, "x.example", receiver="mx.example.net", now=0)
        return Zone(records).conclude(check).result

    assert found("mary", "198.51.100.1") is SpfResult.PASS
    assert found("mary+list", "198.51.100.1") is SpfResult.PASS
    assert found("joel", "192.168.15.15") is SpfResult.PASS
    assert found("joel", "192.168.15.17") is SpfResult.FAIL
    assert found("eve", "192.168.15.15") is SpfResult.FAIL
    assert found("eve", "192.0.2.129") is SpfResult.PASS


def test_several_requirements() -> None:
    """Appendix A.4; "-ptr" alone would stand for ptr._spf.example.com there."""
    records = {
        "example__com": "v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
        "ip4___spf__example__com": "v=spf1 -ip4:192.0.2.0/24 +all",
        "ptr___spf__example__com": "v=spf1 -ptr:example.com +all",
    }
    assert result("192.0.2.65", **records) is SpfResult.PASS
    assert result("10.0.0.4", **records) is SpfResult.FAIL
    assert result("192.0.2.140", **records) is SpfResult.FAIL


@pytest.mark.parametrize(
    ("record", "include"),
    [
        ("v=spf1 +all", SpfResult.FAIL),  # match, and the qualifier of the include is "-"
        ("v=spf1 -all", SpfResult.SOFTFAIL),
        ("v=spf1 ~all", SpfResult.SOFTFAIL),
        ("v=spf1 ?all", SpfResult.SOFTFAIL),
        ("v=spf1", SpfResult.SOFTFAIL),
        ("v=spf1 nonsense", SpfResult.PERMERROR),
        ("no record", SpfResult.PERMERROR),
    ],
)
def test_what_an_include_makes_of_each_result(record: str, include: SpfResult) -> None:
    """RFC 7208 §5.2."""
    assert result("192.0.2.1", example__com="v=spf1 -include:x.example ~all", x__example=record) is include
