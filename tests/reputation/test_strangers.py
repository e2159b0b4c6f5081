"""The service that all listeners share, with a real DNS server: who is looked at, what is kept, what may go wrong."""

import asyncio
import time
from pathlib import Path

import apsw
import pytest

from postroom.base import FakeClock
from postroom.dns import StaticResolver
from postroom.net import Networks
from postroom.reputation import Greylisted, ReputationDatabase, Strangers, StrangersSettings
from postroom.reputation.settings import ListSettings

from .lobby import CLEAN, DYNAMIC, LISTED, NAMELESS, Lobby, run


def test_who_is_never_looked_at() -> None:
    settings = StrangersSettings(trusted_networks=("192.0.2.0/24",))
    strangers = Strangers(
        StaticResolver(), None, settings, FakeClock(), hostname="foo.test", trusted=Networks(["2001:db8::/32"])
    )
    for address in ("127.0.0.1", "::1", "unix", "192.0.2.9", "::ffff:192.0.2.9", "2001:db8::9"):
        assert strangers.begin(address) is None
    assert strangers.begin("198.51.100.1") is not None
    strangers.take(StrangersSettings(check=False))
    assert strangers.begin("198.51.100.1") is None


def test_what_is_found_about_an_address(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        names = {}
        for address in (CLEAN, NAMELESS, DYNAMIC, LISTED):
            standing = await lobby.strangers.standing(address)
            assert standing.complete
            names[address] = [part.name for part in standing.parts]
        assert names == {
            CLEAN: [],
            NAMELESS: ["name.none"],
            DYNAMIC: ["name.dynamic"],
            LISTED: ["name.none", "list.black"],
        }

    run(tmp_path, body)


def test_it_is_kept_for_a_while_and_asked_once_for_many(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        one, other = await asyncio.gather(*(lobby.strangers.standing(NAMELESS) for _ in range(2)))
        assert one is other
        asked = len(lobby.dns.questions)
        assert await lobby.strangers.standing(NAMELESS) is one
        assert len(lobby.dns.questions) == asked
        await lobby.clock.advance(601)
        assert await lobby.strangers.standing(NAMELESS) is not one

    run(tmp_path, body)


def test_trouble_with_the_dns_gives_no_points_and_is_not_kept_for_long(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        reverse, listed = "66.100.51.198.in-addr.arpa", "66.100.51.198.bl.test"
        lobby.dns.failing |= {reverse, listed}
        standing = await lobby.strangers.standing(LISTED)
        assert (standing.parts, standing.complete) == ((), False)
        lobby.dns.failing.clear()
        await lobby.clock.advance(31)
        assert len((await lobby.strangers.standing(LISTED)).parts) == 2

    run(tmp_path, body)


def test_a_dns_that_says_nothing_holds_nobody_up(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        lobby.dns.silent |= {"66.100.51.198.in-addr.arpa", "66.100.51.198.bl.test"}
        begun = time.monotonic()
        standing = await lobby.strangers.standing(LISTED)
        assert time.monotonic() - begun < 2
        assert standing.parts == ()

    run(tmp_path, body, max_dns_seconds=0.1)


def test_many_dead_lists_take_the_time_of_one(tmp_path: Path) -> None:
    many = {
        f"{kind}{number}": ListSettings(zone=f"{kind}{number}.test", has=kind, points=1.0)
        for kind in ("addresses", "domains")
        for number in range(20)
    }

    async def body(lobby: Lobby) -> None:
        for one in many.values():
            lobby.dns.silent |= {f"{name}.{one.zone}" for name in ("evil.test", "mx.bar.test", "7.100.51.198")}
        begun = time.monotonic()
        visit = lobby.visit(NAMELESS)
        visit.hello("mx.bar.test")
        await visit.assess("x@evil.test")
        assert time.monotonic() - begun < 3

    run(tmp_path, body, list=many, max_dns_seconds=0.2)


def test_questions_have_a_bound(tmp_path: Path) -> None:
    many = {f"l{number}": ListSettings(zone=f"l{number}.test", points=1.0) for number in range(50)}

    async def body(lobby: Lobby) -> None:
        await lobby.strangers.standing(NAMELESS)
        assert len(lobby.dns.questions) <= 10

    run(tmp_path, body, list=many, max_dns_questions=10)


def test_what_is_learnt_is_written_and_survives(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        for _ in range(5):
            visit = await lobby.arrives()
            visit.delivered("good", "bar.test")
        (await lobby.arrives(NAMELESS, to="postmaster")).delivered("junk")
        found = lobby.strangers.remembered("192.0.2.0/24")
        assert found is not None
        assert found.good == 5  # not written yet

    run(tmp_path, body)

    async def later(lobby: Lobby) -> None:
        for origin, wanted in (("192.0.2.0/24", (5, 0)), ("bar.test", (5, 0)), ("198.51.100.0/24", (0, 1))):
            found = lobby.strangers.remembered(origin)
            assert found is not None
            assert (found.good, found.junk) == wanted
        visit = await lobby.arrives()
        assert [part.name for part in visit.score.parts] == ["history.known"]

    run(tmp_path, later)


def test_workers_share_what_is_remembered(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        database = ReputationDatabase(lobby.path)
        other = Strangers(
            lobby.strangers.resolver, database, lobby.strangers.settings, lobby.clock, hostname="mail.foo.test"
        )
        with pytest.raises(Greylisted):
            await lobby.arrives(NAMELESS)
        await lobby.clock.advance(61)
        visit = other.begin(NAMELESS)
        assert visit is not None
        await visit.recipient("a@bar.test", "bob@foo.test")
        await other.close()
        database.close()

    run(tmp_path, body)


def test_a_database_that_fails_holds_no_mail_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body(lobby: Lobby) -> None:
        def drop(db: apsw.Connection) -> None:
            db.execute("DROP TABLE attempt")
            db.execute("DROP TABLE origin")

        database = lobby.strangers.database
        assert database is not None
        database.now(drop)
        visit = await lobby.arrives(NAMELESS)
        visit.delivered("good")
        await lobby.strangers.close()
        assert "no such table" in caplog.text

    run(tmp_path, body)


def test_old_attempts_are_purged_while_it_runs(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        with pytest.raises(Greylisted):
            await lobby.arrives(NAMELESS)
        await lobby.clock.advance(90_000)
        with pytest.raises(Greylisted):
            await lobby.arrives(DYNAMIC, sender="x@other.test")
        await lobby.strangers._tasks.wait()
        database = lobby.strangers.database
        assert database is not None
        origins = database.now(lambda db: {row[0] for row in db.execute("SELECT origin FROM attempt")})
        assert origins == {"203.0.113.0/24", ""}

    run(tmp_path, body)
