"""A milter over a socket, command by command."""

import asyncio
import random
import struct
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from tests.filters.milters import ACCEPT, CONTINUE, DISCARD, REJECT, SKIP, TEMPFAIL, Milter
from tests.filters.peers import BODY, CLIENT, HEADER, SOURCE, Peer, Talk, content, lines, run, serving, spool

from postroom.filters.connections import Lines
from postroom.filters.milter import MilterSession, session
from postroom.filters.milter.packets import HeaderWish, RecipientWish, SenderWish
from postroom.filters.types import FilterFailed

ORDER = "OCHMRRTLLLNBE"


def served(milter: Milter) -> AbstractAsyncContextManager[Peer]:
    return serving(milter.talk)


def of(mine: Lines) -> MilterSession:
    return MilterSession(mine, CLIENT, "foo.com", spool)


async def whole(peer: Peer, **settings: Any) -> session.Said:
    one = of(lines("milter", peer.address, **settings))
    try:
        return await one.message(SOURCE, content())
    finally:
        one.close()


def text(said: session.Said) -> tuple[str, int]:
    return said.answer.kind, said.answer.code


def test_it_hears_everything_in_order() -> None:
    async def body() -> None:
        milter = Milter()
        async with served(milter) as peer:
            one = of(lines("milter", peer.address))
            assert (await one.connect()).kind == "continue"
            assert (await one.mail(SOURCE, ["SIZE=100", "BODY=8BITMIME"])).kind == "continue"
            for address in SOURCE.recipients:
                assert (await one.recipient(SOURCE, address, ["NOTIFY=NEVER"])).kind == "continue"
            said = await one.message(SOURCE, content())
            assert (said.answer.kind, said.wishes, said.body) == ("continue", [], None)
            one.close()
        assert milter.commands().startswith(ORDER)
        assert milter.offered == (6, 0x1FF, 0x1FFFFF)
        assert milter.data(b"C") == [b"mx.bar.com\x004" + struct.pack("!H", 4711) + b"192.0.2.7\0"]
        assert milter.data(b"H") == [b"mx.bar.com\0"]
        assert milter.data(b"M") == [b"<ann@bar.com>\0SIZE=100\0BODY=8BITMIME\0"]
        assert milter.data(b"R") == [b"<bob@foo.com>\0NOTIFY=NEVER\0", b"<jones@foo.com>\0NOTIFY=NEVER\0"]
        assert milter.data(b"L") == [b"From\0ann@bar.com\0", b"Subject\0Hello\n\tthere\0", b"X-One\x001\0"]
        assert b"".join(milter.data(b"B")) == BODY
        assert milter.macros(b"C")[b"{client_addr}"] == b"192.0.2.7"
        assert milter.macros(b"E")[b"i"] == b"m0123"

    run(body())


def test_who_has_no_session_tells_all_at_the_end() -> None:
    async def body() -> None:
        milter = Milter()
        async with served(milter) as peer:
            await whole(peer)
        assert milter.commands().startswith(ORDER)

    run(body())


def test_the_blank_and_the_macros_that_it_asks_for() -> None:
    async def body() -> None:
        milter = Milter(protocol=0x100000, symbols=b"\0\0\0\2{mail_addr} j\0")
        async with served(milter) as peer:
            await whole(peer)
        assert milter.data(b"L")[0] == b"From\0 ann@bar.com\0"
        assert milter.macros(b"M") == {b"{mail_addr}": b"ann@bar.com", b"j": b"foo.com"}

    run(body())


def test_a_silent_milter_is_not_waited_for() -> None:
    async def body() -> None:
        milter = Milter(protocol=0xDF000 | 0x80)
        async with served(milter) as peer:
            assert text(await whole(peer)) == ("continue", 0)
        assert milter.commands().startswith(ORDER)

    run(body())


def test_what_it_does_not_want_is_not_sent() -> None:
    async def body() -> None:
        milter = Milter(protocol=0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x20 | 0x40 | 0x200)
        async with served(milter) as peer:
            await whole(peer)
        assert milter.commands().startswith("OE")

    run(body())


def test_a_large_body_in_pieces_until_it_skips() -> None:
    async def body() -> None:
        milter = Milter()
        large = content(HEADER, b"x" * 99 + b"\r\n" * 100_000)
        async with served(milter) as peer:
            one = of(lines("milter", peer.address))
            await one.message(SOURCE, large)
            assert [len(data) for data in milter.data(b"B")][:3] == [65_535, 65_535, 65_535]
            milter.heard.clear()
            milter.protocol, milter.says = 0x400, {b"B": [SKIP]}
            other = of(lines("milter", peer.address))
            assert (await other.message(SOURCE, large)).answer.kind == "continue"
            assert len(milter.data(b"B")) == 1
            one.close()
            other.close()

    run(body())


