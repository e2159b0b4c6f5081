"""What can't be meant is refused when the settings are read."""

import msgspec
import pytest

from postroom.intake.authentication_settings import AuthenticationSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_networks": ["nowhere"]},
        {"trusted_networks": ["192.0.2.1/24"]},
        {"trusted_sealers": ["not a domain"]},
        {"name": "[192.0.2.1]"},
        {"dmarc_reject": "drop"},
        {"max_dns_seconds": 0},
    ],
)
def test_settings_that_can_not_be_meant(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, AuthenticationSettings)


def test_a_domain_may_be_written_in_any_letters() -> None:
    chosen = msgspec.convert({"trusted_sealers": ["Bücher.example"], "name": "mx.bar.com"}, AuthenticationSettings)
    assert chosen.trusted_sealers == ("Bücher.example",)
