"""kill -9 in the middle of a list's posts and of forwarding: every member has every post, no mailbox has one twice."""

import asyncio
import imaplib
import smtplib
import socket
import threading
import time
from collections import Counter
from pathlib import Path

from tests.cli.crew import wait_until
from tests.interop.server import PASSWORD, Server, restart_server, start_server, stop_server

from postroom.accounts import MailingList, SqliteDirectory
from postroom.base import SystemClock, SystemIds
from postroom.config import load
from postroom.queue import SqliteQueue

POSTER = "ann@example.test"
MEMBERS = [f"m{number}@example.test" for number in range(2)]
KEEPER = "keeper@example.test"  # gets what m0 forwards
KILLS = 2


def _post(server: Server, worker: int, acknowledged: list[str], stop: threading.Event) -> None:
    number = 0
    try:
        with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=10) as smtp:
            while not stop.is_set():
                name = f"w{worker}n{number}"
                text = f"From: {POSTER}\r\nSubject: {name}\r\n\r\n{'x' * (number % 3) * 50_000}\r\n"
                smtp.sendmail(POSTER, ["news@example.test"], text)
                acknowledged.append(name)
                number += 1
    except (OSError, smtplib.SMTPException):
        pass  # the server was killed under us, as it should be


def _subjects(server: Server, user: str) -> Counter[str]:
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        _, rows = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return Counter(row[1].decode().removeprefix("Subject: ").strip() for row in rows if isinstance(row, tuple))


async def _people(server: Server) -> None:
    """The accounts, and the list; beside the running server, as the commands would."""
    config = load(server.config)
    directory = SqliteDirectory(config.data / "postroom.db", config.accounts, SystemClock(), SystemIds())
    for address in (POSTER, KEEPER, *MEMBERS):
        await directory.add_person(address, PASSWORD)
    await directory.lists.create(MailingList(0, "news@example.test", (POSTER,)))
    await directory.lists.add_members("news@example.test", MEMBERS)
    await directory.set_forwarding(MEMBERS[0], (KEEPER,), keep=True)
    await directory.close()


async def _waiting(server: Server) -> int:
    config = load(server.config)
    queue = SqliteQueue(config.data, config.queue, SystemClock(), SystemIds(), serving=False)
    try:
        return len(await queue.entries())
    finally:
        await queue.close()


def _silent(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.ports["imap"]), timeout=1).close()
    except OSError:
        return True
    return False


def test_every_member_has_every_post_once(tmp_path: Path) -> None:
    def settings(text: str) -> str:
        return text.replace("\n[delivery]\n", "\n[delivery]\nfirst_retry_seconds = 0.2\n")

    server = start_server(tmp_path, "example.test", [], settings)
    acknowledged: list[str] = []
    try:
        asyncio.run(_people(server))
        for round_ in range(KILLS):
            stop = threading.Event()
            posters = [
                threading.Thread(target=_post, args=(server, 10 * round_ + worker, acknowledged, stop))
                for worker in range(2)
            ]
            for poster in posters:
                poster.start()
            enough = len(acknowledged) + 15
            wait_until(lambda enough=enough: len(acknowledged) > enough)  # type: ignore[misc]
            server.process.kill()
            server.process.wait()
            stop.set()
            for poster in posters:
                poster.join()
            wait_until(lambda server=server: _silent(server))  # type: ignore[misc]
            server = restart_server(server)
        deadline = time.monotonic() + 30
        for member in (*MEMBERS, KEEPER):
            while missing := set(acknowledged) - set(_subjects(server, member)):
                assert time.monotonic() < deadline, (member, missing)
                time.sleep(0.1)
        wait_until(lambda: asyncio.run(_waiting(server)) == 0)
        for member in (*MEMBERS, KEEPER):
            assert max(_subjects(server, member).values()) == 1, f"{member} has a post twice"
    finally:
        if server.process.poll() is None:
            stop_server(server)
