"""What services ask of each other's packages, and pages of the web listener.

Owns: LocalDomains, Page. Never: does anything. Raises: nothing of its own.
"""

from typing import Protocol

from postroom.net import HttpMessage


class LocalDomains(Protocol):
    """The part of accounts.Directory that is asked."""

    async def is_local_domain(self, domain: str) -> bool: ...


class Page(Protocol):
    """What answers some of the requests at the listener `policy_host`."""

    @property
    def max_body_octets(self) -> int:
        """Of a request that it takes."""

    async def answer(self, request: HttpMessage) -> bytes | None:
        """The whole response; None: the request is not for this page."""
