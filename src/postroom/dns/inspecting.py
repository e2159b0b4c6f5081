"""The DNS as it is looked at for an operator: more kinds of records, and what each name server says of DNSSEC.

Owns: InspectingResolver. Never: is used for mail, which believes the AD bit only of trusted servers (validated.py).
Raises: DnsTemporary.
"""

from postroom.base import Clock
from postroom.mailauth.caa import Caa

from .api import Answer, Srv
from .resolver import DnsResolver
from .settings import DnsSettings
from .validated import ValidatedAsk, all_servers


class InspectingResolver(DnsResolver):
    """dns.Resolver whose answers are `secure` when the name server says so, trusted or not."""

    def __init__(self, settings: DnsSettings, clock: Clock) -> None:
        super().__init__(settings, clock, ask=ValidatedAsk(settings, all_servers(settings)))

    async def tlsa(self, name: str) -> Answer[bytes]:
        return await self._answer(name, "TLSA")

    async def caa(self, name: str) -> Answer[Caa]:
        """At the name itself, or where it is an alias for; the caller climbs (RFC 8659 §3)."""
        return await self._answer(name, "CAA")

    async def srv(self, name: str) -> Answer[Srv]:
        """In no order."""
        return await self._answer(name, "SRV")
