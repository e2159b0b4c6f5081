"""What `postroom check dns` makes of what mail programs look for."""

import pytest
from tests.cli.nameserver import DOMAIN, HOST, Zones, look, only, zone
from tests.mailauth.authority import issue

from postroom.cli.client_findings import service_findings, web_findings
from postroom.cli.findings import Verdict
from postroom.cli.records import Publication
from postroom.servers.client_settings import ClientService

IMAPS = zone(Publication(services=(ClientService("imaps", 1993),)))
WEB = zone(Publication(services=(), web_port=443))
NAME = f"_imaps._tcp.{DOMAIN}"


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        (["0 1 1993 Mail.Example.org."], Verdict.GOOD, f"leads to {HOST} port 1993"),
        (["5 0 99 other.test.", f"9 9 1993 {HOST}."], Verdict.GOOD, "other.test port 99"),
        ([f"0 1 993 {HOST}."], Verdict.BAD, "port 993, not to"),
        (["0 0 0 ."], Verdict.BAD, "leads to nowhere"),
        ([], Verdict.NOTE, "not published"),
    ],
)
def test_srv_records(records: list[str], verdict: Verdict, words: str) -> None:
    one = only(look({NAME: {"SRV": records}}, lambda resolver: service_findings(resolver, IMAPS)))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or one.fix == f"publish: {NAME}. IN SRV 0 1 1993 {HOST}."


def test_all_services_are_looked_for() -> None:
    found = look({}, lambda resolver: service_findings(resolver, zone()))
    assert [one.text.partition(".")[0] for one in found] == ["_submissions", "_submission", "_imaps", "_pop3s"]


HERE = {HOST: {"A": ["192.0.2.1"]}}


@pytest.mark.parametrize(
    ("zones", "verdicts"),
    [
        (HERE, [Verdict.NOTE, Verdict.NOTE]),
        (
            {
                **HERE,
                "autoconfig.example.org": {"CNAME": [f"{HOST}."]},
                "autodiscover.example.org": {"A": ["192.0.2.9"]},
            },
            [Verdict.GOOD, Verdict.NOTE],
        ),
    ],
)
def test_names_of_web_pages(zones: Zones, verdicts: list[Verdict]) -> None:
    found = look(zones, lambda resolver: web_findings(resolver, WEB))
    assert [one.verdict for one in found] == verdicts
    assert found[1].fix == f"publish: autodiscover.example.org. IN CNAME {HOST}."


def test_nothing_is_looked_for_where_no_pages_are_served() -> None:
    assert look({}, lambda resolver: web_findings(resolver, IMAPS)) == []


def test_the_certificate_has_these_names() -> None:
    names = ("autoconfig.example.org", "autodiscover.example.org")
    zones = {**HERE, **{name: {"CNAME": [f"{HOST}."]} for name in names}}
    chain = issue(HOST, dns=(HOST, names[0])).chain
    first, second = look(zones, lambda resolver: web_findings(resolver, WEB, chain))
    assert (first.verdict, second.verdict) == (Verdict.GOOD, Verdict.NOTE)
    assert f"has the name {names[1]} too" in second.fix
    assert [one.verdict for one in look(zones, lambda resolver: web_findings(resolver, WEB))] == [Verdict.GOOD] * 2
