import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store import (
    AnnotationsChanged,
    FlagsChanged,
    Mailbox,
    MailboxesChanged,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    StoreSettings,
    View,
)
from postroom.store.books import Books
from postroom.store.reloading import mailbox_differences, message_differences
from postroom.store.views import Annotated, Mailboxes, append_rows, fold

BOX = Mailbox(1, "INBOX", 1, 1, 1, 0, 0, 0, 0, 0)
Rows = dict[int, tuple[int, ...]]


def rows_of(view: View) -> list[tuple[int, ...]]:
    return list(zip(view.uids, view.masks, view.modseqs, view.sizes, view.dates, view.content_ids, strict=True))


def columns_of(rows: Rows) -> list[tuple[int, ...]]:
    return list(zip(*rows.values(), strict=True)) if rows else [()] * 6


@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_the_effects_lead_to_what_there_is(count: int, rng: random.Random) -> None:
    before: Rows = {uid: (uid, rng.choice((0, 1)), rng.randint(1, 9), uid, uid, uid) for uid in range(1, count + 1)}
    for uid in rng.sample(range(1, count + 1), count // 4):
        del before[uid]
    view = View(BOX)
    append_rows(view, list(before.values()))  # type: ignore[arg-type]
    after = {uid: row for uid, row in before.items() if rng.random() < 0.8}
    lost = before.keys() - after
    changed = {uid for uid in after if rng.random() < 0.3}
    for uid in changed:
        after[uid] = (uid, after[uid][1] ^ 2, rng.randint(11, 14), *after[uid][3:])
    new = range(count + 1, count + 1 + rng.randint(0, 3))
    after |= {uid: (uid, 0, rng.randint(11, 15), uid, uid, uid) for uid in new}
    told: dict[type, set[int]] = {MessagesAdded: set(), MessagesExpunged: set(), FlagsChanged: set()}
    last = 0
    for effect in message_differences(view, columns_of(after), 10, 15):
        change = effect.change  # type: ignore[union-attr]
        fold(view, effect)
        if isinstance(change, MessagesExpunged):
            told[MessagesExpunged] |= {message.uid for message in change.gone}
            assert {message.modseq for message in change.gone} == {11}  # no later than it can have been
            continue
        assert isinstance(change, MessagesAdded | FlagsChanged)
        assert change.modseq > last
        last = change.modseq
        told[type(change)] |= set(change.uids)
    assert rows_of(view) == list(after.values())
    assert told == {MessagesAdded: set(new), MessagesExpunged: lost, FlagsChanged: changed}
    assert list(message_differences(view, columns_of(after), 15, 15)) == []


def test_a_message_cannot_come_below_others() -> None:
    view = View(BOX)
    append_rows(view, [(2, 0, 1, 1, 1, 1)])
    with pytest.raises(AssertionError, match="below"):
        list(message_differences(view, columns_of({1: (1, 0, 1, 1, 1, 1), 2: (2, 0, 1, 1, 1, 1)}), 1, 2))


def test_mailboxes_that_came_went_and_changed() -> None:
    settings = StoreSettings()
    old = Books()
    for name in ("INBOX", "a", "b", "c"):
        old.add(name, 1, None, settings)
    old.subscriptions = frozenset({"a", "x"})
    assert list(mailbox_differences(old, old.copy(), 1)) == []
    new = old.copy()
    new.drop("a")
    new.rename("b", "d")
    new.add("e", 2, None, settings)
    new.touch(1).acl = (("bob", "l"),)
    new.use(4, "\\Sent")
    new.subscriptions = frozenset({"a", "c"})
    new.modseq = 9
    boxes, uses = mailbox_differences(old, new, 7)
    assert isinstance(boxes, Mailboxes)
    assert isinstance(boxes.change, MailboxesChanged)
    assert (boxes.change.removed, boxes.change.modseq) == ((2,), 9)
    assert [(event.kind, event.mailbox_id, event.name, event.old_name) for event in boxes.change.events] == [
        (MailboxEventKind.DELETED, 2, "a", ""),
        (MailboxEventKind.ACL, 1, "INBOX", ""),
        (MailboxEventKind.RENAMED, 3, "d", "b"),
        (MailboxEventKind.CREATED, 5, "e", ""),
        (MailboxEventKind.SUBSCRIBED, 4, "c", ""),
        (MailboxEventKind.UNSUBSCRIBED, 0, "x", ""),
    ]
    assert isinstance(uses, Annotated)
    assert uses.change == AnnotationsChanged(4, 7, ("/private/specialuse",), 9, None)
