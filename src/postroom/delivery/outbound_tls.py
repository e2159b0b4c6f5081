"""TLS towards other servers, as the sender needs it: what is demanded, and with which context that is asked for.

Owns: the contexts; what is noted of each session. Never: connects, decides what is demanded (tls_policy does).
Raises: HostRefused, DnsTemporary.
"""

import ssl
from functools import cached_property
from pathlib import Path

from postroom.dns import Resolver
from postroom.mailauth import ResultType
from postroom.mailauth.tls_rpt import Failure
from postroom.net import client_context

from .destination import Destination
from .routes import Relay
from .routing import Host
from .session import Call
from .sts_policies import StsPolicies
from .tls_demand import Published, TlsDemand
from .tls_policy import HostRefused, TlsPolicies
from .tls_results import TlsResults
from .tls_settings import OutboundTlsSettings


class ClientContexts:
    """Made when they are needed, since the system's authorities take a while to load. Raises OSError."""

    def __init__(self, authorities: str = "") -> None:
        self._authorities = Path(authorities) if authorities else None
        if self._authorities is not None:
            try:
                _ = self.named  # a file that is not there is told at once
            except OSError as error:
                raise OSError(f"authorities in {authorities}: {error}") from error

    @cached_property
    def any_certificate(self) -> ssl.SSLContext:
        """Protects from listeners, not from impostors."""
        return client_context(verify=False)

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        """A certificate that is trusted; its names the demand looks at itself."""
        return client_context(verify=True, cafile=self._authorities, check_name=False)

    @cached_property
    def named(self) -> ssl.SSLContext:
        """A certificate that is trusted, of the host that is called."""
        return client_context(verify=True, cafile=self._authorities)


class OutboundTls:
    """One for all deliveries. `sts` None: MTA-STS policies are not looked for."""

    def __init__(
        self,
        resolver: Resolver,
        settings: OutboundTlsSettings,
        contexts: ClientContexts | None = None,
        sts: StsPolicies | None = None,
        results: TlsResults | None = None,
    ) -> None:
        self._policies = TlsPolicies(resolver, settings, sts)
        self._results = results
        self.contexts = contexts or ClientContexts(settings.authorities)

    async def demand(
        self, destination: Destination, relay: Relay, host: Host, *, authenticated: bool = False, waived: bool = False
    ) -> TlsDemand:
        """See TlsPolicies."""
        return await self._policies.demand(destination, relay, host, authenticated=authenticated, waived=waived)

    def context(self, relay: Relay, demand: TlsDemand) -> ssl.SSLContext:
        """With which to shake hands."""
        if demand.names:
            return self.contexts.trusted
        return self.contexts.named if relay.verify and demand.dane is None else self.contexts.any_certificate

    # ---- what is told to domains that want to know (RFC 8460)

    def note_session(self, call: Call, local: str, *, secure: bool) -> None:
        """One that was opened as it was demanded; `local`: our address."""
        if call.demand.fault is not None:
            self.note_failure(call, local, *call.demand.fault)
        elif secure:
            self._note(call.demand.published, None)
        elif call.demand.use != "never":
            self.note_failure(call, local, ResultType.STARTTLS_NOT_SUPPORTED, "")

    def note_failure(self, call: Call, local: str, failure: ResultType, reason: str) -> None:
        """One that was not."""
        self._note(call.demand.published, Failure(failure.value, 1, local, call.host, call.address, reason))

    def note_host(self, host: Host, refused: HostRefused) -> None:
        """A host that was not even called."""
        self._note(refused.published, Failure(refused.failure.value, 1, mx=host.name, reason=refused.text))

    def _note(self, published: Published | None, failure: Failure | None) -> None:
        if self._results is not None:
            self._results.note(published, failure)
