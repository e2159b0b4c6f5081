"""A stopped account: its mail waits, its owner and the postmaster read why, once; released, all of it goes on."""

import asyncio
import socket
import time
from pathlib import Path

import msgspec
import pytest
from tests.servers.smtp.test_budgets import BOB, connect, leave
from tests.servers.test_turning_away import strict

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.app import App, running
from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery import DeliverySettings
from postroom.guard import Stop
from postroom.intake import StoppedAccounts
from postroom.queue import EntryState, Envelope, MemoryQueue, QueueFailure, QueueSettings, Recipient
from postroom.store import Want

NOW = 1_700_000_000.0


def test_what_was_sent_waits_also_what_comes_a_moment_later_and_both_are_told_once() -> None:
    async def main() -> None:
        clock, ids = FakeClock(NOW), SeededIds()
        directory = MemoryDirectory(AccountSettings(hash_memory_kibibytes=8, hash_passes=1), clock, ids)
        queue = MemoryQueue(QueueSettings(), clock, ids)
        await directory.add_domain("example.test")
        bob = await directory.add_person(BOB, None)
        stopped = StoppedAccounts(directory, queue, clock, ids, hostname="mail.example.test")

        async def send(to: str, holder: int | None) -> None:
            with Spool(Path("unused"), 1 << 20) as spool:
                spool.write(b"x")
                await queue.enqueue(Envelope(BOB, holder=holder), [Recipient(to)], spool)

        await send("a@away.test", bob.account_id)
        await send("b@away.test", None)
        stop = Stop(bob.account_id, NOW, "400 recipients elsewhere in one hour")
        await stopped.stop(stop)
        await send("c@away.test", bob.account_id)  # of a worker that did not know yet
        await clock.advance(5)
        states = {entry.recipient.address: entry.state for entry in await queue.entries()}
        assert states == {
            "a@away.test": EntryState.HELD,
            "b@away.test": EntryState.WAITING,
            "c@away.test": EntryState.HELD,
            BOB: EntryState.WAITING,
            "postmaster@example.test": EntryState.WAITING,
        }
        told = next(entry for entry in await queue.entries() if entry.recipient.address == BOB)
        text = await queue.read(told.message.message_id, 0, 1 << 20)
        assert told.message.envelope.mail_from == ""
        assert b"400 recipients elsewhere in one hour" in text
        assert b"postroom account release bob@example.test" in text
        assert b"Auto-Submitted: auto-generated" in text
        await stopped.stop(stop)  # after a crash, say
        assert len(await queue.entries()) == 5
        await stopped.stop(Stop(99, NOW, "nobody"))
        await stopped.close()
        await directory.close()

    asyncio.run(main())


def test_trouble_in_the_queue_is_told_to_the_guard() -> None:
    async def main() -> None:
        clock, ids = FakeClock(NOW), SeededIds()
        directory = MemoryDirectory(AccountSettings(hash_memory_kibibytes=8, hash_passes=1), clock, ids)
        await directory.add_domain("example.test")
        bob = await directory.add_person(BOB, None)

        class Broken(MemoryQueue):
            async def hold(self, which: object) -> int:
                raise QueueFailure("no disk")

        queue = Broken(QueueSettings(), clock, ids)
        stopped = StoppedAccounts(directory, queue, clock, ids, hostname="mail.example.test")
        with pytest.raises(QueueFailure):
            await stopped.stop(Stop(bob.account_id, NOW, "x"))
        await directory.close()

    asyncio.run(main())


def test_the_owner_of_a_stopped_account_finds_a_message_in_the_mailbox(tmp_path: Path) -> None:
    """The whole way, in a server: submission, the queue, the mailbox."""

    async def main() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and nobody listens
            away = DeliverySettings(routes={"away.test": f"127.0.0.1:{closed.getsockname()[1]}"})
        settings = msgspec.structs.replace(strict(tmp_path, stop_floor_per_hour=2), delivery=away)
        async with running(App(settings)) as app:
            await app.directory.add_domain("example.test")
            person = await app.directory.add_person(BOB, "secret")
            client = await connect(app, "submission")
            for number, code in ((1, "250"), (2, "250"), (3, "450")):
                text = f"From: {BOB}\r\n\r\n{number}"
                told = await client.mail(f"{number}@away.test", sender=BOB, text=text)
                assert told.startswith(code)
            await leave(client)
            deadline, account = time.monotonic() + 10, await app.store.open(person.account_id)
            while (await account.mailbox("INBOX")).messages < 1:  # one message: Bob is the postmaster too
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            (stored,) = await account.read(list(view.content_ids), Want.WHOLE, budget=1 << 20)
            assert stored.whole is not None
            assert b"has stopped the sending of bob@example.test" in stored.whole
            account.release(view)
            account.close()
            async with asyncio.timeout(10):
                while {entry.state for entry in await app.queue.entries()} != {EntryState.HELD}:
                    await asyncio.sleep(0.02)

    asyncio.run(main())
