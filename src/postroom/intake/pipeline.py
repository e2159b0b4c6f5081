"""From the first octet of a message to the reply that accepts or refuses it.

Owns: the order of things (draft, loop check, commit) and what the sender is told. Never: speaks a protocol.
Raises: MailError for a refusal of the whole message; OSError never (a full disk is a temporary refusal).

Accepted means kept: `Reception.finish` returns after the last commit. What goes to other servers is queued first: when
the queue refuses, nothing has happened yet and the sender can safely try again. A mailbox that fails after that gets
its copy through the queue, so the sender has one honest answer and nobody gets the message twice.
"""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from postroom.accounts import Found, ListTarget, LocalTarget, MailDirectory, Person, domain_key
from postroom.base import Clock, Ids, MailError
from postroom.filters import Filters
from postroom.journal import NO_JOURNAL, Journal
from postroom.junk import ScorePart
from postroom.message import HeaderAddresses, first_value, header_addresses, repair
from postroom.queue import Envelope, Queue, Recipient
from postroom.signing import UNSIGNED, Signing
from postroom.store import Draft, MailStore
from postroom.training import Training

from .arrival import Arrival, without_forged
from .authentication import Authentication, Checked, Checking
from .authorship import check_addresses
from .binary_mail import readable
from .completion import HeaderCompleter, HeaderSeparator
from .distribution import LATER, Distribution, worst
from .expansion import sent_on, wants_success_report
from .filtering import Passage, Passed
from .judgement import NotAuthentic
from .list_mail import ListMail
from .list_posts import ListPosts
from .mailboxes import Mailboxes
from .routing import Route, Router, UnknownUser
from .scoring import UNWEIGHED, TooManyPoints, Weighed, deferred, defers, learn, milder, weigh
from .scoring_settings import ScoringSettings
from .sealing import our_results, sealed
from .settings import IntakeSettings
from .trace import MailLoop, Source, TraceWriter, count_received, has_been_at, in_quarantine, quarantine, return_path

_log = logging.getLogger("postroom.intake")
_MARK = "m"  # begins the ids given here
_NOTED = 250  # octets of a Message-ID that the journal has
_OURS = re.compile(rf"{_MARK}[0-9a-f]{{16}}(?:{LATER})?")  # reports on such a message have longer ids


class NoSpace(MailError):
    code, enhanced, text = 452, "4.3.1", "Insufficient system storage"


