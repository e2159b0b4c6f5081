"""Sessions counted by day, policy and failure."""

import asyncio
from collections.abc import Awaitable, Callable

import apsw

from postroom.base import FakeClock
from postroom.delivery.report_results import day_of
from postroom.delivery.tls_database import TlsDatabase
from postroom.delivery.tls_demand import Published
from postroom.delivery.tls_results import TlsResults, results_of
from postroom.delivery.tls_settings import TlsReportSettings
from postroom.mailauth.tls_rpt import Failure, PolicyResults

STS = Published("b.test", "sts", ("version: STSv1",), ("mx.b.test",))
NONE = Published("b.test")
EXPIRED = Failure("certificate-expired", 1, "192.0.2.1", "mx.b.test", "192.0.2.2", "expired")


class Scene:
    def __init__(self, settings: TlsReportSettings) -> None:
        self.clock = FakeClock()
        self.database = TlsDatabase(None)
        self.results = TlsResults(self.database, self.clock, settings)

    def of(self, domain: str = "b.test", days_ago: int = 0) -> tuple[PolicyResults, ...]:
        day = day_of(self.clock.now() - days_ago * 86_400)
        return self.database.now(lambda db: results_of(db, day, domain))


def play(body: Callable[[Scene], Awaitable[None]], settings: TlsReportSettings | None = None) -> None:
    async def go() -> None:
        scene = Scene(settings or TlsReportSettings(send=True))
        await body(scene)
        await scene.results.close()
        scene.database.close()

    asyncio.run(go())


def test_they_are_summed_over_flushes() -> None:
    async def body(scene: Scene) -> None:
        for _ in range(2):
            for _ in range(3):
                scene.results.note(STS)
                scene.results.note(STS, EXPIRED)
            scene.results.note(NONE)
            scene.results.note(None)
            await scene.results.flush()
        expired = Failure("certificate-expired", 6, "192.0.2.1", "mx.b.test", "192.0.2.2", "expired")
        assert sorted(scene.of(), key=lambda one: one.kind) == [
            PolicyResults("no-policy-found", "b.test", (), (), 2),
            PolicyResults("sts", "b.test", ("version: STSv1",), ("mx.b.test",), 6, (expired,), 6),
        ]
        assert scene.of("c.test") == ()

    play(body)


def test_each_day_has_its_own() -> None:
    async def body(scene: Scene) -> None:
        scene.results.note(NONE)
        await scene.clock.advance(86_400)
        scene.results.note(NONE, EXPIRED)
        await scene.results.flush()
        assert [one.successes for one in scene.of(days_ago=1)] == [1]
        assert [(one.successes, one.failure_count) for one in scene.of()] == [(0, 1)]

    play(body)


def test_they_are_written_in_time_and_at_the_end() -> None:
    async def body(scene: Scene) -> None:
        scene.results.start()
        scene.results.note(NONE)
        await scene.clock.advance(11)
        while not scene.of():
            await asyncio.sleep(0.001)
        scene.results.note(NONE)
        await scene.results.close()
        assert scene.of()[0].successes == 2

    play(body)


def test_old_days_go() -> None:
    async def body(scene: Scene) -> None:
        scene.results.note(NONE, EXPIRED)
        await scene.results.flush()
        await scene.clock.advance(31 * 86_400)
        scene.results.note(NONE)
        await scene.results.flush()
        assert scene.of(days_ago=31) == ()

    play(body)


def test_they_are_bounded() -> None:
    async def body(scene: Scene) -> None:
        for number in range(50):
            scene.results.note(NONE, Failure("validation-failure", 1, reason=f"{number}" * 1000))
            if number % 7 == 0:
                await scene.results.flush()
        await scene.results.flush()

        def rows(db: apsw.Connection) -> int:
            return int(db.execute("SELECT count(*) FROM failure").get)

        assert 1 <= scene.database.now(rows) <= 10
        assert all(len(failure.reason) <= 250 for failure in scene.of()[0].failures)

    play(body, TlsReportSettings(send=True, max_results=10))


def test_nothing_is_counted_when_nothing_is_sent() -> None:
    async def body(scene: Scene) -> None:
        scene.results.note(NONE)
        await scene.results.flush()
        assert scene.of() == ()

    play(body, TlsReportSettings())
