"""What a session tells of a client that has not signed in, and hears about it.

Owns: when a client has talked out of turn, the journal of those who were turned away before their message. Never:
decides what follows from it (reputation and intake do). Raises: MailError for a recipient that is refused.
"""

from typing import Self

from postroom.base import MailError
from postroom.intake import Intake
from postroom.intake.scoring import told
from postroom.junk import Score
from postroom.net import Connection
from postroom.reputation import Strangers, Visit
from postroom.smtp import MessageStart, ServerEngine

from .policy import Policy

_MARK = "v"  # begins the ids of visits that brought no message


class Stranger:
    """The client of one session, as long as it is one."""

    __slots__ = ("_connection", "visit")

    def __init__(self, visit: Visit, connection: Connection) -> None:
        self.visit = visit
        self._connection = connection

    @classmethod
    def at(cls, strangers: Strangers | None, policy: Policy, connection: Connection) -> Self | None:
        """None: nobody looks at this client."""
        if strangers is None or policy.lmtp or policy.sign_in_needed or not policy.checks_senders:
            return None
        visit = strangers.begin(connection.peer[0], listener=policy.name)
        return None if visit is None else cls(visit, connection)

    async def greet(self) -> bytes:
        """Perhaps wait; the octets that came too early. Raises what `Connection.receive` does."""
        return await self.visit.greet(self._connection)

    def mail(self, engine: ServerEngine) -> None:
        """A transaction begins."""
        self.visit.hello(engine.hello)
        if engine.talked_over_hello:
            self.visit.spoke_before_hello_was_answered()

    async def recipient(self, mail_from: str, address: str, intake: Intake) -> None:
        """Somebody here is to have the message. Raises MailError."""
        try:
            await self.visit.recipient(mail_from, address)
        except MailError as error:
            score = self.visit.score
            intake.journal.note(
                _MARK + intake.ids.octets(8).hex(),
                "turned away",
                client=self.visit.address,
                to=address,
                reply=f"{error.code} {error.enhanced} {error.text}",
                points=f"{score.total:.1f}",
                parts=told(score),
                **{"from": mail_from},
            )
            raise

    def data(self, engine: ServerEngine, start: MessageStart) -> None:
        """DATA is about to be answered; BDAT waits for nothing (RFC 3030 §2)."""
        if not start.chunked and engine.octets_waiting:
            self.visit.spoke_before_data_was_answered()

    @property
    def score(self) -> Score:
        return self.visit.score
