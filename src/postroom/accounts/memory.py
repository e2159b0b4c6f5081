"""The directory in memory: for tests, and as the plainest statement of what the other one does.

Owns: a Book of dicts. Never: survives the process. Raises: what the work inside `change` raises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from .addresses import split
from .api import Alias, MailingList, Member, Person
from .types import CredentialRow, SecondFactorRow

T = TypeVar("T")


@dataclass(slots=True)
class MemoryTables:
    """The rows as dicts by key."""

    names: list[str] = field(default_factory=list)
    rows: dict[str, Person] = field(default_factory=dict)
    alias_rows: dict[str, Alias] = field(default_factory=dict)
    note_rows: dict[str, bytes] = field(default_factory=dict)
    last_id: int = 0
    secret_rows: list[tuple[bytes, float]] = field(default_factory=list)  # the newest first
    list_rows: dict[str, MailingList] = field(default_factory=dict)
    member_rows: dict[tuple[int, str], Member] = field(default_factory=dict)
    last_list_id: int = 0
    last_member_id: int = 0
    credential_rows: dict[int, CredentialRow] = field(default_factory=dict)  # by id
    last_credential_id: int = 0
    factor_rows: dict[int, SecondFactorRow] = field(default_factory=dict)  # by account
    grant_rows: dict[tuple[int, str], str] = field(default_factory=dict)  # by account and key

    def domains(self) -> list[str]:
        return list(self.names)

    def has_domain(self, domain: str) -> bool:
        return domain in self.names

    def person(self, key: str) -> Person | None:
        return self.rows.get(key)

    def person_by_id(self, account_id: int) -> Person | None:
        return next((person for person in self.rows.values() if person.account_id == account_id), None)

    def first_person(self, domain: str | None) -> Person | None:
        for person in self.people():
            if person.enabled and domain in (None, split(person.address)[1]):
                return person
        return None

    def people(self) -> list[Person]:
        return sorted(self.rows.values(), key=lambda person: person.account_id)

    def alias(self, key: str) -> tuple[str, ...] | None:
        row = self.alias_rows.get(key)
        return row.targets if row is not None else None

    def aliases(self) -> list[Alias]:
        return [self.alias_rows[key] for key in sorted(self.alias_rows)]

    def notes(self) -> dict[str, bytes]:
        return dict(sorted(self.note_rows.items()))

    def add_domain(self, domain: str) -> None:
        self.names.append(domain)

    def remove_domain(self, domain: str) -> None:
        self.names.remove(domain)

    def add_person(self, key: str, address: str, quota: tuple[int | None, int | None]) -> int:
        self.last_id += 1
        self.rows[key] = Person(self.last_id, address, *quota)
        return self.last_id

    def _key_of(self, account_id: int) -> str:
        return next(key for key, person in self.rows.items() if person.account_id == account_id)

    def remove_person(self, account_id: int) -> None:
        del self.rows[self._key_of(account_id)]
        self.credential_rows = {key: row for key, row in self.credential_rows.items() if row.account_id != account_id}
        self.factor_rows.pop(account_id, None)
        self.grant_rows = {key: address for key, address in self.grant_rows.items() if key[0] != account_id}

    def sender_grants(self, account_id: int) -> list[str]:
        return [address for (owner, _), address in sorted(self.grant_rows.items()) if owner == account_id]

    def has_sender_grant(self, account_id: int, keys: Sequence[str]) -> bool:
        return any((account_id, key) in self.grant_rows for key in keys)

    def add_sender_grant(self, account_id: int, key: str, address: str) -> None:
        self.grant_rows[account_id, key] = address

    def remove_sender_grant(self, account_id: int, key: str) -> None:
        self.grant_rows.pop((account_id, key), None)

    def credentials(self, account_id: int) -> list[CredentialRow]:
        rows = [row for row in self.credential_rows.values() if row.account_id == account_id]
        return sorted(rows, key=lambda row: (not row.is_main, row.credential_id))

    def imported_hash(self) -> str | None:
        for _, row in sorted(self.credential_rows.items()):
            if row.is_main and not row.hash.startswith("$argon2id$"):
                return row.hash
        return None

    def iteration_counts(self) -> list[int]:
        return sorted({row.keys.iterations for row in self.credential_rows.values() if row.keys is not None})

    def lacks_scram_keys(self) -> bool:
        people = {row.account_id for row in self.people() if row.enabled}
        factors = {key for key, row in self.factor_rows.items() if row.confirmed is not None}
        return any(
            row.keys is None and row.account_id in people and not (row.is_main and row.account_id in factors)
            for row in self.credential_rows.values()
        )

    def add_credential(self, made: CredentialRow) -> int:
        self.last_credential_id += 1
        self.credential_rows[self.last_credential_id] = replace(made, credential_id=self.last_credential_id)
        return self.last_credential_id

    def set_credential(self, changed: CredentialRow) -> None:
        if changed.credential_id in self.credential_rows:
            self.credential_rows[changed.credential_id] = changed

    def remove_credential(self, credential_id: int) -> None:
        self.credential_rows.pop(credential_id, None)

    def set_last_used(self, credential_id: int, when: float) -> None:
        row = self.credential_rows.get(credential_id)
        if row is not None:
            self.credential_rows[credential_id] = replace(row, last_used=when)

    def second_factor(self, account_id: int) -> SecondFactorRow | None:
        return self.factor_rows.get(account_id)

    def set_second_factor(self, account_id: int, row: SecondFactorRow | None) -> None:
        if row is None:
            self.factor_rows.pop(account_id, None)
        else:
            self.factor_rows[account_id] = row

    def _set_person(self, account_id: int, person: Person) -> None:
        self.rows[self._key_of(account_id)] = person

    def set_quota(self, account_id: int, octets: int | None, messages: int | None) -> None:
        person = self.rows[self._key_of(account_id)]
        self._set_person(account_id, replace(person, quota_octets=octets, quota_messages=messages))

    def set_enabled(self, account_id: int, enabled: bool) -> None:
        self._set_person(account_id, replace(self.rows[self._key_of(account_id)], enabled=enabled))

    def set_forwarding(self, account_id: int, forward: tuple[str, ...], keep: bool, copies: tuple[str, ...]) -> None:
        person = self.rows[self._key_of(account_id)]
        self._set_person(account_id, replace(person, forward=forward, keep=keep, copies=copies))

    def secrets(self) -> list[tuple[bytes, float]]:
        return list(self.secret_rows)

    def add_secret(self, secret: bytes, now: float) -> None:
        self.secret_rows.insert(0, (secret, now))

    def forget_secrets(self, before: float) -> None:
        rows = self.secret_rows
        self.secret_rows = [row for n, row in enumerate(rows) if n == 0 or rows[n - 1][1] >= before]

    def set_alias(self, key: str, alias: Alias) -> None:
        self.alias_rows[key] = alias

    def remove_alias(self, key: str) -> None:
        del self.alias_rows[key]

    def lists(self) -> list[MailingList]:
        return [self.list_rows[key] for key in sorted(self.list_rows)]

    def list_named(self, key: str) -> MailingList | None:
        return self.list_rows.get(key)

    def list_by_id(self, list_id: int) -> MailingList | None:
        return next((one for one in self.list_rows.values() if one.list_id == list_id), None)

    def add_list(self, key: str, made: MailingList) -> int:
        self.last_list_id += 1
        self.list_rows[key] = replace(made, list_id=self.last_list_id)
        return self.last_list_id

    def set_list(self, changed: MailingList) -> None:
        key = next(key for key, one in self.list_rows.items() if one.list_id == changed.list_id)
        self.list_rows[key] = changed

    def remove_list(self, list_id: int) -> None:
        self.list_rows = {key: one for key, one in self.list_rows.items() if one.list_id != list_id}
        self.member_rows = {key: one for key, one in self.member_rows.items() if one.list_id != list_id}

    def members(self, list_id: int) -> list[Member]:
        return [one for one in self.member_rows.values() if one.list_id == list_id]

    def member(self, list_id: int, key: str) -> Member | None:
        return self.member_rows.get((list_id, key))

    def member_by_id(self, member_id: int) -> Member | None:
        return next((one for one in self.member_rows.values() if one.member_id == member_id), None)

    def add_member(self, list_id: int, key: str, address: str) -> None:
        self.last_member_id += 1
        self.member_rows[list_id, key] = Member(self.last_member_id, list_id, address)

    def set_member(self, changed: Member) -> None:
        for key, one in self.member_rows.items():
            if one.member_id == changed.member_id:
                self.member_rows[key] = changed
                return

    def remove_member(self, member_id: int) -> None:
        self.member_rows = {key: one for key, one in self.member_rows.items() if one.member_id != member_id}

    def set_note(self, name: str, value: bytes | None) -> None:
        if value is None:
            self.note_rows.pop(name, None)
        else:
            self.note_rows[name] = value


class MemoryBook:
    """A change works on a copy, which takes the place of the original when it succeeds."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        self._version = 0

    def version(self) -> int:
        return self._version

    async def change(self, work: Callable[[MemoryTables], T]) -> T:
        old = self.tables
        copy = MemoryTables(
            list(old.names),
            dict(old.rows),
            dict(old.alias_rows),
            dict(old.note_rows),
            old.last_id,
            list(old.secret_rows),
            dict(old.list_rows),
            dict(old.member_rows),
            old.last_list_id,
            old.last_member_id,
            dict(old.credential_rows),
            old.last_credential_id,
            dict(old.factor_rows),
            dict(old.grant_rows),
        )
        result = work(copy)
        self.tables = copy
        self._version += 1
        return result

    async def close(self) -> None:
        pass
