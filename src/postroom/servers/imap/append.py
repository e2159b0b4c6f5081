"""APPEND (RFC 3501 §6.3.11): a message streams into a draft, then into the store.

Owns: that command, the checks before its literal is taken. Never: holds the message in memory (the draft spools it).
Raises: Refused, StoreError, EndOfSession.
"""

import logging

from postroom.imap.types import Append, Bad, Piece
from postroom.store.api import AppendOptions, NoSuchMailbox, OverQuota
from postroom.store.draft import Draft

from .refusal import Refused, answer_to, bad, no
from .session import Session

_log = logging.getLogger("postroom.imap")


async def append(session: Session, command: Append) -> bytes:
    """Refused before the client sends the message wherever that can be known before."""
    try:
        options = await _check(session, command)
        draft = session.service.store.draft()
    except BaseException:
        session.engine.refuse_literal()  # not asked for, or thrown away when it comes unasked (RFC 7888 §4)
        raise
    with draft:
        await _take_message(session, command, draft)
        draft.finish()
        try:
            appended = await session.account.append(command.mailbox, draft, options)
        except NoSuchMailbox as error:
            raise Refused(answer_to(error, try_create=True)) from error
    return b"OK [APPENDUID %d %d] APPEND completed" % (appended.uid_validity, appended.uid)  # RFC 4315 §3


async def _check(session: Session, command: Append) -> AppendOptions:
    if command.size > session.settings.max_append_octets:
        raise no(b"TOOBIG", b"The message is larger than this server takes")  # RFC 4469 §4.2
    if not command.size:
        raise bad(b"An empty message can't be appended")
    try:
        await session.account.mailbox(command.mailbox)
    except NoSuchMailbox as error:
        raise Refused(answer_to(error, try_create=True)) from error
    person = await session.current_person()
    if person.quota_octets is not None or person.quota_messages is not None:
        usage = await session.account.usage()
        if (person.quota_octets is not None and usage.octets + command.size > person.quota_octets) or (
            person.quota_messages is not None and usage.messages >= person.quota_messages
        ):
            raise OverQuota(f"{person.address}: {usage}")
    return AppendOptions(
        flags=frozenset(command.flags),
        internal_date=command.internal_date,
        quota_octets=person.quota_octets,
        quota_messages=person.quota_messages,
        origin=session.origin,
    )


async def _take_message(session: Session, command: Append, draft: Draft) -> None:
    """All of the literal is read, whatever becomes of it: what follows it is the next command."""
    failure: OSError | None = None
    nul = False
    connection = session.connection
    patience, connection.idle_timeout = connection.idle_timeout, session.settings.append_timeout_seconds
    try:
        if command.sync:
            session.engine.accept_literal()
        while True:
            event = await session.next_event()
            if isinstance(event, Piece):
                nul = nul or b"\0" in event.data
                if failure is None and not nul:
                    try:
                        draft.write(event.data)
                    except OSError as error:
                        failure = error
                if event.last:
                    break
            else:
                raise bad(event.text.encode() if isinstance(event, Bad) else b"The message ended badly")
    finally:
        connection.idle_timeout = patience
    if nul:
        raise bad(b"NUL in the message")  # RFC 3501 §9 note 3: nor could it be sent to anybody
    if failure is not None:
        _log.error("%s: APPEND could not be spooled: %s", session.peer, failure)
        raise no(b"UNAVAILABLE", b"Storage trouble, please try again later")
