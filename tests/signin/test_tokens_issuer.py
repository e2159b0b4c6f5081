"""An issuer that is slow, down, or hands out what it should not."""

import asyncio
import json

import pytest
from tests.signin.issuer import ISSUER, Issuer, ec, rsa, run

from postroom.signin import OAuthTokens, TokenVerdict


def test_made_up_keys_make_the_issuer_work_once_in_a_while() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        assert (await ours.verify(issuer.token())).kind == "ok"
        await issuer.clock.advance(31)
        for n in range(200):
            assert (await ours.verify(issuer.token(rsa("evil"), header={"kid": f"made-up-{n}"}))).kind == "invalid"

    issuer = run(body)
    assert issuer.paths.count("/set?of=mail") == 2


def test_a_new_key_is_fetched_when_a_token_has_it() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        assert (await ours.verify(issuer.token())).kind == "ok"
        issuer.keys = [rsa("next")]
        issuer.publish()
        await issuer.clock.advance(31)
        assert (await ours.verify(issuer.token(rsa("next")))).kind == "ok"
        assert (await ours.verify(issuer.token(rsa("one")))).kind == "invalid"  # it is not the issuer's any more

    run(body)


def test_keys_go_on_for_a_day_when_the_issuer_is_down() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        assert (await ours.verify(issuer.token())).kind == "ok"
        issuer.down = True
        for _ in range(23):
            await issuer.clock.advance(3600)
            assert (await ours.verify(issuer.token())).kind == "ok"
        found = await ours.verify(issuer.token(rsa("evil"), header={"kid": "new"}))
        assert found.kind == "unavailable"  # it may be a new key: nobody knows
        await issuer.clock.advance(3700)
        found = await ours.verify(issuer.token())
        assert (found.kind, found.username) == ("unavailable", None)
        assert "connection refused" in found.words
        asked = len(issuer.asked)
        for _ in range(50):
            assert (await ours.verify(issuer.token())).kind == "unavailable"
        assert len(issuer.asked) == asked  # it was asked a moment ago
        issuer.down = False
        await issuer.clock.advance(31)
        assert (await ours.verify(issuer.token())).kind == "ok"

    run(body)


def test_a_slow_issuer_is_asked_once_for_all_who_wait() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        issuer.slow = asyncio.Event()
        waiting = [asyncio.ensure_future(ours.verify(issuer.token())) for _ in range(50)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()  # its client went away
        issuer.slow.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [one.kind for one in found if isinstance(one, TokenVerdict)] == ["ok"] * 49

    assert run(body).paths.count("/set?of=mail") == 1


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": []}',
        b"[" * 100_000,
        json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "one"}]}).encode(),
        json.dumps({"keys": [ec("two").as_dict(private=False)] * 5000}).encode(),
        404,
        302,
    ],
    ids=["empty", "html", "list", "table", "none", "deep", "symmetric", "thousands", "404", "redirect"],
)
def test_key_sets_that_are_not_taken(keys: bytes | int) -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        issuer.pages["/set?of=mail"] = keys
        assert (await ours.verify(issuer.token())).kind == "unavailable"

    run(body)


def test_an_issuer_that_speaks_for_another() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        document = json.dumps({"issuer": "https://evil.test", "jwks_uri": "https://keys.test/set?of=mail"})
        issuer.pages["/mail/.well-known/openid-configuration"] = document.encode()
        assert (await ours.verify(issuer.token())).kind == "unavailable"

    run(body)


def test_keys_over_plain_http_are_not_fetched() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        document = json.dumps({"issuer": ISSUER, "jwks_uri": "http://keys.test/set?of=mail"})
        issuer.pages["/mail/.well-known/openid-configuration"] = document.encode()
        found = await ours.verify(issuer.token())
        assert found.kind == "unavailable"
        assert "https" in found.words

    run(body)
