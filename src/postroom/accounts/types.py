"""What the directory keeps, as rows, and what it asks of whatever keeps them.

Owns: the row types and the Tables and Book protocols. Never: decides (resolution and registry do). Raises: nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from .api import Alias, MailingList, Member, Person

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person and the argon2id hash of the password, if there is one."""

    person: Person
    password_hash: str | None


class Tables(Protocol):
    """The rows at one moment. Keys are those of addresses.address_key and addresses.domain_key."""

    def domains(self) -> list[str]:
        """In the order in which they were added."""

    def has_domain(self, domain: str) -> bool: ...

    def person(self, key: str) -> PersonRow | None: ...

    def person_by_id(self, account_id: int) -> PersonRow | None: ...

    def first_person(self, domain: str | None) -> Person | None:
        """The enabled person with the lowest id, of this domain or of any."""

    def people(self) -> list[Person]:
        """By account id."""

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

    def add_person(
        self, key: str, address: str, password_hash: str | None, quota: tuple[int | None, int | None]
    ) -> int:
        """The new account id; an id is never used twice."""

    def remove_person(self, account_id: int) -> None: ...

    def set_password_hash(self, account_id: int, password_hash: str) -> None: ...

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
