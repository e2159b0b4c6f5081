"""IDLE (RFC 2177): the client waits, and is told at once.

Owns: the command. Never: tells (pushing.py does). Raises: Refused, EndOfSession.
"""

from postroom.imap.types import Bare

from .pushing import Pusher
from .refusal import bad
from .session import Session


async def idle(session: Session, command: Bare) -> bytes:
    """From "+" to DONE."""
    session.engine.expect_line(True)
    try:
        session.send(b"+ idling\r\n")
        line = await session.pushing(Pusher(session, idle=True), session.next_line())
    finally:
        session.engine.expect_line(False)
    if line.strip().upper() != b"DONE":
        raise bad(b"Expected DONE")
    return b"OK IDLE terminated"
