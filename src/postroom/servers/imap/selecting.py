"""SELECT, EXAMINE, CLOSE, UNSELECT: into the selected state and out of it.

Owns: those commands. Never: keeps the view (selected.py does). Raises: Refused, StoreError.
"""

from postroom.imap.types import Bare, Select

from .naming import list_response
from .object_ids import mailbox_id
from .places import Place
from .refusal import Refused, bad
from .resync import resynchronize
from .selected import SelectedMailbox
from .session import Session


async def select(session: Session, command: Select) -> bytes:
    """RFC 3501 §6.3.1, §6.3.2. What was selected before is deselected even when this fails."""
    if command.resync is not None and b"QRESYNC" not in session.enabled:
        raise bad(b"Enable QRESYNC first")  # RFC 7162 §3.2.5
    if command.resync is not None and command.resync.matches is not None and b"UIDONLY" in session.enabled:
        raise Refused(b"BAD [UIDREQUIRED] Only UIDs name messages now")  # RFC 9586
    before, session.selected = session.selected, None
    session.end_contexts()
    try:
        place = await session.place(command.mailbox)
        mailbox = await place.mailbox(b"EXAMINE" if command.read_only else b"SELECT")
        selected = await SelectedMailbox.open(
            place.account,
            mailbox,
            read_only=command.read_only,
            claims=session.service.claims,
            enabled=session.enabled,
            guest=place.guest,
        )
    finally:
        if before is not None:  # only now: selecting a mailbox again then finds its view still there
            before.close()
            # RFC 7162 §3.2.11, RFC 9051 §7.1: whatever the client has enabled
            session.send(b"* OK [CLOSED] What was selected is closed\r\n")
    selected.called = command.mailbox
    session.selected = selected
    if command.condstore:
        session.enabled.add(b"CONDSTORE")  # HIGHESTMODSEQ comes anyway
    session.send(_opening(session, selected, place, command.mailbox))
    if command.resync is not None:
        await resynchronize(session, selected, command.resync)
    if command.read_only:
        return b"OK [READ-ONLY] EXAMINE completed"
    return b"OK [READ-ONLY] SELECT completed" if selected.read_only else b"OK [READ-WRITE] SELECT completed"


def _opening(session: Session, selected: SelectedMailbox, place: Place, given: str) -> bytes:
    current = selected.view.mailbox
    responses = [
        selected.flags_responses(),
        selected.counts(),
        b"* OK [UIDVALIDITY %d] UIDs valid\r\n* OK [UIDNEXT %d] Predicted next UID\r\n"
        % (current.uid_validity, current.uid_next),
        b"* OK [HIGHESTMODSEQ %d] Highest modification sequence\r\n" % current.highest_modseq,  # RFC 7162 §3.1.2.1
        b"* OK [MAILBOXID (%b)] Ok\r\n" % mailbox_id(selected.account.account_id, current.mailbox_id),  # RFC 8474 §4.3
    ]
    if b"IMAP4REV2" in session.enabled:  # RFC 9051 §6.3.2: LIST comes, UNSEEN went
        responses.append(list_response(session, place, current, given))
    elif not selected.uid_only and (first_unseen := selected.first_unseen()):
        responses.append(b"* OK [UNSEEN %d] First unseen\r\n" % first_unseen)
    return b"".join(responses)


async def close(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.4.2: removes the messages with \\Deleted, without EXPUNGE responses."""
    selected = session.mailbox
    # RFC 4314 §4: without the right to expunge, CLOSE only closes
    if (
        not selected.read_only
        and not selected.deleted
        and "e" in selected.rights
        and (selected.guest is None or await session.owner_is_here(selected))
    ):
        await selected.account.expunge(selected.mailbox_id, None, origin=selected)
    session.deselect()
    return b"OK CLOSE completed"


async def unselect(session: Session, command: Bare) -> bytes:
    """RFC 3691: like CLOSE, and removes nothing."""
    session.deselect()
    return b"OK UNSELECT completed"
