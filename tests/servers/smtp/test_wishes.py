"""Holding, hurry and priority: what is granted, over sockets and by itself."""

import asyncio
import base64

import pytest

from postroom.queue import DeliverBy
from postroom.servers.smtp.wishes import HeldTooMuch, HoldRefused, Wishes, check_quota
from postroom.smtp import By, Mail, SmtpSettings

from .room import PASSWORD, client, serving

PLAIN = base64.b64encode(f"\0bob@foo.com\0{PASSWORD}".encode()).decode()
SETTINGS = SmtpSettings(max_hold_seconds=100)


def granted(mail: Mail, max_priority: int = 0) -> Wishes:
    return Wishes.of(mail, SETTINGS, now=1000.0, max_priority=max_priority)


@pytest.mark.parametrize(
    ("mail", "until"),
    [
        (Mail("a@b"), None),
        (Mail("a@b", hold_for=100), 1100.0),
        (Mail("a@b", hold_until=1100.0), 1100.0),
        (Mail("a@b", hold_until=5.0), 5.0),  # is over: nothing to wait for
        (Mail("a@b", hold_for=60, by=By(60, False, False)), 1060.0),
    ],
)
def test_what_is_held(mail: Mail, until: float | None) -> None:
    assert granted(mail).hold_until == until


@pytest.mark.parametrize(
    "mail",
    [
        Mail("a@b", hold_for=101),
        Mail("a@b", hold_until=1100.5),
        Mail("a@b", hold_for=61, by=By(60, False, False)),  # RFC 4865 §5.2.2
        Mail("a@b", hold_for=1, by=By(-5, True, False)),
    ],
)
def test_what_is_not(mail: Mail) -> None:
    with pytest.raises(HoldRefused) as caught:
        granted(mail)
    assert (caught.value.code, caught.value.enhanced) == (501, "5.5.4")


def test_by_is_a_moment() -> None:
    assert granted(Mail("a@b", by=By(-5, True, True))).deliver_by == DeliverBy(995.0, True, True)


@pytest.mark.parametrize(
    ("wanted", "trusted", "given", "reply"),
    [
        (None, 0, 0, "250 2.1.0"),
        (0, 0, 0, "250 2.1.0"),
        (-9, 0, -9, "250 2.1.0"),
        (4, 0, 0, "250 2.3.6 0 "),
        (4, 3, 3, "250 2.3.6 3 "),
        (4, 9, 4, "250 2.1.0"),
    ],
)
def test_nobody_raises_what_they_are_not_trusted_to(wanted: int | None, trusted: int, given: int, reply: str) -> None:
    wishes = granted(Mail("a@b", priority=wanted), trusted)
    assert wishes.priority == given
    assert wishes.reply.wire.decode().startswith(reply)


def test_what_is_wished_for_reaches_the_queue() -> None:
    async def body() -> None:
        async with serving(SmtpSettings(max_submitted_priority=5)) as room, client(room, "submissions") as peer:
            await peer.say(f"AUTH PLAIN {PLAIN}")
            now = room.intake.clock.now()
            said = "MAIL FROM:<bob@foo.com> REQUIRETLS BY=7200;NT HOLDFOR=3600 MT-PRIORITY=7"
            replies = await peer.say(said, "RCPT TO:<c@elsewhere.org>", "RCPT TO:<jones@foo.com>", "DATA")
            assert [reply[:9] for reply in replies] == ["250 2.3.6", "250 2.1.5", "250 2.1.5", "354 End d"]
            assert (await peer.say("Subject: x\r\n\r\n."))[0].startswith("250")
            entries = await room.queue.entries()
            # mail for people here is held too (RFC 4865 §4.2)
            assert {entry.recipient.address for entry in entries} == {"c@elsewhere.org", "jones@foo.com"}
            assert await room.messages("jones@foo.com") == []
            for entry in entries:
                envelope = entry.message.envelope
                assert (envelope.require_tls, envelope.priority) == (True, 5)
                assert envelope.hold_until is not None
                assert 3599 < envelope.hold_until - now < 3660
                assert envelope.deliver_by is not None
                assert 7199 < envelope.deliver_by.at - now < 7260
                assert (envelope.deliver_by.notify_only, envelope.deliver_by.trace) == (True, True)
                assert entry.next_attempt == envelope.hold_until
            content = await room.queue.read(entries[0].message.message_id, 0, 1000)
            assert b"\r\n\tPRIORITY 5;\r\n" in content  # RFC 6710 §7

    asyncio.run(body())


def test_one_held_recipient_alone() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "submissions") as peer:
            await peer.say(f"AUTH PLAIN {PLAIN}")
            await peer.say("MAIL FROM:<bob@foo.com> HOLDFOR=60", "RCPT TO:<jones@foo.com>", "DATA")
            assert (await peer.say("Subject: x\r\n\r\n."))[0].startswith("250")
            assert [entry.recipient.address for entry in await room.queue.entries()] == ["jones@foo.com"]
            assert await room.messages("jones@foo.com") == []

    asyncio.run(body())


