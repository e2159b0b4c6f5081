"""The worker that takes mail out of the queue: others poke it, and when it is killed its successor goes on."""

import asyncio
import smtplib
from contextlib import closing
from pathlib import Path

import apsw
from tests.cli.crew import BOB, kill_worker, log, owner, start_crew, wait_until, workers
from tests.delivery.peer import Peer
from tests.interop.server import PASSWORD, Server, stop_server

from postroom.base import Spool, SystemClock, SystemIds
from postroom.queue import Envelope, QueueSettings, Recipient, SqliteQueue

MESSAGES = 200


def _submit(server: Server, pid: int, subject: str) -> None:
    """A message for else.test, handed to this worker."""
    while True:
        with smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=60) as smtp:
            assert smtp.sock is not None
            if owner(server, smtp.sock) == pid:
                smtp.login(BOB, PASSWORD)
                smtp.sendmail(BOB, ["x@else.test"], f"Subject: {subject}\r\n\r\nbody\r\n")
                return


def test_mail_that_any_worker_takes_leaves_at_once(tmp_path: Path) -> None:
    """Not when the queue is next looked at, which is in an hour."""

    async def main() -> None:
        peer = Peer()
        await peer.start()
        route = f'routes = {{ "else.test" = "127.0.0.1:{peer.port}" }}'
        server = await asyncio.to_thread(
            start_crew, tmp_path, [BOB], queue="poll_interval_seconds = 3600", delivery=route
        )
        for count in (1, 2):
            for pid in workers(server).values():
                subject = f"{count} by {pid}"
                await asyncio.to_thread(_submit, server, pid, subject)
                async with asyncio.timeout(60):  # what the killed one did not note as done comes again, too
                    while not any(subject.encode() in mail.content for mail in peer.taken):
                        await asyncio.sleep(0.001)
            if count == 1:  # its successor is poked as well
                await asyncio.to_thread(kill_worker, server, 0)
        await asyncio.to_thread(stop_server, server)
        await peer.stop()

    asyncio.run(main())


def test_a_killed_deliverer_loses_nothing_and_delivers_nothing_twice(tmp_path: Path) -> None:
    server = start_crew(tmp_path, [BOB], queue="poll_interval_seconds = 0.02")
    mail = tmp_path / "data" / "accounts" / "1" / "mail.db"  # there with the first delivery
    queued = apsw.Connection(str(tmp_path / "data" / "queue.db"))

    def subjects() -> list[str]:
        if not mail.exists():
            return []
        with closing(apsw.Connection(str(mail))) as stored:
            return [str(row[0]) for row in stored.execute("SELECT subject FROM search_text")]

    async def put() -> None:
        queue = SqliteQueue(tmp_path / "data", QueueSettings(), SystemClock(), SystemIds(), serving=False)

        async def one(number: int) -> None:
            with Spool(tmp_path, 1 << 20) as spool:
                spool.write(f"Subject: n{number}\r\n\r\nbody\r\n".encode())
                await queue.enqueue(Envelope("x@else.test"), [Recipient(BOB)], spool)

        await asyncio.gather(*(one(number) for number in range(MESSAGES)))
        await queue.close()

    asyncio.run(put())
    for enough in (5, 60):
        wait_until(lambda enough=enough: len(subjects()) > enough)  # type: ignore[misc]
        kill_worker(server, 0)
    wait_until(lambda: queued.execute("SELECT count(*) FROM entries").get == 0)
    assert "interrupted attempts are due again" in log(server)
    assert sorted(subjects()) == sorted(f"n{number}" for number in range(MESSAGES))
    queued.close()
    stop_server(server)
