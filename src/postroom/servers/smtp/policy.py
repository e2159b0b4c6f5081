"""Who may do what at a listener. Owns: the policies and the questions they answer. Never: I/O. Raises: nothing."""

from dataclasses import dataclass
from typing import Literal

from postroom.net import NO_NETWORKS, Connection, Networks, is_loopback
from postroom.smtp import Reply, SmtpSettings, replies

_HIGHEST = 9  # RFC 6710 §3


@dataclass(frozen=True, slots=True)
class Policy:
    """How one listener treats its clients."""

    name: str
    lmtp: bool = False
    signs_in: bool = False  # AUTH is offered
    sign_in_needed: bool = False  # before MAIL (RFC 6409 §4.3)
    tls_needed: bool = False  # before MAIL (RFC 3207 §4)
    verify: Literal["off", "signed-in", "on"] = "off"  # whom VRFY and EXPN tell anything (RFC 5321 §7.3)
    priority_networks: Networks = NO_NETWORKS  # whose mail may have any priority
    checks_senders: bool = True  # of mail from who has not signed in (SPF, DKIM, DMARC, ARC); LMTP never does

    def may_sign_in(self, connection: Connection, settings: SmtpSettings) -> bool:
        """Passwords cross no network in the clear (RFC 4954 §4, RFC 8314 §4.1)."""
        if not self.signs_in:
            return False
        in_the_clear = not self.tls_needed and settings.allow_plaintext_auth_on_loopback
        return connection.tls is not None or (in_the_clear and is_loopback(connection.peer[0]))

    def before_mail(self, connection: Connection, settings: SmtpSettings) -> Reply | None:
        """What a client that has not signed in hears instead of the reply to MAIL."""
        if connection.tls is None and self.tls_needed:
            return replies.TLS_REQUIRED
        if not self.sign_in_needed:
            return None
        return replies.AUTH_REQUIRED if self.may_sign_in(connection, settings) else replies.TLS_REQUIRED

    def max_priority(self, connection: Connection, settings: SmtpSettings, *, signed_in: bool) -> int:
        """The highest priority that mail from there may have (RFC 6710 §4.1)."""
        if connection.peer[0] in self.priority_networks:
            return _HIGHEST
        return settings.max_submitted_priority if signed_in else 0


RELAY = Policy("smtp")  # port 25: from anyone, for people here
SUBMISSION = Policy("submission", signs_in=True, sign_in_needed=True)  # ports 587 and 465: from people here, for anyone
LMTP = Policy("lmtp", lmtp=True)  # from another server of ours, for people here (RFC 2033)
