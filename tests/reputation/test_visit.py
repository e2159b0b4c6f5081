"""One visit: manners, waiting, greylisting, refusals; over days, by a clock that a test moves."""

import asyncio
import time
from pathlib import Path
from typing import cast

import pytest

from postroom.net import Connection
from postroom.reputation import Greylisted, Unwelcome, Visit

from .lobby import CLEAN, DYNAMIC, LISTED, NAMELESS, ZONES, Lobby, run

DAY = 86_400.0


class Peer:
    """The part of a connection that a greeting needs."""

    def __init__(self, at_once: bytes = b"", later: bytes | None = None) -> None:
        self.at_once = at_once
        self.later = later

    def receive_nowait(self) -> bytes:
        data, self.at_once = self.at_once, b""
        return data

    async def receive(self) -> bytes:
        if self.later is None:
            await asyncio.get_running_loop().create_future()
        return self.later or b""


async def greet(visit: Visit, peer: Peer) -> bytes:
    return await visit.greet(cast(Connection, peer))


def names(visit: Visit) -> list[str]:
    return [part.name for part in visit.score.parts]


# ---- manners


def test_who_speaks_before_the_greeting(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        for peer in (Peer(b"EHLO x\r\n"), Peer(later=b"EHLO x\r\n")):
            visit = lobby.visit()
            assert await greet(visit, peer) == b"EHLO x\r\n"
            assert names(visit) == ["manners.before_greeting"]
        for quiet in (Peer(), Peer(later=b"")):
            visit = lobby.visit()
            assert await greet(visit, quiet) == b""
            assert names(visit) == []

    run(tmp_path, body, greeting_delay_seconds=0.05)


def test_who_speaks_on_without_waiting_is_blamed_once(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = lobby.visit()
        for _ in range(3):
            visit.spoke_before_hello_was_answered()
            visit.spoke_before_data_was_answered()
        assert names(visit) == ["manners.before_hello", "manners.before_data"]

    run(tmp_path, body)


def test_who_is_known_does_not_wait(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        lobby.strangers.learn("192.0.2.0/24", 5, 0)
        async with asyncio.timeout(2):
            assert await greet(lobby.visit(), Peer()) == b""
            await lobby.arrives()

    run(tmp_path, body, greeting_delay_seconds=60, first_time_delay_seconds=60)


def test_the_first_recipient_of_who_is_not_known_waits(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = lobby.visit()
        visit.hello("mx.bar.test")
        task = asyncio.create_task(visit.recipient("a@bar.test", "bob@foo.test"))
        while not lobby.strangers.delayed:
            await asyncio.sleep(0.01)
        await lobby.clock.advance(2.9)
        assert not task.done()
        await lobby.clock.advance(0.2)
        await task
        await visit.recipient("a@bar.test", "jones@foo.test")  # at once
        assert lobby.strangers.delayed == 0

    run(tmp_path, body, first_time_delay_seconds=3.0)


def test_no_more_wait_than_there_is_room_for(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        async with asyncio.timeout(2):
            assert await greet(lobby.visit(), Peer()) == b""
            await lobby.arrives()

    run(tmp_path, body, greeting_delay_seconds=60, first_time_delay_seconds=60, max_delayed=0)


def test_who_is_known_costs_no_question_and_next_to_no_time(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        for _ in range(20):
            (await lobby.arrives()).delivered("good")
        asked, begun = len(lobby.dns.questions), time.process_time()
        for _ in range(500):
            (await lobby.arrives()).delivered("good", "bar.test")
        assert time.process_time() - begun < 0.1  # 0.004 s on a machine of 2024
        assert len(lobby.dns.questions) == asked

    run(tmp_path, body)


# ---- the score


def test_all_is_one_explained_score(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = await lobby.arrives(LISTED, "none.test", "x@evil.test", "postmaster@foo.test")
        visit.spoke_before_data_was_answered()
        assert names(visit) == [
            "name.none",
            "list.black",
            "history.none",
            "hello.unknown",
            "list.domains",
            "manners.before_data",
        ]
        assert visit.score.total == 1.5 + 6 + 0.5 + 1 + 4 + 3
        assert "+6.0 list.black: 198.51.100.66 is on bl.test (127.0.0.2): Spam received" in visit.score.words

    run(tmp_path, body)


def test_our_own_name_in_helo(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        for hello in ("mail.foo.test", "FOO.test"):
            visit = await lobby.arrives(hello=hello, to="postmaster@foo.test")
            assert names(visit) == ["history.none", "hello.ours"]

    run(tmp_path, body)


def test_the_score_is_of_the_sender_at_hand(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = await lobby.arrives(sender="x@evil.test", to="postmaster@foo.test")
        assert "list.domains" in names(visit)
        await visit.recipient("a@bar.test", "bob@foo.test")
        assert "list.domains" not in names(visit)
        visit.hello("evil.test")
        await visit.recipient("a@bar.test", "postmaster@foo.test")
        assert "list.domains" in names(visit)
        assert (await visit.assess()).total == visit.score.total

    run(tmp_path, body, {"evil.test": {"A": [CLEAN]}})


def test_too_much_speaks_against_it(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        with pytest.raises(Unwelcome, match=r"list\.black") as caught:
            await lobby.arrives(LISTED)
        assert (caught.value.code, caught.value.enhanced) == (550, "5.7.1")
        for always in ("postmaster@foo.test", "Postmaster", "abuse@foo.test"):
            await lobby.arrives(LISTED, to=always)

    run(tmp_path, body, refuse_points=7)


def test_a_name_in_helo_refuses_nobody(tmp_path: Path) -> None:
    """RFC 5321 §4.1.4."""

    async def body(lobby: Lobby) -> None:
        visit = await lobby.arrives(hello="none.test")
        assert visit.score.total > 7

    run(tmp_path, body, refuse_points=7, hello_unknown_points=50, greylist=False)


# ---- greylisting


def test_a_client_with_few_points_is_taken_at_once(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = await lobby.arrives(CLEAN)
        assert visit.score.total == 0.5

    run(tmp_path, body)


def test_one_with_more_comes_again_and_is_known_then_over_days(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        with pytest.raises(Greylisted, match=r"asked to come again in 60 s, 2\.0 points") as caught:
            await lobby.arrives(NAMELESS, sender="x@other.test")
        assert (caught.value.code, caught.value.enhanced) == (450, "4.7.1")
        await lobby.clock.advance(300)
        await lobby.arrives(NAMELESS, sender="x@other.test")
        await lobby.clock.advance(20 * DAY)
        await lobby.arrives(NAMELESS, sender="y@third.test", to="jones@foo.test")
        await lobby.clock.advance(36 * DAY)
        await lobby.strangers.purge()
        with pytest.raises(Greylisted):
            await lobby.arrives(NAMELESS, sender="y@third.test", to="jones@foo.test")

    run(tmp_path, body)


def test_a_big_sender_comes_again_from_another_address(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        with pytest.raises(Greylisted):
            await lobby.arrives(NAMELESS)
        await lobby.clock.advance(300)
        await lobby.arrives(DYNAMIC)  # another network, by the same SPF record

    run(tmp_path, body)


def test_a_domain_that_spf_vouches_for_is_known_from_anywhere(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        lobby.strangers.learn("bar.test", 5, 0)
        await lobby.strangers._write()
        visit = await lobby.arrives(NAMELESS)
        assert "history.known" in names(visit)
        assert "history.none" not in names(visit)
        with pytest.raises(Greylisted):
            await lobby.arrives(NAMELESS, sender="x@other.test")

    run(tmp_path, body)


def test_bounces_are_vouched_for_by_the_name_in_helo(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        lobby.strangers.learn("mx.bar.test", 5, 0)
        await lobby.strangers._write()
        await lobby.arrives(NAMELESS, sender="")

    run(tmp_path, body, {"mx.bar.test": ZONES["mx.bar.test"] | {"TXT": [f"v=spf1 ip4:{NAMELESS} -all"]}})


def test_everybody_who_is_not_known_and_nobody(tmp_path: Path) -> None:
    async def everybody(lobby: Lobby) -> None:
        with pytest.raises(Greylisted):
            await lobby.arrives(CLEAN)

    async def nobody(lobby: Lobby) -> None:
        await lobby.arrives(NAMELESS)

    run(tmp_path, everybody, greylist_points=0)
    run(tmp_path, nobody, greylist=False)


def test_a_message_that_is_here_may_have_to_come_again(tmp_path: Path) -> None:
    async def body(lobby: Lobby) -> None:
        visit = await lobby.arrives(CLEAN)
        assert await visit.comes_again("a@bar.test", ["postmaster@foo.test"]) is None
        assert isinstance(await visit.comes_again("a@bar.test", ["bob@foo.test"]), Greylisted)
        await lobby.clock.advance(90)
        visit = await lobby.arrives(CLEAN)
        assert await visit.comes_again("a@bar.test", ["bob@foo.test"]) is None
        lobby.strangers.learn("192.0.2.0/24", 5, 0)
        await lobby.strangers._write()
        assert await lobby.visit(CLEAN).comes_again("x@else.test", ["bob@foo.test"]) is None

    run(tmp_path, body)
