"""The resolver: what it remembers, joins, limits; and over the wire what the contract does not show."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from postroom.base import FakeClock, SystemClock
from postroom.dns import Answer, DnsResolver, DnsSettings, DnsTemporary, TestDnsServer
from postroom.dns.types import Found

Zones = dict[str, dict[str, list[str]]]


class Script:
    """Answers as told, after `gate` opens; counts."""

    def __init__(self, answers: dict[str, Found | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def ask(self, name: str, kind: str) -> Found:
        self.asked.append(f"{kind} {name}")
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None: ...


def address(text: str, ttl: float) -> Found:
    return Found((text,), ttl)


def run(
    answers: dict[str, Found | Exception],
    body: Callable[[DnsResolver, Script, FakeClock], Awaitable[None]],
    settings: DnsSettings | None = None,
) -> None:
    async def go() -> None:
        clock, script = FakeClock(), Script(answers)
        resolver = DnsResolver(settings or DnsSettings(), clock, ask=script)
        await body(resolver, script, clock)
        await resolver.close()

    asyncio.run(go())


def test_answers_live_for_their_ttl() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        for _ in range(3):
            assert (await resolver.a("a.test")).records == ("127.0.0.2",)
        assert script.asked == ["A a.test"]
        await clock.advance(61)
        script.answers["a.test"] = address("127.0.0.3", 60)
        assert (await resolver.a("A.test.")).records == ("127.0.0.3",)

    run({"a.test": address("127.0.0.2", 60)}, body)


def test_a_ttl_is_capped() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        await resolver.a("a.test")
        await clock.advance(101)
        await resolver.a("a.test")
        assert len(script.asked) == 2

    run({"a.test": address("127.0.0.2", 10**9)}, body, DnsSettings(max_cache_seconds=100))


def test_absence_is_remembered() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        for _ in range(3):
            assert await resolver.a("no.test") == Answer((), exists=False)
        assert len(script.asked) == 1

    run({"no.test": Found((), 60, exists=False)}, body)


def test_failure_is_remembered_for_a_moment() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        for _ in range(3):
            with pytest.raises(DnsTemporary, match="SERVFAIL"):
                await resolver.a("a.test")
        assert len(script.asked) == 1
        script.answers["a.test"] = address("127.0.0.2", 60)
        await clock.advance(1.1)
        assert (await resolver.a("a.test")).records == ("127.0.0.2",)

    run({"a.test": DnsTemporary("SERVFAIL")}, body)


def test_the_cache_is_bounded() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        for k in range(20):
            await resolver.a(f"h{k}.test")
        assert len(resolver._cache) == 5

    run({f"h{k}.test": address("127.0.0.2", 60) for k in range(20)}, body, DnsSettings(cache_answers=5))


def test_equal_questions_are_asked_once_and_survive_one_asker() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        script.gate.clear()
        askers = [asyncio.ensure_future(resolver.a("a.test")) for _ in range(5)]
        other = asyncio.ensure_future(resolver.aaaa("a.test"))
        await asyncio.sleep(0)
        askers[0].cancel()
        await asyncio.sleep(0)
        script.gate.set()
        answers = await asyncio.gather(*askers[1:])
        assert {answer.records for answer in answers} == {("127.0.0.2",)}
        await other
        assert sorted(script.asked) == ["A a.test", "AAAA a.test"]
        assert askers[0].cancelled()

    run({"a.test": address("127.0.0.2", 60)}, body)


def test_questions_in_flight_are_limited() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        script.gate.clear()
        askers = asyncio.gather(*(resolver.a(f"h{k}.test") for k in range(20)))
        await clock.advance(0)  # lets them all run
        assert script.waiting == 3
        script.gate.set()
        await askers
        assert len(script.asked) == 20

    run({f"h{k}.test": address("127.0.0.2", 60) for k in range(20)}, body, DnsSettings(max_questions=3))


def test_a_bug_is_temporary_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        with pytest.raises(DnsTemporary):
            await resolver.a("a.test")

    with caplog.at_level(logging.ERROR, "postroom.dns"):
        run({"a.test": RuntimeError("boom")}, body)
    assert "A a.test" in caplog.text


def test_close_fails_what_is_under_way() -> None:
    async def body(resolver: DnsResolver, script: Script, clock: FakeClock) -> None:
        script.gate.clear()
        asker = asyncio.ensure_future(resolver.a("a.test"))
        await asyncio.sleep(0.001)
        await resolver.close()
        with pytest.raises(DnsTemporary, match="closed"):
            await asker

    run({"a.test": address("127.0.0.2", 60)}, body)


# ---- over the wire


def over_the_wire(
    zones: Zones, body: Callable[[DnsResolver, TestDnsServer], Awaitable[None]], settings: DnsSettings | None = None
) -> None:
    async def go() -> None:
        async with TestDnsServer(zones) as server:
            base = settings or DnsSettings()
            chosen = DnsSettings(
                nameservers=(server.address,),
                timeout_seconds=base.timeout_seconds,
                tries=base.tries,
                total_timeout_seconds=base.total_timeout_seconds,
            )
            resolver = DnsResolver(chosen, SystemClock())
            try:
                await body(resolver, server)
            finally:
                await resolver.close()

    asyncio.run(go())


def test_aliases_are_followed() -> None:
    async def body(resolver: DnsResolver, server: TestDnsServer) -> None:
        assert (await resolver.a("www.test")).records == ("127.0.0.2",)
        assert await resolver.a("dangling.test") == Answer((), exists=True)

    over_the_wire(
        {"www.test": {"CNAME": ["h.test"]}, "h.test": {"A": ["127.0.0.2"]}, "dangling.test": {"CNAME": ["no.test"]}},
        body,
    )


def test_a_cut_answer_is_fetched_by_tcp() -> None:
    async def body(resolver: DnsResolver, server: TestDnsServer) -> None:
        assert len((await resolver.a("many.test")).records) == 200
        server.cut.add("one.test")
        assert (await resolver.a("one.test")).records == ("127.0.0.2",)
        assert [by for by, _, _ in server.questions] == ["udp", "tcp", "udp", "tcp"]

    many = [f"127.0.{k // 250}.{k % 250 + 1}" for k in range(200)]
    over_the_wire({"many.test": {"A": many}, "one.test": {"A": ["127.0.0.2"]}}, body)


def test_silence_is_temporary() -> None:
    async def body(resolver: DnsResolver, server: TestDnsServer) -> None:
        server.silent.add("a.test")
        with pytest.raises(DnsTemporary):
            await resolver.a("a.test")
        assert len(server.questions) == 2

    over_the_wire({}, body, DnsSettings(timeout_seconds=0.25, tries=2))


def test_silence_ends_after_the_total_time() -> None:
    async def body(resolver: DnsResolver, server: TestDnsServer) -> None:
        server.silent.add("a.test")
        with pytest.raises(DnsTemporary, match=r"no answer in 0\.02 s"):
            await resolver.a("a.test")

    over_the_wire({}, body, DnsSettings(timeout_seconds=5, total_timeout_seconds=0.02))


def test_zones_may_change() -> None:
    async def body(resolver: DnsResolver, server: TestDnsServer) -> None:
        assert await resolver.mx("a.test") == Answer((), exists=True)
        server.zones["a.test"] = {"MX": ["5 mx.a.test"], "A": ["127.0.0.9"]}
        assert (await resolver.a("a.test")).records == ("127.0.0.9",)

    over_the_wire({"a.test": {"A": ["127.0.0.2"]}}, body)


def test_nobody_listens() -> None:
    async def go() -> None:
        async with TestDnsServer({}) as server:
            address = server.address
        resolver = DnsResolver(DnsSettings(nameservers=(address,), timeout_seconds=0.25, tries=1), SystemClock())
        with pytest.raises(DnsTemporary):
            await resolver.a("a.test")
        await resolver.close()

    asyncio.run(go())


def test_a_name_server_has_to_be_an_address() -> None:
    with pytest.raises(ValueError, match="'localhost:53': not an IP address"):
        DnsResolver(DnsSettings(nameservers=("localhost:53",)), FakeClock())


def test_a_name_server_by_its_ipv6_address() -> None:
    async def go() -> None:
        server = TestDnsServer({"a.test": {"A": ["127.0.0.2"]}}, host="::1")
        try:
            await server.start()
        except OSError:
            pytest.skip("no IPv6 on this machine")
        resolver = DnsResolver(DnsSettings(nameservers=(server.address,)), SystemClock())
        assert (await resolver.a("a.test")).records == ("127.0.0.2",)
        await resolver.close()
        await server.close()

    asyncio.run(go())
