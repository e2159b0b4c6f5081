"""Who is here: domains, people, addresses, aliases, passwords, quotas.

Owns: the value types and the Directory (read side, used by the servers) and Registry (write side, used by the command
line) protocols. Never: knows a wire protocol or stores mail. Raises: AccountError family.

A change made through a Registry in another process is seen by a Directory at its next question.
"""

from dataclasses import dataclass
from typing import Protocol

from postroom.base import MailError


class AccountError(MailError):
    """A refusal by the directory."""

    code, enhanced, text = 550, "5.1.1", "No such user here"


@dataclass(frozen=True, slots=True)
class Person:
    """An account that owns mail."""

    account_id: int
    address: str  # primary address, which is also the login name
    quota_octets: int | None
    quota_messages: int | None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """Deliver to this account."""

    person: Person
    address: str  # the address it was sent to
    detail: str = ""  # sub-address: "tag" of bob+tag@ (RFC 5233)


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """An alias points elsewhere: forward through the queue."""

    address: str


@dataclass(frozen=True, slots=True)
class NotLocal:
    """The domain is not ours: relay, if the policy allows."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The domain is ours and nobody has this address."""


@dataclass(frozen=True, slots=True)
class Found:
    """One or more targets, aliases fully expanded, duplicates removed."""

    targets: tuple[LocalTarget | RemoteTarget, ...]


Resolution = NotLocal | Unknown | Found


class Directory(Protocol):
    async def is_local_domain(self, domain: str) -> bool: ...

    async def local_domains(self) -> list[str]: ...

    async def resolve(self, address: str) -> Resolution:
        """Where mail for `address` goes: exact, then without detail (bob+tag), then aliases, then the catch-all.

        "postmaster" alone and postmaster@ any local domain always resolve (RFC 5321 §4.5.1): to the alias or person of
        that name, else to the domain's configured postmaster, else to the domain's first person, the server's. Local
        parts compare case-insensitively; domains by IDNA A-label.
        """

    async def authenticate(self, username: str, password: str) -> Person | None:
        """The person, or None. As slow for unknown names; argon2id off the loop; proven pairs are cached."""

    async def person(self, account_id: int) -> Person | None: ...

    async def may_send_as(self, person: Person, address: str) -> bool:
        """True when `address` is one of the person's own: primary, detail form, alias that points (only) at them,
        catch-all of a domain that is theirs."""


@dataclass(frozen=True, slots=True)
class Alias:
    address: str  # "sales@example.org", or "@example.org" for the catch-all
    targets: tuple[str, ...]


class Registry(Protocol):
    async def add_domain(self, domain: str) -> None: ...

    async def remove_domain(self, domain: str) -> None: ...

    async def domains(self) -> list[str]: ...

    async def add_person(
        self, address: str, password: str | None, *, quota_octets: int | None = None, quota_messages: int | None = None
    ) -> Person:
        """Creates the domain's account row; the caller also calls MailStore.create_account."""

    async def remove_person(self, address: str) -> Person: ...

    async def people(self) -> list[Person]: ...

    async def set_password(self, address: str, password: str) -> None: ...

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None: ...

    async def set_enabled(self, address: str, enabled: bool) -> None: ...

    async def set_alias(self, address: str, targets: tuple[str, ...]) -> None: ...

    async def remove_alias(self, address: str) -> None: ...

    async def aliases(self) -> list[Alias]: ...
