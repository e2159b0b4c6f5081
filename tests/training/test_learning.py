"""What counts as teaching, and that it is found again where it was not heard."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from tests.training.room import DAY, Room

from postroom.store import Account, FlagAction
from postroom.training.database import HAM, SPAM
from postroom.training.settings import TrainingSettings

ME = object()  # a session
PLACED = b"Postroom-Quarantine: because\r\n"


def run(
    folder: Path, play: Callable[[Room, Account], Awaitable[None]], settings: TrainingSettings | None = None
) -> None:
    async def main() -> None:
        room = Room(folder, settings)
        account = await room.open()
        try:
            await play(room, account)
        finally:
            account.close()
            await room.close()

    asyncio.run(main())


async def _id(account: Account, name: str) -> int:
    return (await account.mailbox(name)).mailbox_id


def test_a_move_into_junk_teaches_and_a_move_back_takes_it_back(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        uid = await room.add(account, "INBOX", "pills")
        await account.move(await _id(account, "INBOX"), [uid], "Junk", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1}
        assert room.changed == [1]
        await account.move(await _id(account, "Junk"), [1], "INBOX", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(HAM, "moved out"): 1}
        await account.move(await _id(account, "INBOX"), [uid + 1], "Junk", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1}

    run(tmp_path, play)


def test_what_the_server_put_into_junk_teaches_only_when_it_is_taken_out(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        for prefix in (PLACED, b"Return-Path: <>\r\nPostroom-Training: junk; probability=1.0\r\n"):
            await room.add(account, "Junk", "pills", prefix=prefix)
        room.learning.look(1)
        await room.learning.settle()
        assert room.reasons() == {}
        await account.create("Keep")
        await account.move(await _id(account, "Junk"), [1], "Keep", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(HAM, "moved out"): 1}
        await account.move(await _id(account, "Keep"), [1], "Junk", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1}, "now a person has said so"

    run(tmp_path, play)


def test_emptying_junk_and_moving_it_to_trash_changes_nothing(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        for number in range(3):
            await room.add(account, "Junk", f"pills {number}", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 3}
        await account.move(await _id(account, "Junk"), [1], "Trash", origin=ME)
        await account.remove(await _id(account, "Junk"), [2, 3], origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 3}

    run(tmp_path, play)


def test_a_copy_out_of_junk_that_is_removed_there_long_after_is_no_junk(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        junk = await _id(account, "Junk")
        await account.copy(junk, [1], "INBOX", origin=ME)
        room.learning.look(1)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1}
        await account.remove(junk, [1], origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(HAM, "moved out"): 1}

    run(tmp_path, play)


def test_what_was_not_heard_is_found_by_the_next_look_and_counts_once(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        moved = await room.add(account, "INBOX", "pills")
        await account.move(await _id(account, "INBOX"), [moved], "Junk", origin=None)  # another process did it
        await room.learning.settle()
        assert room.reasons() == {}
        for _ in range(2):
            await room.restart()
            room.learning.watch(account)
            await room.learning.settle()
            assert room.reasons() == {(SPAM, "junk"): 1}
        await account.move(await _id(account, "Junk"), [1], "INBOX", origin=None)
        await room.restart()
        room.learning.watch(account)
        await room.learning.settle()
        assert room.reasons() == {(HAM, "moved out"): 1}

    run(tmp_path, play)


def test_mail_that_was_read_and_kept_is_no_junk_once_junk_was_taught(tmp_path: Path) -> None:
    seen = frozenset({"\\Seen"})

    async def play(room: Room, account: Account) -> None:
        await account.create("Lists")
        await room.add(account, "INBOX", "read and kept", age=5 * DAY, flags=seen)
        await room.add(account, "Lists", "there too", age=5 * DAY, flags=seen)
        await room.add(account, "INBOX", "not read", age=5 * DAY)
        await room.add(account, "INBOX", "new", age=DAY, flags=seen)
        await room.add(account, "INBOX", "to be deleted", age=5 * DAY, flags=seen | {"\\Deleted"})
        await room.add(account, "INBOX", "marked as junk", age=5 * DAY, flags=seen | {"$Junk"})
        await room.add(account, "INBOX", "ancient", age=500 * DAY, flags=seen)
        for name in ("Trash", "Sent", "Drafts"):
            await room.add(account, name, "not others' mail, or not wanted", age=5 * DAY, flags=seen)
        room.learning.look(1)
        await room.learning.settle()
        assert room.reasons() == {}
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1, (HAM, "kept"): 2}
        await room.clock.advance(3 * DAY)
        room.learning.look(1)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1, (HAM, "kept"): 3}

    run(tmp_path, play)


def test_keywords_teach_and_are_taken_back(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        inbox = await _id(account, "INBOX")
        uids = [await room.add(account, "INBOX", f"text {number}") for number in range(4)]
        marks = ["$Junk", "$NotJunk", "Junk", "NonJunk"]
        for uid, mark in zip(uids, marks, strict=True):
            await account.set_flags(inbox, [uid], FlagAction.ADD, frozenset({mark}), origin=ME)
        await account.set_flags(inbox, uids, FlagAction.ADD, frozenset({"$label1", "\\Seen"}), origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "keyword"): 2, (HAM, "keyword"): 2}
        await account.set_flags(
            inbox, uids[:1], FlagAction.ADD, frozenset({"$NotJunk"}), origin=ME
        )  # which of the two?
        await account.set_flags(inbox, uids[1:2], FlagAction.REMOVE, frozenset({"$NotJunk"}), origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "keyword"): 1, (HAM, "keyword"): 1}

    run(tmp_path, play)


def test_another_mailbox_may_become_the_one_for_junk(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        made = await account.create("Spam")
        await account.set_special_use(made.mailbox_id, "\\Junk", origin=ME)
        await room.add(account, "Spam", "casino", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 2}

    run(tmp_path, play)


def test_a_failure_is_logged_and_others_are_looked_at(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(room: Room, account: Account) -> None:
        room.learning.look(77)  # nobody's
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 1}

    with caplog.at_level(logging.WARNING):
        run(tmp_path, play)
    assert "account 77: what it teaches waits for the next look" in caplog.text


def test_the_queue_is_bounded_and_off_means_off(tmp_path: Path) -> None:
    async def play(room: Room, account: Account) -> None:
        for account_id in range(10, 100):
            room.learning.look(account_id)
        assert len(room.learning._waiting) <= 5
        await room.learning.settle()
        room.learning.settings = msgspec.structs.replace(room.settings, enabled=False)
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        assert room.reasons() == {}

    run(tmp_path, play, TrainingSettings(max_waiting_accounts=5))


def test_all_accounts_that_have_taught_are_looked_at_in_turn(tmp_path: Path) -> None:
    async def main() -> None:
        room = Room(tmp_path)
        account = await room.open()
        await room.add(account, "Junk", "pills", origin=ME)
        await room.learning.settle()
        await room.add(account, "Junk", "casino", origin=None)
        await room.learning.close()
        room.learning = room._learning()
        room.learning._first = True
        room.learning.start()
        await asyncio.sleep(0.05)
        await room.learning.settle()
        assert room.reasons() == {(SPAM, "junk"): 2}
        account.close()
        await room.close()

    asyncio.run(main())
