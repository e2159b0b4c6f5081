"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §3).

Owns: those commands, whom an identifier may name. Never: decides what a right allows (rights.py does). Raises: Refused,
StoreError.

An identifier is "anyone", the name that somebody signs in by, or either behind "-", which takes rights away. Rights are
given only to who is there: a misspelt name would otherwise wait for whoever gets that address one day. Entries of
people who have left can be seen and removed.
"""

from postroom.imap.acl import (
    ALL_RIGHTS,
    DeleteAcl,
    GetAcl,
    ListRights,
    MyRights,
    SetAcl,
    acl_line,
    in_order,
    listrights_line,
    myrights_line,
)
from postroom.store.api import AclChanged, Mailbox

from .places import Place
from .refusal import no
from .rights import ANYONE
from .session import Session


async def set_acl(session: Session, command: SetAcl) -> bytes:
    """RFC 4314 §3.1"""
    place = await session.place(command.mailbox)
    await place.mailbox(b"SETACL")
    identifier = await _known(session, command.identifier)
    owner = await session.owner(place)
    if identifier is None:
        if command.rights and command.mode != "-":
            raise no(b"CANNOT", b"Nobody here has that name")
        identifier = command.identifier
    if identifier == "-" + owner.address or (
        identifier == owner.address and _changed(ALL_RIGHTS, command) != ALL_RIGHTS
    ):
        raise no(b"CANNOT", b"The owner has all rights, always")
    if identifier != owner.address:
        async with session.service.acl_lock:  # or "+" could bring back what another session takes away meanwhile
            while not await _set(session, place, identifier, command):
                pass
    return b"OK SETACL completed"


async def _set(session: Session, place: Place, identifier: str, command: SetAcl) -> bool:
    """False when another process was quicker."""
    mailbox = await place.mailbox(b"SETACL")
    held = dict(mailbox.acl).get(identifier, "")
    rights = _changed(held, command) or None
    try:
        await place.account.set_acl(mailbox.mailbox_id, identifier, rights, held=held, origin=session.origin)
    except AclChanged:
        return False
    return True


def _changed(held: str, command: SetAcl) -> str:
    """RFC 4314 §3.1: rights added, taken away, or put in place of all."""
    if command.mode == "-":
        return in_order(set(held) - set(command.rights))
    return in_order(command.rights + (held if command.mode else ""))


async def delete_acl(session: Session, command: DeleteAcl) -> bytes:
    """RFC 4314 §3.2"""
    place = await session.place(command.mailbox)
    await place.mailbox(b"DELETEACL")
    identifier = await _known(session, command.identifier) or command.identifier
    if identifier == (await session.owner(place)).address:
        raise no(b"CANNOT", b"The owner has all rights, always")
    async with session.service.acl_lock:
        mailbox = await place.mailbox(b"DELETEACL")
        await place.account.set_acl(mailbox.mailbox_id, identifier, None, origin=session.origin)
    return b"OK DELETEACL completed"


async def get_acl(session: Session, command: GetAcl) -> bytes:
    """RFC 4314 §3.3"""
    place = await session.place(command.mailbox)
    mailbox = await place.mailbox(b"GETACL")
    owner = await session.owner(place)
    session.send(acl_line(session.mailbox_name(command.mailbox), [(owner.address, ALL_RIGHTS), *_others(mailbox)]))
    return b"OK GETACL completed"


def _others(mailbox: Mailbox) -> list[tuple[str, str]]:
    return [(identifier, in_order(rights)) for identifier, rights in mailbox.acl]


async def list_rights(session: Session, command: ListRights) -> bytes:
    """RFC 4314 §3.4"""
    place = await session.place(command.mailbox)
    await place.mailbox(b"LISTRIGHTS")
    identifier = await _known(session, command.identifier)
    if identifier is None:
        raise no(b"CANNOT", b"Nobody here has that name")
    owns = identifier.removeprefix("-") == (await session.owner(place)).address
    required, optional = ("", ALL_RIGHTS) if not owns else ("" if identifier[0] == "-" else ALL_RIGHTS, "")
    session.send(listrights_line(session.mailbox_name(command.mailbox), command.written, required, optional))
    return b"OK LISTRIGHTS completed"


async def my_rights(session: Session, command: MyRights) -> bytes:
    """RFC 4314 §3.5"""
    place: Place = await session.place(command.mailbox)
    mailbox = await place.mailbox(b"MYRIGHTS")
    session.send(myrights_line(session.mailbox_name(command.mailbox), place.rights(mailbox)))
    return b"OK MYRIGHTS completed"


async def _known(session: Session, identifier: str) -> str | None:
    """The identifier in the form that is kept; None when it names nobody."""
    minus, name = ("-", identifier[1:]) if identifier.startswith("-") else ("", identifier)
    if name == ANYONE:
        return identifier
    person = await session.service.directory.find(name)
    return minus + person.address if person is not None else None
