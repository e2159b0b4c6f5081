"""GETMETADATA and SETMETADATA (RFC 5464), METADATA in LIST (RFC 9590).

Owns: those commands, which entries are computed, who may change what. Never: keeps a value. Raises: Refused,
StoreError, AccountError.

Where values are: a mailbox's in its account (/private ones by reader); the server's /private ones in the account of the
person whose they are; the server's /shared ones in the directory, which there is one of for all accounts and which is
open wherever people sign in.
"""

from collections.abc import Iterator, Mapping, Sequence

from postroom.accounts.addresses import split
from postroom.imap import metadata as wire
from postroom.imap.metadata import SPECIAL_USE, GetMetadata, SetMetadata
from postroom.store.api import Account, Mailbox

from .administration import administration
from .refusal import no
from .rights import WRITES_SHARED, meets
from .session import Handler, Session

ADMIN = "/shared/admin"  # RFC 5464 §6.2.2
_SHARED = "/shared/"
_Pairs = list[tuple[str, bytes | None]]


async def get_metadata(session: Session, command: GetMetadata) -> bytes:
    """RFC 5464 §4.2"""
    if command.mailbox:
        place = await session.place(command.mailbox)
        values = await _of_mailbox(session, place.account, await place.mailbox(b"GETMETADATA"))
    else:
        values = await _of_server(session)
    found = chosen(values, command.entries, command.depth)
    longest = 0
    if (most := command.max_size) is not None:  # RFC 5464 §4.2.1
        longest = max((len(value) for _, value in found if value is not None and len(value) > most), default=0)
        found = [(entry, value) for entry, value in found if value is None or len(value) <= most]
    name = session.mailbox_name(command.mailbox)
    for piece in _pieces(found, session.settings.output_piece_octets):
        await session.emit(wire.metadata(name, piece))
    code = b"[METADATA LONGENTRIES %d] " % longest if longest else b""
    return b"OK %bGETMETADATA completed" % code


async def list_metadata(
    session: Session, account: Account, mailboxes: Sequence[tuple[bytes, Mailbox]], entries: Sequence[str]
) -> dict[bytes, bytes]:
    """The METADATA responses that follow LIST responses (RFC 9590 §3), by the names that stand in both."""
    ids = [mailbox.mailbox_id for _, mailbox in mailboxes]
    values = await account.annotations_of(ids, session.account.account_id, [entry.lower() for entry in entries])
    found = {}
    for name, mailbox in mailboxes:
        of_this = _with_computed(session, account, mailbox, values.get(mailbox.mailbox_id, {}))
        found[name] = wire.metadata(name, chosen(of_this, entries))
    return found


async def _of_mailbox(session: Session, account: Account, mailbox: Mailbox) -> dict[str, bytes]:
    values = await account.annotations(mailbox.mailbox_id, session.account.account_id)
    return _with_computed(session, account, mailbox, values)


def _with_computed(session: Session, account: Account, mailbox: Mailbox, values: dict[str, bytes]) -> dict[str, bytes]:
    if mailbox.special_use is not None and account.account_id == session.account.account_id:
        values[SPECIAL_USE] = mailbox.special_use.encode("ascii")  # RFC 6154 §4
    return values


async def _of_server(session: Session) -> dict[str, bytes]:
    values = await session.account.annotations(None, session.account.account_id)
    if session.service.administration is not None:
        values.update(await session.service.administration.notes())
    if session.person is not None:  # RFC 5321 §4.5.1: everybody's domain has a postmaster
        values[ADMIN] = b"mailto:postmaster@%b" % split(session.person.address)[1].encode("ascii", "replace")
    return values


