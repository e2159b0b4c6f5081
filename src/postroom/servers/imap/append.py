"""APPEND (RFC 3501 §6.3.11, RFC 3502, RFC 4469): messages stream into drafts, then into the store, all or none.

Owns: that command; for REPLACE too, how messages are taken and what is checked before a literal is asked for. Never:
holds a message in memory (the drafts spool them). Raises: Refused, StoreError, EndOfSession.
"""

import logging
from dataclasses import replace
from types import TracebackType

from postroom.imap import encode
from postroom.imap.types import Append, Bad, Begin, Literal, Next, Piece, Url
from postroom.message import Facts, NotEncodable, without_nul
from postroom.store.api import AppendOptions, Mailbox, NoSuchMailbox, OverQuota, Usage
from postroom.store.draft import Draft

from .catenate import Urls
from .naming import list_response
from .places import Place
from .refusal import Refused, bad, no, refused
from .rights import permitted
from .session import Session

_log = logging.getLogger("postroom.imap")
_NOTHING = Usage(0, 0)


async def append(session: Session, command: Append) -> bytes:
    """Refused before the client sends a message wherever that can be known before."""
    with Drafts(session) as drafts:
        place = await drafts.receive(command)
        try:
            appended = await place.account.append_many(place.name, drafts.messages)
        except NoSuchMailbox as error:
            raise await place.no_target(error) from error
    target = drafts.target
    if b"IMAP4REV2" in session.enabled and target.name != place.name:  # RFC 9051 §6.3.12
        session.send(list_response(session, place, target, command.mailbox))
    if not place.tells_uids(target):
        return b"OK APPEND completed"
    # RFC 4315 §3, RFC 3502: in the order of the messages
    code = encode.appenduid_code(appended[0].uid_validity, [one.uid for one in appended])
    return b"OK [%b] APPEND completed" % code


