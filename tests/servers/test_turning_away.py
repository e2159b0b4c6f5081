"""What clients hear that are not let in: each protocol's words, nothing of accounts; over real sockets."""

import asyncio
import ssl
from pathlib import Path

import msgspec
import pytest
from tests.test_app import config

from postroom.app import App, running
from postroom.config import Config
from postroom.guard import GuardSettings
from postroom.net import client_context
from postroom.servers.turning_away import GuardedDoor, busy

IMPLICIT = ("submissions", "pop3s", "imaps")
WORDS = {
    "smtp": b"421 4.7.0 ",
    "submission": b"421 4.7.0 ",
    "lmtp": b"421 4.7.0 ",
    "pop3": b"-ERR [SYS/TEMP] ",
    "imap": b"* BYE [UNAVAILABLE] ",
}


def strict(folder: Path, **values: object) -> Config:
    """As for strangers, though they come from loopback."""
    settings = GuardSettings(exempt_loopback=False, **values)  # type: ignore[arg-type]
    return msgspec.structs.replace(config(folder), guard=settings)


async def greeting(app: App, name: str, own: str = "127.0.0.1") -> bytes:
    tls = client_context(verify=False) if name in IMPLICIT else None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port(name), ssl=tls, local_addr=(own, 0))
    except (ConnectionError, ssl.SSLError):
        return b""
    line = await reader.readline()
    writer.close()
    try:
        await writer.wait_closed()
    except (ConnectionError, ssl.SSLError):
        pass
    return line


def test_the_banned_are_turned_away_by_every_listener_also_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(strict(tmp_path))) as app:
            assert (await greeting(app, "imap")).startswith(b"* OK")
            app.guard.ban("127.0.0.7", 600, "by hand")
            for name, words in WORDS.items():
                assert (await greeting(app, name, "127.0.0.7")).startswith(words)
            for name in IMPLICIT:
                assert await greeting(app, name, "127.0.0.7") == b""
                assert await greeting(app, name, "127.0.0.8") != b""
        async with running(App(strict(tmp_path))) as app:
            assert (await greeting(app, "pop3", "127.0.0.7")).startswith(b"-ERR [SYS/TEMP] ")
            assert (await greeting(app, "pop3", "127.0.0.8")).startswith(b"+OK")
            app.guard.forgive("127.0.0.7")
            assert (await greeting(app, "pop3", "127.0.0.7")).startswith(b"+OK")

    asyncio.run(main())


def test_connections_a_minute(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(strict(tmp_path, address_connections_per_minute=2))) as app:
            told = [(await greeting(app, "smtp"))[:4] for _ in range(3)]
            assert told == [b"220 ", b"220 ", b"421 "]
            assert (await greeting(app, "imap")).startswith(b"* BYE")  # of all listeners together
            assert (await greeting(app, "smtp", "127.0.0.2")).startswith(b"220 ")

    asyncio.run(main())


def test_connections_at_once_of_a_network(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(App(strict(tmp_path, network_connections=1))) as app:
            _, writer = await asyncio.open_connection("127.0.0.1", app.port("smtp"))
            await asyncio.sleep(0.1)
            assert (await greeting(app, "smtp", "127.0.0.2")).startswith(b"421 4.7.0 ")
            assert (await greeting(app, "smtp", "127.0.9.2")).startswith(b"220 ")
            writer.close()
            await writer.wait_closed()
            async with asyncio.timeout(10):
                while not (await greeting(app, "smtp", "127.0.0.2")).startswith(b"220 "):
                    await asyncio.sleep(0.01)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "words"), [("lmtp", b"421 4.3.2 "), ("pop3s", b"-ERR [SYS/TEMP] "), ("imap", b"* BYE")]
)
def test_the_words_of_a_full_listener(kind: str, words: bytes) -> None:
    assert busy(kind).startswith(words)


def test_a_door_without_a_guard_is_open() -> None:
    door = GuardedDoor("smtp", "smtp")
    assert door.admit("192.0.2.1") is None
    door.leave("192.0.2.1")
