"""Signed requests, beside what the RFCs print."""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from postroom.acme.jws import AccountKey, BadKey, base64url, from_base64url, new_key

# RFC 7515 §A.3.1
X, Y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
D = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"


def _number(text: str) -> int:
    return int.from_bytes(from_base64url(text), "big")


def example() -> AccountKey:
    numbers = ec.EllipticCurvePublicNumbers(_number(X), _number(Y), ec.SECP256R1())
    return AccountKey(ec.EllipticCurvePrivateNumbers(_number(D), numbers).private_key())


def test_the_public_half_and_its_thumbprint() -> None:
    assert example().jwk == {"crv": "P-256", "kty": "EC", "x": X, "y": Y}
    # the hash of {"crv":"P-256","kty":"EC","x":"f83O…","y":"x_FE…"}, as RFC 7638 §3 wants it
    assert example().thumbprint == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def test_base64url_is_without_padding() -> None:
    assert base64url(b"\xff\xfe\xfd\xfc") == "__79_A"
    assert from_base64url("__79_A") == b"\xff\xfe\xfd\xfc"
    with pytest.raises(BadKey):
        from_base64url("a+b/")


def test_a_request_is_for_an_account_or_for_a_key_that_has_none_yet() -> None:
    key = AccountKey.read(new_key())
    first = json.loads(key.signed("https://ca.test/new", "n1", {"a": 1}))
    header = json.loads(from_base64url(first["protected"]))
    assert header == {"alg": "ES256", "nonce": "n1", "url": "https://ca.test/new", "jwk": key.jwk}
    assert json.loads(from_base64url(first["payload"])) == {"a": 1}
    later = json.loads(key.signed("https://ca.test/o", "n2", None, "https://ca.test/me"))
    header = json.loads(from_base64url(later["protected"]))
    assert header == {"alg": "ES256", "nonce": "n2", "url": "https://ca.test/o", "kid": "https://ca.test/me"}
    assert later["payload"] == ""  # POST-as-GET, RFC 8555 §6.3


def test_a_binding_is_signed_with_the_mac_key() -> None:
    """RFC 8555 §7.3.4; HMAC as in RFC 7515 §A.1."""
    key = example()
    bound = key.bound("https://ca.test/new", "kid-1", base64url(b"secret"))
    header = json.loads(from_base64url(bound["protected"]))
    assert header == {"alg": "HS256", "kid": "kid-1", "url": "https://ca.test/new"}
    assert json.loads(from_base64url(bound["payload"])) == key.jwk
    signed = f"{bound['protected']}.{bound['payload']}".encode()
    assert from_base64url(bound["signature"]) == hmac.new(b"secret", signed, hashlib.sha256).digest()
    with pytest.raises(BadKey):
        key.bound("https://ca.test/new", "kid-1", "not base64!")


def test_other_keys_are_refused() -> None:
    kinds = (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1()))
    for private in kinds:
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(BadKey):
            AccountKey.read(pem)
    with pytest.raises(BadKey):
        AccountKey.read(b"nothing")
