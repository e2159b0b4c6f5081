"""POP3 messages that have been retrieved and left, and are removed after some days (RFC 2449 §6.7 EXPIRE).

Owns: which ones those are. Never: removes a message that no POP3 client has been sent whole, or without a QUIT.
Raises: MailError.

A message that was retrieved gets a keyword, so that later sessions know, and IMAP clients see it.
"""

from collections.abc import Sequence

from postroom.store import FIRST_KEYWORD_BIT, Account, FlagAction

RETRIEVED = "$POP3Retrieved"
_DAY_SECONDS = 86_400


async def expire(
    account: Account, mailbox_id: int, retrieved: Sequence[int], days: int, now: float, origin: object
) -> tuple[int, ...]:
    """At the end of a session that retrieved these uids and left them; the uids that were removed.

    `now`: seconds since 1970. The removal is durable when this returns.
    """
    if retrieved and days:
        await account.set_flags(mailbox_id, retrieved, FlagAction.ADD, frozenset({RETRIEVED}), origin=origin)
    expired = set(retrieved) if not days else await _expired(account, mailbox_id, now - days * _DAY_SECONDS)
    return await account.remove(mailbox_id, sorted(expired), origin=origin) if expired else ()


async def _expired(account: Account, mailbox_id: int, before: float) -> set[int]:
    """Uids of messages that were retrieved by whatever session, and came before then."""
    view = await account.view(mailbox_id)
    try:
        if RETRIEVED not in view.keywords:
            return set()
        bit = 1 << (FIRST_KEYWORD_BIT + view.keywords.index(RETRIEVED))
        rows = zip(view.uids, view.masks, view.dates, strict=False)
        return {uid for uid, mask, date in rows if mask & bit and date < before}
    finally:
        account.release(view)
