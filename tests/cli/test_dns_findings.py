"""What `postroom check dns` makes of names and addresses."""

import pytest
from tests.cli.nameserver import DOMAIN, HOST, Zones, look, only, zone

from postroom.cli.dns_findings import host_findings, mx_findings, next_hop_findings, reverse_findings
from postroom.cli.findings import Verdict
from postroom.cli.records import Publication
from postroom.dns import DnsTemporary

V4, V6 = "198.41.0.4", "2001:503:ba3e::2:30"
ADDRESSES = {HOST: {"A": [V4], "AAAA": [V6]}}
REVERSE = "4.0.41.198.in-addr.arpa"
KNOWN = Publication(addresses=(V4, V6))


def test_the_host_has_addresses() -> None:
    one = only(look(ADDRESSES, lambda resolver: host_findings(resolver, zone(KNOWN))))
    assert (one.verdict, one.text) == (Verdict.GOOD, f"{HOST} is {V4}, {V6}")


@pytest.mark.parametrize(
    ("zones", "words", "fix"),
    [
        ({}, "has no address", f"publish: {HOST}. IN A {V4} and {HOST}. IN AAAA {V6}"),
        ({HOST: {"CNAME": ["a.test."]}, "a.test": ADDRESSES[HOST]}, "is an alias, of a.test", "take the CNAME away"),
        ({HOST: {"A": [V4, "10.0.0.1"], "AAAA": [V6]}}, "10.0.0.1 can't be reached", f"IN A {V4}"),
    ],
)
def test_what_can_be_wrong_with_the_host(zones: Zones, words: str, fix: str) -> None:
    one = only([f for f in look(zones, lambda r: host_findings(r, zone(KNOWN))) if f.verdict is Verdict.BAD])
    assert words in one.text
    assert fix in one.fix


def test_an_address_that_the_dns_does_not_tell() -> None:
    _, one = look({HOST: {"A": [V4]}}, lambda resolver: host_findings(resolver, zone(KNOWN)))
    assert one.verdict is Verdict.NOTE
    assert f"publish: {HOST}. IN AAAA {V6}" in one.fix


@pytest.mark.parametrize(
    ("zones", "verdict", "words", "fix"),
    [
        ({**ADDRESSES, REVERSE: {"PTR": ["Mail.Example.ORG."]}}, Verdict.GOOD, "and that is", ""),
        (ADDRESSES, Verdict.BAD, "has no name", f"{REVERSE}. IN PTR {HOST}."),
        ({REVERSE: {"PTR": [f"{HOST}."]}}, Verdict.BAD, f"which is not {V4}", f"publish: {HOST}. IN A {V4}"),
        ({REVERSE: {"PTR": ["isp.test."]}}, Verdict.BAD, "is isp.test, which is not", f"IN PTR {HOST}."),
        ({REVERSE: {"PTR": ["isp.test."]}, "isp.test": {"A": [V4]}}, Verdict.NOTE, f"not {HOST}", f"IN PTR {HOST}."),
    ],
)
def test_the_reverse_name_leads_back(zones: Zones, verdict: Verdict, words: str, fix: str) -> None:
    one = only(look(zones, lambda resolver: reverse_findings(resolver, HOST, V4)))
    assert one.verdict is verdict
    assert words in one.text
    assert fix in one.fix


def test_reverse_names_of_ipv6_addresses() -> None:
    one = only(look(ADDRESSES, lambda resolver: reverse_findings(resolver, HOST, V6)))
    assert ".ip6.arpa. IN PTR" in one.fix


@pytest.mark.parametrize(
    ("mx", "verdict", "words"),
    [
        ([f"10 {HOST}."], Verdict.GOOD, f"goes to {HOST}"),
        (["10 other.test."], Verdict.BAD, "goes to other.test"),
        (["0 ."], Verdict.BAD, "takes no mail"),
        ([], Verdict.BAD, "has no MX"),
    ],
)
def test_where_mail_goes(mx: list[str], verdict: Verdict, words: str) -> None:
    zones = {DOMAIN: {"MX": mx}, "other.test": {"A": [V4]}}
    one = only(look(zones, lambda resolver: mx_findings(resolver, zone())))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or one.fix == f"publish: {DOMAIN}. IN MX 10 {HOST}."


def test_a_domain_that_is_its_own_host_needs_no_mx() -> None:
    assert only(look(ADDRESSES, lambda r: mx_findings(r, zone(domain=HOST)))).verdict is Verdict.NOTE


def test_other_hosts_of_the_domain_are_no_aliases_and_have_addresses() -> None:
    zones = {
        DOMAIN: {"MX": [f"10 {HOST}.", "20 alias.test.", "30 gone.test.", "40 good.test."]},
        "alias.test": {"CNAME": ["good.test."]},
        "good.test": {"A": [V4]},
    }
    first, alias, gone = look(zones, lambda resolver: mx_findings(resolver, zone()))
    assert first.verdict is Verdict.GOOD
    assert (alias.verdict, "leads to alias.test, an alias" in alias.text) == (Verdict.BAD, True)
    assert (gone.verdict, "gone.test, which has no address" in gone.text) == (Verdict.BAD, True)


def test_hosts_of_relays() -> None:
    known = only(look({"relay.test": {"A": [V4]}}, lambda resolver: next_hop_findings(resolver, "relay.test")))
    assert (known.verdict, known.text) == (Verdict.GOOD, f"relay.test is {V4}")
    unknown = only(look({}, lambda resolver: next_hop_findings(resolver, "relay.test")))
    assert (unknown.verdict, "has no address" in unknown.text) == (Verdict.BAD, True)


def test_no_answer_is_left_to_the_caller() -> None:
    with pytest.raises(DnsTemporary):
        look({}, lambda resolver: host_findings(resolver, zone()), failing={HOST})
