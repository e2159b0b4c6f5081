"""How a filter stands."""

import asyncio
from typing import Any

from tests.filters.milters import REJECT, Milter
from tests.filters.peers import Talk, lines, run, serving, spool
from tests.filters.test_clamav import clamd
from tests.filters.test_service import hangs, rspamd

from postroom.filters.probes import EICAR, GTUBE, Seen, probe


async def seen(kind: str, talk: Talk, **settings: Any) -> list[Seen]:
    async with serving(talk) as peer:
        mine = lines(kind, peer.address, idle_connections=0, **settings)
        return await probe(mine.settings, mine, hostname="foo.com", now=1_800_000_000.0, spool=spool)


def test_a_scanner_that_finds_what_it_has_to() -> None:
    async def body() -> None:
        found = await seen("clamav", clamd(lambda octets: b"Eicar FOUND" if EICAR in octets else b"OK"))
        assert [(one.verdict, one.text) for one in found] == [
            ("good", "a harmless message: nothing found"),
            ("good", "EICAR: Eicar found"),
        ]

    run(body())


def test_one_without_signatures() -> None:
    async def body() -> None:
        found = await seen("clamav", clamd(lambda octets: b"OK"))
        assert [one.verdict for one in found] == ["good", "bad"]
        assert "signatures" in found[1].fix

    run(body())


def test_one_to_whom_everything_is_spam() -> None:
    async def body() -> None:
        shown: list[bytes] = []
        found = await seen("rspamd", rspamd(shown, action="reject", score=15))
        assert [one.verdict for one in found] == ["note", "good"]
        assert GTUBE in shown[1]
        assert GTUBE not in shown[0]

    run(body())


def test_one_that_does_not_answer() -> None:
    async def body() -> None:
        for kind in ("rspamd", "clamav", "spamassassin", "milter"):
            (found,) = await seen(kind, hangs, timeout_seconds=0.05)
            assert found.verdict == "bad"
            assert "no answer" in found.text
        mine = lines("rspamd", "127.0.0.1:1")
        (found,) = await probe(mine.settings, mine, hostname="foo.com", now=0.0, spool=spool)
        assert found.fix == "see that it runs and listens on 127.0.0.1:1"

    run(body())


def test_a_milter_tells_what_it_wants() -> None:
    async def body() -> None:
        (found,) = await seen("milter", Milter(actions=0x11).talk)
        assert found.verdict == "good"
        assert found.text == (
            "it speaks version 6, may add header fields and change header fields; a harmless message: accepted"
        )
        (found,) = await seen("milter", Milter(says={b"E": [REJECT]}, actions=0).talk)
        assert found.verdict == "note"
        assert found.text.endswith("may change nothing; a harmless message: refused: 550 Command rejected")

    run(body())


def test_the_messages_are_those_that_everybody_knows() -> None:
    assert len(GTUBE) == 68
    assert len(EICAR) == 68
    assert asyncio.iscoroutinefunction(probe)
