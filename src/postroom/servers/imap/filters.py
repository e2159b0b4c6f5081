"""Which mailboxes a filter is about, in this session.

Owns: mailbox filters (imap/mailbox_filter.py) -> mailboxes that exist. Never: opens one. Raises: StoreError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from postroom.imap.mailbox_filter import OF_SELECTED, MailboxFilter, Scope, covers
from postroom.store.api import Account, BadMailboxName, Mailbox, NoSuchMailbox

from .refusal import Refused
from .session import Session


@dataclass(frozen=True, slots=True)
class Covered:
    """A mailbox that a filter covers, under the name this session's client knows it by."""

    name: str
    account: Account
    mailbox: Mailbox


async def covered(session: Session, filters: Sequence[MailboxFilter]) -> list[Covered]:
    """The mailboxes that any of the filters covers, each once, in the order of the filters; the selected one is not
    looked for. Names without a mailbox are passed over, and so are mailboxes the person may not see (RFC 7377 §2.2)."""
    found: dict[tuple[int, int], Covered] = {}
    mine: list[Mailbox] | None = None
    for one in filters:
        if one.scope in OF_SELECTED:
            continue
        for name in one.mailboxes:  # whoever's they are
            if (place := await _named(session, name)) is not None:
                found.setdefault((place.account.account_id, place.mailbox.mailbox_id), place)
        if one.scope is Scope.MAILBOXES:
            continue
        if mine is None:
            mine = await session.account.mailboxes()
        subscribed = {box.name for box in mine if box.subscribed}
        for box in mine:
            if covers(one, box.name, subscribed):
                key = (session.account.account_id, box.mailbox_id)
                found.setdefault(key, Covered(box.name, session.account, box))
    return list(found.values())


async def _named(session: Session, name: str) -> Covered | None:
    try:
        place = await session.place(name)
        return Covered(name, place.account, await place.mailbox())
    except (NoSuchMailbox, BadMailboxName, Refused):
        return None