class Intake:
    """What the SMTP and LMTP servers, and the delivery of queued mail to local people, share."""

    def __init__(
        self,
        *,
        hostname: str,
        directory: MailDirectory,
        store: MailStore,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        settings: IntakeSettings,
        journal: Journal = NO_JOURNAL,
        unsubscribe_url: str = "",
        training: Training | None = None,
        authentication: Authentication | None = None,
        signing: Signing = UNSIGNED,
        scoring: ScoringSettings | None = None,
        filters: Filters | None = None,
    ) -> None:
        self.authentication = authentication  # None: nothing is checked
        self.scoring = scoring or ScoringSettings()
        self.filters = filters  # None: no other program looks at mail
        self.hostname = domain_key(hostname) or hostname  # RFC 6531 §3.7.3: ASCII, as few messages may have else
        self.directory = directory
        self.store = store
        self.queue = queue
        self.clock = clock
        self.ids = ids
        self.settings = settings
        self.journal = journal
        self.signing = signing
        self.mailboxes = Mailboxes(store, settings, training, journal)
        self.list_posts = ListPosts(directory.lists, queue, store, unsubscribe_url, signing, self._seal_post, journal)
        self._list_mail = ListMail(directory.lists, queue, clock, ids, self.hostname, signing, journal)
        self._router = Router(directory, store, self.hostname, settings)

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
        route = Route(Recipient(address), resolution.targets, self._router.forwarder(address))
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
            header = draft.finish().header
            if count_received(header) > self.settings.max_received_fields:
                raise MailLoop(address)
            await self.check_route(route, envelope, header)
            if (target := route.list_target) is not None:
                await self._to_list(target, envelope, draft, f"{delivery_id}/{address}")
                return
            deliveries = [(target, prefix) for target in local]
            once, junk = delivery_id.removesuffix(LATER), in_quarantine(header)
            if envelope.binary and local:
                with await self.readable(draft) as kept:
                    outcomes = await self.mailboxes.deliver_all(deliveries, kept, once, junk=junk)
            else:
                outcomes = await self.mailboxes.deliver_all(deliveries, draft, once, junk=junk)
            failures = [error for error in outcomes if error is not None]
            if failures:  # those that succeeded remember the id, so trying all of them again harms nobody
                raise worst(failures)
            if remote:  # last, and remembered by the queue: another attempt does not forward again
                route = await self.with_sender(route, envelope.mail_from)
                recipients = [sent_on(Recipient(target.address), target, route) for target in remote]
                await self.queue.enqueue(envelope, recipients, draft.spool, once=f"{delivery_id}/{address}")

    async def check_route(self, route: Route, envelope: Envelope, header: bytes) -> None:
        """Raises MailError when a message with this header can't go there."""
        if route.forwards and has_been_at(header, route.forwarder):
            raise MailLoop(f"{route.recipient.address}: it has been here before")
        for target in route.targets:
            if isinstance(target, ListTarget) and target.role == "post":
                to = await self.directory.lists.by_id(target.list_id)
                if to is not None:
                    await self.list_posts.check(to, envelope.mail_from, header)

    async def _to_list(self, target: ListTarget, envelope: Envelope, draft: Draft, once: str) -> None:
        to = await self.directory.lists.by_id(target.list_id) if target.role == "post" else None
        if to is None:
            await self._list_mail.take(target, envelope, draft, once)
            return
        queue_id = await self.list_posts.expand(to, envelope, draft, once)
        self.journal.note(once.partition("/")[0], "expanded", to=to.address, queue_id=queue_id)

    async def _seal_post(self, came: bytes, domain: str, post: Draft, header: bytes) -> bytes:
        """Our ARC set on what a list sends out."""
        if self.authentication is None or not self.authentication.settings.seal_forwarded:
            return b""
        post.finish()
        return await sealed(domain, post, header, our_results(came), self.signing, self.clock)

    async def with_sender(self, route: Route, mail_from: str) -> Route:
        """The route with the sender that what it forwards shall have."""
        if not route.forwards:
            return route
        sender = await self.directory.forwarding_sender(mail_from, route.forwarder)
        return route if sender == mail_from else replace(route, sender=sender)

    async def readable(self, binary: Draft) -> Draft:
        """What a mailbox keeps of a binary message; the caller closes it. Raises MailError."""
        try:
            return await readable(binary, self.store)
        except OSError as error:
            raise NoSpace(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message that is taken."""

    envelope: Envelope
    checked: Checked | None
    passed: Passed | None
    trace: TraceWriter
    junk: bool


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
        self._checking: Checking | None = None
        self._header = self._header_reader(mail_from)

    def _header_reader(self, mail_from: str) -> HeaderCompleter | HeaderSeparator | Arrival:
        """What becomes of the header depends on whom the message comes from."""
        intake, source, authentication = self._intake, self._source, self._intake.authentication
        if source.person:
            return HeaderCompleter(self._complete, intake.settings.max_submitted_header_octets)
        if authentication is None or source.lmtp or authentication.trusts(source.address):
            return HeaderSeparator()
        if source.check:
            self._checking = authentication.begin(source, mail_from)
        settings = authentication.settings
        return Arrival(
            authentication.is_forged,
            settings.max_header_octets,
            self._checking,
            max_lines=settings.max_header_lines,
        )

    def _complete(self, header: bytes) -> bytes:
        """RFC 6409 §8: what the person's client left out."""
        intake = self._intake
        if intake.authentication is not None:
            header = without_forged(header, intake.authentication.is_forged)
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
        checked = await self._checking.conclude() if self._checking is not None else None
        if checked is not None:
            checked = checked.heard_by([route.recipient.address for route in routes])
        self._note(envelope, routes, facts.header)
        if checked is not None:
            self._heed(checked, routes)
        weighed = await self._weigh(envelope, routes, checked)
        passed = await self._filter(envelope, routes, checked) if weighed.error is None else None
        if passed is not None:
            envelope = passed.envelope
            weighed = await self._weigh(envelope, routes, checked, passed.filtered.parts)
        trace = self._trace(envelope, checked, weighed, passed)
        if envelope.binary and any(isinstance(target, LocalTarget) for route in routes for target in route.targets):
            self._kept = await self._intake.readable(self._draft)
        if weighed.score.parts:
            self._heed_points(weighed, routes)
        junk = weighed.junk or (checked is not None and checked.junk) or (passed is not None and passed.junk)
        if self._source.visit is not None:
            learn(self._source.visit, weighed, checked, junk=junk)
        return await self._commit(_Ready(envelope, checked, passed, trace, junk), routes, each=each)

    async def _commit(self, ready: "_Ready", routes: Sequence[Route], *, each: bool) -> list[MailError | None]:
        """Queue it and put it into mailboxes."""
        envelope, passed, trace, junk = ready.envelope, ready.passed, ready.trace, ready.junk
        kept = self._kept or self._draft
        refused = await self._refused(routes, envelope, self._draft.facts.header)
        if len(refused) == len(routes):
            if each:
                return list(refused.values())
            raise worst(list(refused.values()))
        copies = [*await self._copies(), *(passed.added if passed is not None else ())]
        dropped = passed.dropped if passed is not None else frozenset[int]()
        only = routes[0] if len(routes) == 1 and not copies and not dropped else None
        now = envelope.hold_until is None  # else the queue waits for its moment (RFC 4865 §4.2)
        if now and only is not None and len(only.targets) == 1 and not wants_success_report(only):
            target = only.targets[0]
            if isinstance(target, LocalTarget):
                await self._deliver_at_once(target, kept, trace.final(only.recipient.address), junk)
                return [None]
        taken = [
            await self._intake.with_sender(route, envelope.mail_from)
            for number, route in enumerate([*routes, *copies])
            if number not in refused and number not in dropped
        ]
        bounced = [] if each else [routes[number].recipient for number in refused]
        parts = Distribution(
            self._intake,
            self._draft,
            kept,
            self.trace_id,
            envelope,
            taken,
            trace,
            bounced,
            checked=ready.checked,
            junk=junk,
        )
        answers = iter(await parts.run(each))
        if not each:
            return [None] * len(routes)
        return [
            refused[number] if number in refused else None if number in dropped else next(answers)
            for number in range(len(routes))
        ]

    async def _filter(self, envelope: Envelope, routes: Sequence[Route], checked: Checked | None) -> Passed | None:
        """Show it to other programs; the draft becomes what they have made of it. Raises MailError."""
        if self._intake.filters is None:
            return None
        passage = Passage(self._intake, self._source, self.trace_id)
        trace = self._trace(envelope, checked, UNWEIGHED).final("")
        passed = await passage.through(envelope, routes, self._draft, trace, checked)
        if passed is None or not passed.filtered.changes_content:
            return passed
        try:
            new, envelope = await passage.rewritten(self._draft, passed)
        except OSError as error:
            raise NoSpace(str(error)) from error
        finally:
            passed.filtered.close()
        self._draft.close()
        self._draft = new
        return replace(passed, envelope=envelope)

    def _trace(
        self, envelope: Envelope, checked: Checked | None, weighed: Weighed, passed: Passed | None = None
    ) -> TraceWriter:
        return TraceWriter(
            self._source,
            hostname=self._intake.hostname,
            trace_id=self.trace_id,
            now=self._intake.clock.now(),
            mail_from=envelope.mail_from,
            smtputf8=envelope.smtputf8,
            priority=envelope.priority,
            show_address=self._intake.settings.add_sender_ip or self._source.person is None,
            findings=self._findings(checked, weighed, passed, utf8=envelope.smtputf8),
            added=passed.filtered.prefix if passed is not None else b"",
        )

    def _findings(self, checked: Checked | None, weighed: Weighed, passed: Passed | None, *, utf8: bool) -> bytes:
        """The fields about who really sent it, and about what speaks against it."""
        told = weighed.field()
        if checked is not None:
            told += checked.fields(utf8=utf8)
        if checked is not None and checked.junk:
            return quarantine(checked.judgement.why) + told
        if passed is not None and passed.junk:
            return quarantine(passed.filtered.words) + told
        return quarantine(weighed.why) + told if weighed.junk else told

    def _heed(self, checked: Checked, routes: Sequence[Route]) -> None:
        """Raises the refusal that the findings ask for."""
        journal, judgement = self._intake.journal, checked.judgement
        journal.note(self.trace_id, "checked", **checked.facts())
        checked.count()
        error = judgement.error
        if checked.junk and any(route.list_target is not None for route in routes):
            error = NotAuthentic(judgement.why, text="The list takes no mail of whose author there is doubt")
        if error is not None:
            journal.note(self.trace_id, "refused", reply=f"{error.code} {error.enhanced} {error.text}")
            raise error

    async def _weigh(
        self, envelope: Envelope, routes: Sequence[Route], checked: Checked | None, more: Sequence[ScorePart] = ()
    ) -> Weighed:
        """What all points come to; `more` are those of filters."""
        source, scoring = self._source, self._intake.scoring
        recipients = [route.recipient.address for route in routes]
        weighed = milder(weigh(source.score, checked, scoring, more=more), recipients)
        if source.visit is None or not defers(weighed, scoring):
            return weighed
        error = await source.visit.comes_again(envelope.mail_from, recipients)
        return weighed if error is None else deferred(weighed, error, scoring)

    def _heed_points(self, weighed: Weighed, routes: Sequence[Route]) -> None:
        """Raises the refusal that the score asks for."""
        journal, error = self._intake.journal, weighed.error
        journal.note(self.trace_id, "scored", **weighed.facts())
        if weighed.action == "reject" and self._source.visit is not None:
            self._source.visit.delivered("junk")
        if weighed.junk and any(route.list_target is not None for route in routes):
            error = TooManyPoints(weighed.why, text="The list takes no mail that looks like junk")
        if error is not None:
            journal.note(self.trace_id, "refused", reply=f"{error.code} {error.enhanced} {error.text}")
            raise error

    async def _copies(self) -> list[Route]:
        """Who else gets what a person sends, by their account's settings."""
        if self._source.person is None:
            return []
        intake = self._intake
        person = await intake.directory.person(self._source.person.account_id)  # as it is now
        copies: list[Route] = []
        for address in person.copies if person is not None else ():
            recipient = Recipient(address, frozenset({"NEVER"}))
            try:
                copies.append(await intake.route(recipient, sender=person))
            except MailError as error:
                _log.warning("%s: no copy for %s: %s", self.trace_id, address, error)
        return copies

    async def _deliver_at_once(self, target: LocalTarget, kept: Draft, prefix: bytes, junk: bool) -> None:
        """To the only recipient, who is here."""
        journal = self._intake.journal
        try:
            await self._intake.mailboxes.deliver(target, kept, prefix, self.trace_id, junk=junk)
        except MailError as error:
            journal.note(self.trace_id, "refused", reply=f"{error.code} {error.enhanced} {error.text}")
            raise
        journal.note(self.trace_id, "delivered", to=target.person.address)

    async def _refused(self, routes: Sequence[Route], envelope: Envelope, header: bytes) -> dict[int, MailError]:
        """Recipients for which the message can't be taken, now that its header is known, by their numbers."""
        refused: dict[int, MailError] = {}
        for number, route in enumerate(routes):
            try:
                await self._intake.check_route(route, envelope, header)
            except MailError as error:
                refused[number] = error
                reply = f"{error.code} {error.enhanced} {error.text}"
                self._intake.journal.note(self.trace_id, "not delivered", to=route.recipient.address, reply=reply)
        return refused

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
        if self._checking is not None:
            self._checking.close()
        self._draft.close()
        if self._kept is not None:
            self._kept.close()
