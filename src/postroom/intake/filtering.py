"""The content filters' place in the way of a message: what they are told of it, and what they have changed in it.

Owns: the new draft where the message is changed, the recipients and the sender as filters want them. Never: asks a
filter itself (filters do), delivers. Raises: MailError for a refusal of the whole message.

Who really sent a message is checked before, on the message as it came; it is signed and sealed after, as it has become.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from postroom.base import MailError
from postroom.filters import Client, ContentSource, Filtered, NewRecipient
from postroom.message import LongLines
from postroom.queue import Envelope, Recipient
from postroom.store import Draft

from .authentication import Checked
from .routing import Route
from .trace import Source

if TYPE_CHECKING:
    from .pipeline import Intake

_log = logging.getLogger("postroom.intake")
_MAX_ADDED = 100  # recipients of one message that filters add
_PIECES_IN_A_ROW = 16  # of a large message that is written anew, before others have their turn


class JunkForList(MailError):
    """The members of a list can't look into a mailbox for junk."""

    code, enhanced, text = 550, "5.7.1", "The list takes no mail that looks like junk"


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that filters have seen."""

    envelope: Envelope
    filtered: Filtered
    dropped: frozenset[int]  # numbers of the routes that filters have taken away
    added: tuple[Route, ...]

    @property
    def junk(self) -> bool:
        return self.filtered.junk


class Passage:
    """One message on its way through the filters."""

    def __init__(self, intake: "Intake", source: Source, trace_id: str) -> None:
        self._intake = intake
        self._source = source
        self._trace_id = trace_id

    async def through(
        self, envelope: Envelope, routes: Sequence[Route], draft: Draft, trace: bytes, checked: Checked | None
    ) -> Passed | None:
        """None: no filter sees it. The caller closes `filtered`. Raises the refusal that filters ask for."""
        filters = self._intake.filters
        if filters is None:
            return None
        filtering = filters.begin(self._content_source(envelope, routes, trace, checked), self._source.milters)
        if filtering is None:
            return None
        facts = draft.facts
        filtered = await filtering.conclude(facts.header, draft.spool, facts.header_len)
        try:
            self._heed(filtered, routes)
            return await self._passed(filtered, envelope, routes)
        except BaseException:
            filtered.close()
            raise

    def _content_source(
        self, envelope: Envelope, routes: Sequence[Route], trace: bytes, checked: Checked | None
    ) -> ContentSource:
        source = self._source
        client = source.milters.client if source.milters is not None else Client(source.listener, source.address)
        iprev = checked.evidence.iprev if checked is not None else None
        if iprev is not None and iprev.name and not client.host:
            client = replace(client, host=iprev.name)
        return ContentSource(
            client=client,
            hello=source.hello,
            mail_from=envelope.mail_from,
            recipients=tuple(route.recipient.address for route in routes),
            user=source.person.address if source.person is not None else "",
            queue_id=self._trace_id,
            tls=source.tls,
            trace=trace,
        )

    def _heed(self, filtered: Filtered, routes: Sequence[Route]) -> None:
        journal, error = self._intake.journal, filtered.error
        journal.note(
            self._trace_id, "filtered", action=filtered.action, why=filtered.words or None, by=list(filtered.told)
        )
        if filtered.junk and any(route.list_target is not None for route in routes):
            error = JunkForList(filtered.words)
        if filtered.action == "reject" and self._source.visit is not None:
            self._source.visit.delivered("junk")
        if error is not None:
            journal.note(self._trace_id, "refused", reply=f"{error.code} {error.enhanced} {error.text}")
            raise error

    async def _passed(self, filtered: Filtered, envelope: Envelope, routes: Sequence[Route]) -> Passed:
        sender = filtered.mail_from
        if sender is not None and (sender.isascii() or envelope.smtputf8):
            envelope = replace(envelope, mail_from=sender)
        known = {route.recipient.address for route in routes}
        added = [one for one in filtered.added if one.address not in known][:_MAX_ADDED]
        extra = [route for one in added if (route := await self._route(one, envelope)) is not None]
        dropped = frozenset(at for at, route in enumerate(routes) if route.recipient.address in filtered.removed)
        if len(dropped) == len(routes) and not extra:  # nothing vanishes
            dropped = frozenset()
            filtered = replace(filtered, action="junk", words="a filter wants nobody to get the message")
        return Passed(envelope, filtered, dropped, tuple(extra))

    async def _route(self, wanted: NewRecipient, envelope: Envelope) -> Route | None:
        """Where a new recipient leads: where the sender themselves might have sent it, and nowhere else."""
        recipient = Recipient(wanted.address, wanted.notify, wanted.original)
        try:
            if not wanted.address.isascii() and not envelope.smtputf8:
                raise MailError("an address with other than ASCII, and the message is not for such")
            return await self._intake.route(recipient, sender=self._source.person)
        except MailError as error:
            _log.warning("%s: a filter's recipient %s is left out: %s", self._trace_id, wanted.address, error)
            reply = f"{error.code} {error.enhanced} {error.text}"
            self._intake.journal.note(self._trace_id, "not delivered", to=wanted.address, reply=reply)
            return None

    async def rewritten(self, draft: Draft, passed: Passed) -> tuple[Draft, Envelope]:
        """The message as filters have made it, finished, and its envelope; the caller closes both drafts.

        Raises OSError.
        """
        filtered, facts = passed.filtered, draft.facts
        body, start = (filtered.body, 0) if filtered.body is not None else (draft.spool, facts.header_len)
        new, lines, eight_bit = self._intake.store.draft(), LongLines(), False
        try:
            new.write(filtered.header if filtered.header is not None else facts.header)
            for number, at in enumerate(range(start, body.size, 65_536)):
                if number % _PIECES_IN_A_ROW == _PIECES_IN_A_ROW - 1:
                    await asyncio.sleep(0)
                piece = body.read(at, at + 65_536)
                new.write(piece)
                if filtered.body is not None:
                    lines.feed(piece)
                    eight_bit = eight_bit or not piece.isascii()
            new.finish()
        except BaseException:
            new.close()
            raise
        envelope = passed.envelope
        if filtered.body is not None:
            long_lines = envelope.long_lines or lines.found
            envelope = replace(envelope, body_8bit=envelope.body_8bit or eight_bit, long_lines=long_lines)
        return new, envelope
