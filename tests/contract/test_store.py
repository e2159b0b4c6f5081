"""What every store does, on disk or not."""

import asyncio
import random
from array import array
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import msgspec
import pytest

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import (
    ANSWERED,
    DELETED,
    FIRST_KEYWORD_BIT,
    FLAGGED,
    MAX_KEYWORD_BITS,
    SEEN,
    Account,
    Appended,
    AppendOptions,
    BadMailboxName,
    Change,
    Draft,
    FlagAction,
    FlagsChanged,
    Mailbox,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MailboxExists,
    MailStore,
    MemoryStore,
    MessagesAdded,
    MessagesExpunged,
    NoSuchAccount,
    NoSuchContent,
    NoSuchMailbox,
    OverQuota,
    SortFact,
    SqliteStore,
    StoreSettings,
    TextField,
    TextQuery,
    TooManyKeywords,
    TooManyMailboxes,
    Usage,
    View,
    Want,
)

SETTINGS = StoreSettings(inline_limit_octets=4000, draft_memory_octets=4000, threads=2)
ME = object()  # an origin
ADD, REMOVE, REPLACE = FlagAction.ADD, FlagAction.REMOVE, FlagAction.REPLACE


def message(subject: str = "hello", body: str = "how are you", **fields: str) -> bytes:
    lines = ["From: Alice <alice@a.test>", "To: Bob <bob@b.test>", f"Subject: {subject}"]
    lines += ["Date: Mon, 23 Nov 2026 10:00:00 +0000"] if "Date" not in fields else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body + "\r\n").encode()


class Room:
    """A store with one account open, and what its change feed said."""

    def __init__(self, store: MailStore, account: Account, clock: FakeClock) -> None:
        self.store = store
        self.account = account
        self.clock = clock
        self.changes: list[Change] = []
        account.subscribe_changes(self.changes.append)

    async def put(self, *contents: bytes, mailbox: str = "INBOX", **options: object) -> list[Appended]:
        chosen = AppendOptions(**options)  # type: ignore[arg-type]
        return [await append(self.store, self.account, mailbox, content, chosen) for content in contents]

    async def put_many(self, count: int, mailbox: str = "INBOX") -> list[int]:
        return [one.uid for one in await self.put(*(message(f"n{k}") for k in range(count)), mailbox=mailbox)]

    async def inbox(self) -> Mailbox:
        return await self.account.mailbox("INBOX")

    async def uids(self, mailbox: str = "INBOX") -> list[int]:
        return list((await self.look(mailbox)).uids)

    async def look(self, mailbox: str = "INBOX") -> View:
        view = await self.account.view((await self.account.mailbox(mailbox)).mailbox_id)
        self.account.release(view)
        return view

    def take_changes(self) -> list[Change]:
        taken, self.changes[:] = list(self.changes), []
        return taken


async def append(store: MailStore, account: Account, mailbox: str, content: bytes, options: AppendOptions) -> Appended:
    with store.draft() as draft:
        draft.write(content)
        draft.finish()
        return await account.append(mailbox, draft, options)


Play = Callable[[Room], Awaitable[None]]


class Stage:
    """Runs a play on a fresh store of one kind."""

    def __init__(self, kind: type[SqliteStore] | type[MemoryStore], directory: Path) -> None:
        self.kind = kind
        self.directory = directory

    def run(self, play: Play, settings: StoreSettings = SETTINGS, messages: MessageSettings | None = None) -> None:
        async def scene() -> None:
            clock = FakeClock()
            store: MailStore = self.kind(self.directory, settings, messages or MessageSettings(), clock, SeededIds())
            try:
                await store.create_account(7)
                account = await store.open(7)
                await play(Room(store, account, clock))
                account.close()
                if isinstance(store, SqliteStore):
                    assert await store.check(7) == []
            finally:
                await store.close()

        asyncio.run(scene())


