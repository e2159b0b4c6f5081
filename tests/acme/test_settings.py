"""Settings that can't be meant."""

from typing import Any

import pytest

from postroom.acme import AcmeSettings
from postroom.base import SettingError

CA = "https://ca.test/dir"


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"directory": "http://ca.test/dir", "terms_agreed": True}, "directory"),
        ({"directory": CA}, "terms_agreed"),
        ({"directory": CA, "terms_agreed": True, "challenge": "dns-01"}, "challenge"),
        ({"directory": CA, "terms_agreed": True, "eab_key_id": "x"}, "eab_key_id"),
        ({"directory": CA, "terms_agreed": True, "dns_key_name": "x"}, "dns_key_name"),
        ({"directory": CA, "terms_agreed": True, "names": {"w": ("*.a.test",)}}, "names"),
    ],
)
def test_what_can_not_be_meant(given: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingError) as caught:
        AcmeSettings(**given)
    assert caught.value.place == (place,)


def test_a_wildcard_goes_with_dns() -> None:
    AcmeSettings(directory=CA, terms_agreed=True, challenge="dns-01", dns_command=("txt",), names={"w": ("*.a.test",)})