class Drafts:
    """The messages of one APPEND or REPLACE on their way in; leaving the context drops them."""

    def __init__(self, session: Session, freed: Usage = _NOTHING) -> None:
        """`freed` will be gone when the messages are there: the quota has that much more room (RFC 8508 §3.4)."""
        self.messages: list[tuple[Draft, AppendOptions]] = []
        self._session = session
        self._freed = freed
        self._urls = Urls(session)
        self._usage = _NOTHING
        self.target: Mailbox  # where the messages are to go
        self._rights = ""  # to it
        self._quota_octets: int | None = None
        self._quota_messages: int | None = None
        self._octets = 0  # of all messages, with what was announced
        self._message_octets = 0  # of the last one
        self._has_nul = False

    def __enter__(self) -> "Drafts":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._urls.close()
        for draft, _ in self.messages:
            draft.close()

    async def receive(self, command: Append) -> Place:
        """Take all messages of the command, as finished drafts in `messages`; where they are to go."""
        session, connection = self._session, self._session.connection
        patience, connection.idle_timeout = connection.idle_timeout, session.settings.append_timeout_seconds
        try:
            place = await self._target(command.mailbox)
            await self._know_quota(place)
            stretch: Append | Next | None = command
            while stretch is not None:
                stretch = await self._take(stretch)
            await self._finish_message()
            if place.guest is not None:
                await self._look_again(place)
        except BaseException:
            session.engine.refuse_literal()  # not asked for, or thrown away when it comes unasked (RFC 7888 §4)
            raise
        finally:
            connection.idle_timeout = patience
            self._urls.close()
        return place

    async def _target(self, name: str) -> Place:
        """Where the messages are to go."""
        place = await self._session.place(name)
        try:
            self.target = await place.mailbox(b"APPEND")
        except NoSuchMailbox as error:
            raise await place.no_target(error) from error
        self._rights = place.rights(self.target)
        return place

    async def _look_again(self, place: Place) -> None:
        """Literals may have taken long: by now the right may be gone, or the name another mailbox's."""
        before = self.target.mailbox_id
        await self._target(place.shown(place.name))
        if self.target.mailbox_id != before:
            raise await place.no_target(NoSuchMailbox(f"{place.name} is another one now"))
        self.messages = [
            (draft, replace(options, flags=permitted(options.flags, self._rights))) for draft, options in self.messages
        ]

    async def _know_quota(self, place: Place) -> None:
        person = await self._session.owner(place)
        selected = self._session.selected
        if selected is not None and selected.account.account_id != place.account.account_id:
            self._freed = _NOTHING  # what will be gone counts elsewhere
        self._quota_octets, self._quota_messages = person.quota_octets, person.quota_messages
        if person.quota_octets is not None or person.quota_messages is not None:
            self._usage = await place.account.usage()

    # ---- parts

    async def _take(self, stretch: Append | Next) -> Next | None:
        """Take the parts of a stretch and the literal that ends it; what follows that."""
        for part in stretch.parts:
            if isinstance(part, Begin):
                await self._begin_message(part)
            elif isinstance(part, Url):
                await self._copy(part.url)
            else:
                self._make_room(part.size)
                if part.utf8 and not self._session.utf8:
                    raise bad(b"Enable UTF8=ACCEPT first")  # RFC 6855 §3
                return await self._stream(part)
        return None

    async def _begin_message(self, begin: Begin) -> None:
        if self.messages:
            await self._finish_message()
        held = self._usage.messages - self._freed.messages + len(self.messages)
        if self._quota_messages is not None and held >= self._quota_messages:
            raise OverQuota(f"{held} of {self._quota_messages} messages")
        session = self._session
        options = AppendOptions(
            flags=permitted(begin.flags, self._rights),  # RFC 4314 §4: others are left out
            internal_date=begin.internal_date,
            quota_octets=self._quota_octets,
            quota_messages=self._quota_messages,
            origin=session.origin,
        )
        self.messages.append((session.service.store.draft(), options))
        self._message_octets = 0
        self._has_nul = False

    def _make_room(self, octets: int) -> None:
        """Whether so much may come: refused before it is asked for, or read from the store."""
        settings = self._session.settings
        self._octets += octets
        self._message_octets += octets
        if self._message_octets > settings.max_append_octets:
            raise no(b"TOOBIG", b"The message is larger than this server takes")  # RFC 4469 §4.2
        if self._octets > max(settings.max_append_total_octets, settings.max_append_octets):
            raise no(b"TOOBIG", b"The messages are larger together than this server takes at once")
        held = self._usage.octets - self._freed.octets + self._octets
        if self._quota_octets is not None and held > self._quota_octets:
            raise OverQuota(f"{held} of {self._quota_octets} octets")

    async def _copy(self, url: bytes) -> None:
        """Octets that are in the store already (RFC 4469 §3); no \\Seen is set by that."""
        account, octets = await self._urls.find(url)
        if octets.fields is None:  # otherwise it is a header's length at most, counted when it is there
            self._make_room(octets.end - octets.start)
        async for piece in self._urls.pieces(url, account, octets):
            if octets.fields is not None:
                self._make_room(len(piece))
            self._write(piece)

    def _write(self, piece: bytes) -> None:
        try:
            self.messages[-1][0].write(piece)
        except OSError as error:
            _log.error("%s: APPEND could not be spooled: %s", self._session.peer, error)
            raise no(b"UNAVAILABLE", b"Storage trouble, please try again later") from error

    async def _stream(self, literal: Literal) -> Next | None:
        """All of the literal is read, whatever becomes of it: what follows it is the next command, or not octets."""
        session = self._session
        failure: Refused | None = None
        if literal.sync:
            session.engine.accept_literal()
        while True:
            event = await session.next_event()
            if isinstance(event, Piece):
                if failure is None:
                    failure = self._receive(event.data, literal)
                if not event.last:
                    continue
            elif isinstance(event, Bad):
                raise refused(event)
            if failure is not None:
                raise failure
            return event if isinstance(event, Next) else None

    def _receive(self, data: bytes, literal: Literal) -> Refused | None:
        if b"\0" in data:
            if not literal.binary:
                return bad(b"NUL in the message")  # RFC 3501 §9 note 3: nor could it be sent to anybody
            self._has_nul = True
        try:
            self._write(data)
        except Refused as error:
            return error
        return None

    # ---- messages

    async def _finish_message(self) -> None:
        draft, _ = self.messages[-1]
        if not draft.size:
            raise Refused(b"NO An empty message is not appended")  # RFC 3502: this cancels the command
        facts = draft.finish()
        if self._has_nul:
            facts = await self._encode_nuls(draft)
        self.messages[-1][0].spool.rest()  # others may follow, or be waited for
        session = self._session
        if not (session.utf8 or session.settings.quirk_8bit_headers_in_append or facts.header.isascii()):
            raise no(b"CANNOT", b"8-bit octets in the header; enable UTF8=ACCEPT first")  # RFC 6855 §4

    async def _encode_nuls(self, binary: Draft) -> Facts:
        """No other command can send a NUL: the parts that hold one are stored as base64 (RFC 3516 §4.4, §6)."""
        session = self._session
        self.messages[-1] = (session.service.store.draft(), self.messages[-1][1])
        with binary:
            self._octets -= binary.size
            self._message_octets = 0
            try:
                for piece in without_nul(binary.facts.parts, binary.size, binary.spool.read):
                    self._make_room(len(piece))
                    self._write(piece)
                    await session.breathe()
            except NotEncodable as error:
                raise no(b"UNKNOWN-CTE", b"A NUL where none can be, or in a part that is encoded already") from error
        return self.messages[-1][0].finish()
