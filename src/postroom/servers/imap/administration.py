"""What only administrators may do.

Owns: who is one. Never: does any of it. Raises: Refused.
"""

from postroom.accounts import address_key
from postroom.accounts.api import Administration

from .refusal import no
from .session import Session


def is_administrator(session: Session) -> bool:
    """Whether the setting names the person who has signed in."""
    if session.person is None or not session.settings.administrators:
        return False
    key = address_key(session.person.address)
    return any(address_key(address) == key for address in session.settings.administrators)


def administration(session: Session) -> Administration:
    """For administrators only."""
    if session.service.administration is None or not is_administrator(session):
        raise no(b"NOPERM", b"Only for administrators")  # RFC 5530 §3
    return session.service.administration
