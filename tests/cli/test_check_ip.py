"""`postroom check ip`, with a name server on loopback and what a server has remembered."""

import asyncio
import json
from pathlib import Path

from click.testing import Result
from tests.cli.room import SETTINGS, Room
from tests.reputation.lobby import ZONES

from postroom.base import SystemClock, SystemIds
from postroom.cli.check_ip import Look, consequences
from postroom.config import Config
from postroom.dns import TestDnsServer
from postroom.guard import Guard, GuardSettings
from postroom.junk import Score, ScorePart
from postroom.reputation import ReputationDatabase, StrangersSettings
from postroom.reputation.greylist import Attempt, decide, learn

LISTS = """
[strangers.list.black]
zone = "bl.test"
codes = { "127.0.0.2" = 6.0 }
[strangers.list.domains]
zone = "dbl.test"
has = "domains"
points = 4.0
"""


def check(room: Room, *arguments: str, settings: str = LISTS) -> Result:
    async def go() -> Result:
        async with TestDnsServer(ZONES | {"7.2.0.192.bl.test": {"A": ["127.255.255.254"]}}) as server:
            room.config.write_text(f'{SETTINGS}[dns]\nnameservers = ["{server.address}"]\n{settings}')
            return await asyncio.to_thread(room.run, "check", "ip", *arguments)

    return asyncio.run(go())


def remember(data: Path) -> None:
    now, settings = SystemClock().now(), StrangersSettings()
    data.mkdir(exist_ok=True)
    database = ReputationDatabase(data / "reputation.db")
    database.now(lambda db: learn(db, {"192.0.2.0/24": (7, 1), "bar.test": (9, 0)}, now))
    waits = Attempt("198.51.100.0/24", "", "x@other.test", "bob@foo.test")
    for _ in range(2):
        database.now(lambda db: decide(db, waits, now, settings))
    database.close()


def test_a_stranger_with_its_score_and_what_follows(room: Room) -> None:
    result = check(room, "198.51.100.66", "--hello", "none.test", "--mail-from", "x@evil.test")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "198.51.100.66 in the network 198.51.100.0/24",
        "nothing is remembered of 198.51.100.0/24",
        "score 13.0",
        "  +6.0 list.black: 198.51.100.66 is on bl.test (127.0.0.2): Spam received",
        "  +4.0 list.domains: evil.test (MAIL FROM) is on dbl.test (127.0.1.2)",
        "  +1.5 name.none: the reverse DNS has no name for 198.51.100.66 (PTR)",
        "  +1.0 hello.unknown: it calls itself none.test, which has no address",
        "  +0.5 history.none: nothing is remembered of 198.51.100.0/24",
        "it would wait 2 s for the greeting and 3 s for the answer to its first recipient",
        "it would have to come again (450), 60 s later or more: strangers.greylist_points is 2",
        "its mail would go into Junk, 7 points or more, if nothing in it weighs more",
    ]
    assert not (room.data / "reputation.db").exists()  # it only looks


def test_somebody_who_is_remembered_and_a_list_of_no_use(room: Room) -> None:
    remember(room.data)
    shown = check(room, "[192.0.2.7]", "--hello", "mx.bar.test", "--mail-from", "a@bar.test").stdout.splitlines()
    assert shown[:3] == [
        "192.0.2.7 is called mx.bar.test, in the network 192.0.2.0/24",
        "the list black (bl.test) is of no use: it does not answer this server's resolver (127.255.255.254)",
        "SPF of bar.test lets it send",
    ]
    assert shown[3].startswith("192.0.2.0/24: 7 good messages and 1 of junk since 2")
    assert shown[3].endswith("; known to greylisting")
    assert shown[4].startswith("bar.test: 9 good messages and 0 of junk since 2")
    assert shown[5:] == ["score 0.0", "its mail would be taken, if nothing in it weighs more"]


def test_a_dead_list_is_told_even_where_it_lists_nobody(room: Room) -> None:
    dead = '[strangers.list.dead]\nzone = "dead.test"\npoints = 1.0\n'
    shown = check(room, "192.0.2.7", settings=dead).stdout
    assert "the list dead (dead.test) is of no use: it does not have the entry that every list of IPv4 has" in shown
    assert "not on the list" not in shown
    six = check(room, "2001:db8::7", settings=LISTS).stdout
    assert "the list black (bl.test) is of no use: it does not have the entry that every list of IPv6 has" in six


def test_who_waits_to_come_again(room: Room) -> None:
    remember(room.data)
    result = check(room, "198.51.100.7")
    assert "not on the list black (bl.test)" in result.stdout
    assert "198.51.100.0/24 was asked to come again 2" in result.stdout
    assert "; tried 2 times, the last time 2" in result.stdout


def test_json(room: Room) -> None:
    remember(room.data)
    found = json.loads(check(room, "198.51.100.66", "--json").stdout)
    assert found["points"] == 8.0
    assert [part["name"] for part in found["parts"]] == ["name.none", "list.black", "history.none"]
    assert [one["times"] for one in found["waiting"]] == [2]
    assert found["remembered"] == {"198.51.100.0/24": None}
    assert "it would have to come again (450)" in found["follows"][1]


def test_who_is_never_looked_at_and_what_is_no_address(room: Room) -> None:
    assert "127.0.0.1 is never looked at" in check(room, "127.0.0.1").stdout
    assert json.loads(check(room, "::1", "--json").stdout)["exempt"]
    assert check(room, "mx.bar.test").exit_code == 2


def test_who_is_banned(room: Room) -> None:
    async def ban() -> None:
        room.data.mkdir(exist_ok=True)
        guard = Guard(room.data / "guard.db", GuardSettings(), SystemClock(), SystemIds())
        guard.ban("198.51.100.0/24", 3600, "too many wrong passwords")
        await guard.close()

    asyncio.run(ban())
    first = check(room, "198.51.100.7").stdout.splitlines()[0]
    assert first.startswith("198.51.100.7 is banned until 2")
    assert first.endswith(" (198.51.100.0/24, too many wrong passwords): it can't even connect")
    assert json.loads(check(room, "198.51.100.7", "--json").stdout)["ban"]["network"] == "198.51.100.0/24"
    assert "banned" not in check(room, "192.0.2.7").stdout


def test_a_file_that_is_none(room: Room) -> None:
    room.data.mkdir(exist_ok=True)
    (room.data / "reputation.db").write_bytes(b"x" * 5000)
    result = check(room, "192.0.2.7")
    assert result.exit_code == 1
    assert "What is remembered can't be read" in result.stderr


def test_what_would_follow_from_very_many_points() -> None:
    look = Look("192.0.2.7", Score((ScorePart("list.x", 25, "x"),)))
    (_, last) = consequences(look, Config(hostname="mail.example.org"))
    assert last == "its recipients would be refused (550): strangers.refuse_points is 20"
