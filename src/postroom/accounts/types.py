"""What the directory keeps, as rows, and what it asks of whatever keeps them.

Owns: the row types and the Tables and Book protocols. Never: decides (resolution and registry do). Raises: nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from .api import Alias, MailingList, Member, Person

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keys:
    """SCRAM keys as they are kept."""

    sealed: bytes = field(repr=False)  # what scram.packed made, sealed for the name
    iterations: int


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A password of an account."""

    credential_id: int  # never used twice; 0: not kept yet
    account_id: int  # 0: not kept yet
    hash: str = field(
        repr=False
    )  # of the main one argon2id, or of another server; of an app password app_passwords.digest
    name: str = ""  # "": the main password
    keys: Keys | None = None
    protocols: tuple[str, ...] = ()  # an app password is good for these; none: for all
    made: float | None = None
    expires: float | None = None
    last_used: float | None = None

    @property
    def is_main(self) -> bool:
        return not self.name


@dataclass(frozen=True, slots=True)
class SecondFactorRow:
    """The second factor of an account."""

    secret: bytes = field(repr=False)  # sealed for the name
    confirmed: float | None = None  # since when it is on; None: it has not been shown to work
    last_step: int = 0  # of time, of the last code that was accepted: this one and earlier ones are not any more
    failures: int = 0  # wrong codes in a row
    locked_until: float = 0.0
    recovery: tuple[str, ...] = field(default=(), repr=False)  # digests of the codes that are left


class Tables(Protocol):
    """The rows at one moment. Keys are those of addresses.address_key and addresses.domain_key."""

    def domains(self) -> list[str]:
        """In the order in which they were added."""

    def has_domain(self, domain: str) -> bool: ...

    def person(self, key: str) -> Person | None: ...

    def person_by_id(self, account_id: int) -> Person | None: ...

    def first_person(self, domain: str | None) -> Person | None:
        """The enabled person with the lowest id, of this domain or of any."""

    def people(self) -> list[Person]:
        """By account id."""

    def credentials(self, account_id: int) -> list[CredentialRow]:
        """In the order in which they were made, the main password first."""

    def imported_hash(self) -> str | None:
        """A hash of a main password that is not argon2id, if there is one."""

    def iteration_counts(self) -> list[int]:
        """Which there are among SCRAM keys, in rising order."""

    def lacks_scram_keys(self) -> bool:
        """Whether an enabled person has a password that is good for something and has no SCRAM keys."""

    def second_factor(self, account_id: int) -> SecondFactorRow | None: ...

    def sender_grants(self, account_id: int) -> list[str]:
        """Addresses, and whole domains as "@domain", that this account may send as besides its own; by key."""

    def has_sender_grant(self, account_id: int, keys: Sequence[str]) -> bool:
        """Whether one of these is among them."""

    def alias(self, key: str) -> tuple[str, ...] | None:
        """Targets of this alias; the key of a catch-all is "@domain"."""

    def aliases(self) -> list[Alias]:
        """By key."""

    def notes(self) -> dict[str, bytes]:
        """By name."""

    def secrets(self) -> list[tuple[bytes, float]]:
        """For addresses that only we can make, and since when; the one in use first."""

    def lists(self) -> list[MailingList]:
        """By key."""

    def list_named(self, key: str) -> MailingList | None: ...

    def list_by_id(self, list_id: int) -> MailingList | None: ...

    def members(self, list_id: int) -> list[Member]:
        """In the order in which they came."""

    def member(self, list_id: int, key: str) -> Member | None: ...

    def member_by_id(self, member_id: int) -> Member | None: ...

    # changes; only within Book.change
    def add_domain(self, domain: str) -> None: ...

    def remove_domain(self, domain: str) -> None: ...

    def add_person(self, key: str, address: str, quota: tuple[int | None, int | None]) -> int:
        """The new account id; an id is never used twice."""

    def remove_person(self, account_id: int) -> None:
        """And all they could sign in with, and send as."""

    def add_credential(self, made: CredentialRow) -> int:
        """Its id."""

    def set_credential(self, changed: CredentialRow) -> None:
        """All but ids and the name; nothing when it is gone."""

    def remove_credential(self, credential_id: int) -> None: ...

    def set_last_used(self, credential_id: int, when: float) -> None: ...

    def add_sender_grant(self, account_id: int, key: str, address: str) -> None: ...

    def remove_sender_grant(self, account_id: int, key: str) -> None: ...

    def set_second_factor(self, account_id: int, row: SecondFactorRow | None) -> None: ...

    def set_quota(self, account_id: int, octets: int | None, messages: int | None) -> None: ...

    def set_enabled(self, account_id: int, enabled: bool) -> None: ...

    def set_forwarding(
        self, account_id: int, forward: tuple[str, ...], keep: bool, copies: tuple[str, ...]
    ) -> None: ...

    def set_alias(self, key: str, alias: Alias) -> None: ...

    def add_secret(self, secret: bytes, now: float) -> None: ...

    def forget_secrets(self, before: float) -> None:
        """Those that were replaced before then."""

    def remove_alias(self, key: str) -> None: ...

    def add_list(self, key: str, made: MailingList) -> int:
        """Its id, which is never used twice."""

    def set_list(self, changed: MailingList) -> None: ...

    def remove_list(self, list_id: int) -> None:
        """And its members."""

    def add_member(self, list_id: int, key: str, address: str) -> None: ...

    def set_member(self, changed: Member) -> None:
        """All but the address; nothing when they are no member any more."""

    def remove_member(self, member_id: int) -> None: ...

    def set_note(self, name: str, value: bytes | None) -> None: ...


class Book(Protocol):
    """Something that keeps the tables."""

    @property
    def tables(self) -> Tables:
        """For reading, on the event loop."""

    def version(self) -> int:
        """Differs from every earlier answer when the tables may have changed, by whatever process."""

    async def change(self, work: Callable[[Tables], T]) -> T:
        """Run `work` in a transaction, all or nothing, durable when it returns. Raises what `work` raises."""

    async def close(self) -> None: ...