@pytest.mark.parametrize(
    ("command", "reply", "wanted"),
    [
        (b"C", REJECT, ("refuse", 550)),
        (b"C", ACCEPT, ("accept", 0)),
        (b"H", TEMPFAIL, ("refuse", 451)),
        (b"M", REJECT, ("refuse", 550)),
        (b"M", ACCEPT, ("accept", 0)),
        (b"M", DISCARD, ("discard", 0)),
        (b"T", (b"y", b"554 5.7.0 No data\0"), ("refuse", 554)),
        (b"L", REJECT, ("refuse", 550)),
        (b"N", DISCARD, ("discard", 0)),
        (b"B", TEMPFAIL, ("refuse", 451)),
        (b"E", (b"y", b"550 5.7.1 Spam\0"), ("refuse", 550)),
        (b"E", ACCEPT, ("accept", 0)),
        (b"E", (b"4", b""), ("close", 421)),
        (b"E", (b"f", b""), ("close", 421)),
    ],
)
def test_each_ending_at_each_place(command: bytes, reply: tuple[bytes, bytes], wanted: tuple[str, int]) -> None:
    async def body() -> None:
        milter = Milter(says={command: [reply]})
        async with served(milter) as peer:
            assert text(await whole(peer)) == wanted
        ended = milter.commands().partition(command.decode())[2]
        assert "E" not in ended

    run(body())


def test_a_refused_recipient_is_refused_alone() -> None:
    async def body() -> None:
        milter = Milter(answers=lambda kind, data: [REJECT] if kind == b"R" and data.startswith(b"<jones") else None)
        async with served(milter) as peer:
            one = of(lines("milter", peer.address))
            await one.connect()
            await one.mail(SOURCE)
            assert (await one.recipient(SOURCE, "bob@foo.com")).kind == "continue"
            assert (await one.recipient(SOURCE, "jones@foo.com")).kind == "refuse"
            said = await one.message(replace(SOURCE, recipients=("bob@foo.com",)), content())
            assert said.answer.kind == "continue"
            one.close()
        assert "E" in milter.commands()

    run(body())


def test_refused_recipients_are_told_to_who_wants_to_know() -> None:
    async def body() -> None:
        for protocol, times in ((0x800, 1), (0, 0)):
            milter = Milter(protocol=protocol)
            async with served(milter) as peer:
                one = of(lines("milter", peer.address))
                await one.connect()
                await one.mail(SOURCE)
                await one.refused_recipient(SOURCE, "nobody@foo.com")
                assert len(milter.data(b"R")) == times
                if times:
                    assert milter.macros(b"R")[b"{rcpt_mailer}"] == b"error"
                one.close()

    run(body())


def test_every_change() -> None:
    async def body() -> None:
        changes = [
            (b"p", b""),
            (b"h", b"X-Add\0v\0"),
            (b"i", b"\0\0\0\1X-Ins\0v\0"),
            (b"m", b"\0\0\0\1Subject\0New\0"),
            (b"b", b"new "),
            (b"+", b"<c@foo.com>\0"),
            (b"2", b"<d@foo.com>\0NOTIFY=NEVER\0"),
            (b"b", b"body\nno end"),
            (b"-", b"<bob@foo.com>\0"),
            (b"e", b"<x@foo.com>\0"),
            (b"q", b"odd\0"),
            CONTINUE,
        ]
        milter = Milter(says={b"E": changes})
        async with served(milter) as peer:
            said = await whole(peer)
        assert list(said.wishes)[:3] == [
            HeaderWish("add", b"X-Add", b"v"),
            HeaderWish("insert", b"X-Ins", b"v", 1),
            HeaderWish("change", b"Subject", b"New", 1),
        ]
        assert RecipientWish("add with parameters", b"<d@foo.com>", b"NOTIFY=NEVER") in said.wishes
        assert SenderWish(b"<x@foo.com>") in said.wishes
        assert said.body is not None
        assert said.body.getvalue() == b"new body\r\nno end\r\n"
        assert said.add_blank(b"v") == b" v"
        said.body.close()

    run(body())


def test_many_messages_in_one_session_and_one_that_is_given_up() -> None:
    async def body() -> None:
        milter = Milter()
        async with served(milter) as peer:
            one = of(lines("milter", peer.address))
            await one.connect()
            await one.mail(SOURCE)
            await one.recipient(SOURCE, "bob@foo.com")
            await one.mail(SOURCE)  # RSET came between
            for _ in range(3):
                await one.message(SOURCE, content())
            one.close()
            await asyncio.sleep(0.02)
        assert milter.commands().replace("L", "") == "OCHMRAMRRTNBEMRRTNBEMRRTNBEQ"

    run(body())


def test_a_connection_serves_the_next_client() -> None:
    async def body() -> None:
        milter = Milter()
        async with served(milter) as peer:
            mine = lines("milter", peer.address, idle_connections=2)
            for _ in range(3):
                one = of(mine)
                await one.message(SOURCE, content())
                one.close()
            assert peer.calls == 1
            assert milter.commands().count("O") == 1
            await asyncio.sleep(0.02)
            assert milter.commands().count("K") == 3

    run(body())


