"""Final delivery into one account."""

import asyncio
from pathlib import Path

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.accounts import LocalTarget
from postroom.intake.mailboxes import Mailboxes
from postroom.intake.settings import IntakeSettings
from postroom.store import MailStore, NoSuchMailbox
from postroom.store.memory import MemoryAccount


async def deliver(room: Room, detail: str, settings: IntakeSettings, delivery_id: str = "m1") -> None:
    bob = (await room.directory.people())[0]
    store: MailStore = room.store
    with store.draft() as draft:
        draft.write(b"Subject: x\r\n\r\n")
        draft.finish()
        await Mailboxes(store, settings).deliver(LocalTarget(bob, bob.address, detail), draft, b"P: 1\r\n", delivery_id)


def test_details_and_once_only(tmp_path: Path) -> None:
    async def body() -> None:
        room = await make_room(tmp_path)
        account = await room.store.open((await room.directory.people())[0].account_id)
        await account.create("Lists")
        await deliver(room, "lists", IntakeSettings())
        await deliver(room, "lists", IntakeSettings())
        await deliver(room, "lists", IntakeSettings(details_name_mailboxes=False), "m2")
        assert await room.messages("bob@foo.com", "Lists") == [b"P: 1\r\nSubject: x\r\n\r\n"]
        assert len(await room.messages("bob@foo.com")) == 1
        account.close()

    asyncio.run(body())


def test_a_mailbox_that_vanishes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        room = await make_room(tmp_path)
        account = await room.store.open((await room.directory.people())[0].account_id)
        await account.create("Lists")
        account.close()
        original = MemoryAccount.append

        async def append(self: MemoryAccount, mailbox: str, *arguments: object) -> object:
            if mailbox == "Lists":
                raise NoSuchMailbox(mailbox)
            return await original(self, mailbox, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(MemoryAccount, "append", append)
        await deliver(room, "lists", IntakeSettings())
        assert len(await room.messages("bob@foo.com")) == 1

        async def gone(self: MemoryAccount, mailbox: str, *arguments: object) -> object:
            raise NoSuchMailbox(mailbox)

        monkeypatch.setattr(MemoryAccount, "append", gone)
        with pytest.raises(NoSuchMailbox):
            await deliver(room, "", IntakeSettings(), "m3")

    asyncio.run(body())
