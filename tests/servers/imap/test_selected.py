"""The view a session has of its mailbox: numbers that move only when told."""

import asyncio
import re
from array import array
from dataclasses import replace
from typing import Any, cast

import pytest

from postroom.imap.seqset import parse
from postroom.servers.imap.flag_lists import RECENT
from postroom.servers.imap.refusal import Refused
from postroom.servers.imap.selected import SelectedMailbox
from postroom.store.api import (
    DELETED,
    FLAGGED,
    SEEN,
    Account,
    Change,
    FlagsChanged,
    GoneMessage,
    Mailbox,
    MailboxesChanged,
    MessagesAdded,
    MessagesExpunged,
    Subscriber,
    View,
)


class FakeAccount:
    """One mailbox, changed by hand as a store would change it."""

    account_id = 1

    def __init__(self, count: int = 0, recent: int = 0) -> None:
        self.box = Mailbox(7, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0)
        self.the_view = View(self.box)
        self.subscribers: list[Subscriber] = []
        self.recent_from = 1
        self.claims = 0
        self.add(count)
        self.recent_from = count + 1 - recent
        self._describe()

    def _describe(self) -> None:
        view = self.the_view
        recent = sum(uid >= self.recent_from for uid in view.uids)
        unseen = sum(not mask & SEEN for mask in view.masks)
        view.mailbox = replace(view.mailbox, recent=recent, unseen=unseen, messages=len(view.uids))

    def add(self, count: int = 1) -> None:
        view = self.the_view
        first = view.mailbox.uid_next
        for uid in range(first, first + count):
            for column, value in (
                (view.masks, 0),
                (view.modseqs, 1),
                (view.sizes, uid * 10),
                (view.dates, uid),
                (view.content_ids, uid + 100),
                (view.uids, uid),
            ):
                column.append(value)
        view.mailbox = replace(view.mailbox, uid_next=first + count)
        self._describe()
        self._tell(MessagesAdded(7, tuple(range(first, first + count)), 2, None))

    def expunge(self, *uids: int, origin: object = None) -> None:
        view = self.the_view
        gone = []
        for uid in uids:
            at = view.index(uid)
            gone.append(GoneMessage(uid, view.masks[at], 3, view.sizes[at], view.dates[at], view.content_ids[at]))
        keep = [at for at, uid in enumerate(view.uids) if uid not in uids]
        for name in ("uids", "masks", "modseqs", "sizes", "dates", "content_ids"):
            old = getattr(view, name)
            setattr(view, name, array(old.typecode, [old[at] for at in keep]))
        self._describe()
        self._tell(MessagesExpunged(7, tuple(gone), 3, origin))

    def flag(self, uid: int, mask: int, origin: object = None) -> None:
        self.the_view.masks[self.the_view.index(uid)] = mask
        self._describe()
        self._tell(FlagsChanged(7, (uid,), 4, origin))

    def _tell(self, change: Change) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber(change)

    async def view(self, mailbox_id: int) -> View:
        return self.the_view

    def release(self, view: View) -> None:
        pass

    def subscribe_changes(self, subscriber: Subscriber) -> None:
        self.subscribers.append(subscriber)

    def unsubscribe_changes(self, subscriber: Subscriber) -> None:
        self.subscribers.remove(subscriber)

    async def claim_recent(self, mailbox_id: int) -> tuple[int, int]:
        self.claims += 1
        claimed = self.recent_from, self.the_view.mailbox.uid_next
        self.recent_from = claimed[1]
        self._describe()
        return claimed


def opened(account: FakeAccount, *, read_only: bool = False, claims: Any = None) -> SelectedMailbox:
    return asyncio.run(
        SelectedMailbox.open(
            cast(Account, account), account.the_view.mailbox, read_only=read_only, claims=claims or set()
        )
    )


def test_nothing_new_is_nothing_said() -> None:
    selected = opened(FakeAccount(3))
    assert not selected.has_news
    assert selected.take_updates(expunge=True) == b""


def test_new_messages_are_announced_with_exists_and_recent() -> None:
    account = FakeAccount(2)
    selected = opened(account)
    account.add(2)
    assert selected.count == 2
    assert selected.take_updates(expunge=False) == b"* 4 EXISTS\r\n* 0 RECENT\r\n"
    assert selected.count == 4
    assert selected.take_updates(expunge=True) == b""


def test_an_expunge_is_kept_back_until_it_may_be_said() -> None:
    account = FakeAccount(4)
    selected = opened(account)
    account.expunge(2, 3)
    assert selected.take_updates(expunge=False) == b""
    assert selected.count == 4
    rows = selected.rows(range(4))
    assert list(rows.uids) == [1, 2, 3, 4]
    assert list(rows.sizes) == [10, 20, 30, 40]  # what is gone is still described as it was
    assert list(rows.content_ids) == [101, 102, 103, 104]
    assert selected.gone_among([1, 2, 3]) == 2
    assert selected.take_updates(expunge=True) == b"* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n"
    assert list(selected.rows(range(selected.count)).uids) == [1, 4]


