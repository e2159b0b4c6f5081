"""One-time codes: the vectors of RFC 4226 and RFC 6238."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from postroom.accounts import totp

SECRET = b"12345678901234567890"


def test_the_codes_of_rfc_4226_appendix_d() -> None:
    expected = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [totp.code(SECRET, n) for n in range(10)] == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_of_rfc_6238_appendix_b(now: int, expected: str) -> None:
    assert totp.code(SECRET, totp.step(now), 8) == expected
    assert totp.accepted(SECRET, expected[2:], now, 0) == totp.step(now)


def test_codes_of_the_step_before_and_after_count_and_no_others() -> None:
    now = 1_700_000_000.0
    at = totp.step(now)
    answers = [totp.accepted(SECRET, totp.code(SECRET, at + n), now, 0) for n in range(-3, 4)]
    assert answers == [None, None, at - 1, at, at + 1, None, None]


def test_a_code_counts_once_and_so_do_those_before_it() -> None:
    now = 1_700_000_000.0
    at = totp.step(now)
    assert totp.accepted(SECRET, totp.code(SECRET, at), now, at) is None
    assert totp.accepted(SECRET, totp.code(SECRET, at - 1), now, at) is None
    assert totp.accepted(SECRET, totp.code(SECRET, at + 1), now, at) == at + 1


@pytest.mark.parametrize("typed", ["", "000000", "1234567", "１２３４５６", "\udcff", "abc"])
def test_what_is_no_code(typed: str) -> None:
    assert totp.accepted(SECRET, typed, 1_700_000_000.0, 0) is None


def test_spaces_do_not_count() -> None:
    assert totp.accepted(SECRET, " 005 924\n", 1234567890, 0) == totp.step(1234567890)


def test_the_uri_has_what_apps_need() -> None:
    parts = urlsplit(totp.uri(SECRET, "bob+x y@example.org", "Bücher & Co"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Bücher & Co:bob+x y@example.org"
    assert "+" not in parts.query  # some apps take it for itself
    assert parse_qs(parts.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Bücher & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
