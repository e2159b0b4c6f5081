"""From the first octet of a message to the reply that accepts or refuses it.

Owns: the order of things (draft, loop check, queue, mailboxes) and what the sender is told. Never: speaks a protocol.
Raises: MailError for a refusal of the whole message; OSError never (a full disk is a temporary refusal).

Accepted means kept: `Reception.finish` returns after the last commit. What goes to other servers is queued first: when
the queue refuses, nothing has happened yet and the sender can safely try again. A mailbox that fails after that gets
its copy through the queue, so the sender has one honest answer and nobody gets the message twice.
"""

import logging
import re
from collections.abc import AsyncIterator, Container, Sequence
from pathlib import Path

from postroom.accounts import Directory, Found, LocalTarget, Person, SocketTarget, Target, domain_key
from postroom.base import Clock, Ids, MailError, Spool
from postroom.journal import NO_JOURNAL, Journal
from postroom.message import HeaderAddresses, first_value, header_addresses, repair
from postroom.queue import Envelope, Queue, Recipient
from postroom.store import Draft, MailStore

from .authorship import check_addresses
from .binary_mail import readable
from .completion import HeaderCompleter, HeaderSeparator
from .expansion import expanded, expansion_report, for_target, plain_recipient, wants_success_report
from .mailboxes import Mailboxes
from .routing import Route, Router, UnknownUser
from .settings import IntakeSettings
from .trace import Source, TraceWriter, count_received, return_path

_log = logging.getLogger("postroom.intake")
_MARK = "m"  # begins the ids given here
_LATER = "-later"  # ends the queue id of what a mailbox could not take at once; before it stands the message's id
_NOTED = 250  # octets of a Message-ID that the journal has
_NEVER = frozenset({"NEVER"})  # RFC 3461 §6.1: no report on a report
_OURS = re.compile(rf"{_MARK}[0-9a-f]{{16}}(?:{_LATER})?")  # reports on such a message have longer ids


class MailLoop(MailError):
    code, enhanced, text = 554, "5.4.6", "Too many hops, this message is in a loop"


class NoSpace(MailError):
    code, enhanced, text = 452, "4.3.1", "Insufficient system storage"