def test_messages_that_come_while_an_expunge_is_kept_back_number_on_after_all_the_client_knows() -> None:
    account = FakeAccount(3)
    selected = opened(account)
    account.expunge(1)
    account.add(2)
    assert selected.take_updates(expunge=False) == b"* 5 EXISTS\r\n* 0 RECENT\r\n"
    account.expunge(5)
    account.add()
    assert selected.position(4) == 3
    assert selected.take_updates(expunge=False) == b"* 6 EXISTS\r\n* 0 RECENT\r\n"
    assert selected.take_updates(expunge=True) == b"* 1 EXPUNGE\r\n* 4 EXPUNGE\r\n"
    assert list(selected.rows(range(selected.count)).uids) == [2, 3, 4, 6]


def test_a_message_that_came_and_went_unsaid_is_never_mentioned() -> None:
    account = FakeAccount(1)
    selected = opened(account)
    account.add(2)
    account.expunge(2)
    assert selected.take_updates(expunge=True) == b"* 2 EXISTS\r\n* 0 RECENT\r\n"
    account.add()
    account.expunge(4)
    assert not selected.has_news
    assert selected.position(3) == 1


def test_two_sessions_with_the_same_old_arrays_do_not_disturb_each_other() -> None:
    account = FakeAccount(3)
    one, two = opened(account), opened(account)
    account.expunge(2)
    account.add()
    assert one.take_updates(expunge=False) == b"* 4 EXISTS\r\n* 0 RECENT\r\n"
    assert two.take_updates(expunge=False) == b"* 4 EXISTS\r\n* 0 RECENT\r\n"
    account.add()
    assert one.take_updates(expunge=True) == b"* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 0 RECENT\r\n"
    assert two.take_updates(expunge=False) == b"* 5 EXISTS\r\n* 0 RECENT\r\n"
    assert list(two.uids_of([(0, 5)])) == [1, 2, 3, 4, 5]


def test_flags_changed_by_others_are_said_and_own_changes_are_not() -> None:
    account = FakeAccount(2)
    selected = opened(account)
    account.flag(2, SEEN | FLAGGED)
    account.flag(1, SEEN, origin=selected)
    assert selected.take_updates(expunge=False) == b"* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen))\r\n"
    account.flag(1, DELETED)
    selected.said_flags([1])
    assert not selected.has_news


def test_flag_changes_of_messages_that_are_gone_or_new_are_not_said() -> None:
    account = FakeAccount(2)
    selected = opened(account)
    account.flag(1, SEEN)
    account.add()
    account.flag(3, SEEN)
    account.expunge(1)
    assert selected.take_updates(expunge=False) == b"* 3 EXISTS\r\n* 0 RECENT\r\n"


def test_new_keywords_are_introduced_before_they_are_used() -> None:
    account = FakeAccount(1)
    selected = opened(account)
    account.the_view.keywords.append("$Work")
    account.flag(1, 1 << 5)
    flags = rb"\Answered \Flagged \Deleted \Seen \Draft $Work"
    assert selected.take_updates(expunge=False) == (
        b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b \\*)] Flags permitted\r\n* 1 FETCH (UID 1 FLAGS ($Work))\r\n"
        % (flags, flags)
    )
    assert selected.keyword_bit("$WORK") == 32
    assert selected.keyword_bit("$Other") == 0


def test_recent_is_given_to_the_first_session_only() -> None:
    account = FakeAccount(5, recent=2)
    claims: set[tuple[int, int]] = set()
    reader = opened(account, read_only=True)
    one = opened(account, claims=claims)
    two = opened(account, claims=claims)
    assert (reader.recent_count, one.recent_count, two.recent_count) == (2, 2, 0)
    assert one.flag_lists(one.rows([3, 4]).masks) == [b"(\\Recent)"] * 2
    assert [mask & RECENT for mask in one.rows(range(2, 4)).masks] == [0, RECENT]
    account.add()
    assert one.should_claim
    asyncio.run(one.claim_recent())
    assert not two.should_claim
    assert one.take_updates(expunge=True) == b"* 6 EXISTS\r\n* 3 RECENT\r\n"
    assert two.take_updates(expunge=True) == b"* 6 EXISTS\r\n* 0 RECENT\r\n"
    assert one.recent_spans() == [(3, 6)]  # neighbouring claims become one range


