"""Policies fetched over HTTPS, kept on disk, refreshed, and what failures change."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.delivery.sts_web import POLICY, StsWeb, plain

from postroom.base import FakeClock
from postroom.delivery.sts_policies import NoPolicy, StsPolicies
from postroom.delivery.tls_database import TlsDatabase
from postroom.delivery.tls_settings import OutboundTlsSettings
from postroom.dns import StaticResolver
from postroom.mailauth import ResultType
from postroom.mailauth.mta_sts import Mode, read_policy
from postroom.net import Dialer, HttpsClient, NetSettings, client_context

DAY = 86_400


class Scene:
    def __init__(self, folder: Path, web: StsWeb) -> None:
        self.folder = folder
        self.web = web
        self.clock = FakeClock()
        self.resolver = StaticResolver(
            txt_records={"_mta-sts.b.test": ["v=STSv1; id=1;"]}, a_records={"mta-sts.b.test": ["127.0.0.1"]}
        )
        self.policies = self.open()

    def open(self) -> StsPolicies:
        """As at the start of the server."""
        settings = OutboundTlsSettings(mta_sts_port=self.web.port, max_mta_sts_policies=3)
        client = HttpsClient(
            Dialer(NetSettings()),
            lambda: client_context(verify=True, cafile=self.web.authorities),
            max_octets=65_536,
            timeout_seconds=5,
        )
        self.database = TlsDatabase(self.folder / "tls.db")
        self.policies = StsPolicies(self.resolver, client, self.database, self.clock, settings)
        return self.policies

    async def close(self) -> None:
        await self.policies.close()
        self.database.close()


def play(folder: Path, body: Callable[[Scene], Awaitable[None]], *names: str) -> None:
    async def go() -> None:
        web = await StsWeb(folder, *(names or ("mta-sts.b.test",))).start()
        scene = Scene(folder, web)
        try:
            await body(scene)
        finally:
            await scene.close()
            await web.stop()

    asyncio.run(go())


def test_fetched_once_and_kept_over_a_restart(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for _ in range(3):
            assert await scene.policies.policy("b.test") == read_policy(POLICY)
        assert len(scene.web.asked) == 1
        assert scene.web.asked[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.b.test")
        await scene.close()
        assert await scene.open().policy("b.test") == read_policy(POLICY)
        assert len(scene.web.asked) == 1

    play(tmp_path, body)


def test_without_a_text_nothing_is_fetched(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.resolver.txt_records.clear()
        assert await scene.policies.policy("b.test") == NoPolicy()
        scene.resolver.failing.add("_mta-sts.b.test")
        assert await scene.policies.policy("b.test") == NoPolicy()
        assert scene.web.asked == []

    play(tmp_path, body)


def test_equal_fetches_are_joined(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        scene.web.gate.clear()
        asking = [asyncio.ensure_future(scene.policies.policy("b.test")) for _ in range(5)]
        while not scene.web.asked:
            await asyncio.sleep(0.001)
        asking[0].cancel()
        scene.web.gate.set()
        assert set(await asyncio.gather(*asking[1:])) == {read_policy(POLICY)}
        assert len(scene.web.asked) == 1

    play(tmp_path, body)


def test_a_new_id_means_a_new_policy(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.policies.policy("b.test")
        scene.web.answer = plain(POLICY.replace(b"enforce", b"testing"))
        assert await scene.policies.policy("b.test") == read_policy(POLICY)
        scene.resolver.txt_records["_mta-sts.b.test"] = ["v=STSv1; id=2;"]
        found = await scene.policies.policy("b.test")
        assert not isinstance(found, NoPolicy)
        assert found.mode is Mode.TESTING

    play(tmp_path, body)


@pytest.mark.parametrize("trouble", ["text gone", "text fails", "fetch fails"])
def test_a_policy_outlives_trouble_until_it_ends(tmp_path: Path, trouble: str) -> None:
    async def body(scene: Scene) -> None:
        await scene.policies.policy("b.test")
        if trouble == "text gone":
            scene.resolver.txt_records.clear()
        elif trouble == "text fails":
            scene.resolver.failing.add("_mta-sts.b.test")
        else:
            scene.resolver.txt_records["_mta-sts.b.test"] = ["v=STSv1; id=2;"]
            scene.web.answer = plain(b"", status=b"500 No")
        await scene.clock.advance(6 * DAY)
        assert await scene.policies.policy("b.test") == read_policy(POLICY)
        await scene.clock.advance(DAY)
        found = await scene.policies.policy("b.test")
        assert isinstance(found, NoPolicy)
        assert (found.failure is ResultType.STS_POLICY_FETCH_ERROR) == (trouble == "fetch fails")

    play(tmp_path, body)


def test_it_is_refreshed_long_before_it_ends(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for day in range(1, 20):
            assert await scene.policies.policy("b.test") == read_policy(POLICY)
            while len(scene.web.asked) < day or scene.policies._under_way:
                await asyncio.sleep(0.001)
            await scene.clock.advance(DAY)
        assert len(scene.web.asked) == 19

    play(tmp_path, body)


@pytest.mark.parametrize(
    ("answer", "failure", "words"),
    [
        (plain(POLICY, status=b"404 Not Found"), ResultType.STS_POLICY_FETCH_ERROR, "404"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://mta-sts.b.test/\r\n\r\n",
            ResultType.STS_POLICY_FETCH_ERROR,
            "302",
        ),
        (plain(POLICY, b"text/html"), ResultType.STS_POLICY_INVALID, "text/html"),
        (plain(b"version: STSv1\n"), ResultType.STS_POLICY_INVALID, "mode"),
        (plain(b"x" * 70_000), ResultType.STS_POLICY_FETCH_ERROR, "65536 octets"),
        (b"junk\r\n\r\n", ResultType.STS_POLICY_FETCH_ERROR, "not a response"),
    ],
)
def test_what_is_no_policy_is_asked_for_again_after_a_while(
    tmp_path: Path, answer: bytes, failure: ResultType, words: str
) -> None:
    async def body(scene: Scene) -> None:
        scene.web.answer = answer
        for _ in range(3):
            found = await scene.policies.policy("b.test")
            assert isinstance(found, NoPolicy)
            assert found.failure is failure
            assert words in found.words
        assert len(scene.web.asked) == 1
        await scene.clock.advance(301)
        scene.web.answer = plain(POLICY)
        assert await scene.policies.policy("b.test") == read_policy(POLICY)

    play(tmp_path, body)


def test_the_web_servers_certificate_has_to_be_its_own(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        found = await scene.policies.policy("b.test")
        assert isinstance(found, NoPolicy)
        assert found.failure is ResultType.STS_WEBPKI_INVALID

    play(tmp_path, body, "b.test")


@pytest.mark.parametrize("failing", [True, False])
def test_a_web_server_without_address(tmp_path: Path, failing: bool) -> None:
    async def body(scene: Scene) -> None:
        scene.resolver.a_records.clear()
        if failing:
            scene.resolver.failing.add("mta-sts.b.test")
        found = await scene.policies.policy("b.test")
        assert isinstance(found, NoPolicy)
        assert found.failure is ResultType.STS_POLICY_FETCH_ERROR

    play(tmp_path, body)


def test_mode_none_ends_a_policy(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        await scene.policies.policy("b.test")
        scene.web.answer = plain(b"version: STSv1\nmode: none\nmax_age: 86400\n")
        scene.resolver.txt_records["_mta-sts.b.test"] = ["v=STSv1; id=3;"]
        for _ in range(2):
            assert isinstance(await scene.policies.policy("b.test"), NoPolicy)
        assert len(scene.web.asked) == 2

    play(tmp_path, body)


def test_they_are_bounded(tmp_path: Path) -> None:
    names = [f"d{k}.test" for k in range(5)]

    async def body(scene: Scene) -> None:
        for name in names:
            scene.resolver.txt_records[f"_mta-sts.{name}"] = ["v=STSv1; id=1;"]
            scene.resolver.a_records[f"mta-sts.{name}"] = ["127.0.0.1"]
            await scene.policies.policy(name)
            await scene.clock.advance(1)
        assert list(scene.policies._kept) == names[2:]
        await scene.close()
        assert list(scene.open()._kept) == names[2:]

    play(tmp_path, body, *(f"mta-sts.{name}" for name in names))
