"""What one message asks of the connections it is sent over: more than others (REQUIRETLS), or less (TLS-Required: No).

Owns: RFC 8689 for a message under way. Never: connects. Raises: HostRefused, DnsTemporary, RouteGone from `demand`.
"""

from collections.abc import Awaitable, Callable

from postroom.dns import DnsTemporary
from postroom.mailauth import ResultType
from postroom.message import first_value
from postroom.queue import Envelope
from postroom.smtp import ServerReply, local_reply

from .routes import RouteGone
from .routing import Host
from .session import Session, SessionRefused
from .tls_demand import TlsDemand
from .tls_policy import HostRefused

_PROVEN_SECONDS = 1.0  # for so long a session that was safe enough for one plain message is for the next
Demand = Callable[..., Awaitable[TlsDemand]]  # OutboundTls.demand for a destination


class MessageTls:
    """For one attempt of one message."""

    def __init__(self, envelope: Envelope, header: Callable[[], Awaitable[bytes]], demand: Demand) -> None:
        # RFC 8689 §4.2.1: not for reports, which have a null return-path
        self._authenticated = envelope.require_tls and bool(envelope.mail_from)
        self._header = header
        self._demand = demand
        self._waived: bool | None = None

    async def demand(self, host: Host) -> TlsDemand:
        """What is asked of a connection to the host."""
        if self._authenticated:
            return await self._demand(host, authenticated=True)
        try:
            demand = await self._demand(host)
        except (HostRefused, DnsTemporary):
            if not await self._waives():
                raise
        else:
            # what our own operator demands nobody waives
            if not demand.strict or demand.published is None or not await self._waives():
                return demand
        return await self._demand(host, waived=True)

    async def _waives(self) -> bool:
        """RFC 8689 §4.2.2: rather without TLS than not at all. Looked for only where it would matter."""
        if self._waived is None:
            field = first_value(await self._header(), b"TLS-Required")
            self._waived = field is not None and field.strip().lower() == b"no"
        return self._waived

    def refusal(self, refused: SessionRefused) -> ServerReply:
        """RFC 8689 §4.2.1: what can't be protected is returned; a connection that broke is tried again."""
        broke = refused.failure is ResultType.VALIDATION_FAILURE and refused.reply.code == 421
        if not self._authenticated or refused.failure is None or broke:
            return refused.reply
        return local_reply(550, "5.7.10", refused.reply.lines[0])

    def unfit(self, session: Session) -> ServerReply | None:
        """Why the message can't be sent over this session."""
        if self._authenticated and "REQUIRETLS" not in session.extensions:
            return local_reply(550, "5.7.30", f"{session.relay} does not offer REQUIRETLS")  # RFC 8689 §4.2.1
        return None

    async def may_use(self, session: Session, now: float) -> bool:
        """A session that was opened for another message is as safe as one for this would be."""
        if self.unfit(session) is not None:
            return False
        if not self._authenticated and now < session.proven_until:
            return True
        try:
            demand = await self.demand(Host(session.call.host, session.call.port))
        except (HostRefused, DnsTemporary, RouteGone):
            return False
        met = demand.met_by(session.call.demand)
        if met and not self._waived and not self._authenticated:
            session.proven_until = now + _PROVEN_SECONDS
        return met
