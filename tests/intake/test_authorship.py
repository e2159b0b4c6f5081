"""Whose addresses a submitted message may name."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.smtp.room import make_room

from postroom.base import MailError
from postroom.intake import ImproperAddress, IntakeSettings, NotTheAuthor
from postroom.intake.authorship import check_addresses
from postroom.message import header_addresses


def check(tmp_path: Path, header: str, **settings: bool) -> MailError | None:
    async def body() -> MailError | None:
        room = await make_room(tmp_path)
        await room.directory.add_domain("intranet")
        bob = await room.directory.authenticate("bob@foo.com", "1234")
        assert bob is not None
        await room.directory.grant_sender("bob@foo.com", "office@elsewhere.org")
        try:
            addresses = header_addresses(header.encode())
            await check_addresses(addresses, bob, room.directory, IntakeSettings(**settings))
        except MailError as error:
            return error
        finally:
            await room.directory.close()
            await room.store.close()
        return None

    return asyncio.run(body())


@pytest.mark.parametrize(
    "header",
    [
        "From: bob@foo.com\r\n",
        "From: Bob <BOB+tag@Foo.com>, admin.mrc@foo.com\r\nSender: bob@foo.com\r\n",
        "From: bob@foo.com\r\nTo: x@y.org, undisclosed:;, z@[192.0.2.1], ø@ø.no, somebody@intranet\r\nSubject: a@b\r\n",
        "From: bob@foo.com\r\nTo:\r\n",
        "From: The office <Office@elsewhere.org>\r\nSender: bob@foo.com\r\nResent-From: office+1@elsewhere.org\r\n",
    ],
)
def test_own_names_and_whole_addresses(tmp_path: Path, header: str) -> None:
    assert check(tmp_path, header) is None


@pytest.mark.parametrize(
    "header",
    [
        "From: jones@foo.com\r\n",
        "From: bob@foo.com, jones@foo.com\r\n",
        "From: bob@foo.com\r\nFrom: jones@foo.com\r\n",
        "From: ceo@elsewhere.org\r\nSender: bob@foo.com\r\n",
        "From: bob@foo.com\r\nSender: jones@foo.com\r\n",
        "From: jones@foo.com\r\nResent-From: bob@foo.com\r\n",
        "From: bob@foo.com\r\nResent-From: jones@foo.com\r\n",
        '"bob@foo.com"\r\nFrom: "bob@foo.com" <jones@foo.com>\r\n',
        "From: nobody:;\r\n",
        "From:\r\n",
    ],
)
def test_other_peoples_names(tmp_path: Path, header: str) -> None:
    refused = check(tmp_path, header)
    assert isinstance(refused, NotTheAuthor)
    assert (refused.code, refused.enhanced) == (550, "5.7.1")  # RFC 6409 §6.3
    assert check(tmp_path, header, check_submitted_from=False) is None


@pytest.mark.parametrize("address", ["jones", "Jones <jones>", "jones@elsewhere", "@foo.com", "a@b@c.org", "a@b..org"])
def test_addresses_that_are_not_whole(tmp_path: Path, address: str) -> None:
    header = f"From: bob@foo.com\r\nTo: x@y.org, {address}\r\n"
    refused = check(tmp_path, header)
    assert isinstance(refused, ImproperAddress)
    assert refused.code == 554  # RFC 6409 §4.2, §5.1
    assert check(tmp_path, header, check_submitted_addresses=False) is None
