"""What every store does for CONDSTORE, QRESYNC, SAVEDATE, REPLACE, ACL, METADATA, QUOTA and NOTIFY."""

import asyncio
from pathlib import Path

import pytest
from tests.contract.test_store import ADD, ME, REMOVE, REPLACE, SETTINGS, Room, Stage, message

from postroom.store import (
    DELETED,
    SEEN,
    AnnotationsChanged,
    Appended,
    AppendOptions,
    FlagsChanged,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MemoryStore,
    MessagesAdded,
    MessagesExpunged,
    NoSuchMailbox,
    NoSuchMessage,
    OverQuota,
    SqliteStore,
    StoreSettings,
    TooManyAclEntries,
    TooManyAnnotations,
    Usage,
)

DAY = 86_400
CREATED, GONE, RENAMED = MailboxEventKind.CREATED, MailboxEventKind.DELETED, MailboxEventKind.RENAMED


@pytest.fixture(params=[SqliteStore, MemoryStore], ids=["sqlite", "memory"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


def events(room: Room) -> list[MailboxEvent]:
    return [event for change in room.take_changes() if isinstance(change, MailboxesChanged) for event in change.events]


async def replace(
    room: Room, uid: int, content: bytes, target: str = "INBOX", mailbox_id: int = 1, **options: object
) -> Appended:
    with room.store.draft() as draft:
        draft.write(content)
        draft.finish()
        chosen = AppendOptions(**options)  # type: ignore[arg-type]
        return await room.account.replace(mailbox_id, uid, target, draft, chosen)


# ---- modification sequences (RFC 7162)


def test_each_message_says_its_modseq_after_the_command(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(4)
        before = list((await room.look()).modseqs)
        some = await room.account.set_flags(1, [2, 3], ADD, frozenset({"\\Seen"}))
        assert some.modseqs == (some.modseq,) * 2
        mixed = await room.account.set_flags(1, range(1, 5), ADD, frozenset({"\\Seen"}))
        assert mixed.modseq > some.modseq
        assert mixed.modseqs == (mixed.modseq, some.modseq, some.modseq, mixed.modseq)
        assert list((await room.look()).modseqs) == list(mixed.modseqs)
        same = await room.account.set_flags(1, [1, 2, 4, 9], REPLACE, frozenset({"\\Seen"}))
        assert (same.modseq, same.modseqs) == (mixed.modseq, (mixed.modseq, some.modseq, mixed.modseq))
        since = await room.account.set_flags(1, range(1, 5), REMOVE, frozenset({"\\Seen"}), unchanged_since=some.modseq)
        assert (since.uids, since.unmodified, since.modseqs) == ((2, 3), (1, 4), (since.modseq,) * 2)
        none = await room.account.set_flags(1, [2, 3], ADD, frozenset({"\\Seen"}), unchanged_since=before[0])
        assert (none.uids, none.modseqs, none.unmodified) == ((), (), (2, 3))
        kept = await room.account.set_flags(1, [1, 2], REMOVE, frozenset({"x"}), unchanged_since=mixed.modseq)
        assert (kept.uids, kept.modseqs, kept.unmodified) == ((1,), (mixed.modseq,), (2,))

    stage.run(play)


def test_of_two_conditional_stores_at_once_one_wins(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(1)
        known = (await room.inbox()).highest_modseq
        done = await asyncio.gather(
            *(
                room.account.set_flags(1, [1], ADD, frozenset({word}), unchanged_since=known)
                for word in ("$One", "$Two", "$Three")
            )
        )
        assert [one.uids for one in done] == [(1,), (), ()]
        assert [one.unmodified for one in done] == [(), (1,), (1,)]
        view = await room.look()
        assert view.flag_names(view.masks[0]) == ("$One",)

    stage.run(play)


def test_every_change_has_a_modseq_above_all_before_it(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        assert all(box.highest_modseq >= 1 for box in await account.mailboxes())
        await room.put_many(6)
        last = max(box.highest_modseq for box in await account.mailboxes())
        made = await account.create("made")
        assert made.highest_modseq > last
        await account.set_flags(1, [1, 2], ADD, frozenset({"\\Deleted"}))
        await account.expunge(1, None)
        await account.move(1, [3], "made")
        await account.copy(1, [4], "INBOX")
        await replace(room, 4, message(), "made")
        await account.set_acl(1, "bob@b.test", "lr")
        await account.set_annotations(1, 7, {"/shared/comment": b"x"})
        await account.rename("INBOX", "old")
        modseqs = [change.modseq for change in room.changes]
        assert modseqs == sorted(modseqs)
        highest: dict[int, int] = {}
        for change in room.changes:
            if isinstance(change, MessagesAdded | FlagsChanged | MessagesExpunged):
                assert change.modseq > highest.get(change.mailbox_id, 0) or change is room.changes[-1]
                highest[change.mailbox_id] = change.modseq
        for mailbox_id, modseq in highest.items():
            [box] = [box for box in await account.mailboxes() if box.mailbox_id == mailbox_id]
            assert box.highest_modseq == modseq
            view = await account.view(mailbox_id)
            assert max(view.modseqs, default=0) <= modseq
            account.release(view)

    stage.run(play)


# ---- what was expunged (RFC 7162 §3.2.5.1)


def test_expunged_since(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await room.put_many(9)
        start = (await room.inbox()).highest_modseq
        assert await account.expunged_since(1, 0) == ()
        await account.remove(1, [5, 3])
        removed = (await room.inbox()).highest_modseq
        await account.set_flags(1, [1], ADD, frozenset({"\\Deleted"}))
        await account.expunge(1, None)
        await account.move(1, [8, 9], "Archive")
        await replace(room, 7, message(), "Archive")
        assert await account.expunged_since(1, start) == (1, 3, 5, 7, 8, 9)
        assert await account.expunged_since(1, removed) == (1, 7, 8, 9)
        await account.rename("INBOX", "old")
        now = (await room.inbox()).highest_modseq
        assert await account.expunged_since(1, removed) == (1, 2, 4, 6, 7, 8, 9)
        assert await account.expunged_since(1, now) == ()
        assert await account.expunged_since(1, now - 1) == (2, 4, 6)
        assert await account.expunged_since(1, now + 100) == ()
        archive = await account.mailbox("Archive")
        await account.move(archive.mailbox_id, [1], "Archive")
        assert await account.expunged_since(archive.mailbox_id, archive.highest_modseq) == (1,)
        with pytest.raises(NoSuchMailbox):
            await account.expunged_since(99, 1)

    stage.run(play)


def test_history_ends_where_the_purge_has_been(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await room.put_many(9)
        for uid in (1, 2):
            await account.remove(1, [uid])
        old = await room.inbox()
        await room.put_many(2, "Archive")
        room.clock._now += 15 * DAY
        await account.remove(1, [3])
        await account.subscribe("x", True)  # a purge is looked for after a commit
        while await account.expunged_since(1, 1) is not None:
            await asyncio.sleep(0)
        assert await account.expunged_since(1, old.highest_modseq - 1) is None
        assert await account.expunged_since(1, old.highest_modseq) == (3,)
        archive = await account.mailbox("Archive")
        assert await account.expunged_since(archive.mailbox_id, 0) == ()
        assert (await room.inbox()).highest_modseq > old.highest_modseq

    stage.run(play)


def test_what_is_told_of_the_past_is_not_ahead_of_the_view(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(50)
        view = await room.account.view(1)

        async def ask() -> None:
            for _ in range(40):
                there = set(view.uids)
                gone = await room.account.expunged_since(1, 1)
                assert gone is not None
                assert not there & set(gone)

        async def remove() -> None:
            for uid in range(1, 41):
                await room.account.remove(1, [uid])

        await asyncio.gather(ask(), remove())
        room.account.release(view)

    stage.run(play)


# ---- SAVEDATE (RFC 8514)


def test_save_dates_are_of_the_mailbox(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account, clock = room.account, room.clock
        at = int(clock.now())
        archive = (await account.mailbox("Archive")).mailbox_id
        await room.put(message(), message(), internal_date=1234)
        clock._now += 100
        await room.put(message(), flags=frozenset({"$a"}))
        assert await account.save_dates(1) == {1: at, 2: at, 3: at + 100}
        clock._now += 100
        await room.put(message(), mailbox="Archive", flags=frozenset({"$b"}))  # $a will need another bit
        await account.copy(1, [1, 3], "Archive")
        clock._now += 100
        await account.move(1, [2], "Archive")
        await account.set_flags(1, [1], ADD, frozenset({"\\Seen"}))
        assert await account.save_dates(1) == {1: at, 3: at + 100}
        assert await account.save_dates(archive) == {1: at + 200, 2: at + 200, 3: at + 200, 4: at + 300}
        assert await account.save_dates(archive, [4, 2, 77]) == {2: at + 200, 4: at + 300}
        assert await account.save_dates(archive, []) == {}
        with pytest.raises(NoSuchMailbox):
            await account.save_dates(99)

    stage.run(play)


# ---- QUOTA (RFC 9208)


def test_deleted_octets(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message("one"), message("a longer one"), message("three"))
        assert await room.account.deleted_octets(1) == 0
        await room.account.set_flags(1, [1, 2], ADD, frozenset({"\\Deleted"}))
        assert await room.account.deleted_octets(1) == len(message("one") + message("a longer one"))
        await room.account.remove(1, [2])
        assert await room.account.deleted_octets(1) == len(message("one"))
        with pytest.raises(NoSuchMailbox):
            await room.account.deleted_octets(99)

    stage.run(play)


# ---- REPLACE (RFC 8508)


@pytest.mark.parametrize("body", ["small", "x" * 9000])
def test_replace(stage: Stage, body: str) -> None:
    async def play(room: Room) -> None:
        await room.put_many(3)
        room.take_changes()
        content = message("new", body)
        done = await replace(room, 2, content, flags=frozenset({"\\Draft", "$k"}), origin=ME)
        inbox = await room.inbox()
        assert done == Appended(1, inbox.uid_validity, 4)
        assert await room.uids() == [1, 3, 4]
        added, gone = room.take_changes()
        assert added == MessagesAdded(1, (4,), inbox.highest_modseq, ME)
        assert isinstance(gone, MessagesExpunged)
        assert ([one.uid for one in gone.gone], gone.modseq, gone.origin) == ([2], inbox.highest_modseq, ME)
        done = await replace(room, 4, content, "Sent")
        assert (await room.uids(), await room.uids("Sent")) == ([1, 3], [1])
        view = await room.look("Sent")
        assert await room.account.read_range(view.content_ids[0], 0, 1 << 20) == content
        assert inbox.highest_modseq < (await room.inbox()).highest_modseq == view.mailbox.highest_modseq
        await replace(room, 1, content, "made", create=True)
        assert await room.uids("made") == [1]
        usage = await room.account.usage()
        assert usage.messages == 3

    stage.run(play)


@pytest.mark.parametrize("body", ["small", "x" * 9000])
def test_replacing_what_is_gone_appends_nothing(stage: Stage, body: str) -> None:
    async def play(room: Room) -> None:
        await room.put_many(2)
        await room.account.remove(1, [1])
        before, usage = await room.account.mailboxes(), await room.account.usage()
        room.take_changes()
        for uid in (1, 3, 0):
            with pytest.raises(NoSuchMessage):
                await replace(room, uid, message(body=body))
            with pytest.raises(NoSuchMessage):
                await replace(room, uid, message(body=body), "new", create=True)
        with pytest.raises(NoSuchMailbox):
            await replace(room, 2, message(body=body), "nowhere")
        with pytest.raises(NoSuchMailbox):
            await replace(room, 2, message(body=body), mailbox_id=99)
        assert (await room.account.mailboxes(), await room.account.usage()) == (before, usage)
        assert room.changes == []

    stage.run(play)


def test_one_message_is_replaced_once(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(1)
        done = await asyncio.gather(*(replace(room, 1, message(str(at))) for at in range(3)), return_exceptions=True)
        assert [isinstance(one, NoSuchMessage) for one in done] == [False, True, True]
        assert await room.uids() == [2]

    stage.run(play)


def test_the_quota_of_a_replacement_leaves_the_old_one_out(stage: Stage) -> None:
    async def play(room: Room) -> None:
        old, new = message("old", "x" * 100), message("new", "x" * 150)
        await room.put(old, message())
        used = await room.account.usage()
        limit = used.octets - len(old) + len(new)
        with pytest.raises(OverQuota):
            await replace(room, 1, new, quota_octets=limit - 1)
        assert await room.uids() == [1, 2]
        await replace(room, 1, new, "Archive", quota_octets=limit, quota_messages=2)
        assert await room.account.usage() == Usage(limit, 2)
        with pytest.raises(OverQuota):
            await replace(room, 2, message(), quota_messages=1)

    stage.run(play)


def test_the_quota_is_for_the_sum_of_many(stage: Stage) -> None:
    async def play(room: Room) -> None:
        drafts = [room.store.draft() for _ in range(3)]
        for draft in drafts:
            draft.write(message())
            draft.finish()
        limit = 3 * len(message())
        with pytest.raises(OverQuota):
            await room.account.append_many("INBOX", [(one, AppendOptions(quota_octets=limit - 1)) for one in drafts])
        assert (await room.inbox()).uid_next == 1
        await room.account.append_many("INBOX", [(one, AppendOptions(quota_octets=limit)) for one in drafts])
        assert await room.uids() == [1, 2, 3]
        for draft in drafts:
            draft.close()

    stage.run(play)


# ---- ACL (RFC 4314)


def test_access_control_lists(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await account.set_acl(1, "bob@b.test", "srl", origin=ME)
        event = MailboxEvent(MailboxEventKind.ACL, 1, "INBOX")
        [change] = room.take_changes()
        assert isinstance(change, MailboxesChanged)
        assert (change.events, change.removed, change.origin) == ((event,), (), ME)
        await account.set_acl(1, "anyone", "l")
        await account.set_acl(1, "-bob@b.test", "w")
        await account.set_acl(1, "bob@b.test", "lr")
        assert (await room.inbox()).acl == (("-bob@b.test", "w"), ("anyone", "l"), ("bob@b.test", "lr"))
        assert (await room.look()).mailbox.acl == (await room.inbox()).acl
        room.take_changes()
        await account.set_acl(1, "bob@b.test", "rl")  # as it is
        await account.set_acl(1, "nobody", None)
        assert room.take_changes() == []
        await account.set_acl(1, "bob@b.test", None)
        await account.set_acl(1, "-bob@b.test", "")
        assert (await room.inbox()).acl == (("anyone", "l"),)
        with pytest.raises(NoSuchMailbox):
            await account.set_acl(99, "x", "l")

    stage.run(play)


def test_a_new_mailbox_inherits_from_the_nearest_there_is(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        top = await account.create("a")
        await account.set_acl(top.mailbox_id, "bob@b.test", "lr")
        mine = (("bob@b.test", "lr"),)
        assert (await account.create("a/b/c")).acl == mine
        inner = await account.create("a/b")
        await account.set_acl(inner.mailbox_id, "bob@b.test", None)
        assert (await account.create("a/b/d")).acl == ()
        await room.put(message(), mailbox="a/x", create=True)
        assert (await account.mailbox("a/x")).acl == mine
        assert (await account.create("ab")).acl == ()
        await account.rename("a", "z")
        assert [(await account.mailbox(name)).acl for name in ("z", "z/b", "z/b/c", "z/x")] == [mine, (), mine, mine]
        await account.rename("z/b/c", "c")
        assert (await account.mailbox("c")).acl == mine
        await account.delete("c")
        assert (await account.create("c")).acl == ()
        await account.set_acl(1, "anyone", "p")
        await account.rename("INBOX", "z/old")
        assert ((await account.mailbox("z/old")).acl, (await room.inbox()).acl) == (mine, (("anyone", "p"),))

    stage.run(play)


def test_the_number_of_entries_is_bounded(stage: Stage) -> None:
    async def play(room: Room) -> None:
        for who in "ab":
            await room.account.set_acl(1, who, "l")
        with pytest.raises(TooManyAclEntries):
            await room.account.set_acl(1, "c", "l")
        await room.account.set_acl(1, "a", "lr")
        await room.account.set_acl(1, "b", None)
        await room.account.set_acl(1, "c", "l")
        assert (await room.inbox()).acl == (("a", "lr"), ("c", "l"))

    stage.run(play, StoreSettings(max_acl_entries=2, threads=2))


def test_sharers(stage: Stage) -> None:
    async def play(room: Room) -> None:
        store = room.store
        assert await store.sharers(["bob@b.test", "anyone"]) == []
        await store.create_account(8)
        other = await store.open(8)
        await room.account.set_acl(1, "bob@b.test", "lr")
        await other.set_acl(1, "anyone", "l")
        await other.set_acl(2, "bob@b.test", "l")
        assert await store.sharers(["bob@b.test"]) == [7, 8]
        assert await store.sharers(["anyone", "carol@c.test"]) == [8]
        assert await store.sharers(["carol@c.test"]) == await store.sharers([]) == []
        other.close()
        await store.delete_account(8)
        assert await store.sharers(["bob@b.test", "anyone"]) == [7]

    stage.run(play)


# ---- METADATA (RFC 5464)


def test_annotations(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        assert await account.annotations(1, 7) == await account.annotations(None, 7) == {}
        await account.set_annotations(
            1, 7, {"/shared/Comment": b"ours", "/private/comment": b"mine", "/private/none": None}, origin=ME
        )
        everybody, mine = room.take_changes()
        assert isinstance(everybody, AnnotationsChanged)
        assert everybody == AnnotationsChanged(1, 0, ("/shared/comment",), everybody.modseq, ME)
        assert mine == AnnotationsChanged(1, 7, ("/private/comment",), everybody.modseq, ME)
        await account.set_annotations(1, 9, {"/private/comment": b"another's", "/shared/x": b"\x00\xff"})
        assert await account.annotations(1, 7) == {
            "/private/comment": b"mine",
            "/shared/comment": b"ours",
            "/shared/x": b"\x00\xff",
        }
        assert (await account.annotations(1, 9))["/private/comment"] == b"another's"
        assert await account.annotations(2, 7) == {}
        await account.set_annotations(None, 7, {"/shared/admin": b"mailto:x", "/private/comment": b""})
        assert await account.annotations(None, 7) == {"/private/comment": b"", "/shared/admin": b"mailto:x"}
        assert await account.annotation_octets() == len(b"oursmineanother's\x00\xffmailto:x")
        room.take_changes()
        await account.set_annotations(1, 7, {"/SHARED/comment": b"ours", "/private/none": None})
        assert room.take_changes() == []
        await account.set_annotations(1, 7, {"/shared/comment": None})
        assert "/shared/comment" not in await account.annotations(1, 9)
        for attempt in (account.annotations(99, 7), account.set_annotations(99, 7, {"/shared/x": b""})):
            with pytest.raises(NoSuchMailbox):
                await attempt

    stage.run(play)


def test_an_annotation_is_a_change_of_its_mailbox(stage: Stage) -> None:
    """RFC 7162 §3.2: the mailbox's mod-sequence grows, and who has it open sees that."""

    async def play(room: Room) -> None:
        account = room.account
        view = await account.view(1)
        highest = [view.mailbox.highest_modseq]
        for value in (b"x", b"y", None):
            await account.set_annotations(1, 7, {"/private/comment": value})
            highest.append((await account.mailbox("INBOX")).highest_modseq)
            assert view.mailbox.highest_modseq == highest[-1]
        assert highest == sorted(set(highest))
        await account.set_annotations(1, 7, {"/private/comment": None})
        await account.set_annotations(None, 7, {"/private/comment": b"of no mailbox"})
        assert (await account.mailbox("INBOX")).highest_modseq == highest[-1]
        archive = await account.mailbox("Archive")
        await account.set_special_use(archive.mailbox_id, None)
        assert (await account.mailbox("Archive")).highest_modseq > archive.highest_modseq
        account.release(view)

    stage.run(play)


def test_annotations_of_many_mailboxes(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await account.set_annotations(1, 7, {"/shared/a": b"1", "/private/a": b"2", "/private/b": b"3"})
        await account.set_annotations(1, 9, {"/private/a": b"another's"})
        await account.set_annotations(3, 7, {"/private/b": b"4"})
        await account.set_annotations(None, 7, {"/shared/a": b"the account's"})
        wanted = ["/shared/a", "/private/a", "/private/none"]
        assert await account.annotations_of([1, 2, 3, 99], 7, wanted) == {1: {"/shared/a": b"1", "/private/a": b"2"}}
        assert await account.annotations_of([1, 3], 7, ["/private/b"]) == {
            1: {"/private/b": b"3"},
            3: {"/private/b": b"4"},
        }
        assert await account.annotations_of([], 7, wanted) == await account.annotations_of([1], 7, []) == {}

    stage.run(play)


def test_a_special_use_goes_from_one_mailbox_to_another(stage: Stage) -> None:
    """RFC 6154 §4."""

    async def play(room: Room) -> None:
        account = room.account
        sent, made = await account.mailbox("Sent"), await account.create("made")
        room.take_changes()
        before = await account.set_special_use(made.mailbox_id, "\\Sent", origin=ME)
        assert before is not None
        assert (before.name, before.special_use) == ("Sent", None)
        now, then = room.take_changes()
        entry = ("/private/specialuse",)
        assert isinstance(now, AnnotationsChanged)
        assert now == AnnotationsChanged(made.mailbox_id, 7, entry, now.modseq, ME)
        assert then == AnnotationsChanged(sent.mailbox_id, 7, entry, now.modseq, ME)
        assert await account.set_special_use(made.mailbox_id, "\\Sent") is None
        assert room.take_changes() == []
        assert {box.name: box.special_use for box in await account.mailboxes()}["made"] == "\\Sent"
        assert await account.set_special_use(made.mailbox_id, None) is None
        assert (await account.mailbox("made")).special_use is None
        with pytest.raises(NoSuchMailbox):
            await account.set_special_use(99, "\\Sent")

    stage.run(play)


def test_annotations_go_where_their_mailbox_goes(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        made = await account.create("a")
        values: dict[str, bytes | None] = {"/shared/comment": b"text", "/private/comment": b"mine"}
        await account.set_annotations(made.mailbox_id, 7, values)
        await account.set_annotations(1, 7, values)
        await account.rename("a", "b")
        assert await account.annotations((await account.mailbox("b")).mailbox_id, 7) == values
        await account.rename("INBOX", "old")  # RFC 5464 §4.1: copied, and INBOX keeps them
        assert await account.annotations((await account.mailbox("old")).mailbox_id, 7) == values
        assert await account.annotations(1, 7) == values
        await account.delete("b")
        assert await account.annotation_octets() == 16
        with pytest.raises(NoSuchMailbox):
            await account.annotations(made.mailbox_id, 7)
        again = await account.create("b")
        assert await account.annotations(again.mailbox_id, 7) == {}

    stage.run(play)


def test_annotations_are_bounded_all_or_none(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await account.set_annotations(1, 7, {"/shared/a": b"1", "/private/a": b"1", "/private/b": b"2"})
        room.take_changes()
        with pytest.raises(TooManyAnnotations):
            await account.set_annotations(1, 7, {"/shared/b": b"1", "/private/c": b"3"})
        assert sorted(await account.annotations(1, 7)) == ["/private/a", "/private/b", "/shared/a"]
        assert room.changes == []
        await account.set_annotations(1, 7, {"/private/c": b"3", "/private/a": None, "/private/b": b"4"})
        await account.set_annotations(1, 8, {"/private/c": b"3"})
        await account.set_annotations(2, 7, {"/private/c": b"3"})
        assert sorted(await account.annotations(1, 7)) == ["/private/b", "/private/c", "/shared/a"]

    stage.run(play, StoreSettings(max_annotations=2, threads=2))


# ---- what happened to mailboxes (RFC 5465)


def test_mailbox_events(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        ids = [(await account.create(name)).mailbox_id for name in ("a", "a/b")]
        assert events(room) == [MailboxEvent(CREATED, ids[0], "a"), MailboxEvent(CREATED, ids[1], "a/b")]
        await account.rename("a", "c")
        assert events(room) == [MailboxEvent(RENAMED, ids[0], "c", "a"), MailboxEvent(RENAMED, ids[1], "c/b", "a/b")]
        await account.subscribe("c", True)
        await account.subscribe("c", False)
        await account.subscribe("later", True)
        assert events(room) == [
            MailboxEvent(MailboxEventKind.SUBSCRIBED, ids[0], "c"),
            MailboxEvent(MailboxEventKind.UNSUBSCRIBED, ids[0], "c"),
            MailboxEvent(MailboxEventKind.SUBSCRIBED, 0, "later"),
        ]
        await account.delete("c")
        assert events(room) == [MailboxEvent(GONE, ids[0], "c")]
        await account.rename("INBOX", "old")
        old = await account.mailbox("old")
        assert events(room) == [MailboxEvent(CREATED, old.mailbox_id, "old", "INBOX")]
        for name in ("new", "later"):
            await room.put(message(), mailbox=name, create=True)
        new, later = await account.mailbox("new"), await account.mailbox("later")
        assert events(room) == [
            MailboxEvent(CREATED, new.mailbox_id, "new"),
            MailboxEvent(MailboxEventKind.SUBSCRIBED, new.mailbox_id, "new"),
            MailboxEvent(CREATED, later.mailbox_id, "later"),  # which was subscribed already
        ]

    stage.run(play)


# ---- views that nobody has


def test_a_view_that_was_given_back_is_there_and_up_to_date(stage: Stage) -> None:
    async def play(room: Room) -> None:
        account = room.account
        await room.put_many(5)
        view = await account.view(1)
        account.release(view)
        await room.put_many(2)
        await account.set_flags(1, [2], ADD, frozenset({"\\Seen", "$new"}))
        await account.remove(1, [1, 4])
        again = await account.view(1)
        assert again is view
        assert list(view.uids) == [2, 3, 5, 6, 7]
        assert view.mailbox == await room.inbox()
        assert view.flag_names(view.masks[0]) == ("\\Seen", "$new")
        account.release(again)
        old = await room.look("Junk")
        await account.delete("Junk")
        await account.create("Junk")
        assert await room.look("Junk") is not old

    stage.run(play)


def test_only_so_many_messages_are_kept_in_idle_views(stage: Stage) -> None:
    async def play(room: Room) -> None:
        for name in ("INBOX", "Sent", "Trash"):
            await room.put_many(20, name)
        first, second = await room.look(), await room.look("Sent")
        assert await room.look() is first
        third = await room.look("Trash")  # the longest unused makes room
        assert await room.look("Trash") is third
        assert await room.look() is first
        assert await room.look("Sent") is not second

    stage.run(play, StoreSettings(max_idle_view_messages=110, threads=2))


def test_nothing_is_left_of_a_deleted_account_s_views(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put_many(2)
        await room.look()
        await room.store.delete_account(7)
        await room.store.create_account(7)
        again = await room.store.open(7)
        view = await again.view(1)
        assert list(view.uids) == []
        again.release(view)
        again.close()

    stage.run(play)


def test_masks_are_those_of_the_flags(stage: Stage) -> None:
    async def play(room: Room) -> None:
        await room.put(message(), flags=frozenset({"\\Deleted"}))
        done = await room.account.set_flags(1, [1], ADD, frozenset({"\\Seen"}))
        assert done.masks == (DELETED | SEEN,)

    stage.run(play, SETTINGS)
