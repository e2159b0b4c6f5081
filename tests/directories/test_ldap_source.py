"""People in LDAP: found, proven, and what an attacker gives instead of a name or password."""

import asyncio
from typing import Any

import pytest
from tests.directories.ldap_server import LdapServer, ldap, someone

from postroom.directories import Known, SourceDown

BOB, CAROL = Known("bob@example.org"), Known("carol@example.org")


def test_people_are_found_by_address_and_by_name() -> None:
    async def body() -> None:
        async with ldap() as it:
            assert await it.source.find("bob@example.org") == BOB
            assert await it.source.find("nobody@example.org") is None
            for name in ("bob", "bob@example.org"):
                assert await it.source.find_user(name) == BOB
            assert it.server.connections == 1

    asyncio.run(body())


def test_a_password_is_proven_by_a_bind() -> None:
    async def body() -> None:
        async with ldap() as it:
            assert await it.source.authenticate("bob", "secret", "imap") == BOB
            assert await it.source.authenticate("bob", "wrong", "imap") is None
            assert await it.source.authenticate("carol@example.org", "other", "imap") == CAROL
            assert await it.source.authenticate("nobody", "secret", "imap") is None
            assert it.server.connections == 2  # one to search by, one to bind

    asyncio.run(body())


def test_a_bind_has_the_password_prepared() -> None:
    """RFC 4513 §5.1.3."""

    async def body() -> None:
        async with ldap() as it:
            assert await it.source.authenticate("bob", "sec\N{SOFT HYPHEN}ret", "imap") == BOB
            assert await it.source.authenticate("bob", "\N{SOFT HYPHEN}", "imap") is None  # prepared, it is empty
            assert await it.source.authenticate("bob", "secret\7", "imap") is None

    asyncio.run(body())


@pytest.mark.parametrize("password", ["", "\0", "secret\0"])
def test_a_bind_without_a_password_lets_nobody_in(password: str) -> None:
    """RFC 4513 §5.1.2: many servers answer it with success."""

    async def body() -> None:
        async with ldap(LdapServer(bind_code=0)) as it:
            assert await it.source.authenticate("bob", password, "imap") is None
            assert it.server.asked == []

    asyncio.run(body())


@pytest.mark.parametrize(
    "name", ["*", "b*", "bob)(uid=*", "*)(|(uid=*", "bob\0", "", "bo\udcffb", "b" * 5000, "\\62ob", "uid=bob,ou=people"]
)
def test_a_name_is_nothing_but_a_name(name: str) -> None:
    async def body() -> None:
        async with ldap() as it:
            assert await it.source.authenticate(name, "secret", "imap") is None
            assert await it.source.find(name) is None
            assert await it.source.find_user(name) is None

    asyncio.run(body())


def test_of_two_nobody_is_meant(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        two = LdapServer([someone("bob"), someone("bob", "other")])
        async with ldap(two) as it:
            assert await it.source.authenticate("bob", "secret", "imap") is None
            assert await it.source.find("bob@example.org") is None

    asyncio.run(body())
    assert "more than one entry" in caplog.text


@pytest.mark.parametrize("code", [19, 32, 48, 49, 50, 53])
def test_refusals(code: int) -> None:
    async def body() -> None:
        async with ldap(LdapServer(bind_code=code)) as it:
            assert await it.source.authenticate("bob", "secret", "imap") is None

    asyncio.run(body())


@pytest.mark.parametrize("code", [1, 2, 8, 10, 13, 14, 51, 52, 80, 123])
def test_trouble_of_the_server_is_no_refusal(code: int) -> None:
    async def body() -> None:
        async with ldap(LdapServer(bind_code=code)) as it:
            with pytest.raises(SourceDown):
                await it.source.authenticate("bob", "secret", "imap")
        async with ldap(LdapServer(search_code=code)) as it:
            with pytest.raises(SourceDown, match=f"result {code}"):
                await it.source.find("bob@example.org")

    asyncio.run(body())


def test_a_base_that_is_not_there_is_a_mistake_in_the_settings() -> None:
    async def body() -> None:
        async with ldap(LdapServer(search_code=32)) as it:
            with pytest.raises(SourceDown):
                await it.source.find("bob@example.org")

    asyncio.run(body())


def test_other_addresses_and_quotas() -> None:
    async def body() -> None:
        bob = someone("bob", mail=[b"bob@example.org", b"robert@example.org"], room=[b"5000"])
        async with ldap(LdapServer([bob]), quota_attribute="room") as it:
            assert await it.source.find("robert@example.org") == Known("bob@example.org", 5000)
            for wrong in (b"", b"much", b"-1", b"9" * 30, "٣".encode()):
                bob.attributes["room"] = [wrong]
                assert await it.source.find("bob@example.org") == BOB
            bob.attributes["mail"] = [b"\xff"]
            assert await it.source.find_user("bob") is None

    asyncio.run(body())


def test_hashes_are_compared_here() -> None:
    asked: list[Any] = []

    async def hashes(name: str, password: str, password_hash: str | None) -> bool:
        asked.append(password_hash)
        return password_hash == f"{{PLAIN}}{password}"

    async def body() -> None:
        bob = someone("bob", userPassword=[b"\xff", b"{PLAIN}old", b"{PLAIN}secret"])
        async with ldap(LdapServer([bob, someone("carol")]), hashes, check="hash") as it:
            assert await it.source.authenticate("bob", "secret", "imap") == BOB
            assert asked == ["{PLAIN}old", "{PLAIN}secret"]
            assert await it.source.authenticate("bob", "wrong", "imap") is None
            asked.clear()
            assert await it.source.authenticate("carol", "secret", "imap") is None  # its hash can't be read
            assert await it.source.authenticate("nobody", "secret", "imap") is None
            assert asked == [None, None]  # as slow

    asyncio.run(body())


def test_passwords_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    said: list[str] = []

    async def body() -> None:
        for code in (None, 53, 52):
            async with ldap(LdapServer(bind_code=code)) as it:
                try:
                    await it.source.authenticate("bob", "pass-in-log", "imap")
                except SourceDown as error:
                    said.append(str(error))

    asyncio.run(body())
    assert "words of the server" in caplog.text
    assert len(said) == 1
    assert "pass-in-log" not in caplog.text + said[0]
