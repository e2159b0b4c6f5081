"""What `postroom check dns` makes of SPF and DKIM."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tests.cli.nameserver import DOMAIN, HOST, look, only, zone

from postroom.cli.findings import Verdict
from postroom.cli.records import Publication, txt
from postroom.cli.sender_findings import dkim_findings, spf_findings
from postroom.mailauth.dkim.key import key_text

RSA = key_text(rsa.generate_private_key(65537, 2048).public_key())
ED25519, OTHER = (key_text(ed25519.Ed25519PrivateKey.generate().public_key()) for _ in range(2))
NAME = f"s1._domainkey.{DOMAIN}"
KEYS = zone(Publication(dkim=(txt(f"{NAME}.", RSA, "a key"),)))


@pytest.mark.parametrize(
    ("texts", "verdict", "words"),
    [
        (["other", "v=spf1 mx -all"], Verdict.GOOD, "v=spf1 mx -all"),
        (["V=SPF1"], Verdict.GOOD, "V=SPF1"),
        (["v=spf1 mx -all", "v=spf1 -all"], Verdict.BAD, "2 SPF records"),
        (["v=spf10 mx"], Verdict.BAD, "does not say"),
        ([], Verdict.BAD, "does not say"),
    ],
)
def test_spf_records(texts: list[str], verdict: Verdict, words: str) -> None:
    one = only(look({DOMAIN: {"TXT": texts}}, lambda resolver: spf_findings(resolver, zone(), DOMAIN)))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or one.fix.endswith(f'publish: {DOMAIN}. IN TXT "v=spf1 mx -all"')


def test_the_name_in_helo_has_one_too() -> None:
    one = only(look({}, lambda resolver: spf_findings(resolver, zone(), HOST)))
    assert one.fix == f'publish: {HOST}. IN TXT "v=spf1 a -all"'


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
