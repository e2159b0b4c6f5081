"""STARTTLS, LOGIN, AUTHENTICATE: from a stranger to a person; UNAUTHENTICATE: back.

Owns: when a password may be asked for, how often it may be wrong, which code tells what. Never: checks one (signin
does). Raises: Refused, EndOfSession after too many failures, TlsFailed.
"""

import logging

from postroom.imap import encode
from postroom.imap.language import DEFAULT as DEFAULT_LANGUAGE
from postroom.imap.types import Authenticate, Bare, Login
from postroom.net import is_loopback
from postroom.sasl import BadBase64, Challenge, decode_base64
from postroom.servers.clients import client_of
from postroom.signin import Client, Kind, Refused, SignedIn

from .compression import end_compression
from .refusal import bad, no
from .session import Session

_log = logging.getLogger("postroom.imap")
# RFC 5530 §3: the response code and the text for each kind of refusal
_SAID: dict[Kind, tuple[bytes, bytes]] = {
    "credentials": (b"AUTHENTICATIONFAILED", b"Wrong name or password"),
    "authorization": (b"AUTHORIZATIONFAILED", b"Nobody may act as somebody else here"),
    "expired": (b"EXPIRED", b"That was right once, and is no longer"),
    "banned": (b"UNAVAILABLE", b"Too many failed sign-ins, please try again later"),
    "busy": (b"UNAVAILABLE", b"Too many sign-ins at the moment, please try again later"),
    "unavailable": (b"UNAVAILABLE", b"Directory trouble, please try again later"),
}


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
    session.language = DEFAULT_LANGUAGE  # RFC 5255 §3.1: somebody else may have chosen it


def mechanisms(session: Session) -> tuple[str, ...]:
    """What AUTHENTICATE takes now, best first."""
    return session.service.sign_in.mechanisms(_client(session)) if may_sign_in(session) else ()


def may_log_in(session: Session) -> bool:
    """Whether LOGIN takes a password now."""
    return may_sign_in(session) and session.service.sign_in.takes_passwords


async def login(session: Session, command: Login) -> bytes:
    """RFC 3501 §6.2.3"""
    _need_privacy(session)
    answer = await session.service.sign_in.password(command.username, command.password, _client(session))
    return await _finish(session, answer, b"LOGIN")


async def authenticate(session: Session, command: Authenticate) -> bytes:
    """RFC 3501 §6.2.2, with an initial response (RFC 4959)."""
    _need_privacy(session)
    exchange = session.service.sign_in.exchange(command.mechanism, _client(session))
    if exchange is None:
        raise no(b"CANNOT", b"Unsupported authentication mechanism")
    step = await exchange.step(command.initial)
    session.engine.expect_line(True)
    try:
        while isinstance(step, Challenge):
            session.send(encode.challenge(step.data))
            line = await session.next_line()
            if line == b"*":
                raise bad(b"AUTHENTICATE cancelled")
            try:
                response = decode_base64(line)
            except BadBase64 as error:
                raise bad(b"Not base64") from error
            step = await exchange.step(response)
    finally:
        session.engine.expect_line(False)
    return await _finish(session, step, b"AUTHENTICATE")


async def unauthenticate(session: Session, command: Bare) -> None:
    """RFC 8437 §3: all state but TLS is forgotten; it can't fail."""
    session.sign_out()
    session.complete(b"OK UNAUTHENTICATE completed")
    end_compression(session)


def _client(session: Session) -> Client:
    return client_of(session.connection, "imap")


def _need_privacy(session: Session) -> None:
    if not may_sign_in(session):
        raise no(b"PRIVACYREQUIRED", b"Sign in under TLS only")  # RFC 5530 §3


async def _finish(session: Session, answer: SignedIn | Refused, command: bytes) -> bytes:
    if isinstance(answer, SignedIn):
        await session.sign_in(answer.person)
        _log.info("%s signed in as %s", session.peer, answer.person.address)
        return b"OK [CAPABILITY %b] %b completed" % (session.service.capabilities(session), command)
    _log.warning("%s: sign-in as %r refused: %s", session.peer, answer.username or "nobody", answer.words)
    refusal = no(*_SAID[answer.kind])
    if answer.kind in ("busy", "unavailable"):  # no fault of the client's
        raise refusal
    session.sign_in_failures += 1
    if session.sign_in_failures >= session.settings.max_sign_in_failures:
        session.complete(refusal.answer)
        raise session.goodbye("Too many wrong passwords")
    raise refusal
