"""STORE, COPY, MOVE, EXPUNGE: commands that change messages of the selected mailbox.

Owns: those commands and their responses. Never: sends EXPUNGE (the session does, from what the store announces).
Raises: Refused, StoreError.
"""

from collections.abc import Sequence

from postroom.imap import encode
from postroom.imap.acl import ALL_RIGHTS
from postroom.imap.seqset import Span, as_spans, write
from postroom.imap.types import Bare, Copy, Store, StoreMode, UidExpunge
from postroom.store.api import SYSTEM_FLAGS, FlagAction, Mailbox, NoSuchMailbox

from .carrying import carry
from .places import Place
from .refusal import no
from .rights import permitted
from .rows import batches
from .selected import SelectedMailbox
from .session import Session

_ACTIONS = {
    StoreMode.REPLACE: FlagAction.REPLACE,
    StoreMode.ADD: FlagAction.ADD,
    StoreMode.REMOVE: FlagAction.REMOVE,
}


_FLAG_RIGHTS = {"s", "t", "w"}


async def store(session: Session, command: Store) -> bytes:
    """RFC 3501 §6.4.6, conditional with UNCHANGEDSINCE (RFC 7162 §3.1.3)."""
    selected = session.mailbox
    spans = selected.resolve(command.seqset, uid=command.uid)
    if command.unchanged_since is not None:
        session.enable_condstore()
    uids = selected.uids_of(spans)
    gone = selected.gone_among(uids)
    unmodified: Sequence[int] = ()
    if len(uids) > gone:
        flagged, unmodified = await _change_flags(selected, command, uids)
        gone = len(uids) - len(flagged) - len(unmodified)
        # With CONDSTORE even a silent change has a modification sequence to be told (RFC 7162 §3.1.3, §3.2.4).
        if not command.silent or selected.condstore:
            whole = not gone and not unmodified
            at = spans if whole else as_spans([selected.position(uid) for uid in flagged])
            await _say_flags(session, selected, at, with_uid=command.uid, with_flags=not command.silent)
        selected.report(unmodified)  # RFC 7162 §3.1.3: so that the client need not ask
    return _done(command, gone, len(uids), _modified(selected, unmodified, uid=command.uid))


async def _change_flags(
    selected: SelectedMailbox, command: Store, uids: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """The messages whose flags are as wanted now, and those that UNCHANGEDSINCE has kept from it."""
    unmodified: Sequence[int] = ()
    since = command.unchanged_since
    for action, flags in _steps(selected, command):
        flagged = await selected.account.set_flags(
            selected.mailbox_id, uids, action, flags, unchanged_since=since, origin=selected
        )
        uids = flagged.uids
        if since is not None:  # a second step is for what the first has let through, whose number it has changed
            unmodified = flagged.unmodified
            if unmodified and command.mode is not StoreMode.REPLACE:
                more, unmodified = await _change_untouched(selected, unmodified, action, flags, since)
                uids = sorted([*uids, *more])
            since = None
    return uids, unmodified


async def _change_untouched(
    selected: SelectedMailbox, uids: Sequence[int], action: FlagAction, flags: frozenset[str], since: int
) -> tuple[Sequence[int], Sequence[int]]:
    """Messages that have changed since, but not the flags that are named: no reason to fail (RFC 7162 §3.1.12).

    The messages whose flags are as wanted now, and the others. A flag that is set already is no success: it may be
    another client that has set it, which is what the command asks about (§3.1.3, example 10).
    """
    if since:
        free = selected.flag_log.untouched(uids, selected.mask_of(flags), since)
    else:
        free = _without_keywords(selected, uids, flags)
    if not free:
        return (), uids
    now = selected.view.mailbox.highest_modseq  # whoever comes in between is not overlooked
    flagged = await selected.account.set_flags(
        selected.mailbox_id, free, action, flags, unchanged_since=now, origin=selected
    )
    changed = set(flagged.uids)
    return flagged.uids, [uid for uid in uids if uid not in changed and selected.view.index(uid) >= 0]


def _without_keywords(selected: SelectedMailbox, uids: Sequence[int], flags: frozenset[str]) -> list[int]:
    """Of 0: the messages that have none of the flags. A system flag is there always, set or not (§3.1.3)."""
    if any(flag.startswith("\\") for flag in flags):
        return []
    mask, view = selected.mask_of(flags), selected.view
    return [uid for uid in uids if (at := view.index(uid)) >= 0 and not view.masks[at] & mask]


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
    session: Session, selected: SelectedMailbox, spans: Sequence[Span], *, with_uid: bool, with_flags: bool
) -> None:
    """A FETCH response for each changed message, as it is now. RFC 3501 §6.4.8: to UID commands, with the UID."""
    if fresh := selected.new_keywords():
        session.send(fresh)
    first = True
    for positions in batches(spans, session.settings.fetch_batch_messages):
        if not first:
            await session.breathe()
        first = False
        rows = selected.rows(positions)
        if with_flags:
            selected.said_flags(rows.uids)
        await session.emit(selected.flag_rows(rows, with_uid=with_uid, with_flags=with_flags))


