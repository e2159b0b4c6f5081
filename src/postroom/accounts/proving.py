"""Who has proven to be whom: by a password, an app password, or SCRAM.

Owns: which of an account's passwords is good for what, and what a sign-in brings up to date. Never: talks to a client,
waits between attempts (the guard does). Raises: SignInBusy, DirectoryFailure.

Every refusal costs the same: one digest, as for an app password, and one argon2id computation, whether the account
exists or not, is disabled, has no password, has only app passwords, or has a second factor that keeps its main password
from being used. What can't be used is not even tried, so that nobody learns that it was right.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from postroom.base import Clock

from . import app_passwords
from .api import AccountError, BadAddress, Person, ScramKeys
from .last_use import LastUse
from .passwords import Passwords
from .scram_keeping import ScramKeeping
from .settings import AccountSettings
from .types import Book, CredentialRow, Tables

_log = logging.getLogger("postroom.accounts")


@dataclass(frozen=True, slots=True)
class _Account:
    """A person and all they may sign in with, at one moment."""

    person: Person
    credentials: tuple[CredentialRow, ...]
    has_second_factor: bool

    def good(self, protocol: str, now: float) -> list[CredentialRow]:
        """What may be used for this protocol now."""
        if not self.person.enabled:
            return []
        return [row for row in self.credentials if self._is_good(row, protocol, now)]

    def _is_good(self, row: CredentialRow, protocol: str, now: float) -> bool:
        if row.is_main:
            return not self.has_second_factor
        return (row.expires is None or now < row.expires) and (not row.protocols or protocol in row.protocols)


class Proving:
    """Directory.authenticate, scram_keys and proven."""

    def __init__(
        self,
        book: Book,
        passwords: Passwords,
        keeping: ScramKeeping,
        settings: AccountSettings,
        clock: Clock,
        sign_in_key: Callable[[str], str | None],
    ) -> None:
        self._book = book
        self._passwords = passwords
        self._keeping = keeping
        self._settings = settings
        self._clock = clock
        self._sign_in_key = sign_in_key
        self._last_use = LastUse(book, settings, clock)
        self._renewing: set[int] = set()

    async def close(self) -> None:
        await self._last_use.close()

    def _account(self, key: str | None) -> _Account | None:
        tables = self._book.tables
        person = tables.person(key or "")
        account_id = person.account_id if person is not None else 0  # nobody is looked up as well
        factor, rows = tables.second_factor(account_id), tuple(tables.credentials(account_id))
        if person is None:
            return None
        return _Account(person, rows, factor is not None and factor.confirmed is not None)

    async def authenticate(self, username: str, password: str, protocol: str) -> Person | None:
        key = self._sign_in_key(username)
        account = self._account(key)
        good = account.good(protocol, self._clock.now()) if account is not None else []
        row = app_passwords.matching(good, account.person.account_id if account is not None else 0, password)
        if row is None:
            main = next((one for one in good if one.is_main), None)
            main_hash = main.hash if main is not None else None
            if not await self._passwords.verify(key or "", password, main_hash, self._book.tables.imported_hash()):
                return None
            row = main
        assert key is not None
        assert account is not None
        assert row is not None
        await self._renew(key, account, row, password)
        return self._still_good(key, row.credential_id, protocol)  # checking the password took a while

    async def proven(self, username: str, credential_id: int, protocol: str) -> Person | None:
        key = self._sign_in_key(username)
        return self._still_good(key, credential_id, protocol) if key is not None else None

    def _still_good(self, key: str, credential_id: int, protocol: str) -> Person | None:
        account = self._account(key)
        if account is None:
            return None
        for row in account.good(protocol, self._clock.now()):
            if row.credential_id == credential_id:
                self._last_use.note(row)
                return account.person
        return None

    async def scram_keys(self, username: str, hash_name: str, protocol: str) -> ScramKeys:
        key = self._sign_in_key(username)
        name = key if key is not None else username
        account = self._account(key) if self._keeping.is_on else None
        credentials = account.credentials if account is not None else ()
        good = account.good(protocol, self._clock.now()) if account is not None else []
        count, keys = self._keeping.opened(name, credentials, {row.credential_id for row in good}, hash_name)
        others = self._keeping.nobodys_count(name, self._book.tables.iteration_counts())
        nobodys = self._keeping.nobodys(name, hash_name)  # computed for everybody: it is not told from the time either
        return ScramKeys(self._keeping.salt(name, hash_name), count or others, tuple(keys) or (nobodys,))

    # ---- what a sign-in brings up to date

    async def _renew(self, key: str, account: _Account, row: CredentialRow, password: str) -> None:
        """Bring hash and keys up to today's parameters; a failure only means that it is tried again."""
        if row.credential_id in self._renewing:
            return
        self._renewing.add(row.credential_id)
        try:
            rehash = row.is_main and self._passwords.needs_rehash(row.hash)
            fresh = await self._renewed(key, account, row, password, rehash=rehash)
            if fresh is not row and await self._book.change(lambda tables: _replace(tables, row, fresh)) and rehash:
                self._passwords.remember(key, password, fresh.hash)
        except BadAddress as error:
            _log.warning("a password can't be kept as they are today: %s", error.text)
        except AccountError as error:
            _log.warning("a password hash was not renewed: %s", error)
        finally:
            self._renewing.discard(row.credential_id)

    async def _renewed(
        self, key: str, account: _Account, row: CredentialRow, password: str, *, rehash: bool
    ) -> CredentialRow:
        fresh = row
        if rehash:
            fresh = replace(fresh, hash=await self._passwords.hash(password))
        if self._wants_keys(key, account, row):
            spellings = (self._passwords.prepared(password),) if row.is_main else app_passwords.spellings(password)
            fresh = replace(fresh, keys=await self._keeping.made(key, spellings, account.credentials))
        return fresh

    def _wants_keys(self, key: str, account: _Account, row: CredentialRow) -> bool:
        """The SCRAM keys on record are not what would be made today."""
        today = self._settings.scram_iterations
        if not self._keeping.is_on:
            return row.keys is not None
        if row.keys is None or not self._keeping.is_usable(key, row.keys):
            return True
        if all(one.keys is None or one.keys.iterations == today for one in account.credentials):
            return False  # nearly always: the others need not be opened
        count = self._keeping.count(key, account.credentials, only_app_passwords=True)
        return row.is_main and row.keys.iterations != (count or today)


def _replace(tables: Tables, before: CredentialRow, after: CredentialRow) -> bool:
    """Hash and keys, if nobody has changed the hash meanwhile."""
    for row in tables.credentials(before.account_id):
        if row.credential_id == before.credential_id and row.hash == before.hash:
            tables.set_credential(replace(row, hash=after.hash, keys=after.keys))
            return True
    return False
