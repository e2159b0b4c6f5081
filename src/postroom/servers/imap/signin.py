"""STARTTLS, LOGIN, AUTHENTICATE: from a stranger to a person; UNAUTHENTICATE: back.

Owns: when a password may be asked for, how often it may be wrong. Never: checks one (accounts does). Raises: Refused,
EndOfSession after too many failures, TlsFailed.
"""

import logging

from postroom.imap import encode
from postroom.imap.types import Authenticate, Bare, Login
from postroom.net import is_loopback
from postroom.sasl import (
    BadBase64,
    Challenge,
    Credentials,
    Failed,
    Outcome,
    credentials,
    decode_base64,
    server_mechanism,
)

from .compression import end_compression
from .refusal import bad, no
from .session import Session

_log = logging.getLogger("postroom.imap")


def may_sign_in(session: Session) -> bool:
    """Passwords travel under TLS only; on loopback the operator may allow them in the clear (RFC 3501 §11.1)."""
    if session.connection.tls is not None:
        return True
    return session.settings.plaintext_sign_in_on_loopback and is_loopback(session.peer)


async def start_tls(session: Session, command: Bare) -> None:
    """RFC 3501 §6.2.1. Nothing that came before the handshake survives it."""
    if session.connection.tls is not None:
        raise bad(b"TLS is active already")
    context = session.service.tls_context()
    if context is None:
        raise bad(b"TLS is not available here")
    session.complete(b"OK Begin TLS negotiation now")
    session.engine.start_tls()
    await session.connection.start_tls(context)


async def login(session: Session, command: Login) -> bytes:
    """RFC 3501 §6.2.3"""
    _need_privacy(session)
    return await _decide(session, credentials(command.username, command.password), b"LOGIN")


async def authenticate(session: Session, command: Authenticate) -> bytes:
    """RFC 3501 §6.2.2, with an initial response (RFC 4959)."""
    _need_privacy(session)
    mechanism = server_mechanism(command.mechanism)
    if mechanism is None:
        raise no(b"CANNOT", b"Unsupported authentication mechanism")
    outcome: Outcome = mechanism.step(command.initial)
    session.engine.expect_line(True)
    try:
        while isinstance(outcome, Challenge):
            session.send(encode.challenge(outcome.data))
            line = await session.next_line()
            if line == b"*":
                raise bad(b"AUTHENTICATE cancelled")
            try:
                response = decode_base64(line)
            except BadBase64 as error:
                raise bad(b"Not base64") from error
            outcome = mechanism.step(response)
    finally:
        session.engine.expect_line(False)
    return await _decide(session, outcome, b"AUTHENTICATE")


async def unauthenticate(session: Session, command: Bare) -> None:
    """RFC 8437 §3: all state but TLS is forgotten; it can't fail."""
    session.sign_out()
    session.complete(b"OK UNAUTHENTICATE completed")
    end_compression(session)


def _need_privacy(session: Session) -> None:
    if not may_sign_in(session):
        raise no(b"PRIVACYREQUIRED", b"Sign in under TLS only")  # RFC 5530 §3


async def _decide(session: Session, outcome: Credentials | Failed, command: bytes) -> bytes:
    person = None
    if (given := outcome if isinstance(outcome, Credentials) else outcome.credentials) is not None:
        person = await session.service.directory.authenticate(given.username, given.password, "imap")
    known = person is not None and person.enabled
    if person is not None and known and given is outcome:
        await session.sign_in(person)
        _log.info("%s signed in as %s", session.peer, person.address)
        return b"OK [CAPABILITY %b] %b completed" % (session.service.capabilities(session), command)
    named = outcome.username if isinstance(outcome, Credentials) else outcome.reason
    session.sign_in_failures += 1
    _log.warning("%s failed to sign in: %r", session.peer, named)
    await session.service.clock.sleep(session.settings.sign_in_failure_delay_seconds * session.sign_in_failures)
    refusal = no(b"AUTHENTICATIONFAILED", b"Wrong name or password")  # RFC 5530 §3
    if known:
        refusal = no(b"AUTHORIZATIONFAILED", b"Nobody may act as somebody else here")
    if session.sign_in_failures >= session.settings.max_sign_in_failures:
        session.complete(refusal.answer)
        raise session.goodbye("Too many wrong passwords")
    raise refusal
