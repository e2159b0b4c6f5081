"""One connection to an LDAP server: one operation after the other (RFC 4511 §3.1 would allow more at once).

Owns: message ids, the time and size of an answer. Never: knows people, retries, logs. Raises: LdapLost when the
connection ended before anything of the answer came, SourceDown for all other trouble.
"""

import asyncio
import ssl
from collections.abc import Sequence

from postroom.ldap import (
    BadBer,
    Entry,
    ExtendedDone,
    MessageReader,
    Result,
    bind_request,
    search_request,
    start_tls_request,
    unbind_request,
)
from postroom.net import ConnectionEnd, SocketConnection, TlsFailed

from .settings import LdapSettings
from .types import SourceDown

SUCCESS, SIZE_LIMIT = 0, 4
_MAX_SHOWN = 200  # characters of a server's words in the log
_MAX_ENTRIES = 2  # more than one is already too many


class LdapLost(SourceDown):
    """The connection is gone and nothing was answered: another one may have more luck."""


class LdapConnection:
    def __init__(self, connection: SocketConnection, settings: LdapSettings, name: str) -> None:
        self._connection = connection
        self._settings = settings
        self._name = name
        self._reader = MessageReader(settings.max_answer_octets)
        self._message_id = 0

    @property
    def closed(self) -> bool:
        return self._connection.closed

    def close(self) -> None:
        """At once; who waits for nothing needs no goodbye, but the server is told (RFC 4511 §4.3)."""
        if not self._connection.closed:
            self._connection.send(unbind_request(self._message_id + 1))
            self._connection.flush()
        self._connection.abort()

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """RFC 4511 §4.14. What came before the handshake and was not asked for ends it."""
        answers = await self._operate(start_tls_request(self._next()))
        done = answers[-1]
        if not isinstance(done, ExtendedDone) or done.code != SUCCESS:
            raise self._refused("STARTTLS", done)
        if not self._reader.empty or self._connection.receive_nowait():
            raise SourceDown(f"{self._name}: octets between STARTTLS and TLS")
        try:
            async with asyncio.timeout(self._settings.connect_timeout_seconds):
                await self._connection.start_tls_client(context, host)
        except (TlsFailed, TimeoutError) as error:
            raise SourceDown(f"{self._name}: TLS: {error or 'timed out'}") from error

    async def bind(self, name: bytes, password: bytes) -> Result:
        """RFC 4511 §4.2. A name without a password would be taken for nobody and succeed (RFC 4513 §5.1.2)."""
        if name and not password:
            raise ValueError("a bind without a password proves nothing")
        done = (await self._operate(bind_request(self._next(), name, password)))[-1]
        if not isinstance(done, Result) or done.operation != "bind":
            raise SourceDown(f"{self._name}: no answer to a bind")
        return done

    async def search(self, wanted: bytes, attributes: Sequence[str]) -> list[Entry]:
        """What is below the base of the settings; no more than two. Raises SourceDown for any other end."""
        request = search_request(
            self._next(),
            base=self._settings.base,
            scope=self._settings.scope,
            wanted=wanted,
            attributes=attributes,
            max_entries=_MAX_ENTRIES,
            seconds=max(1, int(self._settings.timeout_seconds)),
        )
        answers = await self._operate(request)
        done = answers[-1]
        entries = [one for one in answers if isinstance(one, Entry)]
        if not isinstance(done, Result) or done.operation != "search":
            raise SourceDown(f"{self._name}: no answer to a search")
        if done.code == SUCCESS or (done.code == SIZE_LIMIT and len(entries) > 1):
            return entries
        raise self._refused("the search", done)

    def _next(self) -> int:
        self._message_id += 1
        return self._message_id

    def _refused(self, what: str, done: object) -> SourceDown:
        if isinstance(done, Result | ExtendedDone):
            return SourceDown(f"{self._name}: {what} ended with {result_words(done)}")
        return SourceDown(f"{self._name}: {what} was not answered")

    async def _operate(self, request: bytes) -> list[Entry | Result | ExtendedDone]:
        """All that is answered, the end of it last."""
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._exchange(request)
        except TimeoutError as error:
            raise SourceDown(f"{self._name}: no answer in {self._settings.timeout_seconds:g} s") from error
        except BadBer as error:
            raise SourceDown(f"{self._name}: {error}") from error

    async def _exchange(self, request: bytes) -> list[Entry | Result | ExtendedDone]:
        self._connection.send(request)
        answers: list[Entry | Result | ExtendedDone] = []
        size = 0
        while True:
            while (one := self._reader.next()) is not None:
                if one.message_id == 0 and isinstance(one, ExtendedDone):  # RFC 4511 §4.4.1: it closes
                    raise LdapLost(f"{self._name}: {result_words(one)}")
                if one.message_id != self._message_id:
                    raise BadBer("an answer to what was not asked")
                if isinstance(one, Entry | Result | ExtendedDone):
                    answers.append(one)
                if isinstance(one, Result | ExtendedDone):
                    return answers
            try:
                octets = await self._connection.receive()
            except ConnectionEnd as error:
                raise LdapLost(f"{self._name}: {error}") from error
            size += len(octets)
            if not octets:
                kind = SourceDown if size else LdapLost
                raise kind(f"{self._name}: closed the connection")
            if size > self._settings.max_answer_octets:
                raise BadBer(f"an answer of more than {self._settings.max_answer_octets} octets")
            self._reader.feed(octets)


def result_words(done: Result | ExtendedDone) -> str:
    """For the log: the code, and what the server says to it (RFC 4511 §A)."""
    words = "".join(character if character.isprintable() else "?" for character in done.diagnostic[:_MAX_SHOWN])
    return f"result {done.code}" + (f" ({words})" if words else "")
