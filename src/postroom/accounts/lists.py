"""Mailing lists: who they are, their members, the tokens in their members' addresses.

Owns: the checks around changes to lists, the tokens, the count of bounces. Never: reads or sends mail (intake does),
makes the secret. Raises: the AccountError family, with a text for the person who asked.

A token names one member of one list for one purpose, and only we can make it: it is the member's number and an HMAC. It
stands in the envelope sender of what the member gets, and in the address and the link that unsubscribe them.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from postroom.base import Clock

from .addresses import address_key, checked_address, split
from .api import AlreadyThere, BadAddress, MailingList, Member, NotThere, Purpose
from .settings import AccountSettings
from .types import Book, Tables

_MAX_LOCAL_OCTETS = 30  # so that the longest address made of it keeps to 64 (RFC 5321 §4.5.3.1.1)
_TOKEN = re.compile(r"([0-9]{1,15})-([a-z2-7]{12})\Z")
_HASH_CHARACTERS = 12  # 60 bits, which can only be tried by asking us


def token(secret: bytes, purpose: Purpose, member: Member) -> str:
    octets = f"list\0{purpose}\0{member.list_id}\0{member.member_id}".encode()
    digest = base64.b32encode(hmac.new(secret, octets, hashlib.sha256).digest()).decode("ascii").lower()
    return f"{member.member_id}-{digest[:_HASH_CHARACTERS]}"


class BookLists:
    """accounts.Lists over a Book."""

    def __init__(
        self,
        book: Book,
        settings: AccountSettings,
        clock: Clock,
        secret: Callable[[], Awaitable[bytes]],
        good_secrets: Callable[[], Sequence[bytes]],
    ) -> None:
        self._book = book
        self._settings = settings
        self._clock = clock
        self._secret = secret
        self._good_secrets = good_secrets

    async def all(self) -> list[MailingList]:
        return self._book.tables.lists()

    async def get(self, address: str) -> MailingList | None:
        key = address_key(address)
        return self._book.tables.list_named(key) if key is not None else None

    async def by_id(self, list_id: int) -> MailingList | None:
        return self._book.tables.list_by_id(list_id)

    async def create(self, wanted: MailingList) -> MailingList:
        return await self._book.change(lambda tables: _create(tables, wanted))

    async def change(self, wanted: MailingList) -> None:
        await self._book.change(lambda tables: tables.set_list(_checked(tables, wanted)))

    async def remove(self, address: str) -> None:
        await self._book.change(lambda tables: tables.remove_list(_find(tables, address).list_id))

    async def members(self, list_id: int) -> list[Member]:
        return self._book.tables.members(list_id)

    async def member(self, list_id: int, address: str) -> Member | None:
        key = address_key(address)
        return self._book.tables.member(list_id, key) if key is not None else None

    async def add_members(self, address: str, members: Sequence[str]) -> int:
        return await self._book.change(lambda tables: _add_members(tables, self._settings, address, members))

    async def remove_members(self, address: str, members: Sequence[str]) -> int:
        return await self._book.change(lambda tables: _remove_members(tables, address, members))

    async def resume(self, address: str, member: str) -> None:
        def work(tables: Tables) -> None:
            found = tables.member(_find(tables, address).list_id, _key(member))
            if found is None:
                raise NotThere(member, text=f"{member} is no member of {address}")
            tables.set_member(replace(found, suspended=False, bounces=0))

        await self._book.change(work)

    # ---- what mail does

    async def tokens(self, purpose: Purpose, members: Sequence[Member]) -> list[str]:
        secret = await self._secret()
        return [token(secret, purpose, member) for member in members]

    async def member_by_token(self, purpose: Purpose, claimed: str) -> Member | None:
        found = _TOKEN.match(claimed)
        member = self._book.tables.member_by_id(int(found[1])) if found is not None else None
        if member is None:
            return None
        good = [token(secret, purpose, member) for secret in self._good_secrets()]
        return member if any(hmac.compare_digest(one, claimed) for one in good) else None

    async def remove_member(self, member: Member) -> None:
        await self._book.change(lambda tables: tables.remove_member(member.member_id))

    def after_bounce(self, member: Member, name: str) -> Member:
        """The member as one more bounce makes them; the same one when this bounce has been counted."""
        if member.last_bounce == name:
            return member
        settings, now = self._settings, self._clock.now()
        recent = member.bounced is not None and now - member.bounced <= settings.list_bounce_memory_seconds
        bounces = 1 + (member.bounces if recent else 0)
        suspended = member.suspended or bounces >= settings.max_list_bounces
        return replace(member, bounces=bounces, bounced=now, last_bounce=name, suspended=suspended)

    async def keep(self, member: Member) -> None:
        """What `after_bounce` made of a member."""
        await self._book.change(lambda tables: tables.set_member(member))


def _key(address: str) -> str:
    key = address_key(address)
    if key is None:
        raise BadAddress(address, text=f"{address!r} is not an address")
    return key


def _find(tables: Tables, address: str) -> MailingList:
    found = tables.list_named(_key(address))
    if found is None:
        raise NotThere(address, text=f"There is no list {address}")
    return found


def _create(tables: Tables, wanted: MailingList) -> MailingList:
    key = _key(wanted.address)
    if tables.list_named(key) is not None:
        raise AlreadyThere(key, text=f"There is a list {wanted.address} already")
    if tables.person(key) is not None or tables.alias(key) is not None:
        raise AlreadyThere(key, text=f"{wanted.address} is an account or an alias already")
    checked = _checked(tables, wanted)
    return replace(checked, list_id=tables.add_list(key, checked))


def _checked(tables: Tables, wanted: MailingList) -> MailingList:
    address = checked_address(wanted.address)
    local, domain = split(address)
    if not tables.has_domain(domain):
        raise NotThere(domain, text=f"The domain {domain} is not here: add it first (postroom domain add {domain})")
    if len(local.encode()) > _MAX_LOCAL_OCTETS or not local.isascii():
        raise BadAddress(local, text=f"The name of a list is ASCII and has at most {_MAX_LOCAL_OCTETS} characters")
    if not wanted.owners:
        raise BadAddress(address, text="A list needs an owner")
    for text in (wanted.title, wanted.prefix, wanted.archive):
        if not text.isprintable():
            raise BadAddress(address, text=f"{text!r} has characters that a header field can't have")
    owners, posters = (
        tuple(dict.fromkeys(checked_address(one) for one in people)) for people in (wanted.owners, wanted.posters)
    )
    return replace(wanted, address=address, owners=owners, posters=posters)


def _add_members(tables: Tables, settings: AccountSettings, address: str, members: Sequence[str]) -> int:
    """How many are new."""
    to = _find(tables, address)
    added = 0
    for member in members:
        kept = checked_address(member)
        key = _key(kept)
        if key == _key(to.address):
            raise BadAddress(kept, text="A list can't be a member of itself")
        if tables.member(to.list_id, key) is None:
            tables.add_member(to.list_id, key, kept)
            added += 1
    if len(tables.members(to.list_id)) > settings.max_list_members:
        raise BadAddress(
            address, text=f"A list may have {settings.max_list_members} members (accounts.max_list_members)"
        )
    return added


def _remove_members(tables: Tables, address: str, members: Sequence[str]) -> int:
    of = _find(tables, address)
    removed = 0
    for member in members:
        found = tables.member(of.list_id, _key(member))
        if found is not None:
            tables.remove_member(found.member_id)
            removed += 1
    return removed
