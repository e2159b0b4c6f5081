"""IMAP connections of one account at once, over real sockets."""

import asyncio
import imaplib
from pathlib import Path

import pytest
from tests.servers.smtp.test_budgets import BOB
from tests.servers.test_turning_away import strict

from postroom.app import App, running


def test_an_account_has_so_many_connections_and_they_become_free(tmp_path: Path) -> None:
    def work(port: int) -> None:
        first, second = imaplib.IMAP4("127.0.0.1", port), imaplib.IMAP4("127.0.0.1", port)
        first.login(BOB, "secret")
        with pytest.raises(imaplib.IMAP4.error, match=r"\[UNAVAILABLE\] Too many connections of this account"):
            second.login(BOB, "secret")
        second.login("alice@example.test", "secret")
        third = imaplib.IMAP4("127.0.0.1", port)
        assert first.xatom("UNAUTHENTICATE")[0] == "OK"  # RFC 8437
        third.login(BOB, "secret")
        third.logout()
        fourth = imaplib.IMAP4("127.0.0.1", port)
        fourth.login(BOB, "secret")
        for client in (first, second, fourth):
            client.logout()

    async def main() -> None:
        async with running(App(strict(tmp_path, account_connections=1))) as app:
            await app.directory.add_domain("example.test")
            for address in (BOB, "alice@example.test"):
                await app.directory.add_person(address, "secret")
            await asyncio.to_thread(work, app.port("imap"))
            assert not any(key.startswith("account") for key in app.guard._open)

    asyncio.run(main())
