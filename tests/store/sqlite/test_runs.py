"""Changes of many flags at once, against the store in memory, which knows no runs."""

import random
from array import array
from pathlib import Path

import pytest
from tests.store.sqlite.stage import Room, perform

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import SEEN, AppendOptions, FlagAction, MemoryStore, StoreSettings
from postroom.store.api import Account
from postroom.store.sqlite.runs import MAX_RUNS, Run, apply

COUNT = 120
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "work", "later")


async def fill(room: Room, count: int = COUNT) -> None:
    with room.store.draft() as draft:
        draft.write(b"Subject: x\r\n\r\n")
        draft.finish()
        await room.account.append_many("INBOX", [(draft, AppendOptions())] * count)


def runs(room: Room) -> list[tuple[object, ...]]:
    return room.ask("SELECT first_uid, last_uid, clears, sets FROM flag_runs ORDER BY mailbox_id, first_uid")


async def reopened(room: Room) -> None:
    """The account is closed and opened, as after a restart: what was in memory is gone."""
    room.account.close()
    await room.store.close()
    room.store = type(room.store)(room.directory, StoreSettings(), MessageSettings(), room.clock, SeededIds(7))
    room.account = await room.store.open(1)


async def picture(account: Account) -> object:
    """Everything about flags that a client could see."""
    found = []
    for mailbox in await account.mailboxes():
        view = await account.view(mailbox.mailbox_id)
        flags = [sorted(view.flag_names(mask)) for mask in view.masks]
        counts = (mailbox.messages, mailbox.unseen, mailbox.deleted, await account.deleted_octets(mailbox.mailbox_id))
        found.append((mailbox.name, list(view.uids), flags, list(view.modseqs), mailbox.highest_modseq, counts))
        account.release(view)
    return found


def test_marking_all_as_read_is_one_row(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room)
        view = await room.account.view(1)
        before = room.ask("SELECT * FROM messages")
        done = await room.account.set_flags(1, view.uids, FlagAction.ADD, frozenset({"\\Seen"}))
        assert done.uids == tuple(range(1, COUNT + 1))
        assert set(done.masks) == {SEEN}
        assert set(done.modseqs) == {done.modseq}
        assert (await room.account.mailbox("INBOX")).unseen == 0
        assert set(view.masks) == {SEEN}
        assert runs(room) == [(1, COUNT, 0, SEEN)]
        assert room.ask("SELECT * FROM messages") == before
        assert room.ask("SELECT DISTINCT flags, modseq FROM messages_now") == [(SEEN, done.modseq)]
        await room.account.set_flags(1, view.uids, FlagAction.REMOVE, frozenset({"\\Seen"}))
        await room.account.set_flags(1, view.uids, FlagAction.ADD, frozenset({"\\Flagged"}))
        assert runs(room) == [(1, COUNT, SEEN, 4)]  # the same messages: the same row
        again = await room.account.set_flags(1, view.uids, FlagAction.ADD, frozenset({"\\Flagged"}))
        assert again.modseq == view.mailbox.highest_modseq  # nothing was changed, so nothing got a number
        assert set(again.modseqs) == {again.modseq}
        room.account.release(view)

    perform(tmp_path, play)


