"""Questions to the issuer about tokens."""

import asyncio
from typing import Any

import pytest
from tests.signin.issuer import ASKING, Issuer, about, run

from postroom.signin import OAuthTokens


def test_a_token_that_the_issuer_vouches_for() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer)
        for _ in range(3):
            assert (await ours.verify("opaque")).username == "bob@example.org"
        assert (await ours.verify("other")).words == "token: not active, says the issuer"
        assert (await ours.verify("other")).kind == "invalid"

    assert run(body, **ASKING).paths.count("/introspect") == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"active": "true"},
        {"active": 1},
        {"token_type": "DPoP"},
        {"iss": "https://evil.test"},
        {"scope": "openid"},
        {"exp": 1_600_000_000},
        {"email": "x", "email_verified": False},
        {"cnf": {"x5t#S256": "a"}},
    ],
)
def test_answers_that_sign_nobody_in(changed: dict[str, Any]) -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer)
        issuer.about["opaque"].update(changed)
        assert (await ours.verify("opaque")).kind == "invalid"

    run(body, **ASKING)


def test_an_answer_lives_no_longer_than_the_token() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer, exp=int(issuer.clock.now()) + 100)
        assert (await ours.verify("opaque")).kind == "ok"
        issuer.about.clear()  # revoked
        await issuer.clock.advance(99)
        assert (await ours.verify("opaque")).kind == "ok"
        await issuer.clock.advance(1)
        assert (await ours.verify("opaque")).kind == "invalid"

    run(body, **ASKING)


def test_a_revoked_token_is_asked_for_again() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer, exp=None)
        assert (await ours.verify("opaque")).kind == "ok"
        issuer.about.clear()
        await issuer.clock.advance(301)
        assert (await ours.verify("opaque")).kind == "invalid"

    run(body, **ASKING)


def test_an_issuer_that_cannot_be_reached_is_left_alone_for_a_while() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer)
        assert (await ours.verify("opaque")).kind == "ok"
        issuer.down = True
        for n in range(100):
            assert (await ours.verify(f"other-{n}")).kind == "unavailable"
        assert (await ours.verify("opaque")).kind == "ok"  # remembered
        assert issuer.paths.count("/introspect") == 2
        issuer.down = False
        await issuer.clock.advance(31)
        assert (await ours.verify("other-1")).kind == "invalid"

    run(body, **ASKING)


def test_wrong_credentials_of_our_own_are_the_issuers_trouble_not_the_tokens() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        about(issuer)
        found = await ours.verify("opaque")
        assert (found.kind, "401" in found.words) == ("unavailable", True)

    run(body, **ASKING | {"client_id": "stranger"})


def test_a_storm_of_tokens_does_not_pile_up() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        await ours.verify("first")  # discovery
        issuer.slow = asyncio.Event()
        waiting = [asyncio.ensure_future(ours.verify(f"t{n}")) for n in range(100)]
        await asyncio.sleep(0.01)
        assert issuer.paths.count("/introspect") == 1 + 2
        assert sum(one.done() for one in waiting) == 100 - 2 - 10
        issuer.slow.set()
        kinds = [one.kind for one in await asyncio.gather(*waiting)]
        assert (kinds.count("invalid"), kinds.count("unavailable")) == (12, 88)

    run(body, **ASKING, max_concurrent_questions=2, max_waiting_questions=10)


def test_remembered_answers_are_bounded() -> None:
    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        for n in range(50):
            await ours.verify(f"t{n}")
        introspection = ours._introspection
        assert introspection is not None
        assert len(introspection._answers) == 10

    run(body, **ASKING, max_cached_tokens=10)
