"""What `postroom check dns` makes of SPF, DKIM and DMARC."""

from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.cli.nameserver import DOMAIN, HOST, Zones, look, only, zone

from postroom.cli.findings import Finding, Verdict
from postroom.cli.records import Publication, Zone, txt
from postroom.cli.sender_findings import dkim_findings, dmarc_findings, spf_findings
from postroom.mailauth.dkim.key import key_text
from postroom.mailauth.dmarc import PublicSuffixes

RSA = key_text(rsa.generate_private_key(65537, 2048).public_key())
ED25519, OTHER = (key_text(ed25519.Ed25519PrivateKey.generate().public_key()) for _ in range(2))
NAME = f"s1._domainkey.{DOMAIN}"
KEYS = zone(Publication(dkim=(txt(f"{NAME}.", RSA, "a key"),)))


V4, V6 = "198.41.0.4", "2001:503:ba3e::2:30"
HERE: dict[str, dict[str, list[str]]] = {HOST: {"A": [V4], "AAAA": [V6]}}
PUBLISH = f'publish: {DOMAIN}. IN TXT "v=spf1 mx -all"'


def spf(texts: list[str], *addresses: str, zones: Zones | None = None, failing: Iterable[str] = ()) -> list[Finding]:
    here = {**HERE, **(zones or {}), DOMAIN: {"TXT": texts, "MX": [f"10 {HOST}."]}}
    return look(here, lambda resolver: spf_findings(resolver, zone(), DOMAIN, addresses, 0.0), failing=failing)


@pytest.mark.parametrize(
    "text", ["v=spf1 mx -all", "V=SPF1 MX ~ALL", f"v=spf1 ip4:{V4} ip6:{V6} -all", "v=spf1 a:mail.example.org -all"]
)
def test_spf_records_that_let_us_send(text: str) -> None:
    one = only(spf(["other", text], V4, V6))
    assert (one.verdict, one.text) == (Verdict.GOOD, f"{DOMAIN} lets {V4}, {V6} send: {text}")


@pytest.mark.parametrize(
    ("texts", "verdict", "words"),
    [
        (["v=spf1 mx -all", "v=spf1 -all"], Verdict.BAD, "2 SPF records"),
        (["v=spf10 mx"], Verdict.BAD, "does not say who"),
        ([], Verdict.BAD, "does not say who"),
        (["v=spf1 -all"], Verdict.BAD, f"does not let {V4} send, from which mail leaves"),
        (["v=spf1 mx:other.test -all"], Verdict.BAD, f"does not let {V4} send"),
        (["v=spf1 mx all"], Verdict.BAD, "lets anybody send its mail: all"),
        (["v=spf1 mx ip4:0.0.0.0/0 -all"], Verdict.BAD, "lets anybody send its mail: ip4:0.0.0.0/0"),
        (["v=spf1 mx ?all"], Verdict.NOTE, "does not say that others may not"),
        (["v=spf1 mx"], Verdict.NOTE, "does not say that others may not"),
        (["v=spf1 mx ipv4:1.2.3.4 -all"], Verdict.BAD, "is of no use"),
        (["v=spf1 mx include:none.test -all"], Verdict.BAD, "is of no use"),  # though our own mail passes before it
    ],
)
def test_spf_records_with_something_wrong(texts: list[str], verdict: Verdict, words: str) -> None:
    zones = {"other.test": {"MX": ["10 mx.other.test."]}, "mx.other.test": {"A": ["192.0.2.1"]}}
    one = only(spf(texts, V4, zones=zones))
    assert one.verdict is verdict
    assert words in one.text
    assert one.fix.endswith(PUBLISH)


def test_too_many_look_ups() -> None:
    includes = " ".join(f"include:s{k}.test" for k in range(10))
    zones = {f"s{k}.test": {"TXT": ["v=spf1 -all"]} for k in range(10)}
    assert only(spf([f"v=spf1 {includes} -all"], zones=zones)).verdict is Verdict.GOOD
    one = only(spf([f"v=spf1 mx {includes} -all"], V4, zones=zones))  # our mail passes, others' checks do not end
    assert one.verdict is Verdict.BAD
    assert "is of no use" in one.text
    assert "too many look-ups (RFC 7208 §4.6.4)" in one.why