def test_what_looks_at_single_messages_brings_the_runs_into_them(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        view = await room.account.view(1)
        for act in (
            lambda: room.account.set_flags(1, [3], FlagAction.ADD, frozenset({"\\Flagged"})),
            lambda: room.account.copy(1, [4], "Archive"),
            lambda: room.account.move(1, [5], "Archive"),
            lambda: room.account.remove(1, [6]),
            lambda: room.account.expunge(1, None),
            lambda: room.account.rename("INBOX", "old"),
        ):
            await fill(room)
            await room.account.set_flags(1, view.uids, FlagAction.ADD, frozenset({"\\Seen"}))
            await room.account.set_flags(1, view.uids, FlagAction.REPLACE, frozenset({"\\Deleted"}))
            assert len(runs(room)) == 1
            await act()
            assert runs(room) == []
        room.account.release(view)

    perform(tmp_path, play)


def test_there_are_never_many(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await fill(room, 30 * (MAX_RUNS + 2))
        view = await room.account.view(1)
        for at in range(MAX_RUNS + 2):
            uids = view.uids[30 * at : 30 * at + 25]
            await room.account.set_flags(1, uids, FlagAction.ADD, frozenset({"\\Seen"}))
            assert len(runs(room)) == at % MAX_RUNS + 1
        await room.account.set_flags(1, view.uids[470:520], FlagAction.ADD, frozenset({"work"}))
        assert len(runs(room)) == 1  # it overlaps with another: those before are in the rows
        room.account.release(view)

    perform(tmp_path, play)


def test_a_deleted_mailbox_takes_its_runs_with_it(tmp_path: Path) -> None:
    clock = FakeClock()

    async def play(room: Room) -> None:
        await fill(room)
        await room.account.move(1, range(1, COUNT + 1), "Archive")
        archive = (await room.account.mailbox("Archive")).mailbox_id
        view = await room.account.view(archive)
        await room.account.set_flags(archive, view.uids, FlagAction.ADD, frozenset({"\\Seen"}))
        room.account.release(view)
        await room.account.delete("Archive")
        assert len(runs(room)) == 1
        clock._now += 30 * 86_400
        await room.account.subscribe("purge", True)
        await room.account.settle()
        assert runs(room) == []

    perform(tmp_path, play, clock=clock)


def test_applying_runs_to_columns() -> None:
    uids, masks, modseqs = array("L", [1, 3, 4, 9]), array("q", [1, 1, 2, 5]), array("q", [7, 7, 7, 7])
    apply([Run(2, 5, 8, 1, 16), Run(9, 9, 9, (1 << 63) - 1, 2), Run(20, 30, 10, 0, 1)], uids, masks, modseqs)
    assert (list(masks), list(modseqs)) == ([1, 16, 18, 2], [7, 8, 8, 9])


@pytest.mark.parametrize("seed", range(12))
def test_the_same_as_without_runs(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    async def play(room: Room) -> None:
        other_store = MemoryStore(room.directory / "other", StoreSettings(), MessageSettings(), room.clock, SeededIds())
        await other_store.create_account(1)
        other = await other_store.open(1)
        with room.store.draft() as ours, other_store.draft() as theirs:
            for draft in (ours, theirs):
                draft.write(b"Subject: x\r\n\r\n")
                draft.finish()
            for account, draft in ((room.account, ours), (other, theirs)):
                await account.append_many("INBOX", [(draft, AppendOptions())] * COUNT)
            for _ in range(40):
                view = await room.account.view(1)
                first = chance.randrange(len(view.uids))
                few = view.uids[first : first + chance.choice((1, 5, 30, 30, 80, COUNT))]
                if chance.random() < 0.2:
                    few = view.uids[:]
                room.account.release(view)
                action, flags = chance.choice(list(FlagAction)), frozenset(chance.sample(FLAGS, chance.randrange(3)))
                since = chance.choice((None, None, None, view.mailbox.highest_modseq - 2))
                kind = chance.random()
                for account, draft in ((room.account, ours), (other, theirs)):
                    if kind < 0.75:
                        await account.set_flags(1, few, action, flags, unchanged_since=since)
                    elif kind < 0.8:
                        await account.remove(1, few[:3])
                    elif kind < 0.85:
                        await account.copy(1, few, "INBOX")
                    elif kind < 0.9:
                        await account.move(1, few[:10], "Archive")
                    else:
                        await account.append("INBOX", draft, AppendOptions(flags=flags))
                assert await picture(room.account) == await picture(other)
                if chance.random() < 0.1:
                    await reopened(room)
                    assert await picture(room.account) == await picture(other)

    perform(tmp_path, play)
