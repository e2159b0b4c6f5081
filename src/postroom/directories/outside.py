"""The directory of a server whose people are known elsewhere: postroom.db, and a source behind it.

Owns: whose word counts when, and the accounts of people who are seen for the first time.
Never: asks anybody itself (the source does), writes anything but new accounts and directory.db. Raises: SourceDown,
and what the embedded directory raises.

What postroom.db has comes first: domains, aliases, lists, and people with a password there, who do not depend on the
source. Everybody else signs in by it. Where it is asked for mail and is down, the answer is "later", never "no"; an
account that it has brought goes on getting mail.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from postroom.accounts import (
    AccountError,
    AlreadyThere,
    DirectoryFailure,
    Found,
    Lists,
    ListTarget,
    LocalTarget,
    MailDirectory,
    NotLocal,
    OwnMeans,
    Person,
    Resolution,
    Target,
    Unknown,
    address_key,
)

from .seen import Seen
from .settings import DirectorySettings
from .types import Known, Source, SourceDown

_log = logging.getLogger("postroom.directories")
_POSTMASTER = "postmaster"
_LIST_ROLE = re.compile(r"(.+)-(?:owner|request|bounces|unsubscribe)(?:\+.*)?", re.DOTALL)


class Embedded(MailDirectory, Protocol):
    """accounts.SqliteDirectory, as far as it is needed here."""

    async def own_means(self, person: Person) -> OwnMeans: ...

    async def missing(self, address: str) -> tuple[str, ...]: ...

    async def person_of(self, address: str) -> Person | None: ...

    async def add_person(
        self, address: str, password: str | None, *, quota_octets: int | None = None, quota_messages: int | None = None
    ) -> Person: ...


class OutsideDirectory:
    """accounts.MailDirectory."""

    scram_for_all = False  # who has a password elsewhere has no keys here

    def __init__(
        self, embedded: Embedded, source: Source, seen: Seen, settings: DirectorySettings, *, detail_separator: str
    ) -> None:
        self._embedded = embedded
        self._source = source
        self._seen = seen
        self._settings = settings
        self._mark = detail_separator
        self.is_local_domain = embedded.is_local_domain
        self.local_domains = embedded.local_domains
        self.forwarding_sender = embedded.forwarding_sender
        self.person = embedded.person
        self.scram_keys = embedded.scram_keys  # of app passwords, and of people with a password here

    @property
    def lists(self) -> Lists:
        return self._embedded.lists

    async def close(self) -> None:
        await self._source.close()
        self._seen.close()

    # ---- signing in

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None:
        person = await self._embedded.find(username)
        if person is not None:
            means = await self._embedded.own_means(person)
            if means.password:
                return await self._embedded.authenticate(username, password, protocol)
            if means.app_passwords:
                found = await self._embedded.authenticate(username, password, protocol)
                if found is not None:
                    return found if await self._still_there(found) else None
            if means.second_factor:
                return None
        known = await self._source.authenticate(username, password, protocol)
        person = await self._account(known) if known is not None else None
        if person is None or not person.enabled:
            return None
        means = await self._embedded.own_means(person)
        if means.password:
            _log.warning("directory: %s has a password in postroom.db, so that is the one that counts", person.address)
            return None
        return None if means.second_factor else person

    async def proven(self, username: str, credential_id: int, protocol: str = "") -> Person | None:
        person = await self._embedded.proven(username, credential_id, protocol)
        return person if person is not None and await self._still_there(person) else None

    async def find(self, username: str) -> Person | None:
        person = await self._embedded.find(username)
        if person is not None and not self._seen.knows(person.account_id):
            return person
        known = await self._source.find_user(username)
        return await self._account(known) if known is not None else None

    async def _still_there(self, person: Person) -> bool:
        """Whether who has an account here may go on using it. Raises SourceDown when nobody can tell."""
        if not self._seen.knows(person.account_id):
            return True
        return await self._source.find(_key(person.address)) is not None

    # ---- accounts

    async def _account(self, known: Known) -> Person | None:
        """The account of somebody whom the source knows, which is made when it is not there."""
        person = await self._embedded.person_of(known.address)
        if person is None:
            try:
                person = await self._embedded.add_person(known.address, None, quota_octets=known.quota_octets)
                _log.info("directory: %s has an account now", person.address)
            except AlreadyThere:  # another process was faster, or a list has the address
                person = await self._embedded.person_of(known.address)
            except DirectoryFailure:
                raise
            except AccountError as error:
                _log.warning("directory: %r can't have an account: %s", known.address, error.text)
            if person is None:
                return None
        if not (await self._embedded.own_means(person)).password:
            self._seen.here(person.account_id)
        return person

    # ---- mail

    async def resolve(self, address: str) -> Resolution:
        resolution = await self._embedded.resolve(address)
        if isinstance(resolution, NotLocal):
            return resolution
        if isinstance(resolution, Found) and all(isinstance(target, ListTarget) for target in resolution.targets):
            return resolution
        missing = await self._missing(address)
        brought = await self._bring(missing)
        if missing:
            other = brought.get(missing[0])
            if other is not None and _key(other.address) != missing[0]:
                return await self._by_other_address(other, address)
            resolution = await self._embedded.resolve(address)
        return await self._without_gone(resolution) if isinstance(resolution, Found) else resolution

    async def _missing(self, address: str) -> list[str]:
        """Whom to look for elsewhere: not for "bob+tag" where there is a bob, nor for an address of a list."""
        found = []
        for key in await self._embedded.missing(address):
            local, _, domain = key.rpartition("@")
            at = local.find(self._mark, 1) if self._mark else -1
            if at > 0 and await self._embedded.person_of(f"{local[:at]}@{domain}") is not None:
                continue
            role = _LIST_ROLE.fullmatch(local)
            if role is None or await self._embedded.lists.get(f"{role[1]}@{domain}") is None:
                found.append(key)
        return found

    async def _bring(self, keys: Sequence[str]) -> dict[str, Person]:
        """Those of them whom the source knows. Raises SourceDown when it can't tell of one that matters."""
        brought: dict[str, Person] = {}
        for key in keys:
            try:
                known = await self._source.find(key)
            except SourceDown:
                if key.partition("@")[0] == _POSTMASTER:  # RFC 5321 §4.5.1: somebody gets it in any case
                    continue
                raise
            person = await self._account(known) if known is not None else None
            if person is not None:
                brought[key] = person
        return brought

    async def _by_other_address(self, person: Person, address: str) -> Resolution:
        """Mail for one of the other addresses that the source has of somebody."""
        resolution = await self._embedded.resolve(person.address)
        if not isinstance(resolution, Found):
            return resolution
        return Found(
            tuple(
                replace(target, address=address) if isinstance(target, LocalTarget) else target
                for target in resolution.targets
            )
        )

    async def _without_gone(self, resolution: Found) -> Resolution:
        """Without those whom the source has not known for a while."""
        left: list[Target] = []
        for target in resolution.targets:
            if not isinstance(target, LocalTarget) or not await self._is_gone(target.person):
                left.append(target)
        return Found(tuple(left)) if left else Unknown()

    async def _is_gone(self, person: Person) -> bool:
        if not self._seen.knows(person.account_id) or (await self._embedded.own_means(person)).password:
            return False
        try:
            known = await self._source.find(_key(person.address))
        except SourceDown:
            return False  # the account is here: its mail can wait for them in it
        if known is not None:
            self._seen.here(person.account_id)
            return False
        return self._seen.gone(person.account_id) >= self._settings.gone_seconds

    async def may_send_as(self, person: Person, address: str) -> bool:
        if await self._embedded.may_send_as(person, address):
            return True
        key = address_key(address)
        if key is None or key not in await self._missing(address):
            return False
        known = await self._source.find(key)
        return known is not None and _key(known.address) == _key(person.address)


def _key(address: str) -> str:
    return address_key(address) or address