def chosen(values: Mapping[str, bytes], entries: Sequence[str], depth: int = 0) -> _Pairs:
    """The entries asked for, NIL where one has no value; with a depth those below as well, and no NIL (§4.2.2).

    One pass over the values, whatever is asked for; a name that the client spelt is given back as it spelt it.
    """
    wanted = {entry.lower(): entry for entry in entries}
    if not depth:
        return [(entry, values.get(key)) for key, entry in wanted.items()]
    return [(wanted.get(key, key), value) for key, value in sorted(values.items()) if _is_within(key, wanted, depth)]


def _is_within(key: str, wanted: Mapping[str, str], depth: int) -> bool:
    while key not in wanted:
        if not depth or not key:
            return False
        key = key.rpartition("/")[0]
        depth -= 1
    return True


def _pieces(found: _Pairs, octets: int) -> Iterator[_Pairs]:
    """Of about so many octets each: one response need not hold all (RFC 5464 §4.4)."""
    piece: _Pairs = []
    size = 0
    for pair in found:
        piece.append(pair)
        size += len(pair[0]) + len(pair[1] or b"")
        if size >= octets:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


async def set_metadata(session: Session, command: SetMetadata) -> bytes:
    """RFC 5464 §4.3: all or none."""
    values = dict(command.values)
    if not command.mailbox:
        await _set_of_server(session, values)
    else:
        place = await session.place(command.mailbox)
        mailbox = await place.mailbox(b"SETMETADATA")
        if any(entry.startswith(_SHARED) for entry in values) and not meets(place.rights(mailbox), WRITES_SHARED):
            raise no(b"NOPERM", b"You have no right to do that")
        if SPECIAL_USE in values:
            await _set_special_use(session, place.account, mailbox, values)
        else:
            await _check_room(session, place.account, values, guest=place.guest is not None)
            owner = session.account.account_id
            await place.account.set_annotations(mailbox.mailbox_id, owner, values, origin=session)
    return b"OK SETMETADATA completed"


async def _check_room(
    session: Session, account: Account, values: Mapping[str, bytes | None], *, guest: bool = False
) -> None:
    """RFC 5464 §7: nobody fills the disk with annotations, which no quota counts; nor guests what is the owner's."""
    new = sum(len(value) for value in values.values() if value is not None)
    most = session.settings.max_annotation_octets
    if new and await account.annotation_octets() + new > (most // 2 if guest else most):
        raise no(b"OVERQUOTA", b"The account holds too many octets of annotations")


async def _set_of_server(session: Session, values: dict[str, bytes | None]) -> None:
    if ADMIN in values:
        raise no(b"CANNOT", b"/shared/admin can't be changed")  # RFC 5464 §3.2.1.1
    shared = {entry for entry in values if entry.startswith(_SHARED)}
    if not shared:
        await _check_room(session, session.account, values)
        await session.account.set_annotations(None, session.account.account_id, values, origin=session)
        return
    directory = administration(session)
    if len(shared) < len(values):  # two places, which could not be changed together
        raise no(b"CANNOT", b"/shared and /private entries of the server in one command each, please")
    await directory.set_notes(values)
    for watcher in list(session.service.note_watchers):
        watcher(sorted(shared), session)


async def _set_special_use(
    session: Session, account: Account, mailbox: Mailbox, values: dict[str, bytes | None]
) -> None:
    """RFC 6154 §4: the use leaves the mailbox that had it, which the client is told."""
    if len(values) > 1:
        raise no(b"CANNOT", b"/private/specialuse in a command of its own, please")
    if account.account_id != session.account.account_id or mailbox.name == "INBOX":
        raise no(b"USEATTR", b"That mailbox can't have a special use")
    value = values[SPECIAL_USE]
    use = value.decode("ascii") if value else None
    before = await account.set_special_use(mailbox.mailbox_id, use, origin=session)
    if before is not None:
        session.send(wire.metadata(session.mailbox_name(before.name), [(SPECIAL_USE, None)]))


HANDLERS: dict[bytes, Handler] = {
    b"GETMETADATA": get_metadata,
    b"SETMETADATA": set_metadata,
}
