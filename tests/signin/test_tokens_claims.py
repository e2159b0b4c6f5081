"""Tokens that are signed and still sign nobody in."""

import json
from typing import Any

import pytest
from joserfc import jws
from tests.signin.issuer import Issuer, rsa, verdict


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"iss": "https://login.test/mail/"}, "another issuer"),
        ({"iss": "https://evil.test"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "web"}, "for another audience"),
        ({"aud": None}, "for another audience"),
        ({"aud": ["web", "calendar"]}, "for another audience"),
        ({"exp": None}, "without an end"),
        ({"exp": 1_699_999_900}, "expired"),
        ({"exp": "2099"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"nbf": 1_700_000_100}, "not valid yet"),
        ({"iat": 1_700_000_100}, "not valid yet"),
        ({"scope": "openid"}, "without scope mail"),
        ({"scope": None}, "without scope mail"),
        ({"scope": "mailbox xmail"}, "without scope mail"),
        ({"email_verified": False}, "email is not verified"),
        ({"email_verified": None}, "email is not verified"),
        ({"email": None}, "email names nobody"),
        ({"email": ""}, "email names nobody"),
        ({"email": ["bob@example.org"]}, "email names nobody"),
        ({"email": "bob@example.org\0"}, "email names nobody"),
        ({"email": "b" * 2000}, "email names nobody"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
    ],
)
def test_wrong_claims(changed: dict[str, Any], words: str) -> None:
    assert verdict(lambda issuer: issuer.token(**changed)).words == f"token: {words}"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_an_end_that_is_no_number(literal: str) -> None:
    def token(issuer: Issuer) -> str:
        claims = json.dumps(issuer.claims(exp=7777)).replace("7777", literal)
        return jws.serialize_compact({"alg": "RS256", "kid": "one"}, claims, rsa("one"), algorithms=["RS256"])

    assert verdict(token).kind == "invalid"