def test_an_old_milter_gets_a_connection_each_time() -> None:
    async def body() -> None:
        milter = Milter(version=2)
        async with served(milter) as peer:
            mine = lines("milter", peer.address, idle_connections=2)
            for _ in range(2):
                one = of(mine)
                await one.message(SOURCE, content())
                one.close()
            assert peer.calls == 2
            await asyncio.sleep(0.02)
        assert "T" not in milter.commands()
        assert milter.commands().count("Q") == 2

    run(body())


@pytest.mark.parametrize(
    "says",
    [
        {b"O": [(b"O", b"")]},
        {b"O": [(b"c", b"")]},
        {b"C": [(b"h", b"A\0b\0"), CONTINUE]},
        {b"M": [(b"y", b"250 fine\0")]},
        {b"B": [SKIP]},
        {b"E": [(b"h", b"A\0"), CONTINUE]},
        {b"E": [(b"z", b"")]},
        {b"E": [(b"b", b"x" * 300_000)]},
    ],
)
def test_a_hostile_milter_is_a_failure_and_hears_no_more(says: dict[bytes, Any]) -> None:
    async def body() -> None:
        milter = Milter(says=says)
        async with served(milter) as peer:
            one = of(lines("milter", peer.address))
            with pytest.raises(FilterFailed):
                await one.message(SOURCE, content())
            assert one.failed
            heard = len(milter.heard)
            with pytest.raises(FilterFailed):
                await one.mail(SOURCE)
            with pytest.raises(FilterFailed):
                await one.message(SOURCE, content())
            assert len(milter.heard) == heard
            one.close()

    run(body())


def test_a_body_that_grows_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        monkeypatch.setattr(session, "MAX_GROWTH_OCTETS", 1000)
        milter = Milter(says={b"E": [(b"b", b"x" * 500)] * 5 + [CONTINUE]})
        async with served(milter) as peer:
            with pytest.raises(FilterFailed, match="too large"):
                await whole(peer)

    run(body())


def test_silence_is_a_failure_and_progress_is_none() -> None:
    async def body() -> None:
        milter = Milter(says={b"E": []})
        async with served(milter) as peer:
            with pytest.raises(FilterFailed, match="no answer"):
                await whole(peer, timeout_seconds=0.05)

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                (size,) = struct.unpack("!I", await reader.readexactly(4))
                kind = (await reader.readexactly(size))[:1]
                if kind == b"O":
                    writer.write(struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x7F | 0x200))
                if kind == b"E":
                    for _ in range(4):
                        await asyncio.sleep(0.06)
                        writer.write(b"\0\0\0\1p")
                    writer.write(b"\0\0\0\1c")

        async with serving(slow) as peer:
            assert text(await whole(peer, timeout_seconds=0.15)) == ("continue", 0)
            with pytest.raises(FilterFailed, match="no end"):
                await whole(peer, timeout_seconds=0.15, total_timeout_seconds=0.1)

    run(body())


def test_one_that_dies_in_the_middle_is_a_failure() -> None:
    async def body() -> None:
        async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            (size,) = struct.unpack("!I", await reader.readexactly(4))
            await reader.readexactly(size)
            writer.write(struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0))
            await reader.readexactly(20)

        async with serving(dies) as peer:
            with pytest.raises(FilterFailed):
                await whole(peer)

    run(body())


def test_bug_opendkim_did_not_answer_a_second_client() -> None:
    """So a connection is not kept unless the settings say so."""

    async def body() -> None:
        milter = Milter()
        async with served(milter) as peer:
            mine = lines("milter", peer.address)
            for _ in range(2):
                one = of(mine)
                await one.message(SOURCE, content())
                one.close()
            assert peer.calls == 2
            await asyncio.sleep(0.02)
        assert milter.commands().count("Q") == 2
        assert "K" not in milter.commands()

    run(body())


def saying(at: int, octets: bytes) -> Talk:
    """A milter that goes on, and says these octets in the place of its reply to one command."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack("!I", await reader.readexactly(4))
            told = (await reader.readexactly(size))[0]
            if told == at:
                writer.write(octets)
            elif told == ord("O"):
                writer.write(struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0))
            elif told not in b"DAKQ":
                writer.write(b"\0\0\0\1c")

    return talk


def test_nothing_that_a_milter_says_breaks_more_than_itself() -> None:
    """Octets by chance in the place of any of its replies, most with a right length before them."""

    async def body() -> None:
        chance, failures = random.Random(7), 0
        for _ in range(150):
            at, raw = chance.choice(b"OCHMRTLNBE"), chance.randbytes(chance.randrange(1, 40))
            kind = bytes([chance.choice(b"acdrtyshim+2-ebqplfO4z")])
            packet = struct.pack("!I", len(raw) + 1) + kind + raw if chance.random() < 0.8 else raw
            async with serving(saying(at, packet)) as peer:
                try:
                    said = await whole(peer, timeout_seconds=0.02)
                except FilterFailed:
                    failures += 1
                    continue
                if said.body is not None:
                    said.body.close()
        assert 20 < failures < 150

    run(body())
