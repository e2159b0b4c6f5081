"""Wrong passwords over real sockets, by each protocol: delays, bans, owners who get in while strangers attack."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.servers.test_turning_away import greeting, strict

from postroom.app import App, running

BOB = "bob@example.test"
QUICK = {"failure_delay_seconds": 0.01, "max_failure_delay_seconds": 0.02}
PROTOCOLS = ("submission", "imap", "pop3")


def play(folder: Path, work: Callable[[App], Awaitable[None]], **values: object) -> None:
    async def main() -> None:
        async with running(App(strict(folder, **{**QUICK, **values}))) as app:
            await app.directory.add_domain("example.test")
            await app.directory.add_person(BOB, "secret")
            await work(app)

    asyncio.run(main())


async def sign_in(app: App, protocol: str, password: str, own: str, name: str = BOB) -> bytes:
    """The answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port(protocol), local_addr=(own, 0))
    answer = await reader.readline()
    if answer.startswith((b"220", b"* OK", b"+OK")):
        if protocol == "submission":
            plain = base64.b64encode(f"\0{name}\0{password}".encode())
            writer.write(b"EHLO x.test\r\nAUTH PLAIN %b\r\n" % plain)
            while not (answer := await reader.readline()).startswith(b"250 "):
                pass
        elif protocol == "imap":
            writer.write(f'a LOGIN "{name}" "{password}"\r\n'.encode())
        else:
            writer.write(f"USER {name}\r\n".encode())
            await reader.readline()
            writer.write(f"PASS {password}\r\n".encode())
        answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


GOOD = {"submission": b"235 ", "imap": b"a OK", "pop3": b"+OK"}
WRONG = {"submission": b"535 5.7.8", "imap": b"a NO [AUTHENTICATIONFAILED]", "pop3": b"-ERR [AUTH]"}
LATER = {"submission": b"4", "imap": b"a NO [UNAVAILABLE]", "pop3": b"-ERR [SYS/TEMP]"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_guesses_is_banned_from_all_protocols_and_nobody_else_is(tmp_path: Path, protocol: str) -> None:
    async def work(app: App) -> None:
        for guess in range(3):
            answer = await sign_in(app, protocol, f"guess{guess}", "127.0.0.2", f"bob{guess}@example.test")
            assert answer.startswith(WRONG[protocol])
        assert (await greeting(app, "imap", "127.0.0.2")).startswith(b"* BYE [UNAVAILABLE]")
        assert (await greeting(app, "smtp", "127.0.0.2")).startswith(b"421 4.7.0")
        assert (await sign_in(app, protocol, "secret", "127.0.0.3")).startswith(GOOD[protocol])

    play(tmp_path, work, failures_until_ban=3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_account_under_attack_is_open_where_it_has_signed_in_before(tmp_path: Path, protocol: str) -> None:
    async def work(app: App) -> None:
        assert (await sign_in(app, protocol, "secret", "127.0.0.3")).startswith(GOOD[protocol])
        for guess in range(4):
            answer = await sign_in(app, protocol, f"guess{guess}", f"127.0.1.{guess + 1}")
            assert answer.startswith(WRONG[protocol])
        answers = [await sign_in(app, protocol, "guess", f"127.0.2.{n + 1}") for n in range(2)]
        assert answers[-1].startswith(LATER[protocol])  # before anybody looks at the password
        assert (await sign_in(app, protocol, "secret", "127.0.3.1")).startswith(LATER[protocol])
        assert (await sign_in(app, protocol, "secret", "127.0.0.3")).startswith(GOOD[protocol])

    play(
        tmp_path,
        work,
        failures_until_attack=4,
        stranger_interval_seconds=60.0,
        max_stranger_delay_seconds=1.0,
    )


def test_each_failure_takes_longer_whoever_it_is(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for name in (BOB, "nobody@example.test"):
            spent = list[float]()
            for guess in range(3):
                start = time.monotonic()
                await sign_in(app, "pop3", f"guess{guess}", "127.0.0.2" if name == BOB else "127.0.0.3", name)
                spent.append(time.monotonic() - start)
            assert spent[0] >= 0.2
            assert spent[1] >= 0.4
            assert spent[2] >= 0.8

    play(tmp_path, work, failure_delay_seconds=0.2, max_failure_delay_seconds=0.8)


def test_a_phone_with_the_old_password_is_not_banned(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for _ in range(8):
            assert (await sign_in(app, "imap", "the old one", "127.0.0.2")).startswith(WRONG["imap"])
        assert (await sign_in(app, "imap", "secret", "127.0.0.2")).startswith(GOOD["imap"])

    play(tmp_path, work, failures_until_ban=3)


def test_bans_end(tmp_path: Path) -> None:
    async def work(app: App) -> None:
        for guess in range(2):
            await sign_in(app, "imap", f"guess{guess}", "127.0.0.2")
        assert (await greeting(app, "imap", "127.0.0.2")).startswith(b"* BYE")
        await asyncio.sleep(3.1)
        assert (await sign_in(app, "imap", "secret", "127.0.0.2")).startswith(GOOD["imap"])

    play(tmp_path, work, failures_until_ban=2, ban_seconds=3.0)
