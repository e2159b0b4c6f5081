"""One message to several targets: the queue first, then the mailboxes, then what each recipient is told.

Owns: the order that makes one answer for all honest, the reports on aliases. Never: decides whether a message is
wanted. Raises: MailError for a refusal of the whole message.
"""

import logging
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from postroom.accounts import LocalTarget, SocketTarget, Target
from postroom.base import MailError, Spool
from postroom.queue import Envelope, Recipient
from postroom.signing import signers
from postroom.store import Draft

from .authentication import Checked
from .expansion import expanded, expansion_report, for_target, wants_success_report
from .own_mail import own_signature
from .routing import Route
from .trace import TraceWriter

if TYPE_CHECKING:
    from .pipeline import Intake

_log = logging.getLogger("postroom.intake")
LATER = "-later"  # ends the queue id of what a mailbox could not take at once; before it stands the message's id
_NEVER = frozenset({"NEVER"})  # RFC 3461 §6.1: no report on a report


class Distribution:
    """One message to several targets."""

    def __init__(
        self,
        intake: "Intake",
        draft: Draft,
        kept: Draft,
        trace_id: str,
        envelope: Envelope,
        routes: Sequence[Route],
        trace: TraceWriter,
        bounced: Sequence[Recipient] = (),
        *,
        checked: Checked | None = None,
        junk: bool = False,
    ) -> None:
        self._intake = intake
        self._draft = draft
        self._kept = kept  # of it by mailboxes
        self._trace_id = trace_id
        self._envelope = envelope
        self._routes = routes
        self._trace = trace
        self._bounced = bounced  # the queue's runner finds out the same, and tells the sender
        self._checked = checked  # who really sent it; None: nobody has looked
        self._junk = junk  # mailboxes keep it apart
        self._seal: bytes | None = None  # made when first needed
        self._outcomes: dict[object, MailError | None] = {}  # by the target's key
        self._signature: bytes | None = None  # made when first needed

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
            raise worst([error for error in self._outcomes.values() if error is not None])
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
        """Who is on other servers, and who is here and is to hear of it, or of the message, later."""
        recipients: dict[object, Recipient] = {("refused", one.address): one for one in self._bounced}
        held = self._envelope.hold_until is not None  # RFC 4865 §4.2
        for route in self._routes:
            report = len(route.targets) == 1 and wants_success_report(route)
            for target in route.targets:
                if report or held or not isinstance(target, LocalTarget):
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
        outcomes = await self._intake.mailboxes.deliver_all(
            list(deliveries.values()), self._kept, self._trace_id, junk=self._junk
        )
        self._outcomes.update(zip(deliveries, outcomes, strict=True))

    async def _answers(self) -> list[MailError | None]:
        """RFC 2033 §4.2: one answer a recipient. A recipient that one of several targets has is accepted."""
        answers: list[MailError | None] = []
        partly: list[Route] = []
        for route in self._routes:
            failures = [e for target in route.targets if (e := self._outcomes[_key(target)]) is not None]
            if len(failures) == len(route.targets):
                answers.append(worst(failures))
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
            await self._enqueue(list(recipients.values()), self._trace_id + LATER, None)

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
                signed = await intake.signing.fields(intake.signing.domain_of(intake.hostname), spool)
                envelope = Envelope("", body_8bit=dsn.eight_bit, smtputf8=dsn.utf8)
                queue_id = await intake.queue.enqueue(envelope, [back], spool, prefix=signed)
                to = [back.address]
                intake.journal.note(queue_id, "received", about=self._trace_id, to=to, size=len(signed) + len(octets))
                if signed:
                    intake.journal.note(queue_id, "signed", by=signers(signed))
            except MailError as error:
                _log.warning("%s: no report on the alias: %s", self._trace_id, error)

    async def _enqueue(self, recipients: list[Recipient], message_id: str, only: str | None) -> None:
        prefix = await self._sealed() + await self._signed() + self._trace.received(only)
        await self._intake.queue.enqueue(
            self._envelope, recipients, self._draft.spool, prefix=prefix, message_id=message_id
        )

    async def _signed(self) -> bytes:
        """Our signature, where the message leaves and is our own: above Received, as it was made after it."""
        if self._signature is None:
            leaves = any(not isinstance(target, LocalTarget) for route in self._routes for target in route.targets)
            intake, person = self._intake, self._trace.source.person if leaves else None
            self._signature = await own_signature(person, self._draft, intake.directory, intake.signing)
            if self._signature:
                intake.journal.note(self._trace_id, "signed", by=signers(self._signature))
        return self._signature

    async def _sealed(self) -> bytes:
        """Our ARC set, where mail of others goes on by an address of ours."""
        if self._seal is None:
            checked, route = self._checked, next((one for one in self._routes if one.forwards), None)
            if checked is None or route is None:
                self._seal = b""
            else:
                domain = route.forwarder.rpartition("@")[2]
                self._seal = await checked.sealed(domain, self._draft, self._intake.signing)
                if self._seal:
                    self._intake.journal.note(self._trace_id, "sealed", by=domain)
        return self._seal


def _key(target: Target) -> object:
    """What makes two targets the same delivery."""
    if isinstance(target, LocalTarget):
        return target.person.account_id, target.detail
    return (target.place, target.address) if isinstance(target, SocketTarget) else target.address


def worst(errors: Sequence[MailError]) -> MailError:
    """One answer for several failures: a temporary one, if any, as trying again may still help."""
    return next((error for error in errors if not error.permanent), errors[0])
