"""RCPT: where a recipient leads, and whom it is refused."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.accounts import LocalTarget, RemoteTarget
from postroom.base import MailError
from postroom.intake import MailboxDisabled, RelayDenied, UnknownUser
from postroom.intake.routing import IncompleteDomain
from postroom.queue import Recipient
from postroom.store import OverQuota


async def refused(room: Room, address: str, **options: object) -> MailError:
    with pytest.raises(MailError) as caught:
        await room.intake.route(Recipient(address), **options)  # type: ignore[arg-type]
    return caught.value


def test_routes_and_refusals(tmp_path: Path) -> None:
    async def body() -> None:
        room = await make_room(tmp_path)
        bob = await room.directory.authenticate("bob@foo.com", "1234")
        assert bob is not None
        recipient = Recipient("bob+Tag@foo.com", frozenset({"DELAY"}), "rfc822;x")
        route = await room.intake.route(recipient)
        assert route.recipient is recipient
        (target,) = route.targets
        assert isinstance(target, LocalTarget)
        assert target.person == bob
        assert isinstance(await refused(room, "nobody@foo.com"), UnknownUser)
        denied = await refused(room, "carol@elsewhere.org")
        assert isinstance(denied, RelayDenied)
        assert denied.code == 550  # RFC 5321 §3.6.2
        away = await room.intake.route(Recipient("carol@elsewhere.org"), sender=bob)
        assert away.targets == (RemoteTarget("carol@elsewhere.org"),)
        assert (await room.intake.route(Recipient("carol@[192.0.2.1]"), sender=bob)).targets
        assert isinstance(await refused(room, "carol@elsewhere", sender=bob), IncompleteDomain)
        assert isinstance(await refused(room, "nobody@foo.com", sender=bob), UnknownUser)

    asyncio.run(body())


def test_disabled_and_full_mailboxes(tmp_path: Path) -> None:
    async def body() -> None:
        room = await make_room(tmp_path)
        await room.directory.set_quota("jones@foo.com", 1000, None)
        await room.intake.route(Recipient("jones@foo.com"), size=900)
        assert isinstance(await refused(room, "jones@foo.com", size=1001), OverQuota)
        await room.directory.set_quota("jones@foo.com", None, 0)
        assert isinstance(await refused(room, "jones@foo.com"), OverQuota)
        await room.directory.add_person("late@foo.com", None, quota_octets=10)
        await room.intake.route(Recipient("late@foo.com"))  # the store does not know them yet
        for name in ("bob", "jones", "brown"):
            await room.directory.set_enabled(f"{name}@foo.com", False)
        assert isinstance(await refused(room, "bob@foo.com"), MailboxDisabled)
        await room.directory.set_alias("postmaster@foo.com", ("bob@foo.com",))
        for address in ("Postmaster", "postmaster@foo.com"):  # RFC 5321 §4.5.1: whatever happens
            await room.intake.route(Recipient(address))

    asyncio.run(body())


@pytest.mark.parametrize(
    ("settings", "quota", "enabled", "reply"),
    [
        ({}, 0, True, (452, "4.2.2")),
        ({"refuse_when_over_quota": True}, 0, True, (552, "5.2.2")),
        ({}, 1000, False, (550, "5.2.1")),
        ({"refuse_when_over_quota": True}, 0, False, (550, "5.2.1")),
    ],
)
@pytest.mark.parametrize("address", ["bob@foo.com", "bob+x@foo.com", "admin.mrc@foo.com", "catch@all.test"])
def test_full_and_disabled_mailboxes_are_answered_at_rcpt(
    tmp_path: Path, settings: dict[str, bool], quota: int, enabled: bool, reply: tuple[int, str], address: str
) -> None:
    async def body() -> None:
        room = await make_room(tmp_path, **settings)
        await room.directory.add_domain("all.test")
        await room.directory.set_alias("@all.test", ("bob@foo.com",))
        await room.directory.set_quota("bob@foo.com", quota, None)
        await room.directory.set_enabled("bob@foo.com", enabled)
        error = await refused(room, address)
        assert error is not None
        assert (error.code, error.enhanced) == reply

    asyncio.run(body())
