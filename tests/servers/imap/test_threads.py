"""THREAD and UID THREAD over the store's facts."""

from pathlib import Path

import pytest

from postroom.imap.sorting import Threading
from postroom.servers.imap import threads
from postroom.store.memory import MemoryAccount

from .room import Client, both_stores, facts_asked_for, open_room, run


def mail(subject: str, own: str = "", references: str = "", second: int = 0) -> bytes:
    fields = [f"Subject: {subject}", f"Date: Mon, 7 Feb 1994 10:00:{second:02} +0000"]
    fields += [f"Message-ID: <{own}>"] * bool(own) + [f"References: {references}"] * bool(references)
    return "\r\n".join([*fields, "", "text", ""]).encode()


MAIL = (
    mail("lunch", "1@x", second=9),
    mail("Re: lunch", "2@x", "<1@x>", second=2),
    mail("Lunch", "", second=3),
    mail("other", "4@x", "<0@x> <1@x>", second=1),
    mail("other", "5@x", "<9@x>", second=8),
    mail("", "2@x", "<9@x>", second=4),  # a second message of an id that there is already
)


@both_stores
@pytest.mark.parametrize("at_once", [2, 10_000])
def test_both_algorithms(tmp_path: Path, kind: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_AT_ONCE", at_once)

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for octets in MAIL:
                await room.deliver(octets)
            client = await room.client("INBOX")
            for command, expected in {
                # 0 has one child and goes; 9 has two and stays; the threads of "lunch" are gathered under a dummy
                "THREAD REFERENCES UTF-8 ALL": b"* THREAD ((3)(1 (4)(2)))((6)(5))",
                "THREAD ORDEREDSUBJECT UTF-8 ALL": b"* THREAD (4 5)(2 (3)(1))(6)",
                "UID THREAD REFERENCES UTF-8 NOT UID 1": b"* THREAD ((4)(2))(3)((6)(5))",
                "THREAD REFERENCES UTF-8 FLAGGED": b"* THREAD",
                "THREAD ORDEREDSUBJECT UTF-8 FLAGGED": b"* THREAD",
            }.items():
                [line] = await client.ok(command)
                assert line == expected, command

    run(play())


def test_message_ids_beyond_the_limit(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, max_thread_ids=1000) as room:
            await room.deliver(mail("a", "a@x"))
            for start in range(0, 1100, 100):
                await room.deliver(mail(str(start), "", " ".join(f"<{n}@x>" for n in range(start, start + 90))))
            await room.deliver(mail("b", "b@x", "<a@x>"))
            await room.deliver(mail("c", "c@x", "<b@x>"))
            client = await room.client("INBOX")
            [line] = await client.ok("THREAD REFERENCES UTF-8 SUBJECT a SUBJECT b")
            assert line == b"* THREAD"
            [line] = await client.ok("THREAD REFERENCES UTF-8 ALL")
            assert line.startswith(b"* THREAD (1 ")

    run(play())


async def asked_twice(client: Client, command: str) -> bytes:
    [first] = [line for line in await client.ok(command) if b"THREAD" in line]
    [second] = [line for line in await client.ok(command) if b"THREAD" in line]
    assert first == second
    return first


def test_the_same_answer_is_given_as_long_as_the_same_messages_are_found(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for octets in MAIL[:3]:
                await room.deliver(octets)
            client, other = await room.client("INBOX"), await room.client("INBOX")
            everything, some = "UID THREAD REFERENCES UTF-8 ALL", "UID THREAD REFERENCES UTF-8 UNFLAGGED"
            assert await asked_twice(client, everything) == b"* THREAD ((3)(1 2))"
            assert await asked_twice(other, "THREAD REFERENCES UTF-8 ALL") == b"* THREAD ((3)(1 2))"
            assert await asked_twice(client, some) == b"* THREAD ((3)(1 2))"
            await other.ok("STORE 1 +FLAGS (\\Flagged)")
            assert await asked_twice(client, some) == b"* THREAD (3 2)"
            await other.ok("STORE 1 -FLAGS (\\Flagged)")
            await other.ok("STORE 2 +FLAGS (\\Flagged)")
            assert await asked_twice(client, some) == b"* THREAD ((3)(1))"
            await other.ok("STORE 3 +FLAGS (\\Deleted)")
            await other.ok("EXPUNGE")
            await room.deliver(mail("other", "4@x"))
            for one in (client, other):
                await one.ok("NOOP")  # as many messages as before, but not the same
            assert await asked_twice(client, everything) == b"* THREAD (4)(1 2)"
            assert await asked_twice(other, "THREAD REFERENCES UTF-8 ALL") == b"* THREAD (3)(1 2)"

    run(play())


def test_threads_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for octets in MAIL:
                await room.deliver(octets)
            client, other = await room.client("INBOX"), await room.client("INBOX")
            first = [await client.ok(f"UID THREAD {how} UTF-8 ALL") for how in ("REFERENCES", "ORDEREDSUBJECT")]
            with monkeypatch.context() as patch:
                patch.delattr(MemoryAccount, "sort_facts")
                again = [await other.ok(f"UID THREAD {how} UTF-8 ALL") for how in ("REFERENCES", "ORDEREDSUBJECT")]
            assert first == again

    run(play())


def test_what_links_the_others_is_still_known_when_a_message_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with open_room(tmp_path) as room:
            for octets in MAIL[:4]:
                await room.deliver(octets)
            client, behind = await room.client("INBOX"), await room.client("INBOX")
            command = "THREAD REFERENCES UTF-8 ALL"
            assert await client.ok(command) == [b"* THREAD ((3)(1 (4)(2)))"]
            for octets in MAIL[4:]:
                await room.deliver(octets)
            await client.ok("NOOP")
            with facts_asked_for(monkeypatch) as counts:
                assert await client.ok(command) == [b"* THREAD ((3)(1 (4)(2)))((6)(5))"]
                assert counts == [2]
                # Who does not know of them yet is not told of them.
                assert (await behind.ok(command))[0] == b"* THREAD ((3)(1 (4)(2)))"
                assert counts == [2, 4]
                await behind.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
                await behind.ok("EXPUNGE")
                await client.ok("NOOP")
                assert await client.ok(command) == [b"* THREAD ((3)(1))(2)((5)(4))"]
                assert counts == [2, 4, 5]

    run(play())


def test_an_answer_is_not_kept_beyond_its_share_of_the_room(tmp_path: Path) -> None:
    async def play() -> None:
        async with open_room(tmp_path, store_settings={"max_view_cache_octets": 4000}) as room:
            for number in range(100):
                await room.deliver(mail(str(number)))
            account = await room.store.open(1)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            client = await room.client("INBOX")
            await asked_twice(client, "THREAD REFERENCES UTF-8 ALL")
            await asked_twice(client, "THREAD REFERENCES UTF-8 1:3")
            assert view.cache.get(("THREAD", Threading.REFERENCES, False, True)) is None
            account.release(view)
            account.close()

    run(play())
