"""The directory: who has an address, who may sign in, and the changes to it.

Owns: SqliteDirectory and MemoryDirectory, each of them a Directory, a Registry and an Administration; the cache of
answers.
Never: stores mail. Raises: the AccountError family.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from postroom.base import Clock, Ids

from . import imported, missing, registry, resolution, srs
from .addresses import address_key, domain_key, split
from .api import Alias, BadReturnAddress, Found, OwnMeans, Person, RemoteTarget, Resolution, ScramKeys
from .app_passwords import BookAppPasswords
from .lists import BookLists
from .memory import MemoryBook
from .password_files import read_lines
from .password_import import ImportedLine, PasswordImport
from .passwords import Passwords
from .proving import Proving
from .scram_keeping import ScramKeeping
from .second_factor import BookSecondFactor
from .settings import AccountSettings
from .sqlite import SqliteBook
from .types import Book, CredentialRow, Tables
from .vault import KEY_OCTETS, Vault, key_in_file

_log = logging.getLogger("postroom.accounts")
T = TypeVar("T")
_SECRET_OCTETS = 32
_SCRAM_LOOK_SECONDS = 30.0  # a look reads every password's row when nobody lacks keys
_SRS = ("srs", "sr")  # how a rewritten sender begins, the second one behind a quote


class BookDirectory:
    """Directory, Registry and Administration over a Book."""

    def __init__(self, book: Book, settings: AccountSettings, clock: Clock, ids: Ids, key: Callable[[], bytes]) -> None:
        self._book = book
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._passwords = Passwords(settings, clock, ids)
        vault = Vault(key, ids)
        self._keeping = ScramKeeping(self._passwords.computing, vault, settings)
        self._proving = Proving(book, self._passwords, self._keeping, settings, clock, self._sign_in_key)
        self.app_passwords = BookAppPasswords(book, self._keeping, settings, clock, ids)
        self.second_factors = BookSecondFactor(book, vault, clock, ids)
        self.lists = BookLists(book, settings, clock, self._secret, self._good_secrets)
        self._version = -1
        self._scram_for_all, self._scram_looked_until = False, float("-inf")
        self._resolutions: dict[str, Resolution] = {}

    @property
    def hashes_computed(self) -> int:
        """argon2id computations so far."""
        return self._passwords.computed

    async def close(self) -> None:
        """End threads and close files."""
        await self._proving.close()
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

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None:
        return await self._proving.authenticate(username, password, protocol)

    async def scram_keys(self, username: str, hash_name: str, protocol: str = "") -> ScramKeys:
        return await self._proving.scram_keys(username, hash_name, protocol)

    @property
    def scram_for_all(self) -> bool:
        """Whether everybody who signs in by a password could do so by SCRAM; looked up now and then."""
        now = self._clock.monotonic()
        if now >= self._scram_looked_until:
            self._scram_looked_until = now + _SCRAM_LOOK_SECONDS
            self._scram_for_all = self._keeping.is_on and not self._book.tables.lacks_scram_keys()
        return self._scram_for_all

    async def proven(self, username: str, credential_id: int, protocol: str = "") -> Person | None:
        return await self._proving.proven(username, credential_id, protocol)

    def _sign_in_key(self, username: str) -> str | None:
        if "@" not in username and self._settings.sign_in_domain:
            username = f"{username}@{self._settings.sign_in_domain}"
        return address_key(username) if len(username) <= self._settings.max_address_octets else None

    async def person(self, account_id: int) -> Person | None:
        return self._book.tables.person_by_id(account_id)

    async def find(self, username: str) -> Person | None:
        key = self._sign_in_key(username)
        return self._book.tables.person(key) if key is not None else None

    async def own_means(self, person: Person) -> OwnMeans:
        """By what the person may sign in that is kept here."""
        tables = self._book.tables
        rows = tables.credentials(person.account_id)
        factor = tables.second_factor(person.account_id)
        return OwnMeans(
            any(row.is_main for row in rows),
            any(not row.is_main for row in rows),
            factor is not None and factor.confirmed is not None,
        )

    async def missing(self, address: str) -> tuple[str, ...]:
        """The addresses of domains here that `address` leads to, or may, and that are nobody's: for who knows people
        besides. None when the address itself is too long or not of here."""
        return missing.missing(self._book.tables, self._settings, address)

    async def verify_hash(self, name: str, password: str, password_hash: str | None) -> bool:
        """Whether a password is the one of a hash that is kept elsewhere, of any kind that can be imported; None:
        nobody's, and as slow.

        Raises SignInBusy.
        """
        hashed = None
        if password_hash is not None:
            try:
                hashed = imported.kept(password_hash)
            except imported.BadHash as error:
                _log.warning("the password of %r that is kept elsewhere can't be compared: %s", name, error)
        return await self._passwords.verify(name, password, hashed)

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
        main = await self._main_password(address, password, ()) if password is not None else None
        quota = (quota_octets, quota_messages)
        return await self._change(lambda tables: registry.add_person(tables, address, main, quota))

    async def _main_password(self, address: str, password: str, others: Sequence[CredentialRow]) -> CredentialRow:
        """To be kept for this address, beside the `others` of the account."""
        fresh = await self._passwords.hash(password)
        key = address_key(address) or ""  # "": nobody's, which the registry refuses
        keys = await self._keeping.made(key, (self._passwords.prepared(password),), others)
        return CredentialRow(0, 0, fresh, keys=keys, made=self._clock.now())

    async def remove_person(self, address: str) -> Person:
        return await self._change(lambda tables: registry.remove_person(tables, address))

    async def people(self) -> list[Person]:
        return self._book.tables.people()

    async def set_password(self, address: str, password: str | None) -> None:
        person = registry.find(self._book.tables, address)
        rows = self._book.tables.credentials(person.account_id)
        main = await self._main_password(address, password, rows) if password is not None else None
        await self._change(lambda tables: registry.set_main_password(tables, address, main))

    async def import_passwords(
        self, lines: Iterable[str], *, domain: str = "", create: bool = False, replace: bool = False, dry: bool = False
    ) -> list[ImportedLine]:
        """The hashes of a password file (password_files), into accounts; see PasswordImport.run."""
        work = PasswordImport(self._book, self._settings, self._main_password, self._clock.now)
        return await work.run(read_lines(lines), domain=domain, create=create, replace=replace, dry=dry)

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None:
        await self._change(lambda tables: tables.set_quota(registry.find(tables, address).account_id, octets, messages))

    async def set_enabled(self, address: str, enabled: bool) -> None:
        await self._change(lambda tables: tables.set_enabled(registry.find(tables, address).account_id, enabled))

    async def set_forwarding(self, address: str, targets: tuple[str, ...], *, keep: bool) -> None:
        await self._change(lambda tables: registry.set_forwarding(tables, self._settings, address, targets, keep))

    async def set_copies(self, address: str, targets: tuple[str, ...]) -> None:
        await self._change(lambda tables: registry.set_copies(tables, self._settings, address, targets))

    async def sender_grants(self, address: str) -> list[str]:
        return self._book.tables.sender_grants(registry.find(self._book.tables, address).account_id)

    async def grant_sender(self, address: str, other: str) -> None:
        await self._change(lambda tables: registry.grant_sender(tables, address, other))

    async def revoke_sender(self, address: str, other: str) -> None:
        await self._change(lambda tables: registry.revoke_sender(tables, address, other))

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
        return self._book.tables.person(key) if key is not None else None

    async def notes(self) -> dict[str, bytes]:
        return self._book.tables.notes()

    async def set_notes(self, values: Mapping[str, bytes | None]) -> None:
        await self._change(lambda tables: registry.set_notes(tables, self._settings, values))


class SqliteDirectory(BookDirectory):
    """In data/postroom.db, which is made when it is missing. Raises DirectoryFailure when it can't be opened."""

    def __init__(self, path: Path, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        key = key_in_file(path.parent / settings.credential_key_file, ids)
        super().__init__(SqliteBook(path, settings), settings, clock, ids, key)


class MemoryDirectory(BookDirectory):
    """In memory only."""

    def __init__(self, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        key = ids.octets(KEY_OCTETS)
        super().__init__(MemoryBook(), settings, clock, ids, lambda: key)