@pytest.mark.parametrize(
    ("listener", "parameter", "code"),
    [
        ("submissions", "HOLDFOR=2592001", "501"),
        ("submissions", "HOLDFOR=60 HOLDUNTIL=2026-11-26T15:00:00Z", "501"),
        ("submissions", "HOLDFOR=60 HOLDFOR=60", "501"),
        ("submissions", "HOLDFOR=soon", "501"),
        ("submissions", "BY=59;R", "555"),
        ("submissions", "BY=0;R", "501"),
        ("submissions", "BY=60;R", "250"),
        ("submissions", "MT-PRIORITY=10", "501"),
        ("submissions", "REQUIRETLS=yes", "501"),
        ("submissions", "REQUIRETLS", "250"),
        ("smtp", "HOLDFOR=60", "555"),  # on submission alone
        ("smtp", "REQUIRETLS", "555"),
        ("smtp-tls", "REQUIRETLS", "530"),
        ("smtp", "MT-PRIORITY=-3", "250"),
        ("smtp", "MT-PRIORITY=3", "250"),
        ("smtp", "BY=-60;N", "250"),
    ],
)
def test_mail_parameters(listener: str, parameter: str, code: str) -> None:
    async def body() -> None:
        async with serving() as room, client(room, listener) as peer:
            if listener == "submissions":
                await peer.say(f"AUTH PLAIN {PLAIN}")
            (reply,) = await peer.say(f"MAIL FROM:<bob@foo.com> {parameter}")
            assert reply.startswith(code)

    asyncio.run(body())


@pytest.mark.parametrize(
    ("messages", "octets", "more", "room"),
    [(0, 0, 0, True), (1, 99_999, 1, True), (2, 0, 0, False), (1, 100_000, 1, False), (0, 0, 100_001, False)],
)
def test_how_much_of_one_person_is_held(messages: int, octets: int, more: int, room: bool) -> None:
    class Queue:
        async def held(self, holder: int, now: float) -> tuple[int, int]:
            assert (holder, now) == (7, 5.0)
            return messages, octets

    settings = SmtpSettings(max_held_messages=2, max_held_octets=100_000)

    async def body() -> None:
        if room:
            await check_quota(Queue(), 7, more, settings, now=5.0)
            return
        with pytest.raises(HeldTooMuch) as caught:
            await check_quota(Queue(), 7, more, settings, now=5.0)
        assert (caught.value.code, caught.value.enhanced) == (552, "5.7.16")  # RFC 4865 §5 (4), (5)

    asyncio.run(body())


def test_who_has_enough_held_is_refused_more_at_mail() -> None:
    async def body() -> None:
        async with serving(SmtpSettings(max_held_messages=1)) as room, client(room, "submissions") as peer:
            await peer.say(f"AUTH PLAIN {PLAIN}")
            held = "MAIL FROM:<bob@foo.com> HOLDFOR=60"
            await peer.say(held, "RCPT TO:<c@elsewhere.org>", "DATA", "Subject: x\r\n\r\n.")
            assert [entry.message.envelope.holder for entry in await room.queue.entries()] == [1]
            # RFC 4865 §5 (3): at MAIL, whatever the address; what is not held, or no more, has no such quota
            answers = await peer.say(
                held, "MAIL FROM:<> HOLDFOR=60", "MAIL FROM:<bob@foo.com> HOLDUNTIL=2006-01-01T00:00:00Z"
            )
            assert [answer[:10] for answer in answers] == ["552 5.7.16", "552 5.7.16", "250 2.1.0 "]
            await peer.say("RSET")
            assert (await peer.mail("c@elsewhere.org", sender="bob@foo.com")).startswith("250")

    asyncio.run(body())


def test_a_size_that_mail_did_not_say_counts_all_the_same() -> None:
    async def body() -> None:
        async with serving(SmtpSettings(max_held_octets=65_536)) as room, client(room, "submissions") as peer:
            await peer.say(f"AUTH PLAIN {PLAIN}")
            sized = "MAIL FROM:<bob@foo.com> HOLDFOR=60 SIZE=65537"
            assert (await peer.say(sized))[0].startswith("552 5.7.16")
            await peer.say("MAIL FROM:<bob@foo.com> HOLDFOR=60", "RCPT TO:<c@elsewhere.org>", "DATA")
            text = "Subject: x\r\n\r\n" + "x" * 70 + "\r\n"
            assert (await peer.say(text + ("y" * 70 + "\r\n") * 1000 + "."))[0].startswith("552 5.7.16")
            assert await room.queue.entries() == []

    asyncio.run(body())