class Intake:
    """What the SMTP and LMTP servers, and the delivery of queued mail to local people, share."""

    def __init__(
        self,
        *,
        hostname: str,
        directory: Directory,
        store: MailStore,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        settings: IntakeSettings,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self.hostname = domain_key(hostname) or hostname  # RFC 6531 §3.7.3: ASCII, as few messages may have else
        self.directory = directory
        self.store = store
        self.queue = queue
        self.clock = clock
        self.ids = ids
        self.settings = settings
        self.journal = journal
        self.mailboxes = Mailboxes(store, settings)
        self._router = Router(directory, store)

    async def route(self, recipient: Recipient, *, sender: Person | None = None, size: int | None = None) -> Route:
        """Answer RCPT: where this recipient leads, or a MailError to refuse with."""
        return await self._router.route(recipient, sender=sender, size=size)

    def receive(self, source: Source, mail_from: str = "") -> "Reception":
        """Begin to take a message in; the caller closes what it gets.

        `mail_from` is the author of a submitted message that names none; the person's own address when empty.
        """
        return Reception(self, source, mail_from)

    async def deliver_local(
        self, envelope: Envelope, address: str, content: AsyncIterator[bytes], delivery_id: str
    ) -> None:
        """Deliver a queued message, its Received lines on it, to whoever `address` is here. Raises MailError.

        `delivery_id` is the queue's id of the message: what it committed before is not committed again.
        """
        resolution = await self.directory.resolve(address)
        if not isinstance(resolution, Found):
            raise UnknownUser(address)
        local = [t for t in resolution.targets if isinstance(t, LocalTarget)]
        remote = [t for t in resolution.targets if not isinstance(t, LocalTarget)]
        if local and _OURS.fullmatch(delivery_id):
            remote = []  # aliases were expanded when it came in: other targets have, or have had, their own entries
        prefix = return_path(envelope.mail_from)
        with self.store.draft() as draft:
            try:
                async for piece in content:
                    draft.write(piece)
            except OSError as error:
                raise NoSpace(str(error)) from error
            if count_received(draft.finish().header) > self.settings.max_received_fields:
                raise MailLoop(address)
            deliveries = [(target, prefix) for target in local]
            once = delivery_id.removesuffix(_LATER)
            if envelope.binary and local:
                with await self.readable(draft) as kept:
                    outcomes = await self.mailboxes.deliver_all(deliveries, kept, once)
            else:
                outcomes = await self.mailboxes.deliver_all(deliveries, draft, once)
            failures = [error for error in outcomes if error is not None]
            if failures:  # those that succeeded remember the id, so trying all of them again harms nobody
                raise _worst(failures)
            if remote:  # last, and remembered by the queue: another attempt does not forward again
                recipients = [plain_recipient(target) for target in remote]
                await self.queue.enqueue(envelope, recipients, draft.spool, once=f"{delivery_id}/{address}")

    async def readable(self, binary: Draft) -> Draft:
        """What a mailbox keeps of a binary message; the caller closes it. Raises MailError."""
        try:
            return await readable(binary, self.store)
        except OSError as error:
            raise NoSpace(str(error)) from error


class Reception:
    """One message on its way in: `write` pieces, `finish` once, `close` always."""

    def __init__(self, intake: Intake, source: Source, mail_from: str) -> None:
        self._intake = intake
        self._source = source
        self._author = mail_from or (source.person.address if source.person else "")
        self._addresses: HeaderAddresses | None = None  # of a submitted message
        self._draft: Draft = intake.store.draft()
        self._kept: Draft | None = None  # what mailboxes get of a binary message
        self._failure: MailError | None = None
        self.trace_id = _MARK + intake.ids.octets(8).hex()  # never twice: mailboxes remember deliveries by it
        self._header: HeaderCompleter | HeaderSeparator = (
            HeaderCompleter(self._complete, intake.settings.max_submitted_header_octets)
            if source.person
            else HeaderSeparator()
        )

    def _complete(self, header: bytes) -> bytes:
        """RFC 6409 §8: what the person's client left out."""
        intake = self._intake
        mended = repair(
            header,
            date=intake.clock.now(),
            message_id_token=intake.ids.octets(12).hex(),
            hostname=intake.hostname,
            author=self._author,
        )
        header = mended.apply(header)
        self._addresses = header_addresses(header)
        return header

    @property
    def size(self) -> int:
        return self._draft.size

    def write(self, piece: bytes) -> None:
        """Take octets of the message. Never raises: a failure is kept for `finish`."""
        if self._failure is not None:
            return
        try:
            self._draft.write(self._header.feed(piece))
        except OSError as error:
            self._fail(NoSpace(str(error)))
        except MailError as error:
            self._fail(error)

    def _fail(self, error: MailError) -> None:
        self._failure = error
        self._draft.close()

    def _finish_header(self) -> None:
        try:
            self._draft.write(self._header.finish())
        except OSError as error:
            self._fail(NoSpace(str(error)))

    async def finish(
        self, envelope: Envelope, routes: Sequence[Route], *, each: bool = False
    ) -> list[MailError | None]:
        """Commit; what became of each route. Raises MailError when the message as a whole is refused.

        With `each` (LMTP) every route has its own answer. Without, there is one answer for all: when this returns,
        every recipient has the message or the queue has it for them.
        """
        if self._failure is None:
            self._finish_header()
        if self._failure is not None:
            raise self._failure
        if self._addresses is not None and self._source.person is not None:
            await check_addresses(self._addresses, self._source.person, self._intake.directory, self._intake.settings)
        facts = self._draft.finish()
        settings = self._intake.settings
        if count_received(facts.header) >= settings.max_received_fields:
            raise MailLoop(f"{self.trace_id}: from {envelope.mail_from}")
        trace = TraceWriter(
            self._source,
            hostname=self._intake.hostname,
            trace_id=self.trace_id,
            now=self._intake.clock.now(),
            mail_from=envelope.mail_from,
            smtputf8=envelope.smtputf8,
            show_address=settings.add_sender_ip or self._source.person is None,
        )
        if envelope.binary and any(isinstance(target, LocalTarget) for route in routes for target in route.targets):
            self._kept = await self._intake.readable(self._draft)
        kept = self._kept or self._draft
        self._note(envelope, routes, facts.header)
        only = routes[0] if len(routes) == 1 else None
        direct = only is not None and len(only.targets) == 1 and not wants_success_report(only)
        if direct and only is not None and isinstance(only.targets[0], LocalTarget):
            prefix = trace.final(only.recipient.address)
            try:
                await self._intake.mailboxes.deliver(only.targets[0], kept, prefix, self.trace_id)
            except MailError as error:
                self._intake.journal.note(self.trace_id, "refused", reply=f"{error.code} {error.enhanced} {error.text}")
                raise
            self._intake.journal.note(self.trace_id, "delivered", to=only.targets[0].person.address)
            return [None]
        return await _Distribution(self._intake, self._draft, kept, self.trace_id, envelope, routes, trace).run(each)

    def _note(self, envelope: Envelope, routes: Sequence[Route], header: bytes) -> None:
        """For the journal: the message is here, and what it is to become."""
        source = self._source
        message_id = first_value(header, b"Message-ID")
        self._intake.journal.note(
            self.trace_id,
            "received",
            client=source.address,
            hello=source.hello,
            tls=f"{source.tls.version} {source.tls.cipher}" if source.tls else None,
            user=source.person.address if source.person else None,
            message_id=None if message_id is None else message_id.strip()[:_NOTED].decode("utf-8", "replace"),
            size=self._draft.size,
            to=[route.recipient.address for route in routes],
            **{"from": envelope.mail_from},
        )

    def close(self) -> None:
        """Drop the octets; what was committed stays."""
        self._draft.close()
        if self._kept is not None:
            self._kept.close()


class _Distribution:
    """One message to several targets."""

    def __init__(
        self,
        intake: Intake,
        draft: Draft,
        kept: Draft,
        trace_id: str,
        envelope: Envelope,
        routes: Sequence[Route],
        trace: TraceWriter,
    ) -> None:
        self._intake = intake
        self._draft = draft
        self._kept = kept  # of it by mailboxes
        self._trace_id = trace_id
        self._envelope = envelope
        self._routes = routes
        self._trace = trace
        self._outcomes: dict[object, MailError | None] = {}  # by the target's key

    async def run(self, each: bool) -> list[MailError | None]:
        for_queue = self._for_queue()
        try:
            if for_queue:
                await self._enqueue(list(for_queue.values()), self._trace_id, self._only_recipient(for_queue))
        except MailError as error:
            if not each:
                raise
            self._outcomes.update(dict.fromkeys(for_queue, error))
        else:
            self._outcomes.update(dict.fromkeys(for_queue))
        await self._deliver_local()
        self._note()
        if each:
            answers = await self._answers()
            await self._report_expansions([r for r, e in zip(self._routes, answers, strict=True) if e is None])
            return answers
        if all(error is not None for error in self._outcomes.values()):
            raise _worst([error for error in self._outcomes.values() if error is not None])
        await self._queue_failed(self._routes)
        await self._report_expansions(self._routes)
        return [None] * len(self._routes)

    def _note(self) -> None:
        """For the journal: what became of each target."""
        journal = self._intake.journal
        for route in self._routes:
            for target in route.targets:
                error = self._outcomes[_key(target)]
                local = isinstance(target, LocalTarget)
                reply = "" if error is None else f"{error.code} {error.enhanced} {error.text}"
                step = "not delivered" if error is not None else "delivered" if local else "queued"
                journal.note(self._trace_id, step, to=target.address, reply=reply)

    def _for_queue(self) -> dict[object, Recipient]:
        """Who is on other servers, and who is here and must be reported as delivered: the queue's runner reports."""
        recipients: dict[object, Recipient] = {}
        for route in self._routes:
            report = len(route.targets) == 1 and wants_success_report(route)
            for target in route.targets:
                if report or not isinstance(target, LocalTarget):
                    recipients.setdefault(_key(target), for_target(route, target))
        return recipients

    def _only_recipient(self, keys: Container[object]) -> str | None:
        """The recipient, as the sender wrote it, when all those targets are of one."""
        addresses = {r.recipient.address for r in self._routes if any(_key(target) in keys for target in r.targets)}
        return addresses.pop() if len(addresses) == 1 else None

    async def _deliver_local(self) -> None:
        deliveries: dict[object, tuple[LocalTarget, bytes]] = {}
        for route in self._routes:
            for target in route.targets:
                key = _key(target)
                if isinstance(target, LocalTarget) and key not in deliveries and key not in self._outcomes:
                    deliveries[key] = (target, self._trace.final(route.recipient.address))
        outcomes = await self._intake.mailboxes.deliver_all(list(deliveries.values()), self._kept, self._trace_id)
        self._outcomes.update(zip(deliveries, outcomes, strict=True))

    async def _answers(self) -> list[MailError | None]:
        """RFC 2033 §4.2: one answer a recipient. A recipient that one of several targets has is accepted."""
        answers: list[MailError | None] = []
        partly: list[Route] = []
        for route in self._routes:
            failures = [e for target in route.targets if (e := self._outcomes[_key(target)]) is not None]
            if len(failures) == len(route.targets):
                answers.append(_worst(failures))
                continue
            answers.append(None)
            if failures:
                partly.append(route)
        await self._queue_failed(partly)
        return answers

    async def _queue_failed(self, routes: Sequence[Route]) -> None:
        """The queue tries again, and bounces in the end, for those who could not be served at once."""
        recipients: dict[object, Recipient] = {}
        for route in routes:
            for target in route.targets:
                key = _key(target)
                if self._outcomes[key] is not None:
                    recipients.setdefault(key, for_target(route, target))
        if recipients:
            await self._enqueue(list(recipients.values()), self._trace_id + _LATER, None)

    async def _report_expansions(self, routes: Sequence[Route]) -> None:
        """RFC 3461 §5.2.7.3 (c). The message is accepted already, so a report that fails is only missed."""
        recipients = expanded(routes)
        if not recipients or not self._envelope.mail_from:
            return
        intake = self._intake
        header = self._draft.facts.header[: intake.settings.max_reported_header_octets]
        dsn = expansion_report(
            recipients,
            self._envelope,
            header,
            hostname=intake.hostname,
            queue_id=self._trace_id,
            now=intake.clock.now(),
            token=intake.ids.token(24),
        )
        octets = dsn.whole(header)
        with Spool(Path(), memory_limit=len(octets)) as spool:  # small: never becomes a file
            spool.write(octets)
            try:
                back = Recipient(self._envelope.mail_from, _NEVER)
                await intake.queue.enqueue(Envelope("", body_8bit=dsn.eight_bit, smtputf8=dsn.utf8), [back], spool)
            except MailError as error:
                _log.warning("%s: no report on the alias: %s", self._trace_id, error)

    async def _enqueue(self, recipients: list[Recipient], message_id: str, only: str | None) -> None:
        await self._intake.queue.enqueue(
            self._envelope, recipients, self._draft.spool, prefix=self._trace.received(only), message_id=message_id
        )


def _key(target: Target) -> object:
    """What makes two targets the same delivery."""
    if isinstance(target, LocalTarget):
        return target.person.account_id, target.detail
    return (target.place, target.address) if isinstance(target, SocketTarget) else target.address


def _worst(errors: Sequence[MailError]) -> MailError:
    """One answer for several failures: a temporary one, if any, as trying again may still help."""
    return next((error for error in errors if not error.permanent), errors[0])