def test_an_spf_record_whose_parts_do_not_answer() -> None:
    one = only(spf(["v=spf1 include:broken.test -all"], V4, failing={"broken.test"}))
    assert one.verdict is Verdict.UNASKED


def test_the_name_in_helo_has_one_too() -> None:
    one = only(look({}, lambda resolver: spf_findings(resolver, zone(), HOST, [V4], 0.0)))
    assert one.fix == f'publish: {HOST}. IN TXT "v=spf1 a -all"'
    here = {HOST: {"A": [V4], "TXT": ["v=spf1 a -all"]}}
    assert only(look(here, lambda resolver: spf_findings(resolver, zone(), HOST, [V4], 0.0))).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("texts", "verdict", "words"),
    [
        ([RSA], Verdict.GOOD, "the one that signs"),
        ([RSA.replace("v=DKIM1; k=rsa; ", "").replace("p=MII", "p= MII ")], Verdict.GOOD, "the one that signs"),
        ([], Verdict.BAD, "not published"),
        ([OTHER], Verdict.BAD, "another key"),
        ([RSA[:200]], Verdict.BAD, "key"),
        ([RSA, OTHER], Verdict.BAD, "2 records"),
        (["v=DKIM1; p="], Verdict.BAD, "revoked"),
        (["v=DKIM1; t=y; " + RSA.removeprefix("v=DKIM1; ")], Verdict.NOTE, "t=y"),
    ],
)
def test_dkim_keys(texts: list[str], verdict: Verdict, words: str) -> None:
    one = only(look({NAME: {"TXT": texts}} if texts else {}, lambda resolver: dkim_findings(resolver, KEYS)))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or f"{NAME}. IN TXT" in one.fix
    assert verdict is Verdict.GOOD or RSA[:250] in one.fix


def test_each_key_is_looked_for() -> None:
    second = txt(f"s2._domainkey.{DOMAIN}.", ED25519, "a key")
    keys = zone(Publication(dkim=(*KEYS.publication.dkim, second)))
    found = look({f"s2._domainkey.{DOMAIN}": {"TXT": [ED25519]}}, lambda resolver: dkim_findings(resolver, keys))
    assert [one.verdict for one in found] == [Verdict.BAD, Verdict.GOOD]


@pytest.mark.parametrize(
    ("texts", "verdict"), [([], Verdict.GOOD), (["v=DKIM1; p="], Verdict.GOOD), ([RSA], Verdict.BAD)]
)
def test_revoked_keys(texts: list[str], verdict: Verdict) -> None:
    keys = zone(Publication(dkim=(txt(f"{NAME}.", "v=DKIM1; k=rsa; p=", "a key"),)))
    assert only(look({NAME: {"TXT": texts}}, lambda resolver: dkim_findings(resolver, keys))).verdict is verdict


def test_a_key_that_waits_for_its_record_is_not_missed_yet() -> None:
    keys = zone(Publication(dkim=KEYS.publication.dkim, waiting=frozenset({f"{NAME}."})))
    assert only(look({}, lambda resolver: dkim_findings(resolver, keys))).verdict is Verdict.NOTE
    wrong = only(look({NAME: {"TXT": [OTHER]}}, lambda resolver: dkim_findings(resolver, keys)))
    assert wrong.verdict is Verdict.BAD


def test_a_domain_without_keys() -> None:
    one = only(look({}, lambda resolver: dkim_findings(resolver, zone())))
    assert (one.verdict, one.fix) == (Verdict.NOTE, f"postroom dkim rotate {DOMAIN}")


# ---- DMARC

DMARC = f"_dmarc.{DOMAIN}"
WITH_REPORTS = zone(Publication(dmarc_reports_to="dmarc@example.org"))


def dmarc(
    texts: list[str], about: Zone | None = None, *, zones: Zones | None = None, failing: Iterable[str] = ()
) -> list[Finding]:
    here = {**(zones or {}), **({DMARC: {"TXT": texts}} if texts else {})}
    return look(here, lambda resolver: dmarc_findings(resolver, about or zone()), failing=failing)


