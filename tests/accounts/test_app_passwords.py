"""The secrets of app passwords."""

import math
from collections import Counter

import pytest

from postroom.accounts import app_passwords
from postroom.accounts.types import CredentialRow
from postroom.base import SeededIds, SystemIds


def test_a_secret_has_more_than_128_bits_and_is_easily_typed() -> None:
    secret = app_passwords.new_secret(SystemIds())
    groups = secret.split("-")
    assert [len(group) for group in groups] == [4] * 7
    assert "".join(groups).isalpha()
    assert secret == secret.lower()
    assert 28 * math.log2(26) > 128
    assert app_passwords.new_secret(SystemIds()) != secret


def test_no_letter_is_more_likely_than_another() -> None:
    ids = SeededIds()
    counts = Counter("".join(app_passwords.new_secret(ids) for _ in range(2000)).replace("-", ""))
    expected = 2000 * 28 / 26
    assert len(counts) == 26
    assert all(abs(count - expected) < 5 * math.sqrt(expected) for count in counts.values())


@pytest.mark.parametrize(
    "typed", ["abcd-efgh", "abcdefgh", "ABCD efgh", " abcd - efgh ", "a b c d e f g h", "abcd\u00a0efgh"]
)
def test_hyphens_spaces_and_case_do_not_count(typed: str) -> None:
    assert app_passwords.digest(7, typed) == app_passwords.digest(7, "abcd-efgh")
    assert app_passwords.spellings(typed) == ("abcd-efgh", "abcdefgh")


def test_a_digest_is_for_one_account_and_only_app_passwords_match_it() -> None:
    assert app_passwords.digest(7, "abcd") != app_passwords.digest(8, "abcd")
    digest = app_passwords.digest(7, "abcd")
    app = CredentialRow(2, 7, digest, "phone")
    assert app_passwords.matching([CredentialRow(1, 7, digest), app], 7, "AB-CD") == app
    assert app_passwords.matching([CredentialRow(1, 7, digest)], 7, "abcd") is None
    assert app_passwords.matching([app], 7, "\udcff") is None
    assert "abcd" not in repr(app)
    assert digest not in repr(app)
