"""STORE, COPY, MOVE, EXPUNGE: commands that change messages of the selected mailbox.

Owns: those commands and their responses. Never: sends EXPUNGE (the session does, from what the store announces).
Raises: Refused, StoreError.
"""

from postroom.imap import encode
from postroom.imap.acl import ALL_RIGHTS
from postroom.imap.seqset import positions
from postroom.imap.types import Bare, Copy, Store, StoreMode, UidExpunge
from postroom.store.api import SYSTEM_FLAGS, FlagAction, Flagged, Mailbox, NoSuchMailbox

from .carrying import carry
from .places import Place
from .refusal import no
from .rights import permitted
from .selected import SelectedMailbox
from .session import Session

_ACTIONS = {
    StoreMode.REPLACE: FlagAction.REPLACE,
    StoreMode.ADD: FlagAction.ADD,
    StoreMode.REMOVE: FlagAction.REMOVE,
}


_FLAG_RIGHTS = {"s", "t", "w"}


async def store(session: Session, command: Store) -> bytes:
    """RFC 3501 §6.4.6"""
    selected = session.mailbox
    spans = selected.resolve(command.seqset, uid=command.uid)
    uids = selected.uids_of(spans)
    gone = selected.gone_among(uids)
    if len(uids) > gone:
        for action, flags in _steps(selected, command):
            flagged = await selected.account.set_flags(selected.mailbox_id, uids, action, flags, origin=selected)
        gone = len(uids) - len(flagged.uids)
        if not command.silent:
            at = positions(spans) if not gone else None
            await _say_flags(session, selected, flagged, at, with_uid=command.uid)
    return _done(b"STORE", gone, len(uids), command.uid)


def _steps(selected: SelectedMailbox, command: Store) -> list[tuple[FlagAction, frozenset[str]]]:
    """What is to be done with the flags: what the rights allow, the rest stays as it is (RFC 4314 §4).

    With no right to any of them the command is refused; with a right to some it SHOULD NOT be.
    """
    action, flags, rights = _ACTIONS[command.mode], frozenset(command.flags), selected.rights
    if selected.guest is None or rights == ALL_RIGHTS:
        return [(action, flags)]
    mine = permitted(flags, rights)
    if flags and not mine:
        raise no(b"NOPERM", b"You have no right to change these flags")
    if action is not FlagAction.REPLACE or set(rights) >= _FLAG_RIGHTS:
        return [(action, mine)]
    known = [*(name for name, _ in SYSTEM_FLAGS), *selected.view.keywords]
    named = {flag.lower() for flag in flags}
    others = permitted((flag for flag in known if flag.lower() not in named), rights)
    return [(FlagAction.REMOVE, others), (FlagAction.ADD, mine)]


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
        await _target(session, command)
        return b"OK %b completed, nothing to do" % name
    if not command.uid and selected.gone_among(uids):  # RFC 2180 §4.4: all or none
        raise no(b"EXPUNGEISSUED", b"Some of the messages no longer exist")
    place, target = await _target(session, command)
    try:
        if place.account.account_id != selected.account.account_id or not set(place.rights(target)) >= _FLAG_RIGHTS:
            copied = await carry(session, selected, uids, place, target, move=command.move)
        elif command.move:
            copied = await selected.account.move(selected.mailbox_id, uids, place.name, origin=selected)
        else:
            person = await session.owner(place)
            copied = await selected.account.copy(
                selected.mailbox_id,
                uids,
                place.name,
                origin=selected,
                quota_octets=person.quota_octets,
                quota_messages=person.quota_messages,
            )
    except NoSuchMailbox as error:
        raise await place.no_target(error) from error
    code = encode.copyuid_code(copied.uid_validity, copied.source_uids, copied.target_uids)
    if not code:
        return b"OK %b completed, nothing to do" % name
    if command.move:
        session.send(encode.untagged(b"OK", "Moved", code))  # RFC 6851 §4.3: before the EXPUNGEs
        return b"OK %b completed" % name
    return b"OK [%b] %b completed" % (code, name)


async def _target(session: Session, command: Copy) -> tuple[Place, Mailbox]:
    """RFC 3501 §6.4.7: with nothing to copy, a missing mailbox is missing all the same."""
    place = await session.place(command.mailbox)
    try:
        return place, await place.mailbox(b"MOVE" if command.move else b"COPY")
    except NoSuchMailbox as error:
        raise await place.no_target(error) from error


async def expunge(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.4.3"""
    selected = session.mailbox
    await selected.account.expunge(selected.mailbox_id, None, origin=selected)
    return b"OK EXPUNGE completed"


async def uid_expunge(session: Session, command: UidExpunge) -> bytes:
    """RFC 4315 §2.1: only messages that have \\Deleted and are in the set."""
    selected = session.mailbox
    uids = selected.uids_of(selected.resolve(command.seqset, uid=True))
    if uids:
        await selected.account.expunge(selected.mailbox_id, uids, origin=selected)
    return b"OK UID EXPUNGE completed"
