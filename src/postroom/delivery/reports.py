"""Reports to senders (RFC 3464): failed, delayed, relayed, delivered.

Owns: whom a report goes to, what of the message it gives back, and its way there, which is that of any mail: into a
mailbox here, or the queue with the null sender. Never: reports on a message with the null sender (RFC 5321 §4.5.5; its
caller asks schedule.py, and `_send` refuses), writes the text (message.dsn). Raises: MailError when the report could
not be made durable.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from postroom.base import Clock, Ids, MailError, Spool
from postroom.journal import NO_JOURNAL, Journal
from postroom.message import (
    Action,
    DeliveryReport,
    Dsn,
    RecipientReport,
    Returned,
    compose_dsn,
    decode_field,
    first_value,
)
from postroom.queue import Envelope, NoSuchEntry, Queue, QueuedMessage, Recipient, destination_of
from postroom.signing import UNSIGNED, Signing, signers

from .api import Attempted, LocalDelivery, LocalDomains
from .content import QueuedContent
from .destination import ascii_domain
from .schedule import deadline
from .settings import DeliverySettings

_log = logging.getLogger("postroom.delivery")
_EXPIRED = "5.4.7"  # RFC 3463 §3.5: delivery time expired
_LATE = "4.4.7"
_NEVER = frozenset({"NEVER"})  # RFC 3461 §6.1
_MAX_SUBJECT_CHARACTERS = 200


class Reporter:
    """One report a message and kind, whatever the number of recipients (RFC 3461 §5.2.8)."""

    def __init__(
        self,
        *,
        queue: Queue,
        local: LocalDelivery,
        directory: LocalDomains,
        clock: Clock,
        ids: Ids,
        settings: DeliverySettings,
        hostname: str,
        journal: Journal = NO_JOURNAL,
        signing: Signing = UNSIGNED,
    ) -> None:
        self._queue = queue
        self._signing = signing
        self._journal = journal
        self._local = local
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._hostname = hostname

    async def failed(self, attempted: Sequence[Attempted]) -> None:
        """Refused for good, or given up (a temporary reply means that time ran out)."""
        await self._report(attempted, Action.FAILED)

    async def delayed(self, attempted: Sequence[Attempted]) -> None:
        """Not yet delivered, still trying."""
        await self._report(attempted, Action.DELAYED)

    async def succeeded(self, attempted: Sequence[Attempted]) -> None:
        """In a mailbox here, or taken by a host that won't report (RFC 3461 §5.2.2 (b), §5.2.3 (a))."""
        await self._report(attempted, Action.DELIVERED if attempted[0].is_local else Action.RELAYED)

    async def double_bounced(self, attempted: Sequence[Attempted]) -> None:
        """A report could not be delivered (RFC 5321 §6.1: it is not answered): the settings say who here should know.

        Raises nothing: what can't be delivered to them is logged.
        """
        to = self._settings.double_bounce_to
        if not to or attempted[0].entry.recipient.address.lower() == to.lower():
            return
        header, _, _ = await self._original(attempted[0].entry.message, Action.DELAYED)
        told = first_value(header, b"To")
        if first_value(header, b"Delivered-To") is not None:
            # Not one of ours: it came, and an address here sent it on. Two postmasters, each forwarding to the other,
            # would tell each other of it for ever.
            _log.error("a report that was forwarded is refused there: nobody hears of it")
        elif told is not None and told.strip().lower() == to.lower().encode():
            _log.error("the mail of %s leads elsewhere and is refused there: nobody hears of it", to)
        else:
            await self._report(attempted, Action.FAILED, to)

    # ---- the text

    async def _report(self, attempted: Sequence[Attempted], action: Action, to: str = "") -> None:
        message = attempted[0].entry.message
        envelope = message.envelope
        to = to or envelope.mail_from
        header, original, returned = await self._original(message, action)
        now = self._clock.now()
        dsn = compose_dsn(
            DeliveryReport(
                reporting_mta=self._hostname,
                recipients=[self._about(one, action, now) for one in attempted],
                arrival=message.arrived,
                deliver_by=None if envelope.deliver_by is None else envelope.deliver_by.at,
                envelope_id=envelope.envid,
                queue_id=message.message_id,
                subject=_subject(header),
            ),
            to=to,
            date=now,
            token=self._ids.token(24),
            returned=returned,
            original_8bit=not original.isascii(),
            utf8=envelope.smtputf8,
        )
        first = min(one.entry.entry_id for one in attempted)
        await self._send(message, to, dsn, dsn.whole(original), f"{message.message_id}.{action.value}-{first}")

    def _about(self, one: Attempted, action: Action, now: float) -> RecipientReport:
        status = one.reply.status
        if action is Action.FAILED and not one.reply.permanent:
            status = _EXPIRED
        by = one.entry.message.envelope.deliver_by
        if action is Action.DELAYED and by is not None and by.notify_only and now >= by.at:
            status = _LATE  # RFC 2852 §4.1.3
        return RecipientReport(
            final=one.entry.recipient.address,
            action=action,
            status=status,
            original=one.entry.recipient.original,
            diagnostic=_diagnostic(one),
            remote_mta=one.host,
            last_attempt=now,
            will_retry_until=deadline(one.entry, self._settings) if action is Action.DELAYED else None,
        )

    async def _original(self, message: QueuedMessage, action: Action) -> tuple[bytes, bytes, Returned]:
        """The header, and what of the message is given back: RFC 3461 §4.3, §6.2."""
        content = QueuedContent(self._queue, message)
        try:
            header = (await content.header())[: self._settings.max_returned_octets]
            small = message.size <= self._settings.max_returned_octets
            as_text = not message.envelope.binary  # which a report can't be (RFC 3030 §3)
            whole = message.envelope.ret != "HDRS" and not message.envelope.require_tls  # RFC 8689 §5
            if action is Action.FAILED and small and as_text and whole:
                return header, await content.whole(), Returned.FULL
        except NoSuchEntry:  # an operator removed it meanwhile, or its file is gone
            return b"", b"", Returned.HEADERS
        return header, header, Returned.HEADERS

    # ---- the way back

    async def _send(self, message: QueuedMessage, sender: str, dsn: Dsn, octets: bytes, delivery_id: str) -> None:
        """To the sender, like any mail. Durable when it returns."""
        if not sender:
            raise ValueError("a message with the null sender is never reported on")
        # RFC 8689 §5: protected as the message was, where that is offered; RFC 6710 §4.6: with its priority
        original = message.envelope
        envelope = Envelope(
            "",
            body_8bit=dsn.eight_bit,
            smtputf8=dsn.utf8,
            long_lines=original.long_lines,
            require_tls=original.require_tls,
            priority=original.priority,
        )
        signature = await self._signature(octets)
        octets = signature + octets
        signed = signers(signature)
        domain = destination_of(sender)
        if not domain or await self._directory.is_local_domain(domain):
            try:
                await self._local.deliver_local(envelope, sender, _once(octets), delivery_id)
            except MailError as error:
                if error.permanent:
                    _log.warning("%s: report to <%s> dropped: %s", message.message_id, sender, error)
                    return
                _log.info("%s: report to <%s> goes through the queue: %s", message.message_id, sender, error)
            else:
                _log.info("%s: report %s delivered to <%s>", message.message_id, delivery_id, sender)
                self._journal.note(message.message_id, "reported", to=sender, report=delivery_id, signed=signed)
                return
        with Spool(Path(), memory_limit=len(octets)) as spool:  # small: never becomes a file
            spool.write(octets)
            queue_id = await self._queue.enqueue(envelope, [Recipient(sender, _NEVER)], spool)
        _log.info("%s: report to <%s> queued as %s", message.message_id, sender, queue_id)
        self._journal.note(message.message_id, "reported", to=sender, report=queue_id)
        self._journal.note(queue_id, "received", about=message.message_id, to=[sender], size=len(octets))
        if signed:
            self._journal.note(queue_id, "signed", by=signed)

    async def _signature(self, octets: bytes) -> bytes:
        """That of our own domain: what is delivered here may be sent on from here."""
        with Spool(Path(), memory_limit=len(octets)) as spool:
            spool.write(octets)
            domain = self._signing.domain_of(ascii_domain(self._hostname))
            return await self._signing.fields(domain, spool)


async def _once(octets: bytes) -> AsyncGenerator[bytes, None]:
    yield octets


def _diagnostic(one: Attempted) -> str:
    """The reply; one that no host gave is our own words, without a code that looks like a host's."""
    reply = one.reply
    return "; ".join(reply.lines) if reply.local else str(reply)


def _subject(header: bytes) -> str:
    value = first_value(header, b"Subject")
    return "" if value is None else decode_field(value)[:_MAX_SUBJECT_CHARACTERS]