@pytest.fixture(params=[SqliteStore, MemoryStore], ids=["sqlite", "memory"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


# ---- accounts


def test_an_account_that_was_not_made_does_not_open(stage: Stage) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchAccount):
            await room.store.open(8)

    stage.run(play)


def test_making_an_account_again_changes_nothing(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message())
        await room.store.create_account(7)
        again = await room.store.open(7)
        assert (await again.mailbox("INBOX")).messages == 1
        again.close()

    stage.run(play)


def test_a_deleted_account_is_gone_for_those_who_hold_it_too(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.store.delete_account(7)
        with pytest.raises(NoSuchAccount):
            await room.store.open(7)
        with pytest.raises(NoSuchAccount):
            await room.account.create("x")
        await room.store.delete_account(7)
        await room.store.create_account(7)
        again = await room.store.open(7)
        assert (await again.mailbox("INBOX")).messages == 0
        again.close()

    stage.run(play)


def test_accounts_do_not_see_each_other(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.store.create_account(8)
        other = await room.store.open(8)
        await room.put(message())
        assert (await other.mailbox("INBOX")).messages == 0
        other.close()

    stage.run(play)


# ---- mailboxes


def test_a_new_account_has_the_usual_mailboxes(stage: Stage) -> None:
    async def play(room: Room) -> None:
        boxes = await room.account.mailboxes()
        assert [(box.name, box.special_use) for box in boxes] == [
            ("INBOX", None),
            ("Archive", "\\Archive"),
            ("Drafts", "\\Drafts"),
            ("Junk", "\\Junk"),
            ("Sent", "\\Sent"),
            ("Trash", "\\Trash"),
        ]
        assert all(box.subscribed and box.uid_next == 1 and not box.messages for box in boxes)
        assert len({box.uid_validity for box in boxes}) == 6
        assert await room.account.subscriptions() == [box.name for box in boxes]

    stage.run(play)


@pytest.mark.parametrize("name", ["inbox", "InBoX", "INBOX"])
def test_inbox_in_any_case_is_the_inbox(stage: Stage, name: str) -> None:
    async def play(room: Room) -> None:
        assert (await room.account.mailbox(name)).name == "INBOX"
        with pytest.raises(MailboxExists):
            await room.account.create(name)

    stage.run(play)


def test_other_names_keep_their_case(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("Work")
        await room.account.create("work")
        with pytest.raises(NoSuchMailbox):
            await room.account.mailbox("WORK")

    stage.run(play)


def test_create(stage: Stage) -> None:
    async def play(room: Room) -> None:
        made = await room.account.create("Lists/Python", special_use="\\Flagged", origin=ME)
        assert (made.name, made.special_use, made.subscribed) == ("Lists/Python", "\\Flagged", False)
        assert made == await room.account.mailbox("Lists/Python")
        event = MailboxEvent(MailboxEventKind.CREATED, made.mailbox_id, "Lists/Python")
        assert room.take_changes() == [MailboxesChanged((), made.highest_modseq, ME, (event,))]
        assert "Lists" not in [box.name for box in await room.account.mailboxes()]
        with pytest.raises(MailboxExists):
            await room.account.create("Lists/Python")
        assert (await room.account.create("Below/")).name == "Below"  # RFC 3501 §6.3.3

    stage.run(play)


BAD_NAMES = ["", "/", "a//b", "/a", "a\x00b", "a\r\nb", "a\x7f", "x" * 2000, "/".join("a" * 60), "a\ud800b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_impossible_names(stage: Stage, name: str) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(BadMailboxName):
            await room.account.create(name)
        with pytest.raises(BadMailboxName):
            await room.account.rename("Junk", name)
        with pytest.raises(BadMailboxName):
            await room.account.subscribe(name, True)
        with pytest.raises(BadMailboxName):
            await room.put(message(), mailbox=name, create=True)
        assert len(await room.account.mailboxes()) == 6

    stage.run(play)


def test_the_number_of_mailboxes_is_bounded(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("one")
        await room.account.create("two")
        with pytest.raises(TooManyMailboxes):
            await room.account.create("three")

    stage.run(play, StoreSettings(max_mailboxes=8))


def test_delete_leaves_children_and_subscription(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a")
        await room.account.create("a/b")
        await room.account.subscribe("a", True)
        await room.put_many(3, "a")
        gone = await room.account.mailbox("a")
        room.take_changes()
        await room.account.delete("a", origin=ME)
        [change] = room.take_changes()
        assert isinstance(change, MailboxesChanged)
        assert change.removed == (gone.mailbox_id,)
        assert change.origin is ME
        names = [box.name for box in await room.account.mailboxes()]
        assert "a" not in names
        assert "a/b" in names
        assert "a" in await room.account.subscriptions()
        assert await room.account.usage() == Usage(0, 0)
        with pytest.raises(NoSuchMailbox):
            await room.account.delete("a")
        with pytest.raises(NoSuchMailbox):
            await room.account.view(gone.mailbox_id)

    stage.run(play)


def test_inbox_can_not_be_deleted(stage: Stage) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(BadMailboxName):
            await room.account.delete("inbox")

    stage.run(play)


def test_a_mailbox_made_again_has_a_greater_uid_validity(stage: Stage) -> None:
    async def play(room: Room) -> None:
        seen = []
        for _ in range(3):
            seen.append(await room.account.create("again"))
            await room.account.delete("again")
        assert sorted({box.uid_validity for box in seen}) == [box.uid_validity for box in seen]
        assert len({box.mailbox_id for box in seen}) == 3

    stage.run(play)


def test_rename_takes_children_and_subscriptions_along(stage: Stage) -> None:
    async def play(room: Room) -> None:
        for name in ("a", "a/b", "a/b/c", "ab"):
            await room.account.create(name)
        await room.account.subscribe("a/b", True)
        before = await room.account.mailbox("a/b")
        await room.put(message(), mailbox="a/b")
        await room.account.rename("a", "z/y")
        names = [box.name for box in await room.account.mailboxes()][1:]
        assert [name for name in names if name[0] in "az"] == ["ab", "z/y", "z/y/b", "z/y/b/c"]
        after = await room.account.mailbox("z/y/b")
        assert (after.mailbox_id, after.uid_validity) == (before.mailbox_id, before.uid_validity)
        assert (after.messages, after.subscribed) == (1, True)
        assert "z/y/b" in await room.account.subscriptions()

    stage.run(play)


def test_rename_of_a_name_that_only_has_children(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a/b")
        await room.account.rename("a", "c")
        assert (await room.account.mailbox("c/b")).name == "c/b"

    stage.run(play)


def test_rename_below_itself_and_in_a_chain(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a")
        await room.account.create("a/x")
        ids = [(await room.account.mailbox(name)).mailbox_id for name in ("a", "a/x")]
        await room.account.rename("a", "a/b")
        assert [(await room.account.mailbox(name)).mailbox_id for name in ("a/b", "a/b/x")] == ids
        await room.account.create("c")
        await room.account.rename("c", "d")
        await room.account.create("c")
        assert len(await room.account.mailboxes()) == 10

    stage.run(play)


def test_rename_refusals(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("a/b")
        await room.account.create("c")
        await room.account.create("d/b")
        with pytest.raises(NoSuchMailbox):
            await room.account.rename("nobody", "x")
        for old, new in (("c", "a/b"), ("c", "INBOX"), ("c", "inbox"), ("a", "d"), ("INBOX", "c"), ("c", "c")):
            with pytest.raises(MailboxExists):
                await room.account.rename(old, new)

    stage.run(play)


def test_renaming_the_inbox_moves_its_messages(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.create("INBOX/child")
        await room.put_many(3)
        await room.account.rename("INBOX", "old mail")
        assert await room.uids() == []
        assert len(await room.uids("old mail")) == 3
        assert (await room.inbox()).uid_next == 4
        assert (await room.account.mailbox("INBOX/child")).name == "INBOX/child"
        await room.account.rename("INBOX", "nothing")
        assert await room.uids("nothing") == []

    stage.run(play)


def test_subscriptions_need_no_mailbox(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.account.subscribe("later", True, origin=ME)
        assert len(room.take_changes()) == 1
        await room.account.subscribe("later", True)
        assert room.take_changes() == []
        assert "later" in await room.account.subscriptions()
        assert (await room.account.create("later")).subscribed
        await room.account.subscribe("later", False)
        await room.account.subscribe("never", False)
        assert not (await room.account.mailbox("later")).subscribed
        await room.account.subscribe("inbox", False)
        assert not (await room.inbox()).subscribed

    stage.run(play)


# ---- append


def test_append(stage: Stage) -> None:
    async def play(room: Room) -> None:
        content, prefix = message("first"), b"Return-Path: <alice@a.test>\r\n"
        flags = frozenset({"\\Seen", "$Forwarded", "\\Recent"})
        [done] = await room.put(content, flags=flags, internal_date=1234, prefix=prefix, origin=ME)
        inbox = await room.inbox()
        assert done == Appended(inbox.mailbox_id, inbox.uid_validity, 1)
        size = len(prefix + content)
        assert (inbox.messages, inbox.unseen, inbox.octets, inbox.uid_next) == (1, 0, size, 2)
        assert room.take_changes() == [MessagesAdded(inbox.mailbox_id, (1,), inbox.highest_modseq, ME)]
        view = await room.look()
        assert (list(view.uids), list(view.sizes), list(view.dates)) == ([1], [size], [1234])
        assert view.flag_names(view.masks[0]) == ("\\Seen", "$Forwarded")
        assert await room.account.usage() == Usage(size, 1)
        [stored] = await room.account.read([view.content_ids[0]], Want.WHOLE | Want.HEADER | Want.ENVELOPE)
        assert stored.whole == prefix + content
        assert stored.header == (prefix + content).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert (stored.size, stored.prefix_len, stored.header_len) == (size, len(prefix), len(stored.header))
        assert b"first" in (stored.envelope or b"")
        assert stored.body is None

    stage.run(play)


def test_the_internal_date_is_now_unless_given(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message())
        assert list((await room.look()).dates) == [int(room.clock.now())]

    stage.run(play)


def test_append_to_a_missing_mailbox(stage: Stage) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchMailbox):
            await room.put(message(), mailbox="nowhere")
        with pytest.raises(NoSuchMailbox):
            await room.put(message(body="x" * 9000), mailbox="nowhere")
        assert await room.account.usage() == Usage(0, 0)
        [done] = await room.put(message(), mailbox="lists/new", create=True, origin=ME)
        made = await room.account.mailbox("lists/new")
        assert (done.mailbox_id, made.messages, made.subscribed) == (made.mailbox_id, 1, True)
        kinds = [type(change) for change in room.take_changes()]
        assert kinds == [MailboxesChanged, MessagesAdded]

    stage.run(play)


def test_a_delivery_happens_once(stage: Stage) -> None:
    async def play(room: Room) -> None:
        [first] = await room.put(message(), delivery_id="d1")
        [second] = await room.put(message(), delivery_id="d1", mailbox="Junk")
        assert await room.account.delivered(["d1", "d3"]) == {"d1"}
        assert await room.account.delivered([]) == set()
        [large] = await room.put(message(body="x" * 9000), delivery_id="d2")
        [again] = await room.put(message(body="x" * 9000), delivery_id="d2")
        assert (first, large) == (second, again)
        assert await room.uids() == [1, 2]
        assert len(room.changes) == 2

    stage.run(play)


def test_quota(stage: Stage) -> None:
    async def play(room: Room) -> None:
        content = message()
        await room.put(content, quota_octets=len(content), quota_messages=1)
        with pytest.raises(OverQuota):
            await room.put(content, quota_octets=2 * len(content) - 1)
        with pytest.raises(OverQuota):
            await room.put(content, quota_messages=1)
        with pytest.raises(OverQuota):
            await room.put(message(body="x" * 9000), quota_octets=5000)
        assert await room.account.usage() == Usage(len(content), 1)
        await room.put(content, quota_octets=2 * len(content), quota_messages=2)

    stage.run(play)


def test_append_many_is_all_or_none(stage: Stage) -> None:
    async def play(room: Room) -> None:
        drafts = [room.store.draft() for _ in range(3)]
        for at, draft in enumerate(drafts):
            draft.write(message(f"s{at}", "x" * 3000 * at))
            draft.finish()
        pairs = [(draft, AppendOptions(quota_messages=2)) for draft in drafts]
        with pytest.raises(OverQuota):
            await room.account.append_many("INBOX", pairs)
        assert await room.uids() == []
        assert room.changes == []
        done = await room.account.append_many("INBOX", [(draft, AppendOptions()) for draft in drafts])
        assert [one.uid for one in done] == [1, 2, 3]
        [change] = room.changes
        assert isinstance(change, MessagesAdded)
        assert change.uids == (1, 2, 3)
        for draft in drafts:
            draft.close()

    stage.run(play)


def test_one_draft_may_go_to_several_places(stage: Stage) -> None:
    async def play(room: Room) -> None:
        for body in ("small", "large" * 3000):
            with room.store.draft() as draft:
                draft.write(message(body=body))
                draft.finish()
                for mailbox in ("INBOX", "Sent"):
                    await room.account.append(mailbox, draft, AppendOptions(prefix=b"X: %s\r\n" % mailbox.encode()))
        for mailbox in ("INBOX", "Sent"):
            view = await room.look(mailbox)
            for content_id, size in zip(view.content_ids, view.sizes, strict=True):
                whole = await room.account.read_range(content_id, 0, 1 << 20)
                assert whole.startswith(b"X: %s\r\nFrom:" % mailbox.encode())
                assert len(whole) == size

    stage.run(play)


def test_keyword_limit(stage: Stage) -> None:
    async def play(room: Room) -> None:
        words = frozenset(f"k{at}" for at in range(MAX_KEYWORD_BITS))
        await room.put(message(), flags=words)
        view = await room.look()
        assert set(view.keywords) == words
        assert set(view.flag_names(view.masks[0])) == words
        mailbox_id = view.mailbox.mailbox_id
        with pytest.raises(TooManyKeywords):
            await room.put(message(), flags=frozenset({"one more"}))
        with pytest.raises(TooManyKeywords):
            await room.account.set_flags(mailbox_id, [1], ADD, frozenset({"another"}))
        await room.account.set_flags(mailbox_id, [1], REMOVE, frozenset({"another", "K3"}))
        await room.put(message(), flags=frozenset({"K0"}))
        view = await room.look()
        assert set(view.flag_names(view.masks[0])) == words - {"k3"}
        assert view.flag_names(view.masks[1]) == ("k0",)

    stage.run(play)


# ---- flags


def test_set_flags(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(4)
        view = await room.account.view(1)
        seen = frozenset({"\\Seen"})
        room.take_changes()
        done = await room.account.set_flags(1, [1, 2, 4, 9], ADD, seen, origin=ME)
        assert (done.uids, done.masks, done.unmodified) == ((1, 2, 4), (SEEN,) * 3, ())
        assert room.take_changes() == [FlagsChanged(1, (1, 2, 4), done.modseq, ME)]
        assert list(view.masks) == [SEEN, SEEN, 0, SEEN]
        assert [modseq == done.modseq for modseq in view.modseqs] == [True, True, False, True]
        assert (await room.inbox()).unseen == 1
        assert (await room.inbox()).highest_modseq == done.modseq
        done = await room.account.set_flags(1, range(1, 5), ADD, seen | {"\\Deleted"})
        assert list(view.masks) == [SEEN | DELETED] * 4
        assert ((await room.inbox()).unseen, (await room.inbox()).deleted) == (0, 4)
        await room.account.set_flags(1, [1, 2], REMOVE, seen)
        await room.account.set_flags(1, [3], REPLACE, frozenset({"\\Flagged", "\\Answered"}))
        assert list(view.masks) == [DELETED, DELETED, FLAGGED | ANSWERED, SEEN | DELETED]
        assert view.mailbox == await room.inbox()
        assert (view.mailbox.unseen, view.mailbox.deleted) == (3, 3)
        room.account.release(view)

    stage.run(play)


def test_flags_that_change_nothing_are_no_change(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(2)
        await room.account.set_flags(1, [1], ADD, frozenset({"\\Seen"}))
        before = (await room.inbox()).highest_modseq
        room.take_changes()
        done = await room.account.set_flags(1, [1], ADD, frozenset({"\\Seen"}))
        assert (done.uids, done.masks, done.modseq) == ((1,), (SEEN,), before)
        gone = await room.account.set_flags(1, [77], REPLACE, frozenset({"new"}))
        assert gone.uids == ()
        await room.account.set_flags(1, [], ADD, frozenset({"\\Seen"}))
        assert room.take_changes() == []
        assert (await room.look()).keywords == []
        both = await room.account.set_flags(1, [1, 2], ADD, frozenset({"\\Seen"}))
        assert both.masks == (SEEN, SEEN)
        assert room.take_changes() == [FlagsChanged(1, (2,), both.modseq, None)]

    stage.run(play)


def test_unchanged_since(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        since = (await room.inbox()).highest_modseq
        await room.account.set_flags(1, [2], ADD, frozenset({"\\Seen"}))
        done = await room.account.set_flags(1, [1, 2, 3], ADD, frozenset({"\\Flagged"}), unchanged_since=since)
        assert (done.uids, done.masks, done.unmodified) == ((1, 3), (FLAGGED, FLAGGED), (2,))
        assert list((await room.look()).masks) == [FLAGGED, SEEN, FLAGGED]

    stage.run(play)


def test_keywords_are_case_insensitive_and_keep_their_first_spelling(stage: Stage) -> None:
    async def play(room: Room) -> None:
        view = await room.account.view(1)
        await room.put(message(), flags=frozenset({"$Label1"}))
        await room.put(message(), flags=frozenset({"$LABEL1", "\\SEEN"}))
        await room.account.set_flags(1, [1], ADD, frozenset({"other"}))
        assert view.keywords == ["$Label1", "other"]
        label = 1 << FIRST_KEYWORD_BIT
        assert list(view.masks) == [label | label << 1, label | SEEN]
        room.account.release(view)

    stage.run(play)


def test_what_is_done_to_a_missing_mailbox(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        with pytest.raises(NoSuchMailbox):
            await account.set_flags(99, [1], ADD, frozenset())
        with pytest.raises(NoSuchMailbox):
            await account.expunge(99, None)
        with pytest.raises(NoSuchMailbox):
            await account.remove(99, [1])
        with pytest.raises(NoSuchMailbox):
            await account.copy(99, [1], "INBOX")
        with pytest.raises(NoSuchMailbox):
            await account.move(1, [1], "nowhere")
        with pytest.raises(NoSuchMailbox):
            await account.view(99)
        with pytest.raises(NoSuchMailbox):
            await account.search_text(99, TextQuery(TextField.BODY, "x"))
        with pytest.raises(NoSuchMailbox):
            await account.search_sent(99, 0, 1)
        with pytest.raises(NoSuchMailbox):
            await account.claim_recent(99)

    stage.run(play)


# ---- expunge, copy, move


def test_expunge_takes_only_marked_messages(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(5)
        assert await room.account.expunge(1, None) == ()
        await room.account.set_flags(1, [1, 3, 5], ADD, frozenset({"\\Deleted"}))
        view = await room.account.view(1)
        old_uids, content = view.uids, view.content_ids[2]
        room.take_changes()
        assert await room.account.expunge(1, [2, 3, 99], origin=ME) == (3,)
        [change] = room.take_changes()
        assert isinstance(change, MessagesExpunged)
        [gone] = change.gone
        assert (gone.uid, gone.mask, gone.content_id, gone.modseq) == (3, DELETED, content, change.modseq)
        assert change.origin is ME
        assert await room.account.expunge(1, None) == (1, 5)
        assert list(view.uids) == [2, 4]
        assert list(old_uids) == [1, 2, 3, 4, 5]
        inbox = await room.inbox()
        assert (inbox.messages, inbox.deleted, inbox.unseen, inbox.uid_next) == (2, 0, 2, 6)
        assert inbox.octets == sum(view.sizes)
        assert await room.account.usage() == Usage(sum(view.sizes), 2)
        assert (await room.account.read_range(content, 0, 4)) == b"From"  # for who has not been told
        room.account.release(view)

    stage.run(play)


def test_remove_takes_any(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(5)
        assert await room.account.remove(1, [5, 2, 2, 77]) == (2, 5)
        assert await room.account.remove(1, [2]) == ()
        assert await room.uids() == [1, 3, 4]

    stage.run(play)


def test_uids_are_never_used_again(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        await room.account.remove(1, [1, 2, 3])
        assert await room.put_many(1) == [4]

    stage.run(play)


def test_copy(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message("a"), flags=frozenset({"\\Seen", "one"}), internal_date=5)
        await room.put(message("b"), flags=frozenset({"two"}))
        await room.put(message("c"), mailbox="Archive", flags=frozenset({"two", "three"}))
        used = await room.account.usage()
        copied = await room.account.copy(1, [2, 1, 55], "Archive", origin=ME)
        archive = await room.account.mailbox("Archive")
        assert (copied.uid_validity, copied.source_uids, copied.target_uids) == (archive.uid_validity, (1, 2), (2, 3))
        view, source = await room.look("Archive"), await room.look()
        names = [set(view.flag_names(mask)) for mask in view.masks]
        assert names == [{"two", "three"}, {"\\Seen", "one"}, {"two"}]
        assert list(view.content_ids[1:]) == list(source.content_ids)
        assert (list(view.dates[1:]), list(view.sizes[1:])) == (list(source.dates), list(source.sizes))
        assert archive.octets == sum(view.sizes)
        assert await room.account.usage() == Usage(used.octets + sum(source.sizes), 5)
        change = room.take_changes()[-1]
        assert change == MessagesAdded(archive.mailbox_id, (2, 3), archive.highest_modseq, ME)
        assert (await room.account.copy(1, [77], "Archive")).source_uids == ()
        with pytest.raises(NoSuchMailbox):
            await room.account.copy(1, [1], "nowhere")
        with pytest.raises(OverQuota):
            await room.account.copy(1, [1], "Archive", quota_messages=5)
        with pytest.raises(OverQuota):
            await room.account.copy(1, [1], "Archive", quota_octets=used.octets)
        assert (await room.account.mailbox("Archive")).messages == 3

    stage.run(play)


def test_copy_within_one_mailbox(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(2)
        copied = await room.account.copy(1, [1, 2], "INBOX")
        assert copied.target_uids == (3, 4)
        again = await room.account.copy(1, [1, 2, 3, 4], "INBOX")
        assert again.target_uids == (5, 6, 7, 8)
        moved = await room.account.move(1, [1, 2], "INBOX")
        assert moved.target_uids == (9, 10)
        view = await room.look()
        assert list(view.uids) == [3, 4, 5, 6, 7, 8, 9, 10]
        assert len(set(view.content_ids)) == 2

    stage.run(play)


def test_move(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(4)
        await room.account.set_flags(1, [2], ADD, frozenset({"kw"}))
        used = await room.account.usage()
        contents = list((await room.look()).content_ids)
        room.take_changes()
        moved = await room.account.move(1, [2, 3], "Archive", origin=ME)
        assert (moved.source_uids, moved.target_uids) == ((2, 3), (1, 2))
        came, went = room.take_changes()
        assert isinstance(came, MessagesAdded)
        assert isinstance(went, MessagesExpunged)
        assert came.modseq == went.modseq
        assert [gone.content_id for gone in went.gone] == contents[1:3]
        assert await room.uids() == [1, 4]
        view = await room.look("Archive")
        assert list(view.content_ids) == contents[1:3]
        assert view.flag_names(view.masks[0]) == ("kw",)
        assert await room.account.usage() == used
        assert (await room.inbox()).messages == 2

    stage.run(play)


# ---- views and the change feed


def test_one_view_for_all_who_look(stage: Stage) -> None:
    async def play(room: Room) -> None:
        first, second = await asyncio.gather(room.account.view(1), room.account.view(1))
        assert first is second
        uids = first.uids
        await room.put_many(2)
        assert list(first.uids) == [1, 2]
        assert first.uids is uids
        room.account.release(first)
        room.account.release(second)
        await room.put_many(1)
        assert list((await room.look()).uids) == [1, 2, 3]

    stage.run(play)


def test_a_view_loaded_while_changes_happen_misses_none(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        for _ in range(5):
            view, *_ = await asyncio.gather(
                room.account.view(1), room.put(message()), room.account.set_flags(1, [1], ADD, frozenset({"\\Seen"}))
            )
            assert len(view.uids) == (await room.inbox()).messages
            assert view.masks[0] == SEEN
            assert list(view.uids) == list(range(1, len(view.uids) + 1))
            room.account.release(view)

    stage.run(play)


def test_subscribers_hear_before_the_caller_and_see_the_view_changed(stage: Stage) -> None:
    async def play(room: Room) -> None:
        view = await room.account.view(1)
        seen: list[tuple[str, list[int]]] = []

        def listen(change: Change) -> None:
            seen.append((type(change).__name__, list(view.uids)))

        room.account.subscribe_changes(listen)
        await room.put_many(1)
        assert seen == [("MessagesAdded", [1])]
        await room.account.remove(1, [1])
        assert seen[1:] == [("MessagesExpunged", [])]
        room.account.unsubscribe_changes(listen)
        room.account.unsubscribe_changes(listen)
        await room.put_many(1)
        assert len(seen) == 2
        room.account.release(view)

    stage.run(play)


def test_a_listener_that_fails_harms_nobody(stage: Stage) -> None:
    async def play(room: Room) -> None:
        def fail(change: Change) -> None:
            raise ZeroDivisionError

        room.account.subscribe_changes(fail)
        later: list[Change] = []
        room.account.subscribe_changes(later.append)
        await room.put_many(1)
        assert len(later) == 1

    stage.run(play)


def test_changes_come_in_the_order_of_modseq(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(4)
        await asyncio.gather(
            *(room.put(message()) for _ in range(10)),
            *(room.account.set_flags(1, [uid], ADD, frozenset({"\\Seen"})) for uid in (1, 2, 3)),
            room.account.remove(1, [4]),
            room.account.create("x"),
        )
        modseqs = [change.modseq for change in room.changes]
        assert modseqs == sorted(set(modseqs))

    stage.run(play)


def test_the_view_of_a_deleted_mailbox_stays_as_it_was(stage: Stage) -> None:
    async def play(room: Room) -> None:
        made = await room.account.create("x")
        await room.put_many(2, "x")
        view = await room.account.view(made.mailbox_id)
        await room.account.delete("x")
        assert list(view.uids) == [1, 2]
        room.account.release(view)

    stage.run(play)


def test_recent_is_given_to_one(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        assert (await room.inbox()).recent == 3
        await room.account.remove(1, [1])
        assert (await room.inbox()).recent == 2
        view = await room.account.view(1)
        first, last = await room.account.claim_recent(1)
        assert [uid for uid in view.uids if first <= uid < last] == [2, 3]
        assert ((await room.inbox()).recent, view.mailbox.recent) == (0, 0)
        first, last = await room.account.claim_recent(1)
        assert first == last == 4
        await room.put_many(1)
        assert view.mailbox.recent == 1
        assert await room.account.claim_recent(1) == (4, 5)
        room.account.release(view)

    stage.run(play)


# ---- reading


def test_read_keeps_the_order_that_was_asked_for(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(*(message(f"number {at}", "x" * (at % 3) * 3000) for at in range(40)))
        ids = list((await room.look()).content_ids)
        random.Random(1).shuffle(ids)
        for wanted in (ids, sorted(ids), sorted(ids)[::2], [ids[0]] * 3, array("q", ids)):
            stored = await room.account.read(wanted, Want.ENVELOPE | Want.PARTS)
            assert [one.content_id for one in stored] == list(wanted)
            assert all(one.envelope and one.parts is not None and one.header is None for one in stored)
            whole = await room.account.read(wanted, Want.WHOLE)
            assert [one.content_id for one in whole] == list(wanted)
            for one in whole:
                assert (one.whole is None) == (one.size > 4000)
                if one.whole is not None:
                    assert len(one.whole) == one.size
        assert await room.account.read([], Want.ENVELOPE) == []

    stage.run(play)


def test_read_stops_at_its_budget_but_not_before_the_first(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(*(message("s", "x" * 1000) for _ in range(20)))
        ids = list((await room.look()).content_ids)
        size = len(message("s", "x" * 1000))
        assert len(await room.account.read(ids, Want.WHOLE, budget=1)) == 1
        assert len(await room.account.read(ids, Want.WHOLE, budget=5 * size)) == 5
        assert len(await room.account.read(ids, Want.WHOLE, budget=5 * size + 1)) == 5
        assert len(await room.account.read(ids, Want.WHOLE)) == 20

    stage.run(play)


def test_contents_that_never_were(stage: Stage) -> None:
    async def play(room: Room) -> None:
        with pytest.raises(NoSuchContent):
            await room.account.read([999], Want.ENVELOPE)
        with pytest.raises(NoSuchContent):
            await room.account.read_range(999, 0, 1)

    stage.run(play)


@pytest.mark.parametrize("length", [100, 9000])
def test_any_range_can_be_read(stage: Stage, length: int) -> None:
    async def play(room: Room) -> None:
        prefix, content = b"Received: by here\r\n", message(body="0123456789" * (length // 10))
        await room.put(content, prefix=prefix)
        whole = prefix + content
        [content_id] = (await room.look()).content_ids
        places = [0, 1, len(prefix) - 1, len(prefix), len(prefix) + 1, whole.index(b"\r\n\r\n") + 4]
        places += [len(whole) - 1, len(whole), len(whole) + 5]
        for start in places:
            for end in places:
                assert await room.account.read_range(content_id, start, end) == whole[start:end], (start, end)

    stage.run(play)


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"no header at all", b"Subject: only a header\r\n", b"\x00\xff\r\n\r\n\x00"]
)
def test_odd_messages_are_kept_as_they_are(stage: Stage, content: bytes) -> None:
    async def play(room: Room) -> None:
        await room.put(content)
        [content_id] = (await room.look()).content_ids
        [stored] = await room.account.read([content_id], Want.WHOLE)
        assert stored.whole == content
        assert await room.account.read_range(content_id, 0, 100) == content

    stage.run(play)


# ---- search

LETTERS = [
    message("Hello World", "The quick brown fox", Cc="carol@c.test"),
    message("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "nothing here", X_Tag="fox"),
    message("plain", "nothing\r\neither, héllo", Bcc="dave@d.test", Reply_To=""),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TextQuery(TextField.SUBJECT, "hello"), {1}),
        (TextQuery(TextField.SUBJECT, "o w"), {1}),
        (TextQuery(TextField.SUBJECT, "GRÜSSE"), {2}),
        (TextQuery(TextField.SUBJECT, ""), {1, 2, 3}),
        (TextQuery(TextField.FROM, "ALICE@"), {1, 2, 3}),
        (TextQuery(TextField.FROM, "bob"), set()),
        (TextQuery(TextField.TO, "bob"), {1, 2, 3}),
        (TextQuery(TextField.CC, "carol"), {1}),
        (TextQuery(TextField.CC, ""), {1}),
        (TextQuery(TextField.BCC, "d.test"), {3}),
        (TextQuery(TextField.BODY, "QUICK brown"), {1}),
        (TextQuery(TextField.BODY, "HÉLLO"), {3}),
        (TextQuery(TextField.BODY, "fox"), {1}),
        (TextQuery(TextField.BODY, ""), {1, 2, 3}),
        (TextQuery(TextField.BODY, "%"), set()),
        (TextQuery(TextField.TEXT, "fox"), {1, 2}),
        (TextQuery(TextField.TEXT, "x-tag: f"), {2}),
        (TextQuery(TextField.TEXT, ""), {1, 2, 3}),
        (TextQuery(TextField.HEADER, "fox", "x-tag"), {2}),
        (TextQuery(TextField.HEADER, "", "X-TAG"), {2}),
        (TextQuery(TextField.HEADER, "", "reply-to"), {3}),
        (TextQuery(TextField.HEADER, "", "tag"), set()),
        (TextQuery(TextField.HEADER, "x-tag", "x-tag"), set()),
        (TextQuery(TextField.HEADER, "hello", "subject"), {1}),
        (TextQuery(TextField.HEADER, "carol", "subject"), set()),
    ],
)
def test_search_text(stage: Stage, query: TextQuery, expected: set[int]) -> None:
    async def play(room: Room) -> None:
        await room.put(*LETTERS)
        await room.put(*LETTERS, mailbox="Junk")
        assert await room.account.search_text(1, query) == expected
        assert await room.account.search_text(1, query, [2, 3, 9]) == expected & {2, 3}
        assert await room.account.search_text(1, query, range(1, 5000)) == expected
        assert await room.account.search_text(1, query, []) == set()

    stage.run(play)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (TextQuery(TextField.SUBJECT, "world hello"), {1}),
        (TextQuery(TextField.SUBJECT, "grusse"), {2}),
        (TextQuery(TextField.FROM, "alcie"), {1, 2, 3}),
        (TextQuery(TextField.CC, "carlo"), {1}),
        (TextQuery(TextField.BODY, "hello"), {3}),
        (TextQuery(TextField.BODY, "bronw quikc"), {1}),
        (TextQuery(TextField.BODY, "cat"), set()),
        (TextQuery(TextField.TEXT, "fox"), {1, 2}),
        (TextQuery(TextField.TEXT, "fox carol"), {1}),
        (TextQuery(TextField.HEADER, "fox", "x-tag"), {2}),
        (TextQuery(TextField.HEADER, "hlelo wrold", "subject"), {1}),
        (TextQuery(TextField.HEADER, "carol", "subject"), set()),
        (TextQuery(TextField.TEXT, "?!"), set()),
    ],
)
def test_search_fuzzy(stage: Stage, query: TextQuery, expected: set[int]) -> None:
    """RFC 6203"""

    async def play(room: Room) -> None:
        await room.put(*LETTERS)
        scores = await room.account.search_fuzzy(1, query)
        assert scores.keys() == expected
        assert all(1 <= score <= 100 for score in scores.values())
        some = {uid: score for uid, score in scores.items() if uid in (2, 3)}
        assert await room.account.search_fuzzy(1, query, [2, 3, 9]) == some
        assert await room.account.search_fuzzy(1, query, range(1, 5000)) == scores
        assert await room.account.search_fuzzy(1, query, []) == {}

    stage.run(play)


def test_text_that_was_too_long_to_keep_is_searched_all_the_same(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(
            message("one", "x" * 500 + " needle " + "y" * 500),
            message("two", "z" * 6000 + " needle"),
            message("three", "needle " + "z" * 6000),
            message("four", "z" * 6000),
        )
        assert await room.account.search_text(1, TextQuery(TextField.BODY, "NEEDLE")) == {1, 2, 3}
        assert await room.account.search_text(1, TextQuery(TextField.TEXT, "needle")) == {1, 2, 3}
        assert await room.account.search_text(1, TextQuery(TextField.TEXT, "needle"), [2, 4]) == {2}

    stage.run(play, messages=MessageSettings(max_search_text_octets=300))


def test_search_sent(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(
            message(Date="Mon, 23 Nov 2026 23:59:00 -1200"),
            message(Date="Tue, 24 Nov 2026 00:00:00 +1200"),
            message(Date="nonsense"),
        )
        day = date(2026, 11, 23).toordinal()
        assert await room.account.search_sent(1, day, day) == {1}
        assert await room.account.search_sent(1, day + 1, day + 1) == {2}
        assert await room.account.search_sent(1, 0, 1 << 30) == {1, 2}

    stage.run(play)


# ---- many things at once


def test_two_histories_of_random_changes_agree(tmp_path: Path) -> None:
    """The same changes leave both kinds of store in the same state, and every view as if it had just been loaded."""
    pictures = []
    for kind in (SqliteStore, MemoryStore):
        picture: list[object] = []

        async def play(room: Room, picture: list[object] = picture) -> None:
            await _random_history(room, random.Random(20), picture)

        nothing_kept = msgspec.structs.replace(SETTINGS, max_idle_view_messages=0)
        Stage(kind, tmp_path / kind.__name__).run(play, nothing_kept)
        pictures.append(picture)
    assert pictures[0] == pictures[1]


async def _random_history(room: Room, chance: random.Random, picture: list[object]) -> None:
    account = room.account
    flags = ["\\Seen", "\\Deleted", "\\Flagged", "a", "b", "c"]
    names = ["INBOX", "Archive", "Trash"]
    views = {name: await account.view((await account.mailbox(name)).mailbox_id) for name in names}
    for _ in range(150):
        name, target = chance.choice(names), chance.choice(names)
        view = views[name]
        mailbox_id = view.mailbox.mailbox_id
        uids = sorted(chance.sample(range(1, view.mailbox.uid_next + 1), min(4, view.mailbox.uid_next)))
        chosen = frozenset(chance.sample(flags, 2))
        match chance.randrange(8):
            case 0 | 1:
                await room.put(message(str(chance.random())), mailbox=name, flags=chosen)
            case 2 | 3:
                picture.append(await account.set_flags(mailbox_id, uids, chance.choice(list(FlagAction)), chosen))
            case 4:
                picture.append(await account.copy(mailbox_id, uids, target))
            case 5:
                picture.append(await account.move(mailbox_id, uids, target))
            case 6:
                picture.append(await account.expunge(mailbox_id, uids if chance.random() < 0.7 else None))
            case 7:
                picture.append(await account.remove(mailbox_id, uids[:1]))
        picture.append(await account.expunged_since(mailbox_id, chance.randrange(view.mailbox.highest_modseq + 1)))
        picture.append(await account.deleted_octets(mailbox_id))
    picture += room.changes
    picture.append(await account.usage())
    for name, view in views.items():
        picture.append([list(getattr(view, column)) for column in ("uids", "masks", "modseqs", "sizes", "dates")])
        account.release(view)
        fresh = await account.view(view.mailbox.mailbox_id)
        assert fresh is not view
        assert fresh == view
        box = await account.mailbox(name)
        assert box.messages == len(fresh.uids)
        assert box.octets == sum(fresh.sizes)
        assert box.unseen == sum(not mask & SEEN for mask in fresh.masks)
        assert box.deleted == sum(bool(mask & DELETED) for mask in fresh.masks)
        account.release(fresh)
    usage = await account.usage()
    boxes = await account.mailboxes()
    assert usage == Usage(sum(box.octets for box in boxes), sum(box.messages for box in boxes))


def test_what_crlf_line_ends_add(stage: Stage) -> None:
    async def play(room: Room) -> None:
        assert await room.account.line_end_octets() == {}
        await room.put(message())
        assert await room.account.line_end_octets() == {}
        unix, large = message().replace(b"\r\n", b"\n"), b"a: b\n\n" + b"x" * 5000
        await room.put(unix, large, prefix=b"Received: here\r\n")
        content_ids = (await room.look()).content_ids
        assert await room.account.line_end_octets() == {content_ids[1]: unix.count(b"\n"), content_ids[2]: 4}

    stage.run(play)


# ---- what SORT, THREAD, OBJECTID and PREVIEW need


def test_sort_facts_come_in_the_order_they_were_asked_for(stage: Stage) -> None:
    async def play(room: Room) -> None:
        full = message("Re: Two", Cc="c@c.test", Message_ID="<2@x>", References="<0@x> <1@x>")
        await room.put(full, b"\r\nno header", message("one", Date="yesterday"))
        box = await room.inbox()
        every = await room.account.sort_facts(box.mailbox_id, list(SortFact))
        sent = 1_795_428_000  # Mon, 23 Nov 2026 10:00:00 +0000
        assert every == [
            (1, sent, "two", 1, "alice", "bob", "c", "alice", "bob", "2@x", "0@x 1@x", 1),
            (2, None, "", 0, "", "", "", "", "", "", "", 2),
            (3, None, "one", 0, "alice", "bob", "", "alice", "bob", "", "", 3),
        ]
        some = await room.account.sort_facts(box.mailbox_id, [SortFact.SUBJECT, SortFact.SENT], [3, 99, 1])
        assert some == [(1, "two", sent), (3, "one", None)]
        assert await room.account.sort_facts(box.mailbox_id, [], [2]) == [(2,)]
        assert await room.account.sort_facts(box.mailbox_id, [SortFact.SENT], []) == []
        with pytest.raises(NoSuchMailbox):
            await room.account.sort_facts(99, [SortFact.SENT])

    stage.run(play)


def test_sort_facts_have_no_message_that_was_expunged(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        box = await room.inbox()
        await room.account.remove(box.mailbox_id, [2])
        assert await room.account.sort_facts(box.mailbox_id, [SortFact.SUBJECT]) == [(1, "n0"), (3, "n2")]
        assert await room.account.search_thread(box.mailbox_id, 2) == set()

    stage.run(play)


THREADS: list[tuple[list[str], list[int]]] = [  # header lines of messages as they come; their threads
    (["Message-ID: <a@x>", "Message-ID: <b@x>", "Subject: none"], [1, 2, 3]),
    (["Message-ID: <a@x>", "References: <a@x>", "In-Reply-To: <a@x>"], [1, 1, 1]),
    (["Message-ID: <b@x>\r\nReferences: <a@x>", "Message-ID: <a@x>"], [1, 1]),  # the answer was quicker
    (["Message-ID: <b@x>\r\nReferences: <a@x>", "Message-ID: <c@x>\r\nReferences: <a@x>"], [1, 1]),
    (['Message-ID: <"a"@x>', "Message-ID: <b@x>\r\nIn-Reply-To: <a@x>", "References: <b@x>"], [1, 1, 1]),
    (["Message-ID: <a@x>", "Message-ID: <b@x>", "References: <none@x> <b@x> <a@x>"], [1, 2, 2]),
    (["Message-ID: <a@x>", "Message-ID: <a@x>"], [1, 1]),
    (["References: <a@x> <a@x>\r\nMessage-ID: <a@x>", "Message-ID: <A@X>"], [1, 2]),
]


@pytest.mark.parametrize(("headers", "threads"), THREADS)
def test_a_message_joins_the_thread_of_what_it_refers_to(stage: Stage, headers: list[str], threads: list[int]) -> None:
    async def play(room: Room) -> None:
        await room.put(*[f"{lines}\r\n\r\nhi".encode() for lines in headers])
        box = await room.inbox()
        rows = await room.account.sort_facts(box.mailbox_id, [SortFact.THREAD_ID])
        assert [thread for _, thread in rows] == threads
        for thread in set(threads):
            uids = {uid for uid, of in rows if of == thread}
            assert await room.account.search_thread(box.mailbox_id, thread) == uids
        stored = await room.account.read([1, 2], Want.THREAD)
        assert [one.thread_id for one in stored] == threads[:2]

    stage.run(play)


def test_threads_of_messages_that_come_together_and_of_refused_ones(stage: Stage) -> None:
    async def play(room: Room) -> None:
        def draft(lines: str, **options: object) -> tuple[Draft, AppendOptions]:
            one = room.store.draft()
            one.write(f"{lines}\r\n\r\n".encode())
            one.finish()
            return one, AppendOptions(**options)  # type: ignore[arg-type]

        with pytest.raises(OverQuota):
            await room.account.append_many("INBOX", [draft("Message-ID: <a@x>"), draft("", quota_messages=0)])
        box = await room.inbox()
        await room.put(b"Message-ID: <z@x>\r\n\r\n")
        await room.account.append_many(
            "INBOX", [draft("Message-ID: <b@x>\r\nReferences: <a@x>"), draft("Message-ID: <a@x>")]
        )
        (_, first), (_, second), (_, third) = await room.account.sort_facts(box.mailbox_id, [SortFact.THREAD_ID])
        assert first != second == third  # nothing is left of what was refused

    stage.run(play)


def test_copies_are_of_the_same_thread(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(b"Message-ID: <a@x>\r\n\r\nfirst words")
        box = await room.inbox()
        await room.account.copy(box.mailbox_id, [1], "Junk")
        await room.account.move(box.mailbox_id, [1], "Trash")
        for name in ("Junk", "Trash"):
            there = await room.account.mailbox(name)
            assert await room.account.search_thread(there.mailbox_id, 1) == {1}

    stage.run(play)


def test_previews_are_kept(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message(body="Hello  World"), b"Content-Type: image/png\r\n\r\nx")
        first, second = await room.account.read([1, 2], Want.PREVIEW | Want.THREAD | Want.ENVELOPE)
        assert (first.preview, second.preview, first.thread_id, second.thread_id) == ("Hello World", "", 1, 2)
        assert first.envelope
        assert first.whole is None
        [whole] = await room.account.read([1], Want.PREVIEW | Want.WHOLE)
        assert (whole.preview, whole.whole) == ("Hello World", message(body="Hello  World"))
        assert len(await room.account.read([1, 2], Want.PREVIEW, budget=1)) == 1
        [nothing] = await room.account.read([1], Want.HEADER)
        assert (nothing.preview, nothing.thread_id) == (None, None)

    stage.run(play)
