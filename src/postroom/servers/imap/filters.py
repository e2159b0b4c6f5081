"""Which mailboxes a filter is about, in this session.

Owns: mailbox filters (imap/mailbox_filter.py) -> mailboxes that exist. Never: opens one. Raises: StoreError.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from postroom.imap.list_match import DELIMITER
from postroom.imap.mailbox_filter import OF_SELECTED, MailboxFilter, Scope
from postroom.store.api import Account, BadMailboxName, Mailbox, NoSuchMailbox

from .places import resolve_tree
from .refusal import Refused
from .session import Session

_name = attrgetter("name")


@dataclass(frozen=True, slots=True)
class Covered:
    """A mailbox that a filter covers, under the name this session's client knows it by."""

    name: str
    account: Account
    mailbox: Mailbox


async def covered(session: Session, filters: Sequence[MailboxFilter]) -> list[Covered]:
    """The mailboxes that any of the filters covers, each once, in the order of the filters; SELECTED is no name.

    Names without a mailbox are passed over, and so are mailboxes the person may not read (RFC 7377 §2.2).
    """
    found: dict[tuple[int, int], Covered] = {}
    for one in filters:
        if one.scope in OF_SELECTED:
            continue
        async for place in _covered_by(session, one):
            found.setdefault((place.account.account_id, place.mailbox.mailbox_id), place)
    return list(found.values())


async def _covered_by(session: Session, one: MailboxFilter) -> AsyncIterator[Covered]:
    names: Iterable[str] = one.mailboxes
    if one.scope is Scope.SUBSCRIBED:
        names = await session.account.subscriptions()
    for name in names:
        session.visits.trim()  # a filter may name a thousand people
        if (place := await _named(session, name)) is not None:
            yield place
    if one.scope in (Scope.SUBTREE, Scope.SUBTREE_ONE):
        listed: dict[int, Sequence[Mailbox]] = {}
        for top in one.mailboxes:
            async for place in _below(session, one, top, listed):
                yield place
    elif one.scope in (Scope.PERSONAL, Scope.INBOXES):
        for box in await session.account.mailboxes():
            yield Covered(box.name, session.account, box)


async def _below(
    session: Session, one: MailboxFilter, top: str, listed: dict[int, Sequence[Mailbox]]
) -> AsyncIterator[Covered]:
    """What lies below a name; in another person's account only what `place` lets this person have. `listed`: the
    mailboxes of the accounts that were asked already, by name."""
    await session.breathe()  # a filter may name a thousand
    session.visits.trim()
    try:
        place, inside = await resolve_tree(session, top)
    except (NoSuchMailbox, BadMailboxName, Refused):
        return
    if (boxes := listed.get(place.account.account_id)) is None:
        boxes = listed[place.account.account_id] = sorted(await place.account.mailboxes(), key=_name)
    for at in range(bisect_left(boxes, inside, key=_name), len(boxes)):
        box = boxes[at]
        if not box.name.startswith(inside):
            break
        if one.scope is Scope.SUBTREE_ONE and "/" in box.name[len(inside) :]:
            continue
        name = top + DELIMITER + box.name[len(inside) :]
        if place.account is session.account:
            yield Covered(name, place.account, box)
        elif (child := await _named(session, name, b"NOTIFY")) is not None:  # RFC 7377 §2.2: "l" as well
            yield child


async def _named(session: Session, name: str, command: bytes = b"SELECT") -> Covered | None:
    try:
        place = await session.place(name)
        return Covered(name, place.account, await place.mailbox(command))
    except (NoSuchMailbox, BadMailboxName, Refused):
        return None
