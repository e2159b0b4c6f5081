"""Random things done through several workers are what one store would have made of them, and all are told of all of it,
once.

POSTROOM_SOAK=5000 plays that many random examples instead of the few fixed ones.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.store.sqlite.company import ACCOUNT, SETTINGS, Worker, Workers, perform, put, rows_of

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import (
    Account,
    Change,
    FlagAction,
    FlagsChanged,
    Mailbox,
    MailboxesChanged,
    MailStore,
    MemoryStore,
    MessagesAdded,
    MessagesExpunged,
    StoreError,
    StoreFailure,
    StoreSettings,
    View,
)

SOAK = int(os.environ.get("POSTROOM_SOAK", "0"))
NAMES = ("INBOX", "a", "a/b", "c")
FLAGS = ("\\Seen", "\\Deleted", "one", "two", "three")
KINDS = (
    *("append", "flags", "append", "flags", "remove", "move", "copy", "expunge", "every"),
    *("create", "delete", "rename", "subscribe", "share", "claim", "look", "hold", "leave", "note", "large", "check"),
)


@dataclass(frozen=True)
class Step:
    who: int
    kind: str
    box: int
    other: int
    first: int
    count: int
    flag: str
    action: FlagAction
    joins: bool

    @property
    def name(self) -> str:
        return NAMES[self.box]

    @property
    def target(self) -> str:
        return NAMES[self.other]

    @property
    def uids(self) -> list[int]:
        return list(range(self.first, self.first + self.count))


boxes = st.sampled_from((0, 0, 0, 1, 1, 2, 3))
steps = st.builds(
    Step,
    st.integers(0, 2),
    st.sampled_from(KINDS),
    boxes,
    boxes,
    st.integers(1, 12),
    st.integers(1, 5),
    st.sampled_from(FLAGS),
    st.sampled_from(FlagAction),
    st.booleans(),
)


@dataclass
class Session:
    """What a client with a mailbox open would know."""

    account: Account
    view: View
    mailbox_id: int
    known: list[int] = field(default_factory=list)
    deleted: bool = False

    def __post_init__(self) -> None:
        self.known = list(self.view.uids)
        self.account.subscribe_changes(self.hear)

    def hear(self, change: Change) -> None:
        if isinstance(change, MailboxesChanged):
            self.deleted |= self.mailbox_id in change.removed
            return
        if change.mailbox_id != self.mailbox_id or self.deleted:
            return
        if isinstance(change, MessagesAdded):
            assert not self.known or self.known[-1] < change.uids[0]
            self.known += change.uids
        elif isinstance(change, MessagesExpunged):
            for lost in change.gone:
                self.known.remove(lost.uid)
                assert lost.content_id > 0
        elif isinstance(change, FlagsChanged):
            assert set(change.uids) <= set(self.known)

    def leave(self) -> None:
        self.account.unsubscribe_changes(self.hear)
        self.account.release(self.view)


async def done(doing: Awaitable[Any]) -> Any:
    """The result, or what kind of refusal."""
    try:
        return await doing
    except StoreFailure:
        raise
    except StoreError as error:
        return type(error)


async def act(store: MailStore, account: Account, step: Step) -> Any:
    """One step, as far as its result does not depend on who does it."""
    mailbox_id = 0
    if step.kind in ("flags", "every", "remove", "move", "copy", "expunge", "share", "claim", "note"):
        mailbox_id = (await account.mailbox(step.name)).mailbox_id
    match step.kind:
        case "append" | "large":
            content = b"Subject: %d\r\n\r\n" % step.first + b"x" * (5000 if step.kind == "large" else step.count)
            flags = frozenset({step.flag} if step.count % 2 else ())
            return await put(store, account, content, step.name, flags=flags, create=step.first > 9, internal_date=7)
        case "flags":
            flagged = await account.set_flags(mailbox_id, step.uids, step.action, frozenset({step.flag}))
            return flagged.uids
        case "every":
            view = await account.view(mailbox_id)
            try:
                flagged = await account.set_flags(mailbox_id, view.uids, step.action, frozenset({step.flag}))
                return flagged.uids
            finally:
                account.release(view)
        case "remove":
            return await account.remove(mailbox_id, step.uids)
        case "expunge":
            return await account.expunge(mailbox_id, step.uids if step.joins else None)
        case "copy":
            return await account.copy(mailbox_id, step.uids, step.target)
        case "move":
            return await account.move(mailbox_id, step.uids, step.target)
        case "create":
            return (await account.create(step.name)).uid_next
        case "delete":
            return await account.delete(step.name)
        case "rename":
            return await account.rename(step.name, step.target)
        case "subscribe":
            return await account.subscribe(step.name, step.joins)
        case "share":
            return await account.set_acl(mailbox_id, "bob", "lr" if step.joins else None)
        case "note":
            return await account.set_annotations(mailbox_id, 1, {"/private/comment": b"%d" % step.first})
        case "claim":
            first, end = await account.claim_recent(mailbox_id)
            view = await account.view(mailbox_id)
            account.release(view)
            return mailbox_id, [uid for uid in view.uids if first <= uid < end]
    return None


def plain(mailbox: Mailbox) -> Mailbox:
    """Without its modseq: where there are several workers, more is a change to the account than to a mailbox."""
    return replace(mailbox, highest_modseq=0)


def looks(view: View) -> list[tuple[Any, ...]]:
    return [(row[0], sorted(view.flag_names(row[1])), *row[3:5]) for row in rows_of(view)]


async def same_as(worker: Worker, reference: Account) -> None:
    account = worker.account
    mine, theirs = await account.mailboxes(), await reference.mailboxes()
    assert list(map(plain, mine)) == list(map(plain, theirs))
    assert await account.subscriptions() == await reference.subscriptions()
    assert await account.usage() == await reference.usage()
    for mailbox in mine:
        view = await account.view(mailbox.mailbox_id)
        model = await reference.view(mailbox.mailbox_id)
        assert looks(view) == looks(model)
        assert view.mailbox == (await account.mailbox(mailbox.name))
        for content, expected in zip(view.content_ids, model.content_ids, strict=True):
            assert await account.read_range(content, 0, 9999) == await reference.read_range(expected, 0, 9999)
        account.release(view)
        reference.release(model)


async def whole(workers: Workers, sessions: Sequence[Session]) -> None:
    """All see what is on the disk, and have been told how it came to that."""
    for worker in workers.all:
        await worker.account.catch_up()
        assert not worker.account.behind
    for session in sessions:
        assert session.deleted or session.known == list(session.view.uids)
    for mailbox in await workers.a.account.mailboxes():
        truth = workers.true_rows(mailbox.mailbox_id)
        for worker in workers.all:
            view = await worker.account.view(mailbox.mailbox_id)
            assert rows_of(view) == truth
            assert view.mailbox == await worker.account.mailbox(mailbox.name)
            lacking = [uid for uid, mask, *_ in truth if not mask & 1]
            at = view.first_unseen()
            assert (view.uids[at] if at >= 0 else None) == (lacking[0] if lacking else None)
            for since in range(1, view.mailbox.highest_modseq):
                if (recent := view.changes.after(since)) is not None:
                    assert {uid for uid, _, modseq, *_ in truth if modseq > since} <= recent
            worker.account.release(view)
    counts = [
        [(box.mailbox_id, box.recent, box.messages) for box in await worker.account.mailboxes()]
        for worker in workers.all
    ]
    assert all(count == counts[0] for count in counts)


async def fill(store: MailStore, account: Account) -> None:
    """So many that a change of all is kept as a run."""
    await put(store, account, b"Subject: first\r\n\r\n", "INBOX", internal_date=7)
    for last in (1, 2, 4, 8, 16):
        await account.copy(1, range(1, last + 1), "INBOX")


async def play(workers: Workers, script: Sequence[Step], *, together: bool, filled: bool) -> None:
    """One step after the other, each compared with what a store in memory says; or several at once."""
    memory = MemoryStore(workers.directory, SETTINGS, MessageSettings(), FakeClock(), SeededIds())
    await memory.create_account(ACCOUNT)
    reference = await memory.open(ACCOUNT)
    if filled:
        await fill(workers.a.store, workers.a.account)
        await fill(memory, reference)
    sessions: list[Session] = []
    claims: dict[int, set[int]] = {}

    async def carry_out(step: Step) -> None:
        worker = workers.all[step.who % len(workers.all)]
        match step.kind:
            case "look":
                await worker.account.catch_up()
            case "hold":
                try:
                    mailbox = await worker.account.mailbox(step.name)
                    sessions.append(
                        Session(worker.account, await worker.account.view(mailbox.mailbox_id), mailbox.mailbox_id)
                    )
                except StoreError:
                    pass
            case "leave":
                if sessions:
                    sessions.pop(step.first % len(sessions)).leave()
            case "check":
                if not together:
                    await same_as(worker, reference)
            case _:
                result = await done(act(worker.store, worker.account, step))
                if not together:
                    assert result == await done(act(memory, reference, step)), step
                elif step.kind == "claim" and isinstance(result, tuple):
                    mailbox_id, uids = result
                    taken = claims.setdefault(mailbox_id, set())
                    assert taken.isdisjoint(uids)
                    taken.update(uids)

    pending: list[Step] = []
    for step in script:
        pending.append(step)
        if together and step.joins:
            continue
        await asyncio.gather(*map(carry_out, pending))
        if any(one.kind == "check" for one in pending):
            await whole(workers, sessions)
        pending.clear()
    await asyncio.gather(*map(carry_out, pending))
    await whole(workers, sessions)
    if not together:
        for worker in workers.all:
            await same_as(worker, reference)
    for session in sessions:
        session.leave()


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("octets", [SETTINGS.max_feed_change_octets, 60, 0], ids=["feed", "gaps", "anew"])
def test_workers_are_one_store(octets: int, together: bool) -> None:
    @settings(
        phases=(Phase.generate,) if SOAK else (Phase.generate, Phase.shrink),
        max_examples=SOAK or 15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not SOAK,
        database=None,
        print_blob=True,
    )
    @given(
        st.lists(steps, min_size=10, max_size=60), st.integers(2, 3), st.sampled_from((0, 50, 1_000_000)), st.booleans()
    )
    def check(script: list[Step], count: int, idle: int, filled: bool) -> None:
        limits: StoreSettings = msgspec.structs.replace(
            SETTINGS, max_feed_change_octets=octets, max_idle_view_messages=idle
        )

        async def scene(workers: Workers) -> None:
            await play(workers, script, together=together, filled=filled)

        with tempfile.TemporaryDirectory() as folder:
            perform(Path(folder), scene, limits, count=count)

    check()
