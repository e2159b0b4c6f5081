"""SELECT, EXAMINE, CLOSE, UNSELECT: into the selected state and out of it.

Owns: those commands. Never: keeps the view (selected.py does). Raises: Refused, StoreError.
"""

from postroom.imap.types import Bare, Select

from .selected import SelectedMailbox
from .session import Session


async def select(session: Session, command: Select) -> bytes:
    """RFC 3501 §6.3.1, §6.3.2. What was selected before is deselected even when this fails."""
    before, session.selected = session.selected, None
    try:
        place = await session.place(command.mailbox)
        mailbox = await place.mailbox(b"EXAMINE" if command.read_only else b"SELECT")
        selected = await SelectedMailbox.open(
            place.account, mailbox, read_only=command.read_only, claims=session.service.claims, guest=place.guest
        )
    finally:
        if before is not None:  # only now: selecting a mailbox again then finds its view still there
            before.close()
    session.selected = selected
    session.send(_opening(selected))
    if command.read_only:
        return b"OK [READ-ONLY] EXAMINE completed"
    return b"OK [READ-ONLY] SELECT completed" if selected.read_only else b"OK [READ-WRITE] SELECT completed"


def _opening(selected: SelectedMailbox) -> bytes:
    current = selected.view.mailbox
    responses = [
        selected.flags_responses(),
        b"* %d EXISTS\r\n* %d RECENT\r\n" % (selected.count, selected.recent_count),
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID\r\n"
        % (current.uid_validity, current.uid_next),
    ]
    if first_unseen := selected.first_unseen():
        responses.append(b"* OK [UNSEEN %d] First unseen\r\n" % first_unseen)
    return b"".join(responses)


async def close(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.4.2: removes the messages with \\Deleted, without EXPUNGE responses."""
    selected = session.mailbox
    # RFC 4314 §4: without the right to expunge, CLOSE only closes
    if not selected.read_only and not selected.deleted and "e" in selected.rights:
        await selected.account.expunge(selected.mailbox_id, None, origin=selected)
    session.deselect()
    return b"OK CLOSE completed"


async def unselect(session: Session, command: Bare) -> bytes:
    """RFC 3691: like CLOSE, and removes nothing."""
    session.deselect()
    return b"OK UNSELECT completed"