def _modified(selected: SelectedMailbox, uids: Sequence[int], *, uid: bool) -> bytes:
    """The response code MODIFIED (RFC 7162 §3.1.3); b"" when all was changed."""
    if not uids:
        return b""
    return b"MODIFIED " + write(uids if uid else [selected.position(one) + 1 for one in uids])


def _done(store: Store, gone: int, wanted: int, modified: bytes) -> bytes:
    """RFC 2180 §4.2: a client that does not know yet that a message is gone must not think that it was changed."""
    command, uid = b"UID STORE" if store.uid else b"STORE", store.uid
    if modified:
        status = b"NO" if gone and not uid else b"OK"
        return b"%b [%b] %b: some were changed meanwhile" % (status, modified, command)
    if not gone or uid:
        return b"OK %b completed" % command
    text = b"none of the messages exists any more" if gone == wanted else b"some of the messages no longer exist"
    status = b"NO" if gone == wanted and not store.silent else b"OK"  # RFC 2180 §4.2.1, §4.2.2
    return b"%b [EXPUNGEISSUED] %b: %b" % (status, command, text)  # RFC 5530 §3


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
    if not place.tells_uids(target):
        return b"OK %b completed" % name
    if command.move:
        session.send(encode.untagged(b"OK", "Moved", code))  # RFC 6851 §4.3: before the EXPUNGEs
        # RFC 6851 §4.4: in the tagged OK, by when all others' changes are told
        return b"OK %b%b completed" % (highest_code(selected) if selected.condstore else b"", name)
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
    gone = await selected.account.expunge(selected.mailbox_id, None, origin=selected)
    return b"OK %bEXPUNGE completed" % _highest(selected, gone)


async def uid_expunge(session: Session, command: UidExpunge) -> bytes:
    """RFC 4315 §2.1: only messages that have \\Deleted and are in the set."""
    selected = session.mailbox
    uids = selected.uids_of(selected.resolve(command.seqset, uid=True))
    gone = await selected.account.expunge(selected.mailbox_id, uids, origin=selected) if uids else ()
    return b"OK %bUID EXPUNGE completed" % _highest(selected, gone)


def _highest(selected: SelectedMailbox, gone: Sequence[int]) -> bytes:
    """RFC 7162 §3.2.7: after an expunge, the new modification sequence; what is wanted of the rest is told before."""
    if not gone or not selected.vanishes:
        return b""
    return highest_code(selected)


def highest_code(selected: SelectedMailbox) -> bytes:
    """The response code HIGHESTMODSEQ of a command that EXPUNGE and other news may come with, and a space."""
    return b"[HIGHESTMODSEQ %d] " % selected.highest_told(but_unwanted=True)
