"""What can be told from an account's mailboxes: what came into Junk, what left it, what was kept, how it is marked.

Owns: reading mailboxes' views for training. Never: learns, changes anything. Raises: StoreError.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from postroom.store import DELETED, DRAFT, SEEN, Account, FlagsChanged, Mailbox, NoSuchMailbox, View

from .database import HAM, SPAM

_JUNK, _TRASH = "\\Junk", "\\Trash"
_USES_OF_HAM = frozenset({None, "\\Archive", "\\Important"})  # where mail of others is kept
_LATEST = 5000  # messages at the end of a mailbox among which one is looked for
_MARKED_JUNK = frozenset({"$junk", "junk"})  # the latter two are Thunderbird's
_MARKED_HAM = frozenset({"$notjunk", "nonjunk", "notjunk"})


@dataclass(frozen=True, slots=True)
class InJunk:
    """The mailbox of junk."""

    new: list[tuple[int, int]]  # uid and content of what was not looked at
    contents: frozenset[int]  # all that is in it
    last_uid: int


@asynccontextmanager
async def _view(account: Account, mailbox_id: int) -> AsyncIterator[View]:
    view = await account.view(mailbox_id)
    try:
        yield view
    finally:
        account.release(view)


def junk_of(boxes: Sequence[Mailbox]) -> Mailbox | None:
    """The mailbox whose special use that is (RFC 6154 §2)."""
    return next((box for box in boxes if box.special_use == _JUNK), None)


def in_use(box: Mailbox) -> bool:
    """Mail of others is kept there."""
    return box.special_use in _USES_OF_HAM


async def newly_in(account: Account, junk: Mailbox, after: int, also: Collection[int]) -> InJunk:
    """What has come into Junk since a uid, `also` these uids where they are there."""
    async with _view(account, junk.mailbox_id) as view:
        uids = list(view.uids)
        contents = view.content_ids[: len(uids)]
        wanted = [(uid, content) for uid, content in zip(uids, contents, strict=True) if uid > after or uid in also]
        return InJunk(wanted, frozenset(contents), max(after, uids[-1] if uids else 0))


async def still_elsewhere(
    account: Account, boxes: Sequence[Mailbox], contents: Collection[int], just_gone: Collection[int], since: int
) -> list[int]:
    """Those of the contents that are in another mailbox now, Trash excepted.

    Looked for among what has come since a modseq, and for what has just gone among the latest messages of INBOX too:
    it may have been copied there long before it was removed.
    """
    found: dict[int, None] = {}
    for box in boxes if contents else ():
        if box.special_use in (_JUNK, _TRASH):
            continue
        everything = box.name == "INBOX" and bool(just_gone)
        if box.highest_modseq <= since and not everything:
            continue
        async with _view(account, box.mailbox_id) as view:
            for at in range(len(view.uids) - 1, max(-1, len(view.uids) - 1 - _LATEST), -1):
                content = view.content_ids[at]
                if content in contents and (view.modseqs[at] > since or content in just_gone):
                    found[content] = None
    return list(found)


async def kept(account: Account, box: Mailbox, since: int, until: int) -> list[tuple[int, int]]:
    """Date and content of what came between the two times, was read, and is still there."""
    try:
        async with _view(account, box.mailbox_id) as view:
            keywords = view.keywords
            return [
                (date, content)
                for date, mask, content in zip(view.dates, view.masks, view.content_ids, strict=False)
                if since < date <= until
                and mask & SEEN
                and not mask & (DELETED | DRAFT)
                and (not keywords or _mark(view, mask) != SPAM)
            ]
    except NoSuchMailbox:
        return []


async def by_mark(account: Account, change: FlagsChanged) -> list[tuple[int, int | None]]:
    """Content and kind of the messages whose flags changed; None where no keyword says what it is."""
    found: list[tuple[int, int | None]] = []
    async with _view(account, change.mailbox_id) as view:
        if not any(word.lower() in _MARKED_JUNK | _MARKED_HAM for word in view.keywords):
            return found
        for uid in change.uids:
            if (at := view.index(uid)) >= 0:
                found.append((view.content_ids[at], _mark(view, view.masks[at])))
    return found


def _mark(view: View, mask: int) -> int | None:
    names = {name.lower() for name in view.flag_names(mask)}
    junk, ham = bool(names & _MARKED_JUNK), bool(names & _MARKED_HAM)
    return None if junk == ham else SPAM if junk else HAM
