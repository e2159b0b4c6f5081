"""App passwords: secrets of our making, one for each program or device.

Owns: their form, their digest, the checks around adding and removing. Never: keeps a secret. Raises: the AccountError
family, with a text for the person who asked.

A secret has 28 random letters, 131 bits. That many can't be tried, neither here nor by who has stolen the digests, so
one SHA-256 guards them as well as a slow hash would: a slow hash only makes up for passwords that people can remember.
Checking it costs no more than looking into the cache of proven passwords, so it is not in there.
"""

import hmac
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from postroom.base import Clock, Ids

from . import registry, typed_secrets
from .addresses import address_key
from .api import PROTOCOLS, AlreadyThere, AppPassword, BadAddress, NotThere, TooManyCredentials
from .scram_keeping import ScramKeeping
from .settings import AccountSettings
from .types import Book, CredentialRow, Keys, Tables

_LENGTH, _GROUP = 28, 4  # letters: 28 times typed_secrets.BITS are 131
_MAX_NAME = 64  # characters


def spellings(typed: str) -> tuple[str, str]:
    """A secret as SCRAM clients may send it: as it is shown, and without the hyphens."""
    letters = typed_secrets.letters_of(typed)
    return typed_secrets.grouped(letters, _GROUP), letters


def digest(account_id: int, typed: str) -> str:
    """What is kept of a secret."""
    return "{APP-SHA256}" + typed_secrets.digest("app password", account_id, typed)


def matching(rows: Iterable[CredentialRow], account_id: int, typed: str) -> CredentialRow | None:
    """The app password among `rows` that this is. The same work for every account that has as many."""
    claimed = digest(account_id, typed)
    found = None
    for row in rows:
        if not row.is_main and hmac.compare_digest(row.hash, claimed):
            found = row
    return found


class BookAppPasswords:
    """accounts.AppPasswords over a Book."""

    def __init__(self, book: Book, keeping: ScramKeeping, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        self._book = book
        self._keeping = keeping
        self._settings = settings
        self._clock = clock
        self._ids = ids

    async def add(
        self, address: str, name: str, *, protocols: Sequence[str] = (), expires: float | None = None
    ) -> tuple[AppPassword, str]:
        person = registry.find(self._book.tables, address)
        wanted = CredentialRow(
            0,
            person.account_id,
            "",
            _checked_name(name),
            protocols=_checked_protocols(protocols),
            made=self._clock.now(),
            expires=expires,
        )
        secret = typed_secrets.new_secret(self._ids, _LENGTH, _GROUP)
        rows = self._book.tables.credentials(person.account_id)
        key = address_key(person.address) or ""
        keys = await self._keeping.made(key, spellings(secret), rows)
        return await self._book.change(lambda tables: self._add(tables, address, wanted, keys, secret)), secret

    def _add(self, tables: Tables, address: str, wanted: CredentialRow, keys: Keys | None, secret: str) -> AppPassword:
        person = registry.find(tables, address)
        there = [row for row in tables.credentials(person.account_id) if not row.is_main]
        if any(row.name == wanted.name for row in there):
            raise AlreadyThere(wanted.name, text=f"{person.address} already has an app password {wanted.name!r}")
        if len(there) >= self._settings.max_app_passwords:
            raise TooManyCredentials(
                address, text=f"{person.address} has {len(there)} app passwords, as many as an account may have"
            )
        made = replace(wanted, account_id=person.account_id, hash=digest(person.account_id, secret), keys=keys)
        return _shown(replace(made, credential_id=tables.add_credential(made)))

    async def all(self, address: str) -> list[AppPassword]:
        person = registry.find(self._book.tables, address)
        return [_shown(row) for row in self._book.tables.credentials(person.account_id) if not row.is_main]

    async def remove(self, address: str, name: str) -> None:
        await self._book.change(lambda tables: _remove(tables, address, name))


def _remove(tables: Tables, address: str, name: str) -> None:
    person = registry.find(tables, address)
    for row in tables.credentials(person.account_id):
        if not row.is_main and row.name == name:
            tables.remove_credential(row.credential_id)
            return
    raise NotThere(name, text=f"{person.address} has no app password {name!r}")


def _shown(row: CredentialRow) -> AppPassword:
    return AppPassword(row.credential_id, row.name, row.protocols, row.made, row.expires, row.last_used)


def _checked_name(name: str) -> str:
    kept = unicodedata.normalize("NFC", name.strip())
    if not kept or not kept.isprintable() or len(kept) > _MAX_NAME:
        raise BadAddress(name, text=f"The name of an app password has 1 to {_MAX_NAME} printable characters")
    return kept


def _checked_protocols(protocols: Sequence[str]) -> tuple[str, ...]:
    for one in protocols:
        if one not in PROTOCOLS:
            raise BadAddress(one, text=f"{one!r} is no protocol that people sign in to: {', '.join(PROTOCOLS)}")
    return tuple(one for one in PROTOCOLS if one in protocols)
