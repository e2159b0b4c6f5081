"""STORE, COPY, MOVE, EXPUNGE: commands that change messages of the selected mailbox.

Owns: those commands and their responses. Never: sends EXPUNGE (the session does, from what the store announces).
Raises: Refused, StoreError.
"""

from postroom.imap import encode
from postroom.imap.seqset import positions
from postroom.imap.types import Bare, Copy, Store, StoreMode, UidExpunge
from postroom.store.api import FlagAction, Flagged, NoSuchMailbox

from .refusal import Refused, answer_to, no
from .selected import SelectedMailbox
from .session import Session

_ACTIONS = {
    StoreMode.REPLACE: FlagAction.REPLACE,
    StoreMode.ADD: FlagAction.ADD,
    StoreMode.REMOVE: FlagAction.REMOVE,
}


async def store(session: Session, command: Store) -> bytes:
    """RFC 3501 §6.4.6"""
    selected = session.mailbox
    spans = selected.resolve(command.seqset, uid=command.uid)
    uids = selected.uids_of(spans)
    gone = selected.gone_among(uids)
    if len(uids) > gone:
        flagged = await session.account.set_flags(
            selected.mailbox_id, uids, _ACTIONS[command.mode], frozenset(command.flags), origin=selected
        )
        gone = len(uids) - len(flagged.uids)
        if not command.silent:
            at = positions(spans) if not gone else None
            await _say_flags(session, selected, flagged, at, with_uid=command.uid)
    return _done(b"STORE", gone, len(uids), command.uid)


async def _say_flags(
    session: Session, selected: SelectedMailbox, flagged: Flagged, known: list[int] | None, *, with_uid: bool
) -> None:
    """A FETCH response for each changed message; `known` are their positions when known already."""
    uids = flagged.uids
    if fresh := selected.new_keywords():
        session.send(fresh)
    size = session.settings.fetch_batch_messages
    for start in range(0, len(uids), size):
        if start:
            await session.breathe()
        some = uids[start : start + size]
        at = known[start : start + size] if known is not None else [selected.position(uid) for uid in some]
        flags = selected.flag_lists(selected.with_recent(some, flagged.masks[start : start + size]))
        if with_uid:  # RFC 3501 §6.4.8: responses to UID commands carry the UID
            numbered = zip(at, some, flags, strict=True)
            rows = [b"* %d FETCH (UID %d FLAGS %b)\r\n" % (n + 1, uid, f) for n, uid, f in numbered]
        else:
            rows = [b"* %d FETCH (FLAGS %b)\r\n" % (n + 1, f) for n, f in zip(at, flags, strict=True)]
        await session.emit(b"".join(rows))


def _done(command: bytes, gone: int, wanted: int, uid: bool) -> bytes:
    """RFC 2180 §4.2: a client that does not know yet that a message is gone must not think that it was changed."""
    prefix = b"UID " if uid else b""
    if not gone or uid:
        return b"OK %b%b completed" % (prefix, command)
    text = b"none of the messages exists any more" if gone == wanted else b"some of the messages no longer exist"
    return b"%b [EXPUNGEISSUED] %b: %b" % (b"NO" if gone == wanted else b"OK", command, text)  # RFC 5530 §3


async def copy(session: Session, command: Copy) -> bytes:
    """COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 §3)."""
    selected = session.mailbox
    name = b"%b%b" % (b"UID " if command.uid else b"", b"MOVE" if command.move else b"COPY")
    uids = selected.uids_of(selected.resolve(command.seqset, uid=command.uid))
    if not uids:
        await _check_target(session, command.mailbox)
        return b"OK %b completed, nothing to do" % name
    if not command.uid and selected.gone_among(uids):  # RFC 2180 §4.4: all or none
        raise no(b"EXPUNGEISSUED", b"Some of the messages no longer exist")
    try:
        if command.move:
            copied = await session.account.move(selected.mailbox_id, uids, command.mailbox, origin=selected)
        else:
            person = await session.current_person()
            copied = await session.account.copy(
                selected.mailbox_id,
                uids,
                command.mailbox,
                origin=selected,
                quota_octets=person.quota_octets,
                quota_messages=person.quota_messages,
            )
    except NoSuchMailbox as error:
        raise Refused(answer_to(error, try_create=True)) from error
    code = encode.copyuid_code(copied.uid_validity, copied.source_uids, copied.target_uids)
    if not code:
        return b"OK %b completed, nothing to do" % name
    if command.move:
        session.send(encode.untagged(b"OK", "Moved", code))  # RFC 6851 §4.3: before the EXPUNGEs
        return b"OK %b completed" % name
    return b"OK [%b] %b completed" % (code, name)


async def _check_target(session: Session, name: str) -> None:
    """RFC 3501 §6.4.7: with nothing to copy, a missing mailbox is missing all the same."""
    try:
        await session.account.mailbox(name)
    except NoSuchMailbox as error:
        raise Refused(answer_to(error, try_create=True)) from error


async def expunge(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.4.3"""
    selected = session.mailbox
    await session.account.expunge(selected.mailbox_id, None, origin=selected)
    return b"OK EXPUNGE completed"


async def uid_expunge(session: Session, command: UidExpunge) -> bytes:
    """RFC 4315 §2.1: only messages that have \\Deleted and are in the set."""
    selected = session.mailbox
    uids = selected.uids_of(selected.resolve(command.seqset, uid=True))
    if uids:
        await session.account.expunge(selected.mailbox_id, uids, origin=selected)
    return b"OK UID EXPUNGE completed"
