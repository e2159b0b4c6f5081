"""Connections that are used again, servers that go and come back."""

import asyncio
from typing import Any

import pytest
from tests.directories.ldap_server import LdapServer, ldap, someone

from postroom.directories import SourceDown


def test_no_more_connections_than_allowed() -> None:
    async def body() -> None:
        async with ldap(max_connections=3) as it:
            it.server.silent = asyncio.Event()
            waiting = [asyncio.ensure_future(it.source.find("bob@example.org")) for _ in range(20)]
            await asyncio.sleep(0.05)
            it.server.silent.set()
            assert all(await asyncio.gather(*waiting))
            assert it.server.most == 3

    asyncio.run(body())


def test_too_many_that_wait() -> None:
    async def body() -> None:
        async with ldap(max_connections=1) as it:
            it.server.silent = asyncio.Event()
            waiting = [asyncio.ensure_future(it.source.find("bob@example.org")) for _ in range(60)]
            await asyncio.sleep(0.05)
            assert sum(one.done() for one in waiting) == 60 - 1 - 50
            it.server.silent.set()
            found = await asyncio.gather(*waiting, return_exceptions=True)
            assert sum(isinstance(one, SourceDown) for one in found) == 9

    asyncio.run(body())


def test_a_server_that_was_restarted_is_asked_again_at_once() -> None:
    async def body() -> None:
        async with ldap() as it:
            assert await it.source.authenticate("bob", "secret", "imap")
            it.server.hang_up()
            await asyncio.sleep(0.02)
            assert await it.source.authenticate("bob", "secret", "imap")
            it.server.drop = 1  # an old connection ends when it is used
            assert await it.source.find("bob@example.org")

    asyncio.run(body())


def test_a_server_that_is_down_is_left_alone_for_a_while() -> None:
    async def body() -> None:
        async with ldap() as it:
            await it.server.stop()
            for _ in range(2):
                with pytest.raises(SourceDown, match="refused"):
                    await it.source.find("bob@example.org")
            await it.server.start()
            with pytest.raises(SourceDown):
                await it.source.find("bob@example.org")
            await it.clock.advance(11)
            assert await it.source.find("bob@example.org")

    asyncio.run(body())


def test_the_next_server_is_called() -> None:
    async def body() -> None:
        first = LdapServer([someone("bob")])
        await first.start()
        await first.stop()
        second = LdapServer()
        await second.start()
        urls = (f"ldap://127.0.0.1:{first.port}", f"ldap://localhost:{second.port}")
        async with ldap(urls=urls) as it:
            assert await it.source.find("carol@example.org")
            assert second.connections == 1
        await second.stop()

    asyncio.run(body())


def test_a_slow_server_has_its_time() -> None:
    async def body() -> None:
        async with ldap(timeout_seconds=0.05) as it:
            it.server.silent = asyncio.Event()
            with pytest.raises(SourceDown, match="no answer"):
                await it.source.find("bob@example.org")
            it.server.silent = None
            assert await it.source.find("bob@example.org")  # on a new connection: the late answer is nobody's

    asyncio.run(body())


def test_who_gives_up_leaves_no_answer_to_the_next() -> None:
    async def body() -> None:
        async with ldap() as it:
            assert await it.source.find("bob@example.org")
            it.server.silent = asyncio.Event()
            given_up = asyncio.ensure_future(it.source.find("bob@example.org"))
            await asyncio.sleep(0.02)
            given_up.cancel()
            await asyncio.sleep(0)
            it.server.silent.set()
            found = await it.source.find("carol@example.org")
            assert found is not None
            assert found.address == "carol@example.org"

    asyncio.run(body())


def test_idle_connections_are_not_kept_for_ever() -> None:
    async def body() -> None:
        async with ldap(idle_seconds=30.0) as it:
            await it.source.find("bob@example.org")
            await it.clock.advance(29)
            await it.source.find("bob@example.org")
            assert it.server.connections == 1
            await it.clock.advance(31)
            await it.source.find("bob@example.org")
            assert it.server.connections == 2

    asyncio.run(body())


def test_the_service_binds_first_and_may_be_refused() -> None:
    async def body() -> None:
        service = someone("service", "service")
        settings: dict[str, Any] = {"bind_dn": service.name.decode(), "bind_password_file": "/unread"}
        async with ldap(LdapServer([service, someone("bob")]), **settings) as it:
            assert await it.source.find("bob@example.org")
            assert it.server.asked[0] == f"bind {service.name.decode()}"
        service.password = b"another"
        async with ldap(LdapServer([service, someone("bob")]), **settings) as it:
            with pytest.raises(SourceDown, match="bind_dn was refused: result 49"):
                await it.source.find("bob@example.org")

    asyncio.run(body())
