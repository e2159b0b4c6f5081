"""Requests to an authority: nonces, problems, what can't be understood."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.acme.fake_authority import DIRECTORY, FakeAuthority

from postroom.acme.client import AcmeClient, AcmeRefused, AcmeTrouble, HttpsWeb
from postroom.acme.jws import AccountKey, base64url, new_key
from postroom.base import FakeClock
from postroom.dns import StaticResolver
from postroom.net import Dialer, HttpMessage, HttpsClient, NetSettings, client_context


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def client(authority: Any, clock: FakeClock, account: str = "") -> AcmeClient:
    return AcmeClient(authority, DIRECTORY, AccountKey.read(new_key()), clock, account)


def test_an_account_is_made_once_and_nonces_are_used_up_before_new_ones_are_asked_for() -> None:
    async def main() -> None:
        clock = FakeClock()
        authority = FakeAuthority(clock.now)
        one = client(authority, clock)
        url = await one.open_account(("a@example.test",))
        assert await one.open_account(("a@example.test",)) == url
        assert authority.contacts == [["mailto:a@example.test"]] * 2
        await one.new_order(("a.test",))
        assert authority.requests == ["GET /dir", "GET /nonce", "POST /account", "POST /account", "POST /order"]

    run(main())


def test_a_bad_nonce_is_replaced_by_the_one_that_comes_with_the_refusal() -> None:
    async def main() -> None:
        clock = FakeClock()
        authority = FakeAuthority(clock.now, bad_nonces=9)
        await client(authority, clock).open_account(())
        assert authority.requests.count("GET /nonce") == 1
        authority.bad_nonces = 10
        with pytest.raises(AcmeTrouble, match="10 times in a row"):
            await client(authority, clock).open_account(())

    run(main())


def test_a_binding_where_the_authority_wants_one() -> None:
    async def main() -> None:
        clock = FakeClock()
        authority = FakeAuthority(clock.now, eab=True)
        with pytest.raises(AcmeTrouble, match="eab_key_id"):
            await client(authority, clock).open_account(())
        await client(authority, clock).open_account((), ("kid-1", base64url(b"secret")))
        assert len(authority.bindings) == 1

    run(main())


def test_a_refusal_has_its_words_and_the_time_to_wait() -> None:
    async def main() -> None:
        clock = FakeClock()
        authority = FakeAuthority(clock.now, refuse_orders=(429, "rateLimited", {"retry-after": "3600"}))
        one = client(authority, clock)
        await one.open_account(())
        with pytest.raises(AcmeRefused, match="rateLimited: too many") as caught:
            await one.new_order(("a.test",))
        assert (caught.value.status, caught.value.retry_after) == (429, 3600.0)

    run(main())


class Odd:
    """Says the same to everybody."""

    def __init__(self, answer: HttpMessage) -> None:
        self.answer = answer

    async def ask(self, method: str, url: str, body: bytes = b"") -> HttpMessage:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HttpMessage(200, body=b"<html>"), AcmeTrouble),
        (HttpMessage(200, body=b'{"newNonce": 1}'), AcmeTrouble),
        (HttpMessage(503, body=b"busy"), AcmeRefused),
        (HttpMessage(200, body=b'{"newNonce":"n","newAccount":"a","newOrder":"o"}'), AcmeTrouble),  # and no nonce
    ],
)
def test_what_is_no_authority(answer: HttpMessage, error: type[Exception]) -> None:
    async def main() -> None:
        with pytest.raises(error):
            await client(Odd(answer), FakeClock()).open_account(())

    run(main())


@pytest.mark.parametrize(
    "url", ["http://ca.test/dir", "https:///dir", "ftp://ca.test/", "https://[::1/dir", "https://ca.test/a b", "x"]
)
def test_only_https_addresses_are_asked(url: str) -> None:
    async def main() -> None:
        net = NetSettings()
        https = HttpsClient(Dialer(net), lambda: client_context(verify=True), max_octets=100, timeout_seconds=1)
        with pytest.raises(AcmeTrouble, match="address"):
            await HttpsWeb(https, StaticResolver({})).ask("GET", url)

    run(main())


def test_an_authority_without_an_address_is_told() -> None:
    async def main() -> None:
        net = NetSettings()
        https = HttpsClient(Dialer(net), lambda: client_context(verify=True), max_octets=100, timeout_seconds=1)
        with pytest.raises(AcmeTrouble, match=r"ca\.test has no address"):
            await HttpsWeb(https, StaticResolver({})).ask("GET", "https://ca.test/dir")

    run(main())