def test_a_claim_under_way_is_not_made_twice() -> None:
    account = FakeAccount(1)
    selected = opened(account, claims={(1, 8)})
    account.add()
    selected._claims.add((1, 7))
    assert not selected.should_claim
    asyncio.run(selected.claim_recent())
    assert account.claims == 0


def test_a_reserved_claim_is_anybodys_when_the_session_closes() -> None:
    account = FakeAccount(1)
    claims = {(0, 0)}
    one, two = opened(account, claims=claims), opened(account, claims=claims)
    account.add()
    one.reserve_claim()
    assert [one.should_claim, two.should_claim] == [True, False]
    one.close()
    assert [one.should_claim, two.should_claim] == [True, True]
    assert account.claims == 0


def test_a_deleted_mailbox_is_noticed() -> None:
    account = FakeAccount(1)
    selected = opened(account)
    calls: list[int] = []
    selected.on_change = lambda: calls.append(1)
    account._tell(MailboxesChanged((9,), 5, None))
    assert calls == []
    account._tell(MailboxesChanged((7,), 5, None))
    assert selected.deleted
    assert calls == [1]
    selected.close()
    assert account.subscribers == []


def test_changes_of_other_mailboxes_are_passed_over() -> None:
    account = FakeAccount(1)
    selected = opened(account)
    account._tell(FlagsChanged(8, (1,), 5, None))
    assert not selected.has_news


def test_sequence_sets() -> None:
    account = FakeAccount(5)
    selected = opened(account)
    account.expunge(2)
    selected.take_updates(expunge=True)
    assert selected.resolve(parse(b"2,4:*,1:2"), uid=False) == [(0, 2), (3, 4)]
    assert selected.resolve(parse(b"3:4,2,900:*"), uid=True) == [(1, 4)]
    assert selected.resolve(parse(b"5"), uid=False, lenient=True) == []
    for wrong in (b"5", b"1:5"):
        with pytest.raises(Refused):
            selected.resolve(parse(wrong), uid=False)
    empty = opened(FakeAccount())
    assert empty.resolve(parse(b"1:*"), uid=True) == []
    with pytest.raises(Refused):
        empty.resolve(parse(b"*"), uid=False)


def test_uids_the_client_was_not_told_of_do_not_resolve() -> None:
    account = FakeAccount(2)
    selected = opened(account)
    account.add(2)
    assert selected.resolve(parse(b"1:*"), uid=True) == [(0, 2)]
    assert selected.resolve(parse(b"3"), uid=True) == []


def test_first_unseen() -> None:
    account = FakeAccount(3)
    selected = opened(account)
    account.flag(1, SEEN)
    assert selected.first_unseen() == 2
    for uid in (2, 3):
        account.flag(uid, SEEN)
    assert selected.first_unseen() == 0


def test_read_only_permits_no_flags() -> None:
    selected = opened(FakeAccount(1), read_only=True)
    assert b"[PERMANENTFLAGS ()]" in selected.flags_responses()


def test_a_change_by_others_after_ones_own_is_still_told() -> None:
    account = FakeAccount(2)
    selected = opened(account)
    account.flag(1, SEEN)
    account.flag(1, SEEN | FLAGGED, origin=selected)  # of which .SILENT says nothing
    before = selected.has_news
    selected.said_flags([1])  # as STORE without it does
    assert (before, selected.has_news) == (True, False)
    account.flag(1, DELETED)
    assert selected.take_updates(expunge=False) == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\n"


def test_everything_has_what_is_gone_and_not_said() -> None:
    account = FakeAccount(6)
    selected = opened(account)
    account.expunge(2, 5)
    account.add()  # not told either
    expected = selected.rows(range(6))
    rows = selected.everything()
    for name in ("uids", "masks", "sizes", "dates", "modseqs", "content_ids"):
        assert list(getattr(rows, name)) == list(getattr(expected, name)), name
    assert list(selected.unsaid_gone) == [2, 5]
    assert selected.last_uid == 6


@pytest.mark.parametrize("few", [0, 10**9])
def test_flag_changes_are_found_one_by_one_or_among_all(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.servers.imap.selected._FEW", few)
    account = FakeAccount(9)
    selected = opened(account)
    account.flag(2, SEEN)
    account.flag(5, SEEN)
    account.expunge(5, 7)
    account.flag(8, SEEN)
    account.add()
    account.flag(10, FLAGGED)  # told with EXISTS, as something new
    said = selected.take_updates(expunge=False)
    assert re.findall(rb"(\d+) FETCH \(UID (\d+)", said) == [(b"2", b"2"), (b"8", b"8")]
    for uid in (3, 4, 6):
        account.flag(uid, DELETED)
    said = selected.take_updates(expunge=True)
    assert re.findall(rb"(\d+) FETCH \(UID (\d+)", said) == [(b"3", b"3"), (b"4", b"4"), (b"5", b"6")]
