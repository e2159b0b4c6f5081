"""COMPRESS=DEFLATE (RFC 4978): everything that follows is compressed, in both directions.

Owns: the command, the way back (RFC 8437 §4.1). Never: compresses (net does). Raises: Refused, EndOfSession.
"""

from postroom.imap.compress import Compress
from postroom.net import CompressedConnection

from .refusal import bad, no
from .session import Session


def is_compressed(session: Session) -> bool:
    return isinstance(session.connection, CompressedConnection)


def may_compress(session: Session) -> bool:
    """Whether COMPRESS is offered now: not twice."""
    return session.settings.compress and not is_compressed(session)


async def compress(session: Session, command: Compress) -> None:
    """RFC 4978 §3. Only after sign-in (§5), so STARTTLS can't come after it."""
    if is_compressed(session):
        raise no(b"COMPRESSIONACTIVE", b"DEFLATE is active via COMPRESS")
    if not session.settings.compress:
        raise bad(b"COMPRESS is not available here")
    session.complete(b"OK DEFLATE active")
    settings = session.settings
    session.connection = CompressedConnection(
        session.connection,
        level=settings.deflate_level,
        bulk_octets=settings.deflate_bulk_octets,
        piece_octets=settings.inflate_piece_octets,
        # What the client did not wait with is compressed already.
        received=session.engine.take_input(),
    )


def end_compression(session: Session) -> None:
    """Behind the answer to UNAUTHENTICATE both sides go on in the clear (RFC 8437 §4.1)."""
    connection = session.connection
    if not isinstance(connection, CompressedConnection):
        return
    if session.engine.take_input():
        raise session.goodbye("Compression ends with UNAUTHENTICATE")
    session.connection, rest = connection.unwrap()
    session.engine.feed(rest)
