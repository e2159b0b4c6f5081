"""A server whose people a Python file knows: all protocols, mail before the first sign-in, and a file that breaks."""

import asyncio
import imaplib
import poplib
import smtplib
from pathlib import Path

import msgspec
import pytest
from tests.test_app import config

from postroom.app import App, StartFailed, running
from postroom.config import Config
from postroom.directories import DirectorySettings

DAVE = "dave@example.test"
HOOK = """
import pathlib
BROKEN = pathlib.Path(__file__).with_name("broken")

async def find(address):
    if BROKEN.exists():
        raise ConnectionError("the password is secret")
    return address if address in ("dave@example.test", "erin@example.test") else None

async def authenticate(username, password, protocol):
    return await find(username) if password == "secret" else None
"""


def with_hook(folder: Path, text: str = HOOK) -> Config:
    (folder / "people.py").write_text(text)
    directory = DirectorySettings(
        kind="hook", hook_file=str(folder / "people.py"), unknown_seconds=0, refused_seconds=0
    )
    return msgspec.structs.replace(config(folder), directory=directory)


def imap(app: App, user: str, password: str = "secret") -> str:
    """ "OK", or what the refusal says."""
    with imaplib.IMAP4("127.0.0.1", app.port("imap")) as client:
        try:
            return str(client.login(user, password)[0])
        except imaplib.IMAP4.error as error:
            return str(error)


def pop3(app: App, user: str, password: str = "secret") -> str:
    client = poplib.POP3("127.0.0.1", app.port("pop3"))
    try:
        client.user(user)
        return client.pass_(password).decode()
    except poplib.error_proto as error:
        return str(error)
    finally:
        client.close()


def submission(app: App, user: str, password: str = "secret") -> int:
    with smtplib.SMTP("127.0.0.1", app.port("submission")) as client:
        try:
            return client.login(user, password)[0]
        except smtplib.SMTPResponseException as error:
            return error.smtp_code


def rcpt(app: App, address: str) -> int:
    with smtplib.SMTP("127.0.0.1", app.port("lmtp")) as client:
        client.putcmd("LHLO client.test")
        client.getreply()
        client.mail("stranger@other.test")
        return client.rcpt(address)[0]


def test_people_of_a_hook(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with running(App(with_hook(tmp_path))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person("bob@example.test", "of here")
            go = asyncio.to_thread
            assert await go(rcpt, app, "erin@example.test") == 250
            assert await go(rcpt, app, "nobody@example.test") == 550
            assert [person.address for person in await app.directory.people()] == [
                "bob@example.test",
                "erin@example.test",
            ]
            assert await go(imap, app, DAVE) == "OK"
            assert (await go(pop3, app, DAVE)).startswith("+OK")
            assert await go(submission, app, DAVE) == 235
            assert "AUTHENTICATIONFAILED" in await go(imap, app, DAVE, "wrong")
            assert await go(submission, app, "nobody@example.test") == 535
            assert await go(imap, app, "bob@example.test", "of here") == "OK"
            (tmp_path / "broken").touch()
            assert await go(imap, app, DAVE) == "OK"  # it was right a moment ago
            assert "UNAVAILABLE" in await go(imap, app, "erin@example.test")
            assert await go(submission, app, "erin@example.test") == 454
            assert "SYS/TEMP" in await go(pop3, app, "erin@example.test")
            assert await go(imap, app, "bob@example.test", "of here") == "OK"
            assert await go(rcpt, app, DAVE) == 250
            assert await go(rcpt, app, "nobody@example.test") == 451
            (tmp_path / "broken").unlink()
            assert await go(imap, app, "erin@example.test") == "OK"
            assert await go(rcpt, app, "nobody@example.test") == 550

    asyncio.run(main())
    assert "hook: find raised ConnectionError in line 7" in caplog.text
    assert "secret" not in caplog.text
    assert (tmp_path / "data" / "directory.db").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(StartFailed, match="hook_file"):
            async with running(App(with_hook(tmp_path, "nonsense("))):
                pass

    asyncio.run(main())
