"""What answers of lists mean."""

import pytest

from postroom.reputation.codes import is_listing, is_refusal, read_code


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("127.0.0.4", ["127.0.0.4"], ["127.0.0.5", "127.0.1.4", "127.1.0.4"]),
        ("127.0.0.10-11", ["127.0.0.10", "127.0.0.11"], ["127.0.0.9", "127.0.0.12"]),
        ("127.0.*.3", ["127.0.0.3", "127.0.255.3"], ["127.0.0.2", "127.1.0.3"]),
        ("127.0.0-9.1-255", ["127.0.9.1", "127.0.0.255"], ["127.0.10.1", "127.0.0.0"]),
        ("&4", ["127.0.0.4", "127.0.0.6", "127.0.0.255"], ["127.0.0.2", "127.0.4.3"]),
        ("&6", ["127.0.0.2", "127.0.0.4"], ["127.0.0.1"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], others: list[str]) -> None:
    code = read_code(pattern)
    assert all(map(code.matches, matching))
    assert not any(map(code.matches, others))


@pytest.mark.parametrize(
    "wrong",
    ["", "127.0.0", "127.0.0.2.3", "128.0.0.2", "*.0.0.2", "127.0.0.256", "127.0.0.5-4", "&0", "&256", "127.0.0.x"],
)
def test_what_is_no_pattern(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"answer|mask|number"):
        read_code(wrong)


def test_which_answers_are_listings() -> None:
    """RFC 5782 §2.3; 127.255.255.0/24 is how lists say that they do not answer."""
    assert [is_listing(one) for one in ("127.0.0.2", "127.0.0.1", "127.255.254.1")] == [True, True, True]
    assert [is_listing(one) for one in ("192.0.2.1", "126.255.255.255", "127.255.255.254")] == [False, False, False]
    assert is_refusal("127.255.255.254")
    assert not is_refusal("127.0.0.2")
