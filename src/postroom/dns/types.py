"""What passes between the resolver and those who ask name servers for it.

Owns: Found, Ask. Never: does anything. Raises: Ask declares DnsTemporary.
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """What a name server said."""

    records: tuple[Any, ...]  # as the Resolver gives them for this kind
    ttl: float  # seconds; of the shortest-lived record, CNAMEs included
    exists: bool = True
    secure: bool = False  # the server says that it has validated the answer, and is trusted to
    canonical: str = ""  # where aliases have led


class Ask(Protocol):
    """One question to the name servers. Raises DnsTemporary."""

    async def ask(self, name: str, kind: str) -> Found: ...

    async def close(self) -> None: ...
