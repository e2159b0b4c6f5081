"""CAPABILITY, NOOP, CHECK, LOGOUT, ID, ENABLE.

Owns: those commands. Never: looks at mail. Raises: nothing.
"""

from postroom.imap import encode
from postroom.imap.types import Bare, Enable, Id

from .metadata_news import watch_metadata
from .session import Session


async def capability(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.1.1"""
    session.send(b"* CAPABILITY %b\r\n" % session.service.capabilities(session))
    return b"OK CAPABILITY completed"


async def noop(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.1.2: what is new is said by the session itself."""
    return b"OK NOOP completed"


async def check(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.4.1: every change is durable already, so a checkpoint has nothing to do."""
    return b"OK CHECK completed"


async def logout(session: Session, command: Bare) -> bytes:
    """RFC 3501 §6.1.3"""
    session.send(b"* BYE Logging out\r\n")
    session.leaving = True
    return b"OK LOGOUT completed"


async def identify(session: Session, command: Id) -> bytes:
    """RFC 2971 §3.1"""
    session.send(session.service.identification)
    return b"OK ID completed"


async def enable(session: Session, command: Enable) -> bytes:
    """RFC 5161 §3.1: names that can't be enabled are passed over; those that are enabled now are told."""
    fresh = [name for name in command.capabilities if session.service.can_enable(name) and name not in session.enabled]
    unaware = b"CONDSTORE" not in session.enabled
    for name in fresh:
        session.enable(name)
    await watch_metadata(session)
    session.send(encode.enabled([session.service.can_enable(name) or name for name in fresh]))
    if unaware and b"CONDSTORE" in session.enabled:
        session.say_highest_modseq()
    return b"OK ENABLE completed"
