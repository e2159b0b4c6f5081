"""The directory: who has an address, who may sign in, and the changes to it.

Owns: SqliteDirectory and MemoryDirectory, each of them a Directory, a Registry and an Administration; the cache of
answers.
Never: stores mail. Raises: the AccountError family.
"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from postroom.base import Clock, Ids

from . import registry, resolution, srs
from .addresses import address_key, domain_key, split
from .api import AccountError, Alias, BadReturnAddress, Found, Person, RemoteTarget, Resolution
from .lists import BookLists
from .memory import MemoryBook
from .passwords import Passwords
from .settings import AccountSettings
from .sqlite import SqliteBook
from .types import Book, Tables

_log = logging.getLogger("postroom.accounts")
T = TypeVar("T")
_SECRET_OCTETS = 32
_SRS = ("srs", "sr")  # how a rewritten sender begins, the second one behind a quote


class BookDirectory:
    """Directory, Registry and Administration over a Book."""

    def __init__(self, book: Book, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        self._book = book
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._passwords = Passwords(settings, clock, ids)
        self.lists = BookLists(book, settings, clock, self._secret, self._good_secrets)
        self._version = -1
        self._resolutions: dict[str, Resolution] = {}

    @property
    def hashes_computed(self) -> int:
        """argon2id computations so far."""
        return self._passwords.computed

    async def close(self) -> None:
        """End threads and close files."""
        self._passwords.close()
        await self._book.close()

    # ---- Directory

    async def is_local_domain(self, domain: str) -> bool:
        name = domain_key(domain)
        return name is not None and self._book.tables.has_domain(name)

    async def local_domains(self) -> list[str]:
        return self._book.tables.domains()

    async def resolve(self, address: str) -> Resolution:
        version = self._book.version()
        if version != self._version or len(self._resolutions) >= self._settings.max_cached_addresses:
            self._resolutions.clear()
            self._version = version
        answer = self._resolutions.get(address)
        if answer is None and len(address) <= self._settings.max_address_octets:
            sender = self._stands_for(address)  # not remembered: it grows old
            if sender is not None:
                return Found((RemoteTarget(sender),))
        if answer is None:
            answer = resolution.resolve(self._book.tables, self._settings, address)
            if len(address) <= self._settings.max_address_octets:
                self._resolutions[address] = answer
        return answer

    async def forwarding_sender(self, sender: str, forwarder: str) -> str:
        local, domain = split(sender)
        host = domain_key(domain)
        if host is None or not self._settings.rewrite_forwarded_sender or self._book.tables.has_domain(host):
            return sender
        own = domain_key(split(forwarder)[1]) or self._book.tables.domains()[0]
        return srs.forwarded(f"{local}@{host}", own, await self._secret(), self._clock.now())

    async def _secret(self) -> bytes:
        """For making addresses; made when it is first needed."""
        secrets = self._book.tables.secrets()
        if not secrets:

            def first(tables: Tables) -> list[tuple[bytes, float]]:  # another process may have been faster
                if not tables.secrets():
                    tables.add_secret(self._ids.octets(_SECRET_OCTETS), self._clock.now())
                return tables.secrets()

            secrets = await self._change(first)
        return secrets[0][0]

    def _good_secrets(self) -> list[bytes]:
        """For knowing addresses that were made here: the one in use, and those that were replaced not long ago."""
        rows = self._book.tables.secrets()
        limit = self._clock.now() - self._settings.old_secret_seconds
        return [secret for n, (secret, _) in enumerate(rows) if n == 0 or rows[n - 1][1] >= limit]

    def _stands_for(self, address: str) -> str | None:
        """The sender whose mail was forwarded under this address; None: it is not of that form.

        Raises BadReturnAddress.
        """
        local, domain = split(address)
        if local[:3].lower().strip('"') not in _SRS or not srs.is_forwarded(local):
            return None
        name = domain_key(domain)
        if name is None or not self._book.tables.has_domain(name):
            return None
        valid = self._settings.return_address_seconds
        found = srs.original(local, self._good_secrets(), self._clock.now(), valid)
        if found is None:
            raise BadReturnAddress(address)
        return found

    async def authenticate(self, username: str, password: str) -> Person | None:
        key = self._sign_in_key(username)
        row = self._book.tables.person(key) if key is not None else None
        password_hash = row.password_hash if row is not None else None
        if not await self._passwords.verify(key or "", password, password_hash):
            return None
        assert key is not None
        assert row is not None
        assert password_hash is not None
        account_id = row.person.account_id
        if self._passwords.needs_rehash(password_hash):
            await self._rehash(key, password, password_hash)
        person = await self.person(account_id)  # as it is now: checking the password took a while
        return person if person is not None and person.enabled else None

    def _sign_in_key(self, username: str) -> str | None:
        if "@" not in username and self._settings.sign_in_domain:
            username = f"{username}@{self._settings.sign_in_domain}"
        return address_key(username) if len(username) <= self._settings.max_address_octets else None

    async def _rehash(self, key: str, password: str, proven: str) -> None:
        """Bring the hash on record up to today's parameters; a failure only means that it is tried again."""
        try:
            fresh = await self._passwords.hash(password)

            def replace(tables: Tables) -> bool:
                row = tables.person(key)
                if row is None or row.password_hash != proven:
                    return False
                tables.set_password_hash(row.person.account_id, fresh)
                return True

            if await self._book.change(replace):
                self._passwords.remember(key, password, fresh)
        except AccountError as error:
            _log.warning("a password hash was not renewed: %s", error)

    async def person(self, account_id: int) -> Person | None:
        row = self._book.tables.person_by_id(account_id)
        return row.person if row is not None else None

    async def find(self, username: str) -> Person | None:
        key = self._sign_in_key(username)
        row = self._book.tables.person(key) if key is not None else None
        return row.person if row is not None else None

    async def may_send_as(self, person: Person, address: str) -> bool:
        return resolution.may_send_as(self._book.tables, self._settings, person, address)

    # ---- Registry

    async def _change(self, work: Callable[[Tables], T]) -> T:
        return await self._book.change(work)

    async def add_domain(self, domain: str) -> None:
        await self._change(lambda tables: registry.add_domain(tables, domain))

    async def remove_domain(self, domain: str) -> None:
        await self._change(lambda tables: registry.remove_domain(tables, domain))

    async def domains(self) -> list[str]:
        return self._book.tables.domains()

    async def add_person(
        self, address: str, password: str | None, *, quota_octets: int | None = None, quota_messages: int | None = None
    ) -> Person:
        password_hash = await self._passwords.hash(password) if password is not None else None
        quota = (quota_octets, quota_messages)
        return await self._change(lambda tables: registry.add_person(tables, address, password_hash, quota))

    async def remove_person(self, address: str) -> Person:
        return await self._change(lambda tables: registry.remove_person(tables, address))

    async def people(self) -> list[Person]:
        return self._book.tables.people()

    async def set_password(self, address: str, password: str) -> None:
        registry.find(self._book.tables, address)
        fresh = await self._passwords.hash(password)
        await self._change(
            lambda tables: tables.set_password_hash(registry.find(tables, address).person.account_id, fresh)
        )

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None:
        await self._change(
            lambda tables: tables.set_quota(registry.find(tables, address).person.account_id, octets, messages)
        )

    async def set_enabled(self, address: str, enabled: bool) -> None:
        await self._change(lambda tables: tables.set_enabled(registry.find(tables, address).person.account_id, enabled))

    async def set_forwarding(self, address: str, targets: tuple[str, ...], *, keep: bool) -> None:
        await self._change(lambda tables: registry.set_forwarding(tables, self._settings, address, targets, keep))

    async def set_copies(self, address: str, targets: tuple[str, ...]) -> None:
        await self._change(lambda tables: registry.set_copies(tables, self._settings, address, targets))

    async def rotate_secret(self) -> None:
        secret, now, kept = self._ids.octets(_SECRET_OCTETS), self._clock.now(), self._settings.old_secret_seconds
        await self._change(lambda tables: registry.rotate_secret(tables, secret, now, kept))

    async def set_alias(self, address: str, targets: tuple[str, ...]) -> None:
        await self._change(lambda tables: registry.set_alias(tables, self._settings, address, targets))

    async def remove_alias(self, address: str) -> None:
        await self._change(lambda tables: registry.remove_alias(tables, address))

    async def aliases(self) -> list[Alias]:
        return self._book.tables.aliases()

    # ---- Administration, but for what Registry has

    async def person_of(self, address: str) -> Person | None:
        key = address_key(address) if len(address) <= self._settings.max_address_octets else None
        row = self._book.tables.person(key) if key is not None else None
        return row.person if row is not None else None

    async def notes(self) -> dict[str, bytes]:
        return self._book.tables.notes()

    async def set_notes(self, values: Mapping[str, bytes | None]) -> None:
        await self._change(lambda tables: registry.set_notes(tables, self._settings, values))


class SqliteDirectory(BookDirectory):
    """In data/postroom.db, which is made when it is missing. Raises DirectoryFailure when it can't be opened."""

    def __init__(self, path: Path, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        super().__init__(SqliteBook(path, settings), settings, clock, ids)


class MemoryDirectory(BookDirectory):
    """In memory only."""

    def __init__(self, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        super().__init__(MemoryBook(), settings, clock, ids)
