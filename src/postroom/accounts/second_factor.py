"""A second factor: codes from an authenticator app, and recovery codes for the day when it is lost.

Owns: enrolling, confirming, checking codes, their lock. Never: shows a secret twice, decides what the second factor
keeps from being used (proving does). Raises: the AccountError family, with a text for the person who asked.

Mail programs can't ask for a code. So once it is on, the main password is good for none of the mail protocols; app
passwords, tokens and certificates are. A code counts once, in all worker processes together, since each check is a
transaction.
"""

import asyncio
import hmac
from dataclasses import replace

from postroom.base import Clock, Ids

from . import registry, totp, typed_secrets
from .addresses import address_key, split
from .api import AlreadyThere, BadCode, Enrolment, NotThere, Person, SecondFactor
from .types import Book, SecondFactorRow, Tables
from .vault import Vault

_RECOVERY_CODES = 10
_CODE_LETTERS, _CODE_GROUP = 20, 5  # 94 bits: can't be guessed, so a fast hash will do, as for app passwords
_FREE_FAILURES = 5  # RFC 4226 §7.3: from then on wrong codes cost time
_FIRST_LOCK_SECONDS = 30.0
_LONGEST_LOCK_SECONDS = 3600.0


class BookSecondFactor:
    """accounts.SecondFactors over a Book."""

    def __init__(self, book: Book, vault: Vault, clock: Clock, ids: Ids) -> None:
        self._book = book
        self._vault = vault
        self._clock = clock
        self._ids = ids

    async def state(self, address: str) -> SecondFactor | None:
        row = self._book.tables.second_factor(registry.find(self._book.tables, address).account_id)
        return SecondFactor(row.confirmed, len(row.recovery)) if row is not None else None

    async def enrol(self, address: str) -> Enrolment:
        person = registry.find(self._book.tables, address)
        secret = self._ids.octets(totp.SECRET_OCTETS)
        sealed = await asyncio.to_thread(self._vault.seal, secret, _context(person))  # may have to make the key file

        def begin(tables: Tables) -> None:
            there = tables.second_factor(registry.find(tables, address).account_id)
            if there is not None and there.confirmed is not None:
                raise AlreadyThere(address, text=f"{person.address} has a second factor already: turn it off first")
            tables.set_second_factor(person.account_id, SecondFactorRow(sealed))

        await self._book.change(begin)
        return Enrolment(totp.written(secret), totp.uri(secret, person.address, split(person.address)[1]))

    async def confirm(self, address: str, code: str) -> tuple[str, ...]:
        codes = self._new_codes()

        def confirm(tables: Tables) -> None:
            person, row = _enrolled(tables, address)
            if row.confirmed is not None:
                raise AlreadyThere(address, text=f"The second factor of {person.address} is on already")
            now = self._clock.now()
            at = totp.accepted(self._secret(person, row), code, now, row.last_step)
            if at is None:
                raise BadCode(address)
            recovery = _digests(person, codes)
            tables.set_second_factor(person.account_id, SecondFactorRow(row.secret, now, at, recovery=recovery))

        await self._book.change(confirm)
        return codes

    async def codes(self, address: str) -> tuple[str, ...]:
        codes = self._new_codes()

        def renew(tables: Tables) -> None:
            person, row = _enrolled(tables, address)
            if row.confirmed is None:
                raise NotThere(address, text=f"The second factor of {person.address} is not confirmed yet")
            tables.set_second_factor(person.account_id, replace(row, recovery=_digests(person, codes)))

        await self._book.change(renew)
        return codes

    async def off(self, address: str) -> None:
        await self._book.change(lambda tables: tables.set_second_factor(_enrolled(tables, address)[0].account_id, None))

    async def passes(self, address: str, code: str) -> bool:
        def check(tables: Tables) -> bool:
            person, row = _enrolled(tables, address)
            if row.confirmed is None:
                return False
            after, passed = self._after(person, row, code)
            if after is not row:
                tables.set_second_factor(person.account_id, after)
            return passed

        return await self._book.change(check)

    def _after(self, person: Person, row: SecondFactorRow, code: str) -> tuple[SecondFactorRow, bool]:
        """The row as this code leaves it, and whether it counts."""
        now = self._clock.now()
        if now < row.locked_until:
            return row, False
        at = totp.accepted(self._secret(person, row), code, now, row.last_step)
        if at is not None:
            return replace(row, last_step=at, failures=0, locked_until=0.0), True
        claimed = _digest(person, code)
        left = tuple(one for one in row.recovery if not hmac.compare_digest(one, claimed))
        if len(left) < len(row.recovery):
            return replace(row, recovery=left, failures=0, locked_until=0.0), True
        failures = row.failures + 1
        over = failures - _FREE_FAILURES
        lock = min(_LONGEST_LOCK_SECONDS, _FIRST_LOCK_SECONDS * 2 ** min(over, 10)) if over >= 0 else 0.0
        return replace(row, failures=failures, locked_until=now + lock), False

    def _secret(self, person: Person, row: SecondFactorRow) -> bytes:
        """Octets that nobody knows when it can't be opened: recovery codes still count."""
        return self._vault.opened(row.secret, _context(person)) or self._ids.octets(totp.SECRET_OCTETS)

    def _new_codes(self) -> tuple[str, ...]:
        return tuple(typed_secrets.new_secret(self._ids, _CODE_LETTERS, _CODE_GROUP) for _ in range(_RECOVERY_CODES))


def _enrolled(tables: Tables, address: str) -> tuple[Person, SecondFactorRow]:
    person = registry.find(tables, address)
    row = tables.second_factor(person.account_id)
    if row is None:
        raise NotThere(address, text=f"{person.address} has no second factor")
    return person, row


def _context(person: Person) -> str:
    return f"second factor {address_key(person.address)}"


def _digest(person: Person, code: str) -> str:
    return typed_secrets.digest("recovery code", person.account_id, code)


def _digests(person: Person, codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_digest(person, one) for one in codes)
