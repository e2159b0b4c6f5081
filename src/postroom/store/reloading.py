"""What has happened between two states of an account, when nobody can tell any more.

Owns: the effects that lead from one state to the other. Never: knows in which order things happened, or what came and
went between the two. Raises: nothing.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence

from .annotations import uses_changed
from .api import (
    FlagsChanged,
    GoneMessage,
    MailboxesChanged,
    MailboxEvent,
    MailboxEventKind,
    MessagesAdded,
    MessagesExpunged,
    View,
)
from .books import Books
from .views import Added, Effect, Gone, Mailboxes, Masked, event_of


def differences(
    old: Books,
    new: Books,
    view_of: Callable[[int], View | None],
    rows: Mapping[int, Sequence[Sequence[int]]],
    account_id: int,
) -> Iterator[Effect]:
    """All that leads from the old books, and the views of that time, to the new ones and these rows (in columns, by
    mailbox). The views are folded forward meanwhile."""
    yield from mailbox_differences(old, new, account_id)
    for mailbox_id, columns in rows.items():
        if (view := view_of(mailbox_id)) is not None:
            yield from message_differences(view, columns, old.modseq, new.modseq)


def mailbox_differences(old: Books, new: Books, account_id: int) -> Iterator[Effect]:
    """Mailboxes that came, went, were renamed, shared, (un)subscribed."""
    removed = [box for mailbox_id, box in old.boxes.items() if mailbox_id not in new.boxes]
    events = [event_of(MailboxEventKind.DELETED, box) for box in removed]
    uses = []
    for mailbox_id, box in new.boxes.items():
        before = old.boxes.get(mailbox_id)
        if before is None:
            events.append(event_of(MailboxEventKind.CREATED, box))
            continue
        if before.name != box.name:
            events.append(event_of(MailboxEventKind.RENAMED, box, before.name))
        if before.acl != box.acl:
            events.append(event_of(MailboxEventKind.ACL, box))
        if before.special_use != box.special_use:
            uses.append(box)
    for kind, names in (
        (MailboxEventKind.SUBSCRIBED, new.subscriptions - old.subscriptions),
        (MailboxEventKind.UNSUBSCRIBED, old.subscriptions - new.subscriptions),
    ):
        events += [MailboxEvent(kind, new.names.get(name, 0), name) for name in sorted(names)]
    if events:
        yield Mailboxes(MailboxesChanged(tuple([box.mailbox_id for box in removed]), new.modseq, None, tuple(events)))
    yield from uses_changed(uses, account_id, new.modseq, None)


def message_differences(view: View, columns: Sequence[Sequence[int]], since: int, modseq: int) -> Iterator[Effect]:
    """From a view, which is folded forward meanwhile, to the columns that it should have, as they are at `modseq`.

    `since` is the modseq that the view is of: what is gone may have gone right after it.
    """
    mailbox_id = view.mailbox.mailbox_id
    uids, masks, modseqs, *_ = columns
    place = {uid: at for at, uid in enumerate(uids)}
    lost = [at for at, uid in enumerate(view.uids) if uid not in place]
    if lost:
        gone = [
            GoneMessage(view.uids[at], view.masks[at], since + 1, view.sizes[at], view.dates[at], view.content_ids[at])
            for at in lost
        ]
        yield Gone(mailbox_id, MessagesExpunged(mailbox_id, tuple(gone), modseq, None))
    known = len(view.uids)
    if view.uids != array("L", uids[:known]):
        raise AssertionError(f"mailbox {mailbox_id}: a message below others has come")
    changed: dict[int, list[int]] = {}
    for at in range(known):
        if view.modseqs[at] != modseqs[at] or view.masks[at] != masks[at]:
            changed.setdefault(modseqs[at], []).append(at)
    for changed_at, places in sorted(changed.items()):
        change = FlagsChanged(mailbox_id, tuple([uids[at] for at in places]), changed_at, None)
        yield Masked(mailbox_id, [masks[at] for at in places], change)
    if rows := list(zip(*columns, strict=True))[known:]:
        yield Added(mailbox_id, rows, MessagesAdded(mailbox_id, tuple(uids[known:]), modseq, None))
