"""What a directory outside of Postroom says, whatever it is.

Owns: the value, the Source protocol, SourceDown. Never: anything else. Raises: nothing.
"""

from dataclasses import dataclass
from typing import Protocol

from postroom.accounts import DirectoryFailure


class SourceDown(DirectoryFailure):
    """The directory can't be asked now: whoever wanted to know tries again later (451)."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody it knows."""

    address: str  # primary, which names the account here
    quota_octets: int | None = None  # None: it says nothing of that


class Source(Protocol):
    """LDAP, or a hook."""

    async def find(self, address: str) -> Known | None:
        """Whose address this is, their primary one or another. Raises SourceDown."""

    async def find_user(self, username: str) -> Known | None:
        """Who signs in by this name. Raises SourceDown."""

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        """The same, if the password is theirs. Raises SourceDown."""

    async def close(self) -> None: ...
