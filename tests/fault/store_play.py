"""The play that the store's crash tests run in a process of its own: `python store_play.py DIRECTORY STATE NTH`.

It tells each thing the store has acknowledged on standard output, one JSON list a line, and is killed where the probe
reports STATE for the NTH time. It can be run again on what is left, then with STATE "none" to the end.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from postroom.base import FakeClock, SystemIds
from postroom.message import MessageSettings
from postroom.store import AppendOptions, DiskState, FlagAction, SqliteStore, StoreSettings

START = 1_700_000_000.0
DAY = 86_400
SETTINGS = StoreSettings(
    inline_limit_octets=2000,
    draft_memory_octets=1000,
    threads=3,
    checkpoint_octets=65_536,
    checkpoint_hard_octets=131_072,
    purge_interval_seconds=DAY,
    purge_step_messages=3,
    delivery_memory_days=30,
)
SEEN = frozenset({"\\Seen", "kept"})
ACCOUNT, DOOMED = 1, 2
FRIEND = "bob@b.test"


def content(number: int) -> bytes:
    """Message `number`: small, in a file from memory, or in a file from a file."""
    body = b"%d" % number * (100, 1500, 4000)[number % 3]
    return b"From: a@a.test\r\nSubject: %d\r\n\r\n%b\r\n" % (number, body)


def told(*what: object) -> None:
    os.write(1, (json.dumps(what) + "\n").encode())


def die_at(state: str, nth: int) -> Callable[[DiskState], None]:
    left = nth

    def probe(reached: DiskState) -> None:
        nonlocal left
        if reached.name == state:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe


async def put(store: SqliteStore, account: object, number: int) -> None:
    with store.draft() as draft:
        draft.write(content(number))
        draft.finish()
        options = AppendOptions(delivery_id=f"d{number}", prefix=b"X: %d\r\n" % number, internal_date=number)
        done = await account.append("INBOX", draft, options)  # type: ignore[attr-defined]
    told("put", number, done.uid)


async def replace(store: SqliteStore, account: object, uid: int) -> None:
    number = 100 + uid
    told("replacing", uid)
    with store.draft() as draft:
        draft.write(content(number))
        draft.finish()
        options = AppendOptions(prefix=b"X: %d\r\n" % number)
        done = await account.replace(1, uid, "INBOX", draft, options)  # type: ignore[attr-defined]
    told("put", number, done.uid)


async def play(directory: Path, probe: Callable[[DiskState], None]) -> None:
    clock = FakeClock(START)
    store = SqliteStore(directory, SETTINGS, MessageSettings(), clock, SystemIds(), probe=probe)
    for account_id in (ACCOUNT, DOOMED):
        await store.create_account(account_id)
        told("account", account_id)
    account = await store.open(ACCOUNT)
    for start in (0, 12):
        await asyncio.gather(*(put(store, account, number) for number in range(start, start + 12)))
        view = await account.view((await account.mailbox("INBOX")).mailbox_id)
        mailbox_id = view.mailbox.mailbox_id
        account.release(view)
        early = [uid for uid in view.uids if uid % 4 == 0]
        flagged = await account.set_flags(mailbox_id, early, FlagAction.ADD, SEEN)
        told("seen", flagged.uids)
        gone = await account.remove(mailbox_id, [uid for uid in view.uids if uid % 5 == 0])
        told("gone", gone)
    copied = await account.copy(mailbox_id, [uid for uid in view.uids if uid % 3 == 0][:4], "Archive")
    told("copied", copied.target_uids)
    for uid in [uid for uid in view.uids if uid % 5 and uid % 3 and uid % 4 and uid < 24][:3]:
        await replace(store, account, uid)
    await account.set_acl(mailbox_id, FRIEND, "lr")
    told("shared")
    await account.set_annotations(mailbox_id, ACCOUNT, {"/shared/comment": b"ours", "/private/comment": b"mine"})
    told("annotated")
    names = {box.name for box in await account.mailboxes()}  # an earlier run may have been killed at any point
    if not names & {"made", "renamed"}:
        await account.create("made")
        told("box", "made", "")
    if "renamed" not in names:
        await account.rename("made", "renamed")
    told("box", "renamed", "made")
    if "brief" not in names:
        await account.create("brief")
    await account.delete("brief")
    told("box", "", "brief")
    clock._now += 15 * DAY  # what was expunged is to go now
    await account.subscribe("purge", True)
    await account.subscribe("purge", False)
    account.close()
    await store.delete_account(DOOMED)
    told("no account", DOOMED)
    await store.close()
    told("end")


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), die_at(sys.argv[2], int(sys.argv[3]))))
