"""What may be written into the directory.

Owns: the checks around every change. Never: commits (the Book does), hashes (passwords does). Raises: the AccountError
family, with a text for the person who asked.

Each function runs inside Book.change, so that what it checked still holds when it writes.
"""

from collections.abc import Mapping
from dataclasses import replace

from postroom.sasl import BadName, prepared_name

from .addresses import address_key, checked_address, checked_domain, checked_target, split
from .api import Alias, AliasTrouble, AlreadyThere, BadAddress, InUse, NotThere, Person, TooManyNotes
from .resolution import resolve
from .settings import AccountSettings
from .types import CredentialRow, Tables


def add_domain(tables: Tables, domain: str) -> None:
    name = checked_domain(domain)
    if tables.has_domain(name):
        raise AlreadyThere(name, text=f"The domain {name} is already here")
    tables.add_domain(name)


def remove_domain(tables: Tables, domain: str) -> None:
    name = checked_domain(domain)
    if not tables.has_domain(name):
        raise NotThere(name, text=f"The domain {name} is not here")
    people = sum(split(person.address)[1] == name for person in tables.people())
    aliases = sum(split(alias.address)[1] == name for alias in tables.aliases())
    lists = sum(split(one.address)[1] == name for one in tables.lists())
    if people or aliases or lists:
        what = f"{people} account(s) and {aliases} alias(es)" + (f" and {lists} list(s)" if lists else "")
        raise InUse(name, text=f"The domain {name} still has {what}: remove them first")
    tables.remove_domain(name)


def add_person(
    tables: Tables, address: str, main: CredentialRow | None, quota: tuple[int | None, int | None]
) -> Person:
    """`main`: what they sign in with."""
    kept = checked_address(address)
    domain = split(kept)[1]
    if not tables.has_domain(domain):
        raise NotThere(kept, text=f"The domain {domain} is not here: add it first (postroom domain add {domain})")
    key = _key(kept)
    if (other := _signs_in_as(kept)) not in (None, key):
        raise BadAddress(kept, text=f"Whoever signs in as {kept} is taken for {other}: that has to be the address")
    if tables.person(key) is not None:
        raise AlreadyThere(kept, text=f"{kept} already has an account")
    if tables.list_named(key) is not None:
        raise AlreadyThere(kept, text=f"{kept} is a list already")
    account_id = tables.add_person(key, kept, quota)
    if main is not None:
        tables.add_credential(replace(main, account_id=account_id))
    return Person(account_id, kept, *quota)


def _signs_in_as(address: str) -> str | None:
    """The key of the account that this address means as a user name (RFC 8265 §3.3.1: full width is no difference; RFC
    4013 §2.2: nor are ligatures and the like); None: by a password nobody signs in so."""
    try:
        return address_key(prepared_name(address))
    except BadName:
        return None


def find(tables: Tables, address: str) -> Person:
    person = tables.person(_key(address))
    if person is None:
        raise NotThere(address, text=f"{address} has no account here")
    return person


def set_main_password(tables: Tables, address: str, main: CredentialRow | None) -> None:
    """In place of the one before, whose id proves nothing any more; None: nothing in its place."""
    person = find(tables, address)
    for row in tables.credentials(person.account_id):
        if row.is_main:
            tables.remove_credential(row.credential_id)
    if main is not None:
        tables.add_credential(replace(main, account_id=person.account_id))


def remove_person(tables: Tables, address: str) -> Person:
    person = find(tables, address)
    tables.remove_person(person.account_id)
    return person


def grant_sender(tables: Tables, address: str, other: str) -> None:
    """`other`: an address, of a domain here or elsewhere, or "@domain": all of a domain."""
    person = find(tables, address)
    local, domain = split(other)
    kept = checked_address(other) if local else f"@{checked_domain(domain)}"
    tables.add_sender_grant(person.account_id, _key(kept), kept)


def revoke_sender(tables: Tables, address: str, other: str) -> None:
    """It was granted before."""
    person, key = find(tables, address), _key(other)
    if not tables.has_sender_grant(person.account_id, (key,)):
        raise NotThere(other, text=f"{person.address} has no leave to send as {other}")
    tables.remove_sender_grant(person.account_id, key)


def set_forwarding(
    tables: Tables, settings: AccountSettings, address: str, targets: tuple[str, ...], keep: bool
) -> None:
    """Where an account's mail goes on to; its own address among the targets keeps a copy as well."""
    person = find(tables, address)
    checked = tuple(dict.fromkeys(checked_target(target) for target in targets))
    tables.set_forwarding(person.account_id, checked, keep, person.copies)
    _must_lead_somewhere(tables, settings, person)


def set_copies(tables: Tables, settings: AccountSettings, address: str, targets: tuple[str, ...]) -> None:
    person = find(tables, address)
    checked = tuple(dict.fromkeys(checked_target(target) for target in targets))
    tables.set_forwarding(person.account_id, person.forward, person.keep, checked)
    _must_lead_somewhere(tables, settings, person)


def _must_lead_somewhere(tables: Tables, settings: AccountSettings, person: Person) -> None:
    try:
        resolve(tables, settings, person.address)
    except AliasTrouble as trouble:
        raise BadAddress(person.address, text=f"That can't work: {trouble.detail}") from trouble


def rotate_secret(tables: Tables, secret: bytes, now: float, kept: float) -> None:
    """`kept`: seconds for which one that was replaced is still good."""
    tables.forget_secrets(now - kept)
    tables.add_secret(secret, now)


def set_alias(tables: Tables, settings: AccountSettings, address: str, targets: tuple[str, ...]) -> None:
    """Add or replace. The result must lead somewhere: circles and aliases too deep are refused here already."""
    local, domain = split(address)
    name = checked_domain(domain)
    kept = checked_address(address) if local else f"@{name}"  # "@domain" is the catch-all
    if not tables.has_domain(name):
        raise NotThere(kept, text=f"The domain {name} is not here: add it first (postroom domain add {name})")
    if tables.list_named(_key(kept)) is not None:
        raise AlreadyThere(kept, text=f"{kept} is a list already")
    if not targets:
        raise BadAddress(kept, text=f"The alias {kept} needs at least one target")
    checked = tuple(dict.fromkeys(checked_target(target) for target in targets))
    tables.set_alias(_key(kept), Alias(kept, checked))
    try:
        resolve(tables, settings, kept if local else f"nobody-has-this-name{kept}")
    except AliasTrouble as trouble:
        raise BadAddress(kept, text=f"That alias can't work: {trouble.detail}") from trouble


def remove_alias(tables: Tables, address: str) -> None:
    key = _key(address)
    if tables.alias(key) is None:
        raise NotThere(address, text=f"There is no alias {address}")
    tables.remove_alias(key)


def set_notes(tables: Tables, settings: AccountSettings, values: Mapping[str, bytes | None]) -> None:
    before = len(tables.notes())
    for name, value in values.items():
        tables.set_note(name, value)
    after = len(tables.notes())
    if after > max(before, settings.max_notes):
        raise TooManyNotes(f"{after} notes")


def _key(address: str) -> str:
    local, domain = split(address)
    if not local:
        return f"@{checked_domain(domain)}"
    key = address_key(address)
    if key is None:
        raise BadAddress(address, text=f"{address!r} is not an address")
    return key
