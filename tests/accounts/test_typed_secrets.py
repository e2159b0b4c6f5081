"""Secrets of our making."""

import math
from collections import Counter

import pytest

from postroom.accounts import typed_secrets
from postroom.base import SeededIds, SystemIds


def test_a_secret_is_random_letters_in_groups() -> None:
    secret = typed_secrets.new_secret(SystemIds(), 28, 4)
    groups = secret.split("-")
    assert [len(group) for group in groups] == [4] * 7
    assert "".join(groups).isalpha()
    assert secret == secret.lower()
    assert len(typed_secrets.LETTERS) == 26
    assert math.isclose(math.log2(26), typed_secrets.BITS, abs_tol=0.01)
    assert typed_secrets.new_secret(SystemIds(), 28, 4) != secret


def test_no_letter_is_more_likely_than_another() -> None:
    ids = SeededIds()
    counts = Counter("".join(typed_secrets.new_secret(ids, 28, 4) for _ in range(2000)).replace("-", ""))
    expected = 2000 * 28 / 26
    assert len(counts) == 26
    assert all(abs(count - expected) < 5 * math.sqrt(expected) for count in counts.values())


@pytest.mark.parametrize(
    "typed", ["abcd-efgh", "abcdefgh", "ABCD efgh", " abcd - efgh ", "a b c d e f g h", "abcd\u00a0efgh"]
)
def test_hyphens_spaces_and_case_do_not_count(typed: str) -> None:
    assert typed_secrets.digest("x", 7, typed) == typed_secrets.digest("x", 7, "abcd-efgh")
    assert typed_secrets.letters_of(typed) == "abcdefgh"


def test_a_digest_is_for_one_purpose_and_one_account() -> None:
    made = {typed_secrets.digest(purpose, n, "abcd") for purpose in ("x", "y") for n in (7, 8)}
    assert len(made) == 4
    assert typed_secrets.digest("x", 7, "\udcff") not in made
