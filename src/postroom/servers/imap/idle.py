"""IDLE (RFC 2177): the client waits, and is told at once.

Owns: the command. Never: tells (pushing.py does). Raises: Refused, EndOfSession.
"""

from postroom.imap.types import Bare

from .pushing import Pusher
from .refusal import bad
from .session import Session


async def _said(session: Session) -> bytes:
    """The client's line; an empty one, which some send when there is nothing to say, is none."""
    while not (line := await session.next_line()):
        await session.breathe()
    return line


async def idle(session: Session, command: Bare) -> bytes:
    """From "+" to DONE."""
    session.engine.expect_line(True)
    try:
        session.send(b"+ idling\r\n")
        line = await session.pushing(Pusher(session, idle=True), _said(session))
    finally:
        session.engine.expect_line(False)
    if line.strip().upper() != b"DONE":
        raise bad(b"Expected DONE")
    return b"OK IDLE terminated"
