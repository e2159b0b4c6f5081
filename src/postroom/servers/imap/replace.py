"""REPLACE and UID REPLACE (RFC 8508): a message comes, and the one it replaces goes, in one step.

Owns: that command. Never: takes messages from the client itself (append.py does). Raises: Refused, StoreError,
EndOfSession.
"""

from postroom.imap import Does, encode
from postroom.imap.types import Replace
from postroom.store.api import Appended, NoSuchMailbox, NoSuchMessage, Usage

from .append import Drafts
from .messages import highest_code
from .places import Place
from .refusal import Refused, no
from .rights import allows
from .selected import SelectedMailbox
from .session import Session


async def replace(session: Session, command: Replace) -> bytes:
    """The old message stays until the new one is safe, and the new one does not come when the old one is gone."""
    selected = session.mailbox
    try:
        uid, size = _replaced(selected, command)
    except Refused:
        session.engine.refuse_literal()
        raise
    with Drafts(session, freed=Usage(size, 1)) as drafts:
        place = await drafts.receive(command.append)
        await session.check_selected()  # the message may have taken long to come
        if not allows(selected.rights, b"REPLACE"):
            raise no(b"NOPERM", b"You have no right to do that")
        try:
            appended = await _exchange(selected, uid, place, drafts)
        except NoSuchMailbox as error:
            raise await place.no_target(error) from error
        except NoSuchMessage as error:
            raise _gone() from error
    # RFC 8508 §4.3: APPENDUID comes before the EXPUNGE, and so does EXISTS in §3.2's example
    code = encode.appenduid_code(appended.uid_validity, (appended.uid,)) if place.tells_uids(drafts.target) else b""
    session.send(encode.untagged(b"OK", "Replacement Message ready", code))
    await session.announce(Does.USES_SEQ)
    # §4.5: as after UID EXPUNGE (RFC 7162 §3.2.9)
    highest = highest_code(selected) if selected.vanishes else b""
    return b"OK %b%bREPLACE completed" % (highest, b"UID " if command.uid else b"")


def _replaced(selected: SelectedMailbox, command: Replace) -> tuple[int, int]:
    """Uid and size of the message that is to go."""
    spans = selected.resolve(command.replaced, uid=command.uid)
    if not spans:
        raise no(b"NONEXISTENT", b"There is no such message")
    rows = selected.rows([spans[0][0]])
    if selected.gone_among(rows.uids):
        raise _gone()
    return rows.uids[0], rows.sizes[0]


def _gone() -> Refused:
    return no(b"EXPUNGEISSUED", b"Somebody has expunged the message to be replaced")


async def _exchange(selected: SelectedMailbox, uid: int, place: Place, drafts: Drafts) -> Appended:
    [(draft, options)] = drafts.messages
    if place.account.account_id == selected.account.account_id:
        return await selected.account.replace(selected.mailbox_id, uid, place.name, draft, options)
    # Two accounts share no transaction: whatever happens in between, the message is in one of them.
    if selected.view.index(uid) < 0:
        raise NoSuchMessage(f"uid {uid}")
    appended = await place.account.append(place.name, draft, options)
    if not await selected.account.remove(selected.mailbox_id, (uid,), origin=selected):
        await place.account.remove(appended.mailbox_id, (appended.uid,), origin=selected)
        raise NoSuchMessage(f"uid {uid}")
    return appended
