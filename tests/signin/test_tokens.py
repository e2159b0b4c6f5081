"""Tokens as SignIn uses them."""

import logging
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from tests.signin.issuer import ASKING, ISSUER, Issuer, about, ec, ed25519, rsa, run, verdict

from postroom.base import FakeClock, SeededIds
from postroom.dns import StaticResolver
from postroom.net import Dialer, NetSettings
from postroom.signin import OAuthSettings, OAuthTokens, SecretUnreadable, TokenVerdict, issuer_tokens


@pytest.mark.parametrize("key", [rsa("one"), ec("two"), ed25519("three")], ids=["RS256", "ES256", "Ed25519"])
def test_a_good_token_signs_in(key: Any) -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        issuer.keys.append(ed25519("three"))
        issuer.publish()
        assert await ours.verify(issuer.token(key)) == TokenVerdict("ok", f"token of {ISSUER}", "bob@example.org")
        assert (await ours.verify(issuer.token(key))).kind == "ok"

    issuer = run(body)
    assert issuer.paths == ["/mail/.well-known/openid-configuration", "/set?of=mail"]  # once, for all tokens


def test_the_older_name_of_ed25519() -> None:
    key = ed25519("three")
    with pytest.warns(Warning, match="EdDSA"):
        token = jwt.encode({"alg": "EdDSA", "kid": "three"}, Issuer().claims(), key, algorithms=["EdDSA"])

    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        issuer.keys = [key]
        issuer.publish()
        assert (await ours.verify(token)).kind == "ok"

    run(body)


def test_another_claim_names_the_person() -> None:
    found = verdict(
        lambda issuer: issuer.token(preferred_username="bob", email=None), username_claim="preferred_username"
    )
    assert found.username == "bob"


def test_a_token_without_a_kid_where_one_key_fits() -> None:
    assert verdict(lambda issuer: issuer.token(header={"kid": None})).kind == "ok"

    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        issuer.keys = [rsa("one"), rsa("other")]
        issuer.publish()
        assert (await ours.verify(issuer.token(header={"kid": None}))).kind == "invalid"

    run(body)


def test_an_error_of_our_own_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("postroom.signin.tokens.read_claims", broken)
    assert verdict(lambda issuer: issuer.token()).kind == "unavailable"
    assert "could not be checked" in caplog.text


def test_neither_tokens_nor_secrets_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer)
        for down in (False, True):
            issuer.down = down
            for token in ("opaque", "another-token"):
                found = await ours.verify(token)
                seen.append(repr(found))
                await issuer.clock.advance(400)
        seen.append(repr(ours))
        seen.extend(repr(one) for one in issuer.asked)

    run(body, **ASKING)
    for secret in ("opaque", "another-token", "s3cret", "cG9zdHJv"):
        assert secret not in caplog.text + " ".join(seen)


def test_the_secret_is_in_a_file(tmp_path: Path) -> None:
    def made(path: Path) -> OAuthTokens:
        settings = OAuthSettings(
            issuer=ISSUER, verify="introspection", client_id="postroom", client_secret_file=str(path)
        )
        return issuer_tokens(settings, StaticResolver(), Dialer(NetSettings()), FakeClock(), SeededIds(1))

    good = tmp_path / "secret"
    good.write_text("words\n")
    assert made(good).discovery_url == "https://login.test/mail/.well-known/openid-configuration"
    for text in ("", "two\nlines\n"):
        good.write_text(text)
        with pytest.raises(SecretUnreadable, match="client_secret_file"):
            made(good)
    with pytest.raises(SecretUnreadable, match="No such file"):
        made(tmp_path / "missing")
    settings = OAuthSettings(issuer=ISSUER, audience=("a",), authorities=str(tmp_path / "missing"))
    with pytest.raises(SecretUnreadable, match=r"oauth\.authorities"):
        issuer_tokens(settings, StaticResolver(), Dialer(NetSettings()), FakeClock(), SeededIds(1))
