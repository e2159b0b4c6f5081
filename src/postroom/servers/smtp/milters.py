"""The milters of one SMTP session: what happens in it, in the words of the filters.

Owns: that translation. Never: decides what follows (filters do). Raises: MailError, which is the answer to the client.
"""

from collections.abc import Iterator

from postroom.accounts import Person
from postroom.filters import Client, ContentSource, Filters, FilterVisit
from postroom.net import Connection
from postroom.smtp import Mail, Rcpt


class Milters:
    """`connected`, then `mail`, `rcpt` … of each message; `close` always."""

    def __init__(self, visit: FilterVisit, connection: Connection) -> None:
        self.visit = visit
        self._connection = connection
        self._source = ContentSource(visit.client)

    @classmethod
    def at(cls, filters: Filters | None, listener: str, connection: Connection) -> "Milters | None":
        """None when none looks on there."""
        if filters is None:
            return None
        address, port = connection.peer
        own_address, own_port = connection.local
        if address == "unix":
            client = Client(listener, "unix")
        else:
            client = Client(listener, address, port, own_address, own_port)
        visit = filters.visit(client)
        return None if visit is None else cls(visit, connection)

    async def connected(self) -> None:
        """Before the greeting; what is raised ends the session."""
        error = await self.visit.connected()
        if error is not None:
            raise error

    async def mail(self, mail: Mail, hello: str, person: Person | None) -> None:
        """MAIL that we would take."""
        self._source = ContentSource(
            self.visit.client,
            hello=hello,
            mail_from=mail.address,
            user=person.address if person is not None else "",
            tls=self._connection.tls,
        )
        error = await self.visit.mail(self._source, mail_parameters(mail))
        if error is not None:
            raise error

    async def rcpt(self, rcpt: Rcpt) -> None:
        """RCPT that we would take."""
        error = await self.visit.recipient(self._source, rcpt.address, rcpt_parameters(rcpt))
        if error is not None:
            raise error

    async def refused(self, rcpt: Rcpt) -> None:
        """RCPT that we do not take."""
        await self.visit.refused_recipient(self._source, rcpt.address)

    def close(self) -> None:
        self.visit.close()


def mail_parameters(mail: Mail) -> Iterator[str]:
    """The parameters that a milter may understand, as the client may have written them."""
    if mail.size is not None:
        yield f"SIZE={mail.size}"
    if mail.body:
        yield f"BODY={mail.body}"
    if mail.smtputf8:
        yield "SMTPUTF8"
    if mail.ret:
        yield f"RET={mail.ret}"
    if mail.auth:
        yield f"AUTH={mail.auth}"
    if mail.require_tls:
        yield "REQUIRETLS"


def rcpt_parameters(rcpt: Rcpt) -> Iterator[str]:
    """NOTIFY and ORCPT (RFC 3461 §4.1, §4.2)."""
    if rcpt.notify is not None:
        yield f"NOTIFY={','.join(sorted(rcpt.notify))}"
    if rcpt.original:
        yield f"ORCPT={rcpt.original}"
