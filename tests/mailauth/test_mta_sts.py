"""MTA-STS: texts and files, good and bad."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.mta_sts import (
    MAX_AGE,
    MAX_POLICY_OCTETS,
    BadPolicy,
    Mode,
    Policy,
    policy_host,
    read_policy,
    record_id,
    record_name,
    record_text,
)

# RFC 8461 §3.2
EXAMPLE = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
    b"mx: backupmx.example.com\r\nmax_age: 604800\r\n"
)


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; id=1 ; x=y ;"], "1"),
        ([b"v=STSv1; x=y; id=1"], "1"),
        ([b"v=spf1 -all", b"v=STSv1; id=1;"], "1"),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=2;"], None),
        ([b"v=STSv1; id=1; id=2"], None),
        ([b"v=STSv1; id=;"], None),
        ([b"v=STSv1; id=a-b;"], None),
        ([b"v=STSv1; id=" + b"1" * 33], None),
        ([b"v=STSv1"], None),
        ([b"v=STSv12; id=1"], None),
        ([b"V=STSV1; id=1"], None),
        ([b"id=1; v=STSv1"], None),
        ([], None),
    ],
)
def test_texts(texts: list[bytes], found: str | None) -> None:
    assert record_id(texts) == found


def test_the_example() -> None:
    policy = read_policy(EXAMPLE)
    assert policy == Policy(Mode.ENFORCE, 604_800, ("mail.example.com", "*.example.net", "backupmx.example.com"))
    assert policy.file == EXAMPLE
    assert record_id([record_text("abc1").encode()]) == "abc1"
    assert (policy_host("b.test"), record_name("b.test")) == ("mta-sts.b.test", "_mta-sts.b.test")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.example.com", True),
        ("MAIL.example.com", True),
        ("a.example.net", True),
        ("a.b.example.net", False),  # RFC 8461 §4.1
        ("example.net", False),
        ("mail.example.com.evil.test", False),
        ("[127.0.0.1]", False),
    ],
)
def test_hosts(host: str, allowed: bool) -> None:
    assert read_policy(EXAMPLE).allows(host) == allowed


@pytest.mark.parametrize(
    ("octets", "policy"),
    [
        (b"version: STSv1\nmode: none\nmax_age: 86400", Policy(Mode.NONE, 86_400, ())),
        (b"mx:a.test\nmax_age:1\nmode:testing\nversion:STSv1\n", Policy(Mode.TESTING, 1, ("a.test",))),
        (
            b"version: STSv1\nmode: testing\nmode: enforce\nmx: A.test.\nmax_age: 5\nx-new: \xc3\xa4\n",
            Policy(Mode.TESTING, 5, ("a.test",)),
        ),
        (
            b"version: STSv1\nmode: enforce\nmx: a.test\nmx: a.test\nmax_age: 9999999999\n",
            Policy(Mode.ENFORCE, MAX_AGE, ("a.test",)),
        ),
    ],
)
def test_files(octets: bytes, policy: Policy) -> None:
    assert read_policy(octets) == policy


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "version"),
        (b"<html>not found</html>", "not a field"),
        (b"version: STSv2\nmode: none\nmax_age: 1\n", "version"),
        (b"version: STSv1\nmode: on\nmx: a.test\nmax_age: 1\n", "mode"),
        (b"version: STSv1\nmx: a.test\nmax_age: 1\n", "mode"),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"),
        (b"version: STSv1\nmode: enforce\nmx: a.test\n", "max_age"),
        (b"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1\n", "max_age"),
        (b"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 12345678901\n", "max_age"),
        (b"version: STSv1\nmode: enforce\nmx: a.*.test\nmax_age: 1\n", "not a host"),
        (b"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n", "not a host"),
        (b"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "not a host"),
        (b"version: STSv1\nmode: none\nmax_age: 1\nx: \xff\n", "UTF-8"),
        (b"version: STSv1\nmode: enforce\nmax_age: 1\n" + b"mx: a.test\n" * 1001, "more than"),
        (b"x" * (MAX_POLICY_OCTETS + 1), "octets"),
    ],
)
def test_what_is_no_policy(octets: bytes, why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        read_policy(octets)


@given(st.binary(max_size=200))
def test_nothing_but_bad_policy_is_raised(octets: bytes) -> None:
    record_id([octets])
    try:
        policy = read_policy(octets)
    except BadPolicy:
        return
    assert read_policy(policy.file) == policy
