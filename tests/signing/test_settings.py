"""What can be meant."""

import pytest

from postroom.signing import SigningSettings


def test_domains_in_any_case() -> None:
    assert SigningSettings(not_domains=("A.test",)).not_domains == ("a.test",)


@pytest.mark.parametrize("name", ["Received", "DKIM-Signature", "a b", ""])
def test_fields_that_can_not_be_signed(name: str) -> None:
    with pytest.raises(ValueError):
        SigningSettings(also_fields=(name,))


def test_from_has_to_be_signed() -> None:
    with pytest.raises(ValueError):
        SigningSettings(not_fields=("FROM",))
