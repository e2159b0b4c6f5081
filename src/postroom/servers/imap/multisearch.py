"""ESEARCH (RFC 7377): one search in many mailboxes, one response for each that has a message.

Owns: that command. Never: selects a mailbox; finds messages (searching.py does). Raises: Refused, StoreError,
EndOfSession.
"""

from dataclasses import replace

from postroom.imap.multisearch import MultiSearch
from postroom.imap.search_returns import EVERYTHING
from postroom.imap.types import Search, SearchReturn
from postroom.store.api import NoSuchMailbox

from .filters import Covered, covered
from .refusal import Refused, bad, no
from .search import answer, check_charset, check_keys, search_selected
from .searching import Searching
from .selected import SelectedMailbox
from .session import Handler, Session


async def multisearch(session: Session, command: MultiSearch) -> bytes:
    """ESEARCH. The selected mailbox stays selected, whatever is searched (RFC 7377 §2.1)."""
    search = command.search
    returns = search.returns or EVERYTHING
    if (command.in_selected or returns.update) and session.selected is None:  # RFC 7377 §2.2
        raise bad(b"No mailbox is selected")
    check_charset(session, search)
    check_keys(session, search.key, uid=True)
    selected = session.selected
    if command.in_selected:
        await session.check_selected()
        await search_selected(session, search, returns, mailbox=session.mailbox_name(session.selected_name))
    boxes = await covered(session, command.sources)
    if len(boxes) > session.settings.max_searched_mailboxes:  # RFC 7377 §2.4
        raise no(b"LIMIT", b"That is too many mailboxes for one search")
    of_others = replace(returns, update=False)  # RFC 7377 §2.2: updates are of the selected mailbox only
    for number, box in enumerate(boxes):
        await session.progress(number, len(boxes))
        if selected is None or _key(box) != (selected.account.account_id, selected.mailbox_id):
            await _search(session, box, search, of_others)
        elif not command.in_selected:
            await search_selected(session, search, returns, mailbox=session.mailbox_name(box.name))
    return b"OK ESEARCH completed"


def _key(box: Covered) -> tuple[int, int]:
    return box.account.account_id, box.mailbox.mailbox_id


async def _search(session: Session, box: Covered, search: Search, returns: SearchReturn) -> None:
    if not box.mailbox.messages:
        return
    try:
        account, guest = box.account, None
        if account is not session.account:  # only the other people's accounts used last are open
            session.visits.trim()
            place = await session.place(box.name)
            account, guest = place.account, place.guest
            if (await place.mailbox()).mailbox_id != box.mailbox.mailbox_id:  # it may be read still, and is the same
                return
        opened = await SelectedMailbox.open(
            account,
            box.mailbox,
            read_only=True,
            claims=session.service.claims,
            enabled=session.enabled,
            guest=guest,
        )
    except (NoSuchMailbox, Refused):  # deleted, or not to be read any more
        return
    try:
        searching = Searching(session, opened)
        found = await searching.find(search.key, range(opened.count))
        await answer(session, searching, search, returns, found, mailbox=session.mailbox_name(box.name))
    finally:
        opened.close()


HANDLERS: dict[bytes, Handler] = {b"ESEARCH": multisearch, b"UID ESEARCH": multisearch}
