"""What an attacker brings instead of a token that the issuer has signed."""

import base64
import json
import warnings
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwk, jws
from tests.signin.issuer import ISSUER, Issuer, ec, part, rsa, run, verdict

from postroom.signin import OAuthSettings, OAuthTokens
from postroom.signin.tokens_signed import BadKeys, read_keys


def unsigned(issuer: Issuer, alg: str) -> str:
    return f"{part({'alg': alg, 'kid': 'one'})}.{part(issuer.claims())}."


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_alg_none(alg: str) -> None:
    assert verdict(lambda issuer: unsigned(issuer, alg)).kind == "invalid"
    assert verdict(lambda issuer: unsigned(issuer, alg) + "AAAA").kind == "invalid"


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_hs256_with_the_public_key_as_its_secret(form: str) -> None:
    public = rsa("one")
    secret = {
        "pem": public.as_pem(private=False),
        "der": public.as_der(private=False),
        "jwk": json.dumps(public.as_dict(private=False)).encode(),
    }[form]
    with warnings.catch_warnings():  # the library sees what is going on
        warnings.simplefilter("ignore")
        key = jwk.OctKey.import_key(base64.urlsafe_b64encode(secret).rstrip(b"=").decode())

    def forged(issuer: Issuer) -> str:
        return jws.serialize_compact(
            {"alg": "HS256", "kid": "one"}, json.dumps(issuer.claims()), key, algorithms=["HS256"]
        )

    assert verdict(forged).words == "token: signed by an algorithm that is not allowed"


def test_symmetric_algorithms_cannot_even_be_set() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"issuer": ISSUER, "audience": ["a"], "algorithms": ["HS256"]}, OAuthSettings)


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "x' OR '1'='1", "\0", "two", "ONE", 1, ["one"], {"a": 1}, "k" * 600]
)
def test_kid_tricks(kid: Any) -> None:
    def forged(issuer: Issuer) -> str:
        good = issuer.token().split(".")
        header = part({"alg": "RS256", "kid": kid})
        signed = issuer.keys[0].private_key
        signature = signed.sign(f"{header}.{good[1]}".encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{header}.{good[1]}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert verdict(forged).kind == "invalid"


def test_a_key_in_the_header_is_not_believed_nor_fetched() -> None:
    """RFC 8725 §3.10: jwk, jku and x5u of a token are its own words."""
    mine = rsa("mine")
    evil = {"jwk": mine.as_dict(private=False), "jku": "https://evil.test/keys", "x5u": "https://evil.test/chain"}

    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        for kid in ("mine", "one", None):
            assert (await ours.verify(issuer.token(mine, header={**evil, "kid": kid}))).kind == "invalid"

    issuer = run(body)
    assert {one.host for one in issuer.asked} == {"login.test", "keys.test"}


def test_another_key_of_the_same_name() -> None:
    assert verdict(lambda issuer: issuer.token(rsa("evil"), header={"kid": "one"})).words == "token: a wrong signature"


@pytest.mark.parametrize("header", [{"typ": "logout+jwt"}, {"typ": "dpop+jwt"}, {"crit": ["exp"], "exp": 1}])
def test_tokens_of_other_types_and_extensions(header: dict[str, Any]) -> None:
    def token(issuer: Issuer) -> str:
        registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        registry.header_registry["exp"] = registry.header_registry["kid"]
        registry.check_header = lambda header: None  # type: ignore[method-assign]
        return jws.serialize_compact(
            {"alg": "RS256", "kid": "one", **header}, json.dumps(issuer.claims()), rsa("one"), registry=registry
        )

    assert verdict(token).kind == "invalid"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b.c",
        "....",
        "a" * 20_000,
        "e30." * 10_000,
        "é.é.é",
        "e30.e30.e30\r\nX: 1",
        "\0",
        base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":' + b"[" * 3000).decode() + ".e30.AA",
        part({"alg": "RS256", "kid": "one"}) + "." + base64.urlsafe_b64encode(b"[" * 9000).decode() + ".AA",
        part({"alg": "RS256", "enc": "A128GCM"}) + ".AA.AA.AA.AA",
        part([1]) + ".e30.AA",
    ],
)
def test_what_is_no_token(token: str) -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        assert (await ours.verify(token)).kind == "invalid"

    run(body)


def test_a_huge_token_is_refused_before_anything_is_asked() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        assert (await ours.verify(issuer.token(padding="x" * 20_000))).kind == "invalid"

    assert run(body).asked == []


def test_which_keys_of_a_set_count() -> None:
    good = ec("two").as_dict(private=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = rsa("small", 1024).as_dict(private=False)
    others = [
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "ops", "key_ops": ["sign"]},
        {**good, "kid": "list", "key_ops": "verify"},
        {**good, "kid": 5},
        {**good, "kid": "off the curve", "x": good["y"]},
        {**good, "kid": "curve", "crv": "P-999"},
        {**good, "kid": "no y", "y": None},
        {"kty": "oct", "k": "AAAA", "kid": "symmetric"},
        {"kty": "AKP", "kid": "of another time"},
        small,
        "no key",
    ]
    keys = read_keys(json.dumps({"keys": [*others, good]}).encode(), 100)
    assert [key.kid for key in keys.keys] == ["two"]
    with pytest.raises(BadKeys, match="no key that could be used"):
        read_keys(json.dumps({"keys": others}).encode(), 100)
    with pytest.raises(BadKeys, match="more than 10"):
        read_keys(json.dumps({"keys": [*others, good]}).encode(), 10)


def test_a_private_key_that_was_published_is_read_as_a_public_one() -> None:
    keys = read_keys(json.dumps({"keys": [rsa("one").as_dict(private=True)]}).encode(), 100)
    assert not keys.keys[0].key.is_private


def test_a_key_for_one_algorithm_is_for_no_other() -> None:
    key = rsa("one").as_dict(private=False) | {"alg": "PS256"}
    keys = read_keys(json.dumps({"keys": [key]}).encode(), 100)
    assert len(keys.meant("one", "PS256")) == 1
    assert keys.meant("one", "RS256") == []
    assert keys.meant("one", "ES256") == []
