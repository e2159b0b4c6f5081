"""What came in the name of each domain, counted."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.mailauth.dmarc.zone import Spf, Zone

from postroom.base import FakeClock
from postroom.delivery.dmarc_database import DmarcDatabase
from postroom.delivery.dmarc_results import DmarcResults, results_of
from postroom.delivery.report_results import day_of
from postroom.delivery.report_settings import DmarcReportSettings
from postroom.mailauth.dmarc import DmarcVerdict, Policy, evaluate
from postroom.mailauth.dmarc.aggregate import Published, Row
from postroom.mailauth.dmarc.author import Author
from postroom.mailauth.questions import conclude


def judged(author: str, spf: Spf, record: str = "v=DMARC1; p=reject; rua=mailto:r@example.test") -> DmarcVerdict:
    who = Author(author, domains=(author,))
    return conclude(evaluate(who, [spf], []), Zone({"example.test": record}).answer)


class Scene:
    def __init__(self, **settings: int | bool) -> None:
        self.clock = FakeClock()
        self.database = DmarcDatabase(None)
        made = DmarcReportSettings(**{"send": True, **settings})  # type: ignore[arg-type]
        self.results = DmarcResults(self.database, self.clock, made)

    def come(self, author: str = "example.test", source: str = "192.0.2.1", sender: str = "evil.test") -> None:
        spf = Spf(sender)
        verdict = judged(author, spf)
        self.results.record(verdict, [spf], [], source_ip=source, disposition=verdict.disposition)

    def of(self, limit: int = 100) -> tuple[Published, tuple[Row, ...], int]:
        day = day_of(self.clock.now())
        return self.database.now(lambda db: results_of(db, day, "example.test", limit))


def play(body: Callable[[Scene], Awaitable[None]], **settings: int | bool) -> None:
    async def go() -> None:
        scene = Scene(**settings)
        await body(scene)
        await scene.results.close()
        scene.database.close()

    asyncio.run(go())


def test_alike_messages_are_one_row_over_flushes_and_subdomains_are_rows_of_one_report() -> None:
    async def body(scene: Scene) -> None:
        for _ in range(3):
            scene.come()
        await scene.results.flush()
        scene.come()
        scene.come("a.example.test", sender="example.test")
        await scene.results.flush()
        published, rows, missing = scene.of()
        assert published == Published("example.test", "reject", discovery_method="treewalk")
        assert [(row.header_from, row.count, row.disposition, row.spf) for row in rows] == [
            ("example.test", 4, "reject", "fail"),
            ("a.example.test", 1, "pass", "pass"),
        ]
        assert missing == 0

    play(body)


def test_who_wants_no_reports_is_not_counted() -> None:
    async def body(scene: Scene) -> None:
        spf = Spf("evil.test")
        for record in ("v=DMARC1; p=reject", "v=spf1"):
            verdict = judged("example.test", spf, record)
            scene.results.record(verdict, [spf], [], source_ip="192.0.2.1", disposition=Policy.NONE)
        await scene.results.flush()
        assert scene.of()[1] == ()

    play(body)


def test_nothing_is_counted_when_nothing_is_sent() -> None:
    async def body(scene: Scene) -> None:
        scene.come()
        await scene.results.flush()
        assert scene.of()[1] == ()

    play(body, send=False)


def test_they_are_bounded_and_what_is_known_is_counted_all_the_same() -> None:
    async def body(scene: Scene) -> None:
        for turn in range(2):
            for at in range(10):
                scene.come(source=f"192.0.2.{at + 10 * turn}")
            await scene.results.flush()
        scene.come(source="192.0.2.0")
        await scene.results.flush()
        _, rows, _ = scene.of()
        assert len(rows) == 5
        assert (rows[0].source_ip, rows[0].count) == ("192.0.2.0", 2)

    play(body, max_results=5)


def test_a_report_has_the_rows_with_the_most_messages() -> None:
    async def body(scene: Scene) -> None:
        for at in range(4):
            for _ in range(at + 1):
                scene.come(source=f"192.0.2.{at}")
        await scene.results.flush()
        _, rows, missing = scene.of(limit=2)
        assert ([row.count for row in rows], missing) == ([4, 3], 2)

    play(body)


def test_of_two_records_of_a_day_that_with_the_most_messages_is_told() -> None:
    async def body(scene: Scene) -> None:
        spf = Spf("evil.test")
        old = judged("example.test", spf, "v=DMARC1; p=none; rua=mailto:r@example.test")
        scene.results.record(old, [spf], [], source_ip="192.0.2.1", disposition=old.disposition)
        scene.come()
        scene.come()
        await scene.results.flush()
        published, rows, _ = scene.of()
        assert (published.p, [row.disposition for row in rows]) == ("reject", ["reject", "none"])

    play(body)
