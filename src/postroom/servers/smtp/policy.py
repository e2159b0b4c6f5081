"""Who may do what at a listener. Owns: the policies and the questions they answer. Never: I/O. Raises: nothing."""

from dataclasses import dataclass

from postroom.net import Connection, is_loopback
from postroom.smtp import SmtpSettings


@dataclass(frozen=True, slots=True)
class Policy:
    """How one listener treats its clients."""

    name: str
    lmtp: bool = False
    signs_in: bool = False  # AUTH is offered, and needed before MAIL (RFC 6409 §4.3)

    def may_sign_in(self, connection: Connection, settings: SmtpSettings) -> bool:
        """Passwords cross no network in the clear (RFC 4954 §4, RFC 8314 §4.1)."""
        if not self.signs_in:
            return False
        return connection.tls is not None or (
            settings.allow_plaintext_auth_on_loopback and is_loopback(connection.peer[0])
        )

    def max_priority(self, connection: Connection, settings: SmtpSettings) -> int:
        """The highest priority that mail from here may have (RFC 6710 §4.1)."""
        return settings.max_submitted_priority if self.signs_in else 0


RELAY = Policy("smtp")  # port 25: from anyone, for people here
SUBMISSION = Policy("submission", signs_in=True)  # ports 587 and 465: from people here, for anyone
LMTP = Policy("lmtp", lmtp=True)  # from another server of ours, for people here (RFC 2033)
