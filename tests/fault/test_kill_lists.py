"""kill -9 in the middle of a list's posts and of forwarding: every member has every post, no mailbox has one twice."""

import asyncio
from pathlib import Path

from tests.cli.crew import settings, wait_until
from tests.interop.server import PASSWORD, Server, start_server, stop_server

from postroom.accounts import MailingList, SqliteDirectory
from postroom.base import SystemClock, SystemIds
from postroom.config import load
from postroom.queue import SqliteQueue

from .kill_play import Load, kill, subjects, wait_for_all

POSTER = "ann@example.test"
MEMBERS = [f"m{number}@example.test" for number in range(2)]
KEEPER = "keeper@example.test"  # gets what m0 forwards
KILLS = 2


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


def test_every_member_has_every_post_once(tmp_path: Path) -> None:
    server = start_server(tmp_path, "example.test", [], settings(delivery="first_retry_seconds = 0.2"))
    try:
        asyncio.run(_people(server))
        with Load(server.ports["smtp"], POSTER, ["news@example.test"]) as load_:
            for _ in range(KILLS):
                load_.wait_for_more(15)
                server = kill(server)
        for member in (*MEMBERS, KEEPER):
            wait_for_all(load_.acknowledged, lambda member=member: subjects(server, member))  # type: ignore[misc]
        wait_until(lambda: asyncio.run(_waiting(server)) == 0)
        for member in (*MEMBERS, KEEPER):
            assert max(subjects(server, member).values()) == 1, f"{member} has a post twice"
    finally:
        if server.process.poll() is None:
            stop_server(server)
