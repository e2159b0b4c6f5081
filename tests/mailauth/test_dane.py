"""DANE for SMTP: which record is which server's, with chains made here."""

import hashlib

import pytest
from tests.mailauth.authority import NOW, Issued, issue

from postroom.mailauth import BadTlsa, ResultType, Tlsa, read_tlsa, tlsa_for, usable_records
from postroom.mailauth.dane import verify

ROOT = issue("Root", ca=True)
MIDDLE = issue("Middle", ROOT, ca=True)
LEAF = issue("mx.b.test", MIDDLE)
OTHER = issue("mx.b.test")
NAMES = ("mx.b.test", "b.test")


def association(one: Issued, selector: int, matching: int) -> bytes:
    der = one.spki if selector else one.der
    return (der, hashlib.sha256(der).digest(), hashlib.sha512(der).digest())[matching]


def record(usage: int, selector: int, matching: int, one: Issued) -> Tlsa:
    return Tlsa(usage, selector, matching, association(one, selector, matching))


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_the_servers_own_certificate(selector: int, matching: int) -> None:
    one = record(3, selector, matching, LEAF)
    assert one.usable
    assert verify([one], LEAF.chain, NAMES, NOW).ok
    refused = verify([one], OTHER.chain, NAMES, NOW)
    assert refused.failure is ResultType.VALIDATION_FAILURE


def test_names_and_dates_do_not_matter_for_the_servers_own() -> None:
    old = issue("elsewhere.test", days=(-30, -10))
    assert verify([record(3, 1, 1, old)], old.chain, NAMES, NOW).ok


@pytest.mark.parametrize("authority", [ROOT, MIDDLE], ids=["root", "middle"])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_an_authority(authority: Issued, selector: int, matching: int) -> None:
    one = record(2, selector, matching, authority)
    assert verify([one], LEAF.chain, NAMES, NOW).ok
    assert verify([one], OTHER.chain, NAMES, NOW).failure is ResultType.CERTIFICATE_NOT_TRUSTED


@pytest.mark.parametrize("selector", [0, 1])
def test_an_authority_in_full_may_be_missing_from_the_chain(selector: int) -> None:
    assert verify([record(2, selector, 0, MIDDLE)], [LEAF.der], NAMES, NOW).ok
    assert not verify([record(2, selector, 1, MIDDLE)], [LEAF.der], NAMES, NOW).ok


def test_the_order_of_a_chain_does_not_matter() -> None:
    chain = [LEAF.der, OTHER.der, ROOT.der, b"junk", MIDDLE.der]
    assert verify([record(2, 0, 1, ROOT)], chain, NAMES, NOW).ok


def test_the_servers_own_certificate_is_no_authority() -> None:
    own = issue("mx.b.test", ca=True, dns=("mx.b.test",))
    assert not verify([record(2, 0, 1, own)], own.chain, NAMES, NOW).ok


@pytest.mark.parametrize(
    ("names", "dns", "ok"),
    [
        (("mx.b.test", "b.test"), ("b.test",), True),
        (("mx.b.test", "b.test"), ("*.b.test",), True),
        (("mx.b.test",), ("b.test",), False),
        (("mx.b.test",), ("mx.c.test",), False),
    ],
)
def test_with_an_authority_the_name_matters(names: tuple[str, ...], dns: tuple[str, ...], ok: bool) -> None:
    leaf = issue("x", ROOT, dns=dns)
    verdict = verify([record(2, 0, 1, ROOT)], leaf.chain, names, NOW)
    assert verdict.ok == ok
    if not ok:
        assert verdict.failure is ResultType.CERTIFICATE_HOST_MISMATCH
        assert dns[0] in verdict.words


@pytest.mark.parametrize("days", [(-30, -10), (10, 30)])
@pytest.mark.parametrize("who", ["leaf", "middle", "root"])
def test_with_an_authority_dates_matter(who: str, days: tuple[float, float]) -> None:
    usual = (-1.0, 30.0)
    root = issue("Root", ca=True, days=days if who == "root" else usual)
    middle = issue("Middle", root, ca=True, days=days if who == "middle" else usual)
    leaf = issue("mx.b.test", middle, days=days if who == "leaf" else usual)
    verdict = verify([record(2, 0, 1, root)], leaf.chain, NAMES, NOW)
    assert verdict.failure is ResultType.CERTIFICATE_EXPIRED


def test_who_is_no_authority_issues_nothing() -> None:
    person = issue("person.test", ROOT)
    forged = issue("mx.b.test", person)
    assert not verify([record(2, 0, 1, ROOT)], forged.chain, NAMES, NOW).ok
    short = issue("Short", ca=True, path_length=0)
    below = issue("Below", short, ca=True)
    assert not verify([record(2, 0, 1, short)], issue("mx.b.test", below).chain, NAMES, NOW).ok


def test_authorities_that_sign_each_other_end_somewhere() -> None:
    a = issue("A", ca=True)
    b = issue("B", a, ca=True)
    a2 = issue("A", b, ca=True, key=a.key)
    leaf = issue("mx.b.test", b)
    assert not verify([record(2, 0, 1, ROOT)], [leaf.der, b.der, a2.der], NAMES, NOW).ok


@pytest.mark.parametrize(
    "one",
    [
        record(0, 0, 1, ROOT),  # RFC 7672 §3.1.3
        record(1, 0, 1, LEAF),
        Tlsa(4, 0, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
        Tlsa(3, 0, 0, b""),
    ],
    ids=lambda one: f"{one.kind} of {len(one.data)}",
)
def test_records_that_cannot_be_used_demand_only_encryption(one: Tlsa) -> None:
    assert not one.usable
    assert verify([one], OTHER.chain, NAMES, NOW).ok
    assert verify([one], [], NAMES, NOW).ok
    assert not verify([one, record(3, 1, 1, LEAF)], OTHER.chain, NAMES, NOW).ok


def test_only_the_strongest_digest_counts() -> None:
    weak, strong = record(3, 1, 1, OTHER), record(3, 1, 2, LEAF)
    assert usable_records([weak, strong]) == (strong,)
    assert not verify([weak, strong], OTHER.chain, NAMES, NOW).ok
    full, other_selector = record(3, 1, 0, OTHER), record(3, 0, 1, OTHER)
    assert usable_records([full, other_selector, strong]) == (full, other_selector, strong)


def test_the_servers_own_certificate_need_not_be_readable() -> None:
    """RFC 7672 §3.1.1: it matches, and that is all."""
    strange = LEAF.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42", 1)
    assert verify([record(3, 1, 1, LEAF)], [strange], NAMES, NOW).ok
    assert verify([Tlsa(3, 0, 1, hashlib.sha256(strange).digest())], [strange], NAMES, NOW).ok
    assert not verify([record(2, 0, 1, MIDDLE)], [strange, *LEAF.chain[1:]], NAMES, NOW).ok


@pytest.mark.parametrize("chain", [[], [b"junk"]])
def test_without_a_certificate(chain: list[bytes]) -> None:
    assert verify([record(3, 1, 1, LEAF)], chain, NAMES, NOW).failure is ResultType.VALIDATION_FAILURE


def test_reading() -> None:
    one = record(3, 1, 1, LEAF)
    assert read_tlsa(bytes([3, 1, 1]) + one.data) == one
    assert str(one) == f"3 1 1 {one.data.hex()}"
    assert tlsa_for(LEAF.certificate) == one
    with pytest.raises(BadTlsa):
        read_tlsa(b"\x03\x01\x01")
