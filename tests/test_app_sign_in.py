"""What people sign in with, on all three protocols of a whole server."""

import asyncio
import imaplib
import poplib
import smtplib
from collections.abc import Callable
from pathlib import Path

from tests.test_app import BOB, answering_at_once

from postroom.accounts import totp
from postroom.app import App, running


def _smtp(port: int, name: str, password: str) -> str:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        try:
            smtp.login(name, password)
        except smtplib.SMTPAuthenticationError as error:
            return repr(error.smtp_error)
    return ""


def _imap(port: int, name: str, password: str) -> str:
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        try:
            imap.login(name, password)
        except imaplib.IMAP4.error as error:
            return str(error)
    return ""


def _pop3(port: int, name: str, password: str) -> str:
    pop3 = poplib.POP3("127.0.0.1", port)
    try:
        pop3.user(name)
        pop3.pass_(password)
    except poplib.error_proto as error:
        return str(error)
    finally:
        pop3.close()
    return ""


SIGN_IN: dict[str, tuple[str, Callable[[int, str, str], str]]] = {
    "smtp": ("submission", _smtp),
    "imap": ("imap", _imap),
    "pop3": ("pop3", _pop3),
}


def test_once_a_second_factor_is_on_only_app_passwords_are_good_and_the_words_are_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(answering_at_once(tmp_path))) as app:
            directory = app.directory
            await directory.add_domain("example.test")
            await directory.add_person(BOB, "secret")
            _, phone = await directory.app_passwords.add(BOB, "phone", protocols=("imap", "smtp"))
            _, other = await directory.app_passwords.add(BOB, "other")

            async def answer(protocol: str, password: str, name: str = BOB) -> str:
                listener, sign_in = SIGN_IN[protocol]
                return await asyncio.to_thread(sign_in, app.port(listener), name, password)

            for protocol in SIGN_IN:
                wrong = await answer(protocol, "wrong")
                assert wrong != ""
                assert await answer(protocol, "secret") == ""
                assert await answer(protocol, other) == ""
                assert await answer(protocol, phone) == ("" if protocol != "pop3" else wrong)
                assert await answer(protocol, "secret", "ghost@example.test") == wrong
            await directory.second_factors.enrol(BOB)
            row = directory._book.tables.second_factor(1)
            assert row is not None
            secret = directory._keeping._vault.opened(row.secret, f"second factor {BOB}")
            assert secret is not None
            await directory.second_factors.confirm(BOB, totp.code(secret, totp.step(app.clock.now())))
            for protocol in SIGN_IN:
                assert await answer(protocol, "secret") == await answer(protocol, "wrong") != ""
                assert await answer(protocol, other) == ""

    asyncio.run(main())
