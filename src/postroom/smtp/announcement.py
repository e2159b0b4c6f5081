"""What EHLO and LHLO announce.

Owns: the keywords with their parameters, and the replies to parameters of MAIL that are not offered now. Never: decides
what is offered: the settings and the session do. Raises: nothing.
"""

from dataclasses import dataclass
from typing import Literal

from . import replies
from .delivery_wishes import format_moment
from .replies import Reply
from .settings import SmtpSettings


@dataclass(slots=True)
class Offers:
    """What depends on the state of the connection and on who the clients are; the session keeps it up to date."""

    starttls: bool = False
    tls_active: bool = False
    auth: tuple[str, ...] = ()
    auth_needs_tls: bool = False  # sign-in will be offered under TLS, and not before
    sign_in_first: Reply | None = None  # what commands that need sign-in get before it
    verify: Literal["off", "signed-in", "on"] = "off"  # whom VRFY and EXPN tell anything
    hold: tuple[int, float] | None = None  # the longest time that mail is held, and until when (RFC 4865)

    def withheld(self, keyword: str) -> Reply | None:
        """What a parameter of MAIL gets that has no place in the present state."""
        if keyword in ("HOLDFOR", "HOLDUNTIL") and self.hold is None:
            return replies.UNKNOWN_PARAMETER
        if keyword == "REQUIRETLS" and not self.tls_active:
            return replies.REQUIRETLS_WITHOUT_TLS if self.starttls else replies.UNKNOWN_PARAMETER
        return None


def ehlo_lines(settings: SmtpSettings, offers: Offers) -> list[str]:
    """All but the first line of the reply."""
    lines = [
        "PIPELINING",
        f"SIZE {settings.max_message_octets}",
        "8BITMIME",
        "CHUNKING",  # RFC 3030 §2
        "BINARYMIME",
        "SMTPUTF8",
        "DSN",
        "ENHANCEDSTATUSCODES",
        f"DELIVERBY {settings.min_deliver_by_seconds}",  # RFC 2852 §2
        "MT-PRIORITY",  # RFC 6710 §3
        f"LIMITS MAILMAX={settings.max_transactions} RCPTMAX={settings.max_recipients}",  # RFC 9422 §3
        "HELP",
    ]
    if offers.hold is not None:
        interval, until = offers.hold
        lines.append(f"FUTURERELEASE {interval} {format_moment(until)}")  # RFC 4865 §3
    if offers.verify != "off":  # RFC 5321 §3.5.2
        lines.append("EXPN")
    if offers.tls_active:  # RFC 8689 §2
        lines.append("REQUIRETLS")
    if offers.starttls and not offers.tls_active:  # RFC 3207 §4.2
        lines.append("STARTTLS")
    if offers.auth:
        lines.append("AUTH " + " ".join(offers.auth))
    return lines
