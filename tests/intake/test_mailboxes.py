"""Final delivery into one account."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.accounts import LocalTarget
from postroom.intake.mailboxes import Mailboxes
from postroom.intake.settings import IntakeSettings
from postroom.queue import Recipient
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


@pytest.mark.parametrize(("for_good", "reply"), [(False, (452, "4.2.2")), (True, (552, "5.2.2"))])
def test_a_mailbox_that_was_filled_meanwhile(tmp_path: Path, for_good: bool, reply: tuple[int, str]) -> None:
    async def body() -> None:
        room = await make_room(tmp_path, refuse_when_over_quota=for_good)
        route = await room.intake.route(Recipient("bob@foo.com"))
        (target,) = route.targets
        assert isinstance(target, LocalTarget)
        full = replace(target, person=replace(target.person, quota_messages=0))
        with room.store.draft() as draft:
            draft.write(b"x\r\n")
            draft.finish()
            error = await room.intake.mailboxes.attempt(full, draft, b"", "m1")
        assert error is not None
        assert (error.code, error.enhanced) == reply

    asyncio.run(body())


async def deliver_junk(room: Room, delivery_id: str) -> None:
    bob = (await room.directory.people())[0]
    with room.store.draft() as draft:
        draft.write(b"Subject: x\r\n\r\n")
        draft.finish()
        target = LocalTarget(bob, bob.address, "lists")
        await Mailboxes(room.store, IntakeSettings()).deliver(target, draft, b"", delivery_id, junk=True)


def test_junk_goes_where_its_owner_keeps_it(tmp_path: Path) -> None:
    async def body() -> None:
        room = await make_room(tmp_path)
        account = await room.store.open((await room.directory.people())[0].account_id)
        by_use = {mailbox.special_use: mailbox for mailbox in await account.mailboxes()}
        junk = by_use["\\Junk"]
        await account.rename(junk.name, "Rubbish")
        await deliver_junk(room, "m1")
        await deliver_junk(room, "m1")  # once only
        assert len(await room.messages("bob@foo.com", "Rubbish")) == 1
        await account.delete("Rubbish")
        await deliver_junk(room, "m2")  # made anew
        assert len(await room.messages("bob@foo.com", "Junk")) == 1
        assert [one.special_use for one in await account.mailboxes() if one.name == "Junk"] == ["\\Junk"]
        await account.set_special_use((await account.mailbox("Junk")).mailbox_id, None)
        await deliver_junk(room, "m3")  # a mailbox of that name without the use
        assert len(await room.messages("bob@foo.com", "Junk")) == 2
        assert await room.messages("bob@foo.com") == []
        account.close()

    asyncio.run(body())
