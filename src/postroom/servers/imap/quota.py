"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208).

Owns: those commands. Every account is one quota root, named by its address. Never: counts (the store does), enforces a
limit (whoever adds a message does). Raises: Refused, StoreError, AccountError.
"""

from postroom.accounts import address_key
from postroom.accounts.api import Person
from postroom.imap import quota as wire
from postroom.imap.quota import MAX_NUMBER64, GetQuota, GetQuotaRoot, SetQuota
from postroom.store.api import Account

from .administration import administration, is_administrator
from .refusal import no
from .session import Handler, Session

RESOURCES = (b"STORAGE", b"MESSAGE", b"MAILBOX")  # RFC 9208 §5.1-§5.3
_UNIT = 1024  # RFC 9208 §5.1


async def get_quota(session: Session, command: GetQuota) -> bytes:
    """RFC 9208 §4.1.1; other people's only for administrators (§8)."""
    own = await session.current_person()
    if _is(command.root, own):
        await _send(session, own, session.account)
    else:
        person = await _other(session, command.root)
        account = await session.service.store.open(person.account_id)
        try:
            await _send(session, person, account)
        finally:
            account.close()
    return b"OK GETQUOTA completed"


async def get_quota_root(session: Session, command: GetQuotaRoot) -> bytes:
    """RFC 9208 §4.1.2; of the person's own, there need be no such mailbox."""
    place = await session.place(command.mailbox)
    if place.guest is not None:
        # RFC 9208 §6: how full another's account is, only readers of a mailbox may know
        await place.mailbox(b"GETQUOTAROOT")
    person = await session.service.directory.person(place.account.account_id)
    if person is None:
        raise no(b"NONEXISTENT", b"Nobody's mailbox")
    session.send(wire.quota_root(session.mailbox_name(command.mailbox), [person.address], session.utf8))
    await _send(session, person, place.account)
    return b"OK GETQUOTAROOT completed"


async def set_quota(session: Session, command: SetQuota) -> bytes:
    """RFC 9208 §4.1.3. MAILBOX is limited for everybody alike, by a setting."""
    directory = administration(session)
    person = await _other(session, command.root)
    limits = dict(command.limits)
    if unknown := limits.keys() - set(RESOURCES):
        raise no(b"CANNOT", b"There is no limit of %b here" % b", ".join(sorted(unknown)))
    if limits.get(b"MAILBOX", session.service.max_mailboxes) != session.service.max_mailboxes:
        raise no(b"CANNOT", b"The limit of MAILBOX is the same for everybody")
    storage = limits.get(b"STORAGE")
    octets = None if storage is None else min(storage * _UNIT, MAX_NUMBER64)
    await directory.set_quota(person.address, octets, limits.get(b"MESSAGE"))
    person = await _other(session, command.root)
    account = await session.service.store.open(person.account_id)
    try:
        await _send(session, person, account)
    finally:
        account.close()
    return b"OK SETQUOTA completed"


def _is(root: str, person: Person) -> bool:
    return root == person.address or address_key(root) == address_key(person.address)


async def _other(session: Session, root: str) -> Person:
    """Whose quota root this is. Who may not ask does not learn whether there is one."""
    if not is_administrator(session):
        raise no(b"NOPERM", b"That is not yours")
    person = await administration(session).person_of(root)
    if person is None:
        raise no(b"NONEXISTENT", b"No such quota root")
    return person


async def _send(session: Session, person: Person, account: Account) -> None:
    """The QUOTA response; a resource without limit is left out (RFC 9208 §4.2.1)."""
    usage = await account.usage()
    found: list[tuple[bytes, int, int]] = []
    if person.quota_octets is not None:
        found.append((b"STORAGE", -(-usage.octets // _UNIT), person.quota_octets // _UNIT))
    if person.quota_messages is not None:
        found.append((b"MESSAGE", usage.messages, person.quota_messages))
    found.append((b"MAILBOX", len(await account.mailboxes()), session.service.max_mailboxes))
    session.send(wire.quota(person.address, found, session.utf8))


HANDLERS: dict[bytes, Handler] = {
    b"GETQUOTA": get_quota,
    b"GETQUOTAROOT": get_quota_root,
    b"SETQUOTA": set_quota,
}
