"""Whole orders against an authority in memory."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from tests.acme.fake_authority import DIRECTORY, FakeAuthority

from postroom.acme.client import AcmeClient
from postroom.acme.jws import AccountKey, new_key
from postroom.acme.ordering import OrderFailed, Ordering
from postroom.acme.provers import ProofFailed
from postroom.base import SystemClock
from postroom.net import names_of


class QuickClock(SystemClock):
    """Sleeps for one turn of the loop, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Shelf:
    """A Prover that shows what it is given."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.steps: list[str] = []
        self.fails = False

    async def prove(self, name: str, token: str, authorization: str) -> None:
        if self.fails:
            raise ProofFailed("no room")
        self.steps.append(f"prove {name}")
        self.shown[token] = authorization

    async def settle(self) -> None:
        self.steps.append("settle")

    async def clean(self) -> None:
        self.steps.append("clean")
        self.shown.clear()


def order(
    names: tuple[str, ...],
    kind: str = "http-01",
    change: Callable[[FakeAuthority, Shelf], None] = lambda authority, shelf: None,
    **more: Any,
) -> tuple[bytes, FakeAuthority, Shelf, QuickClock]:
    clock, shelf, key = QuickClock(), Shelf(), AccountKey.read(new_key())

    def looks(kind: str, name: str, token: str, _: str) -> bool:
        return shelf.shown.get(token) == f"{token}.{key.thumbprint}"

    authority = FakeAuthority(clock.now, looks, **more)
    change(authority, shelf)

    async def main() -> bytes:
        client = AcmeClient(authority, DIRECTORY, key, clock)
        await client.open_account(())
        ordering = Ordering(client, clock, kind, poll_seconds=3, timeout_seconds=5)
        return await ordering.order(names, new_key(), shelf)

    return asyncio.run(main()), authority, shelf, clock


def test_all_proofs_are_shown_before_the_first_is_looked_at_and_taken_away_at_the_end() -> None:
    chain, authority, shelf, _ = order(("a.test", "b.test"))
    assert names_of(x509.load_pem_x509_certificates(chain)[0]) == ("a.test", "b.test")
    assert shelf.steps == ["prove a.test", "prove b.test", "settle", "clean"]
    posts = [one for one in authority.requests if one.startswith("POST /chall")]
    assert posts == ["POST /chall/0/http-01", "POST /chall/1/http-01"]


def test_a_wildcard_is_proved_at_the_name_below_it() -> None:
    chain, _, shelf, _ = order(("*.a.test", "a.test"), "dns-01")
    assert names_of(x509.load_pem_x509_certificates(chain)[0]) == ("*.a.test", "a.test")
    assert shelf.steps[:2] == ["prove a.test", "prove a.test"]


def test_the_authority_says_how_long_to_wait() -> None:
    _, _, _, clock = order(("a.test",), processing=3)
    assert 7.0 in clock.slept


def test_bad_nonces_in_the_middle_do_no_harm() -> None:
    chain, _, _, _ = order(("a.test",), bad_nonces=5)
    assert b"BEGIN CERTIFICATE" in chain


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kinds": ("dns-01",)}, "a.test: the authority does not offer http-01 for it, only dns-01"),
        ({"refuse_orders": (429, "rateLimited", {"retry-after": "60"})}, "rateLimited: too many"),
    ],
)
def test_refusals_have_words(more: dict[str, Any], words: str) -> None:
    with pytest.raises(OrderFailed, match=words):
        order(("a.test",), **more)


def test_a_proof_that_is_not_found_or_can_not_be_shown() -> None:
    def forget(authority: FakeAuthority, shelf: Shelf) -> None:
        authority.looks = lambda *_: False

    def full(authority: FakeAuthority, shelf: Shelf) -> None:
        shelf.fails = True

    with pytest.raises(OrderFailed, match=r"a\.test: http-01 failed: unauthorized: nothing there for a\.test"):
        order(("a.test",), change=forget)
    with pytest.raises(OrderFailed, match="no room"):
        order(("a.test",), change=full)


def test_an_order_that_never_ends_is_given_up() -> None:
    clock, shelf = QuickClock(), Shelf()
    authority = FakeAuthority(clock.now, processing=10**9)

    async def main() -> None:
        client = AcmeClient(authority, DIRECTORY, AccountKey.read(new_key()), clock)
        await client.open_account(())
        ordering = Ordering(client, clock, "http-01", poll_seconds=1, timeout_seconds=0.2)
        with pytest.raises(OrderFailed, match=r"not come to an end in 0\.2 s"):
            await ordering.order(("a.test",), new_key(), shelf)

    asyncio.run(main())
    assert shelf.steps[-1] == "clean"
