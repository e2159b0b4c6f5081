"""VRFY and EXPN at listeners that answer them, and at those that do not."""

import asyncio
import base64
from dataclasses import replace

import pytest

from postroom.net import Listener, NetSettings
from postroom.servers.smtp import RELAY, SUBMISSION
from postroom.smtp import SmtpSettings

from .room import PASSWORD, Room, client, service, serving

PLAIN = base64.b64encode(f"\0bob@foo.com\0{PASSWORD}".encode()).decode()
CANNOT = "252 2.5.0 Cannot "


async def ask(verify: str, *commands: str, signed_in: bool = False) -> list[str]:
    """The answers of a listener with that policy."""
    policy = replace(SUBMISSION if signed_in else RELAY, verify=verify)  # type: ignore[arg-type]
    async with serving() as room:
        await furnish(room)
        loopback = SmtpSettings(allow_plaintext_auth_on_loopback=True)
        listener = Listener("asked", service(room, policy, loopback), NetSettings())
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        room.listeners["asked"] = listener
        async with client(room, "asked") as peer:
            if signed_in:
                await peer.say(f"AUTH PLAIN {PLAIN}")
            answers = []
            for command in commands:
                await peer.send(command)
                answers.append("|".join(await peer.lines()))
            return answers


async def furnish(room: Room) -> None:
    await room.directory.set_alias("all@foo.com", ("bob@foo.com", "jones@foo.com", "carol@elsewhere.org"))
    await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org",))
    await room.directory.set_alias("räte@foo.com", ("bob@foo.com",))
    await room.directory.set_alias("rat@foo.com", ("räte@elsewhere.org",))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("VRFY bob@foo.com", "250 2.1.5 <bob@foo.com>"),
        ("VRFY <BOB+tag@foo.com>", "250 2.1.5 <BOB+tag@foo.com>"),
        ("VRFY all@foo.com", "250 2.1.5 <all@foo.com>"),
        ("VRFY away@foo.com", "250 2.1.5 <away@foo.com>"),
        ("VRFY <Postmaster>", "250 2.1.5 <Postmaster>"),
        ("VRFY nobody@foo.com", "550 5.1.1 No such user here"),
        ("VRFY carol@elsewhere.org", "550 5.7.1 Relay access denied"),
        ("VRFY bob", CANNOT + "VRFY user, but will accept the message and attempt delivery"),
        ("VRFY Bob Smith <bob@foo.com>", CANNOT + "VRFY user, but will accept the message and attempt delivery"),
        ("VRFY", "501 5.5.4 Syntax error in parameters or arguments"),
        ("EXPN all@foo.com", "250-2.1.5 <bob@foo.com>|250-2.1.5 <jones@foo.com>|250 2.1.5 <carol@elsewhere.org>"),
        ("EXPN bob@foo.com", "250 2.1.5 <bob@foo.com>"),
        ("EXPN nobody@foo.com", "550 5.1.1 No such user here"),
        ("EXPN staff", CANNOT + "EXPN the list, but will accept the message and attempt delivery"),
        # RFC 6531 §3.7.4.2
        ("VRFY räte@foo.com", "252 2.6.8 The answer is not ASCII; ask with SMTPUTF8"),
        ("VRFY <räte@foo.com> SMTPUTF8", "250 2.1.5 <räte@foo.com>"),
        ("VRFY bob@foo.com smtputf8", "250 2.1.5 <bob@foo.com>"),
        ("EXPN rat@foo.com", "252 2.6.8 The answer is not ASCII; ask with SMTPUTF8"),
        ("EXPN rat@foo.com SMTPUTF8", "250 2.1.5 <räte@elsewhere.org>"),
        ("VRFY SMTPUTF8", CANNOT + "VRFY user, but will accept the message and attempt delivery"),
    ],
)
def test_where_it_is_told(command: str, answer: str) -> None:
    assert asyncio.run(ask("on", command)) == [answer]


def test_where_it_is_not() -> None:
    for answer in asyncio.run(ask("off", "VRFY bob@foo.com", "VRFY nobody@foo.com", "EXPN all@foo.com")):
        assert answer.startswith(CANNOT)
    for answer in asyncio.run(ask("signed-in", "VRFY bob@foo.com", "VRFY nobody@foo.com")):
        assert answer.startswith(CANNOT)


def test_who_has_signed_in_is_told() -> None:
    answers = asyncio.run(
        ask("signed-in", "VRFY bob@foo.com", "VRFY x@foo.com", "VRFY carol@elsewhere.org", signed_in=True)
    )
    assert [answer[:9] for answer in answers] == ["250 2.1.5", "550 5.1.1", "252 2.5.0"]


def test_it_is_announced() -> None:
    assert "|250-EXPN|" in asyncio.run(ask("on", "EHLO x", signed_in=True))[0]
    assert "EXPN" not in asyncio.run(ask("off", "EHLO x"))[0]