@pytest.mark.parametrize(
    ("texts", "verdict", "words"),
    [
        (["v=DMARC1; p=quarantine"], Verdict.GOOD, "p=quarantine"),
        (["v=spf1 -all", "v=DMARC1; p=reject; sp=reject"], Verdict.GOOD, "p=reject"),
        ([], Verdict.BAD, "says nothing about forged mail"),
        (["v=DMARC2; p=reject"], Verdict.BAD, "says nothing"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], Verdict.BAD, "2 DMARC records"),
        (["v=DMARC1; p=refuse"], Verdict.BAD, "no policy can be read"),
        (["v=DMARC1; policy=reject"], Verdict.BAD, "no policy can be read"),
        (["v=DMARC1; p=none"], Verdict.NOTE, "asks for nothing"),
        (["v=DMARC1; p=reject; t=y"], Verdict.NOTE, "is a test"),
        (["v=DMARC1; p=reject; adkim=strict"], Verdict.NOTE, "adkim in the record can't be meant"),
    ],
)
def test_dmarc_records(texts: list[str], verdict: Verdict, words: str) -> None:
    one = only(dmarc(texts))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or one.fix.endswith(f'publish: {DMARC}. IN TXT "v=DMARC1; p=quarantine"')


def test_a_mild_policy_that_is_meant_is_good() -> None:
    assert only(dmarc(["v=DMARC1; p=none"], zone(Publication(dmarc_policy="none")))).verdict is Verdict.GOOD


def test_the_record_of_a_parent_holds() -> None:
    zones = {DMARC: {"TXT": ["v=DMARC1; p=none; sp=reject"]}}
    one = only(look(zones, lambda resolver: dmarc_findings(resolver, zone(domain=f"sub.{DOMAIN}"))))
    assert (one.verdict, one.text) == (Verdict.GOOD, f"sub.{DOMAIN}: the record of {DOMAIN} holds for it too, reject")


def test_the_public_suffix_list_says_which_parent_holds() -> None:
    """As for the mail that comes: where there is a list, the highest record need not be the organisation's."""
    zones = {
        "_dmarc.us.co.test": {"TXT": ["v=DMARC1; p=none; sp=quarantine"]},
        "_dmarc.co.test": {"TXT": ["v=DMARC1; p=reject"]},
    }
    at = zone(domain="sub.us.co.test")
    one = only(look(zones, lambda resolver: dmarc_findings(resolver, at)))
    assert one.text == "sub.us.co.test: the record of co.test holds for it too, reject"
    one = only(look(zones, lambda resolver: dmarc_findings(resolver, at, PublicSuffixes("co.test\n"))))
    assert one.text == "sub.us.co.test: the record of us.co.test holds for it too, quarantine"


def test_dmarc_that_could_not_be_asked() -> None:
    assert only(dmarc([], failing={DMARC})).verdict is Verdict.UNASKED


def test_dmarc_reports_go_where_they_are_read() -> None:
    right = "v=DMARC1; p=reject; rua=mailto:DMARC@example.org,mailto:x@example.org"
    assert [one.verdict for one in dmarc([right], WITH_REPORTS)] == [Verdict.GOOD]
    _, one = dmarc(["v=DMARC1; p=reject"], WITH_REPORTS)
    assert (one.verdict, one.text) == (Verdict.NOTE, f"reports on {DOMAIN} do not go to dmarc@example.org")
    assert "rua=mailto:dmarc@example.org" in one.fix


def test_dmarc_reports_are_wanted_where_they_go() -> None:
    text = "v=DMARC1; p=reject; rua=mailto:us@reports.test"
    wants = {f"{DOMAIN}._report._dmarc.reports.test": {"TXT": ["v=DMARC1"]}}
    assert [one.verdict for one in dmarc([text], zones=wants)] == [Verdict.GOOD]
    _, one = dmarc([text])
    assert one.verdict is Verdict.NOTE
    assert one.fix == f'publish: {DOMAIN}._report._dmarc.reports.test. IN TXT "v=DMARC1"'
