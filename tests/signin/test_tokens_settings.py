"""Settings that would believe an issuer too much, or could not ask it."""

from pathlib import Path
from typing import Any

import pytest

from postroom.base import SettingError
from postroom.config import ConfigError, loads
from postroom.signin import OAuthSettings

GOOD: dict[str, Any] = {"issuer": "https://login.test/", "audience": ("mail",)}


def test_nobody_signs_in_by_token_unless_an_issuer_is_named() -> None:
    assert not OAuthSettings().wanted
    assert OAuthSettings(**GOOD).wanted


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"audience": ()}, "audience"),
        ({"issuer": "http://login.test/"}, "issuer"),
        ({"issuer": "https://login.test/?a=b"}, "issuer"),
        ({"jwks_uri": "http://login.test/keys"}, "jwks_uri"),
        ({"introspection_endpoint": "login.test"}, "introspection_endpoint"),
        ({"verify": "introspection"}, "client_id"),
        ({"key_lifetime_seconds": 100.0}, "key_lifetime_seconds"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingError) as refused:
        OAuthSettings(**(GOOD | wrong))
    assert refused.value.place == (place,)


def test_in_a_settings_file() -> None:
    text = 'hostname = "mail.example.org"\n[oauth]\nissuer = "https://login.test/"\n'
    path = Path("/etc/postroom/postroom.toml")
    config = loads(text + 'audience = ["mail"]\nauthorities = "ca.pem"\nclient_secret_file = "oauth.secret"\n', path)
    assert config.oauth.authorities == "/etc/postroom/ca.pem"
    assert config.oauth.client_secret_file == "/etc/postroom/oauth.secret"
    with pytest.raises(ConfigError, match=r"oauth\.audience: without an audience"):
        loads(text, path)
