"""DMARC records: tags, defaults, what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.dmarc.record import (
    MAX_RECORD_OCTETS,
    MAX_URIS,
    Policy,
    Psd,
    Record,
    choose_record,
    mail_address,
    read_record,
)


def read(text: str) -> Record:
    record = read_record(text.encode())
    assert record is not None
    return record


def test_every_tag() -> None:
    text = (
        "v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=s; aspf=s; rua=mailto:a@b.test,https://c.test/d; "
        "ruf=mailto:e@b.test; fo=1:d:s; t=y; psd=n; pct=50; rf=afrf; ri=3600; x=unknown"
    )
    assert read(text) == Record(
        text,
        Policy.REJECT,
        Policy.QUARANTINE,
        Policy.REJECT,
        True,
        True,
        ("mailto:a@b.test", "https://c.test/d"),
        ("mailto:e@b.test",),
        ("1", "d", "s"),
        True,
        Psd.NO,
        50,
    )


def test_the_defaults() -> None:
    assert read("v=DMARC1;p=none") == Record("v=DMARC1;p=none", Policy.NONE)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("v=DMARC1", True),
        ("v = DMARC1 ; p=none", True),
        ("V=DMARC1;p=none", True),
        ("v=DMARC1;", True),
        ("v=dmarc1; p=none", False),
        ("v=DMARC2; p=none", False),
        ("v=DMARC10; p=none", False),
        ("v=DMARC1 p=none", False),
        ("p=none; v=DMARC1", False),
        ("", False),
        ("v=spf1 -all", False),
        ("v=DMARC1; p=none; x=" + "y" * MAX_RECORD_OCTETS, False),
    ],
)
def test_what_is_a_record(text: str, is_one: bool) -> None:
    assert (read_record(text.encode()) is not None) == is_one


@pytest.mark.parametrize(
    ("text", "subdomain", "exists", "decision"),
    [
        ("v=DMARC1; p=reject", False, True, ("p", "reject")),
        ("v=DMARC1; p=reject", True, False, ("p", "reject")),
        ("v=DMARC1; p=reject; sp=none", False, True, ("p", "reject")),
        ("v=DMARC1; p=reject; sp=none", True, True, ("sp", "none")),
        ("v=DMARC1; p=none; sp=quarantine", True, False, ("sp", "quarantine")),
        ("v=DMARC1; p=none; np=reject", True, False, ("np", "reject")),
        ("v=DMARC1; p=none; np=reject", True, True, ("p", "none")),
        ("v=DMARC1; p=none; np=reject", False, False, ("p", "none")),
        ("v=DMARC1; sp=none; np=reject; p=QUARANTINE", True, False, ("np", "reject")),
        ("v=DMARC1; rua=mailto:a@b.test", False, True, ("p", "none")),
        ("v=DMARC1; p=block; rua=mailto:a@b.test", False, True, ("p", "none")),
        ("v=DMARC1; p=reject; sp=block; rua=mailto:a@b.test", False, True, ("p", "none")),
        ("v=DMARC1; p=reject; np=; rua=mailto:a@b.test", True, False, ("p", "none")),
    ],
)
def test_policies(text: str, subdomain: bool, exists: bool, decision: tuple[str, str]) -> None:
    assert read(text).applies
    assert read(text).policy(subdomain=subdomain, exists=exists) == decision


@pytest.mark.parametrize(
    "text",
    ["v=DMARC1", "v=DMARC1; p=block", "v=DMARC1; p=reject; sp=block", "v=DMARC1; p", "v=DMARC1; p=block; rua=nobody"],
)
def test_no_valid_policy_and_no_address_for_reports_is_nothing(text: str) -> None:
    assert not read(text).applies


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("v=DMARC1; p=none; adkim=x", ("adkim",)),
        ("v=DMARC1; p=none; aspf=ss", ("aspf",)),
        ("v=DMARC1; p=none; t=1; psd=", ("t", "psd")),
        ("v=DMARC1; p=none; fo=9", ("fo",)),
        ("v=DMARC1; p=none; pct=101", ("pct",)),
        ("v=DMARC1; p=none; pct=²", ("pct",)),
        ("v=DMARC1; p=none; nonsense; =x; ;", ("nonsense", "")),
        ("v=DMARC1; p=none; p=reject", ("second p",)),
        ("v=DMARC1; p=none; rua=nobody", ("rua",)),
    ],
)
def test_wrong_tags_have_their_defaults(text: str, wrong: tuple[str, ...]) -> None:
    record = read(text)
    assert record == Record(text, Policy.NONE, wrong=wrong)


def test_tags_in_any_case_and_with_white_space() -> None:
    record = read("v=DMARC1;\tP =\tReject ; ADKIM= S;FO=1 : D")
    assert (record.p, record.strict_dkim, record.fo) == (Policy.REJECT, True, ("1", "d"))


def test_the_sizes_of_old_records_are_cut_off() -> None:
    record = read("v=DMARC1; p=none; rua=mailto:a@b.test!10m , mailto:c@b.test!5, mailto:d@b.test!x, mailto:a@b.test")
    assert record.rua == ("mailto:a@b.test", "mailto:c@b.test", "mailto:d@b.test!x")


def test_the_number_of_addresses_is_limited() -> None:
    record = read("v=DMARC1; p=none; rua=" + ",".join(f"mailto:a{at}@b.test" for at in range(100)))
    assert len(record.rua) == MAX_URIS


@pytest.mark.parametrize(
    ("texts", "p", "count"),
    [
        ([b"v=DMARC1; p=reject"], Policy.REJECT, 1),
        ([b"v=spf1 -all", b"v=DMARC1; p=reject", b"x"], Policy.REJECT, 1),
        ([b"v=DMARC1; p=reject", b"v=DMARC1; p=reject"], None, 2),
        ([b"v=spf1 -all"], None, 0),
        ([], None, 0),
    ],
)
def test_of_several_records_none_counts(texts: list[bytes], p: Policy | None, count: int) -> None:
    record, found = choose_record(texts)
    assert (record.p if record else None, found) == (p, count)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mailto:a@b.test", "a@b.test"),
        ("MAILTO:a%2Bx@b.test?subject=y", "a+x@b.test"),
        ("mailto:a@b.test%2Cc@d.test", None),
        ("mailto:a%0d%0aRCPT@b.test", None),
        ("mailto:", None),
        ("mailto:a", None),
        ("https://b.test/", None),
    ],
)
def test_mail_addresses(uri: str, address: str | None) -> None:
    assert mail_address(uri) == address


def test_one_step_milder() -> None:
    assert [policy.milder for policy in Policy] == [Policy.NONE, Policy.NONE, Policy.QUARANTINE]


@given(st.binary(max_size=200))
def test_nothing_is_raised(octets: bytes) -> None:
    record = read_record(b"v=DMARC1;" + octets)
    assert record is not None
    record.policy(subdomain=True, exists=False)
