"""One IMAP connection from greeting to BYE.

Owns: the conversation: events from the engine, one command after the other, the state (RFC 3501 §3), what is sent when
a command is done. Never: carries out a command (the functions of dispatch.py do, which the service hands in). Raises:
nothing; a failure in a command is answered NO [SERVERBUG] and logged.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from postroom.accounts.api import Administration, Directory, Person
from postroom.base import Clock, MailError, TaskOwner
from postroom.guard import Guard
from postroom.imap import COMMANDS, CommandInfo, Does, ImapSettings, ServerEngine, State, encode
from postroom.imap.language import DEFAULT as DEFAULT_LANGUAGE
from postroom.imap.types import Bad, Command, Event, Fatal, FetchItem, Got, Line
from postroom.net import CorruptInput
from postroom.net.api import Connection, ConnectionEnd, IdleTimeout, ServerStopping, TlsFailed
from postroom.signin import SignIn
from postroom.store.api import Account, MailStore, NoSuchAccount, NoSuchMailbox

from .places import Place, Visits, resolve
from .refusal import SERVER_BUG, EndOfSession, Refused, answer_to, bad, no
from .rights import allows
from .selected import SelectedMailbox
from .settings import ImapSessionSettings

if TYPE_CHECKING:
    from .contexts import Contexts

_log = logging.getLogger("postroom.imap")
# Commands whose arguments or results are message sequence numbers, refused once UIDONLY is enabled (RFC 9586)
_BY_NUMBER = frozenset(name for name, info in COMMANDS.items() if Does.USES_SEQ in info.does)
_T = TypeVar("_T")
_COMMANDS_A_TURN = 50  # of one session, before others get theirs


# Carries out one command; the tagged answer, None when it was given already.
Handler = Callable[["Session", Any], Awaitable[bytes | None]]


# Hears of changes to the notes about the server: their names, who made them.
NoteWatcher = Callable[[Sequence[str], object], None]


class Watcher(Protocol):
    """Something besides the selected mailbox that has news for the client: told before a tagged answer, and in IDLE."""

    on_news: Callable[[], None] | None  # set while the session waits for its client

    @property
    def has_news(self) -> bool: ...

    async def take_news(self) -> bytes:
        """Whole responses, b"" for none."""

    def close(self) -> None:
        """The session ends."""


class Notified(Protocol):
    """What the client wants to hear of the selected mailbox by itself, once it has said so (RFC 5465 §6.1)."""

    messages: bool  # that messages come and go; else nothing at all
    flags: bool
    expunge_at_once: bool

    items: Sequence[FetchItem]  # of new messages

    async def tell_new(self, selected: SelectedMailbox, after: int, said: Container[int]) -> None:
        """Send the items of messages that EXISTS has just told of: those with uids after this one, `said` excepted."""


class Pushes(Protocol):
    """Tells the client what happens while the session waits for it (pushing.py)."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...

    def abandon(self) -> None: ...


class Surroundings(Protocol):
    """What a session needs of its service."""

    store: MailStore
    directory: Directory
    sign_in: SignIn
    administration: Administration | None
    guard: Guard | None  # counts the connections of each account
    max_mailboxes: int
    note_watchers: set[NoteWatcher]
    clock: Clock
    settings: ImapSessionSettings
    engine_settings: ImapSettings
    tls_context: Callable[[], ssl.SSLContext | None]
    claims: set[tuple[int, int]]  # see SelectedMailbox.claim_recent
    move_locks: WeakValueDictionary[tuple[int, int], asyncio.Lock]  # of mailboxes that messages are carried out of
    acl_lock: asyncio.Lock  # held from the reading of an access control list to its change
    identification: bytes

    def handler(self, name: bytes) -> Handler:
        """Which function carries out a command."""

    def can_enable(self, capability: bytes) -> bytes | None: ...

    def greeting(self, session: "Session") -> bytes: ...

    def capabilities(self, session: "Session") -> bytes: ...


class Session:
    """What the command modules work with."""

    def __init__(self, service: Surroundings, connection: Connection) -> None:
        self.service = service
        self.settings = service.settings
        self.connection = connection
        self.engine = ServerEngine(service.engine_settings)
        self.tag = b"*"
        self.person: Person | None = None
        self.signed_in: Account | None = None
        self.visits = Visits(self)
        self.selected: SelectedMailbox | None = None
        self.contexts: Contexts | None = None  # of the selected mailbox (RFC 5267)
        self.tasks = TaskOwner("imap-session")
        self.watchers: list[Watcher] = []
        self.notified: Notified | None = None  # None: as before NOTIFY
        self.pusher: Pushes | None = None  # of what happens between commands
        self.enabled: set[bytes] = set()  # RFC 5161, in upper case
        self.language = DEFAULT_LANGUAGE  # RFC 5255
        self.leaving = False  # after LOGOUT
        self.sign_in_failures = 0
        self._bad_in_a_row = 0
        self.names_numbers = False  # the UID command under way has message numbers among its search keys
        self._unawaited = 0  # octets sent since the client was last waited for
        self._progress_due: float | None = None  # when a long command next says how far it is

    # ---- what commands need

    @property
    def state(self) -> State:
        if self.selected is not None:
            return State.SELECTED
        return State.AUTHENTICATED if self.signed_in is not None else State.NOT_AUTHENTICATED

    @property
    def account(self) -> Account:
        """The account; only for commands that need to be signed in."""
        if self.signed_in is None:
            raise bad(b"Sign in first")
        return self.signed_in

    @property
    def mailbox(self) -> SelectedMailbox:
        """The selected mailbox; only for commands of the selected state."""
        if self.selected is None:
            raise bad(b"Select a mailbox first")
        return self.selected

    @property
    def origin(self) -> object:
        """By which changes of this session are known on the change feed."""
        return self if self.selected is None else self.selected

    @property
    def utf8(self) -> bool:
        """Whether the client reads UTF-8 in quoted strings and mailbox names (RFC 6855 §3, RFC 9051 §5.1)."""
        return self.engine.utf8

    def mailbox_name(self, name: str) -> bytes:
        """A mailbox name as this client reads it."""
        return encode.mailbox(name, self.utf8)

    def enable(self, capability: bytes) -> None:
        """RFC 5161; in upper case. Some bring others along."""
        self.enabled.add(capability)
        if capability in (b"QRESYNC", b"UIDONLY"):
            self.enabled.add(b"CONDSTORE")  # RFC 7162 §3.2.3
        elif capability in (b"IMAP4REV2", b"UTF8=ACCEPT"):
            self.engine.utf8 = True  # RFC 9051 §5.1, RFC 6855 §3

    def enable_condstore(self) -> None:
        """A command that says that the client knows of modification sequences has come (RFC 7162 §3.1)."""
        if b"CONDSTORE" not in self.enabled:
            self.enabled.add(b"CONDSTORE")
            self.say_highest_modseq()

    def say_highest_modseq(self) -> None:
        """To a client that was not interested when it selected the mailbox (RFC 7162 §3.1)."""
        if self.selected is not None:
            self.send(self.selected.highest_modseq_response())

    @property
    def selected_name(self) -> str:
        """What the client calls the selected mailbox; its present name, when it is one of the person's own."""
        selected = self.mailbox
        return selected.view.mailbox.name if selected.account is self.signed_in else selected.called

    async def place(self, name: str) -> Place:
        """Which account has the mailbox of this name, and what it is called there. Raises NoSuchMailbox."""
        return await resolve(self, name)

    @property
    def address(self) -> str:
        """The person's address, by which access control lists know them."""
        assert self.person is not None
        return self.person.address

    @property
    def peer(self) -> str:
        return self.connection.peer[0]

    def send(self, data: bytes) -> None:
        """Queue untagged responses; they leave when the session next waits for its client."""
        self.connection.send(data)
        self._unawaited += len(data)

    async def emit(self, data: bytes) -> None:
        """Send long output: waits for the client when much is under way, so that memory stays bounded."""
        self.send(data)
        await self.keep_pace()

    async def keep_pace(self) -> None:
        """Wait for the client when much has been sent since it was last waited for."""
        if self._unawaited >= self.settings.output_piece_octets:
            self._unawaited = 0
            await self.connection.drain()
            if self.connection.closed:
                raise EndOfSession

    async def emit_promised(self, octets: AsyncIterator[bytes]) -> None:
        """Send a literal whose length has been said; when its octets can't be had, there is no way back."""
        try:
            async for piece in octets:
                await self.emit(piece)
        except MailError as error:
            _log.error("%s: a literal can't be finished: %s", self.peer, error)
            self.connection.abort()
            raise EndOfSession from error

    def complete(self, answer: bytes) -> None:
        """Send the tagged answer of the command under way."""
        self.send(b"%b %b\r\n" % (self.tag, answer))

    async def next_event(self) -> Event:
        """The engine's next event, reading from the client when there is none."""
        engine, connection = self.engine, self.connection
        while True:
            event = engine.next_event()
            if out := engine.take_output():
                connection.send(out)
            if event is not None:
                if type(event) is Fatal:
                    connection.send(encode.answer(event))
                    raise EndOfSession
                return event
            data = await connection.receive()
            if not data:
                raise EndOfSession
            engine.feed(data)

    async def pushing(self, pusher: Pushes, waiting: Awaitable[_T]) -> _T:
        """Wait for the client, which is told meanwhile what happens."""
        pusher.start()
        try:
            found = await waiting
        except BaseException:
            pusher.abandon()
            raise
        await pusher.stop()
        return found

    async def next_line(self) -> bytes:
        """A line of the client's in the middle of a command; `engine.expect_line` was called before."""
        event = await self.next_event()
        if isinstance(event, Line):
            return event.data
        raise bad(event.text.encode() if isinstance(event, Bad) else b"Expected a line")

    def goodbye(self, text: str) -> EndOfSession:
        """Say BYE (RFC 3501 §7.1.5); raise what this returns."""
        self.connection.send(encode.bye(text))
        return EndOfSession()

    def goodbye_inactive(self) -> EndOfSession:
        """The person has left, or was locked out."""
        return self.goodbye("This account is no longer active")

    async def sign_in(self, person: Person) -> None:
        """Enter the authenticated state. Raises Refused: the account has as many connections as it may."""
        guard = self.service.guard
        if guard is not None and not guard.enter(person.account_id):
            raise no(b"UNAVAILABLE", b"Too many connections of this account, please try again later")  # RFC 5530 §3
        try:
            self.signed_in = await self.service.store.open(person.account_id)
        except BaseException:
            self._depart(person)
            raise
        self.person = person
        self.connection.idle_timeout = self.settings.idle_timeout_seconds

    def sign_out(self) -> None:
        """Back to the not authenticated state, as if nobody had ever signed in (RFC 8437 §4.1)."""
        self.deselect()
        for watcher in self.watchers:
            watcher.close()
        self.watchers.clear()
        self.notified = self.pusher = None
        self.visits.close()
        if self.signed_in is not None:
            self.signed_in.close()
            self.signed_in = None
        if self.person is not None:
            self._depart(self.person)
        self.person = None
        self.enabled.clear()
        self.engine.utf8 = False
        self.language = DEFAULT_LANGUAGE
        self.connection.idle_timeout = self.settings.sign_in_timeout_seconds

    def _depart(self, person: Person) -> None:
        if self.service.guard is not None:
            self.service.guard.depart(person.account_id)

    async def current_person(self) -> Person:
        """The person as the directory knows them now: quotas change while sessions stay."""
        assert self.person is not None
        now = await self.service.directory.person(self.person.account_id)
        if now is None or not now.enabled:
            raise self.goodbye_inactive()
        self.person = now
        return now

    async def owner(self, place: Place) -> Person:
        """Whose quota counts there, as the directory knows them now."""
        if place.guest is None:
            return await self.current_person()
        owner = await self.service.directory.person(place.account.account_id)
        if owner is None or not owner.enabled:
            raise NoSuchMailbox(f"{place.name}: its owner is gone")
        return owner

    def deselect(self) -> None:
        """Leave the selected state; the mailbox is not expunged."""
        self.end_contexts()
        if self.selected is not None:
            self.selected.close()
            self.selected = None

    def end_contexts(self) -> None:
        """Updates of search results cease with the selected state (RFC 5267 §4.3)."""
        if self.contexts is not None:
            self.contexts.close()
            self.contexts = None

    # ---- the conversation

    async def run(self) -> None:
        """From greeting to BYE."""
        self.connection.idle_timeout = self.settings.sign_in_timeout_seconds
        self.send(self.service.greeting(self))
        try:
            await self._converse()
        except EndOfSession:
            pass
        except TlsFailed as error:
            _log.info("%s: TLS failed: %s", self.peer, error)
        except IdleTimeout:
            self.send(b"* BYE Autologout; idle for too long\r\n")  # RFC 3501 §5.4
        except ServerStopping:
            self.send(b"* BYE [UNAVAILABLE] Server shutting down\r\n")
        except CorruptInput as error:
            _log.info("%s: not compressed: %s", self.peer, error)
            self.send(b"* BYE That is not DEFLATE\r\n")  # RFC 4978 §3
        finally:
            self.sign_out()
            await self.tasks.close()
            self.connection.flush()  # the listener knows nothing of layers within

    async def _converse(self) -> None:
        commands = 0
        while not self.leaving:
            event = await (self.next_event() if self.pusher is None else self.pushing(self.pusher, self.next_event()))
            if isinstance(event, Got):
                self.tag = event.tag
                await self._carry_out(COMMANDS[event.name], event.command)
                commands += 1
                if not commands % _COMMANDS_A_TURN:  # many may have come in one read
                    await self.breathe()
            elif isinstance(event, Bad):
                self.send(encode.answer(event))
                self._count_bad()
            else:
                _log.error("the engine gave %s outside of its command", type(event).__name__)
            await self.keep_pace()  # short commands may have long answers

    def _count_bad(self) -> None:
        self._bad_in_a_row += 1
        if self._bad_in_a_row >= self.settings.max_bad_commands:
            raise self.goodbye("Too many bad commands")

    async def _carry_out(self, info: CommandInfo, command: Command) -> None:
        answer: bytes | None
        self._progress_due = None
        self.visits.trim()
        self.names_numbers = False
        try:
            if self._behind and info.name != b"LOGOUT":
                await self._catch_up()
            self._check_state(command, info)
            if self.selected is not None and self.selected.guest is not None:
                await self._check_rights(self.selected, info)
            answer = await self.service.handler(info.name)(self, command)
        except Refused as refused:
            answer = refused.answer
        except MailError as error:
            _log.info("%s: %s: %s", self.peer, info.name.decode(), error)
            answer = answer_to(error)
        except (EndOfSession, ConnectionEnd, TlsFailed):
            raise
        except Exception:
            _log.exception("%s: %s failed", self.peer, info.name.decode())
            answer = SERVER_BUG
        try:
            if self.has_news:
                # RFC 7162 §3.2.10.2: such a UID SEARCH is like SEARCH
                await self.announce(Does.USES_SEQ if self.names_numbers else info.does)
            if self.watchers and not self.leaving:
                await self.tell_news()
        except (MailError, Refused) as error:  # what was done is done, and answered
            _log.warning("%s: not told: %s", self.peer, error)
        if answer is None:
            return
        self.complete(answer)
        if answer.startswith(b"BAD"):
            self._count_bad()
        else:
            self._bad_in_a_row = 0

    @property
    def _behind(self) -> bool:
        """Whether other processes may have changed what the client sees."""
        signed_in, selected = self.signed_in, self.selected
        return (signed_in is not None and signed_in.behind) or (selected is not None and selected.account.behind)

    async def _catch_up(self) -> None:
        """Know all that they have done before the command came: the client may have heard of it already."""
        try:
            await self._catch_up_with(self.account, self.goodbye_inactive)
            if (selected := self.selected) is not None and selected.account is not self.signed_in:
                await self._catch_up_with(selected.account, self.mailbox_is_gone)
        except MailError:
            self.engine.refuse_literal()  # of an APPEND or REPLACE
            raise

    async def _catch_up_with(self, account: Account, farewell: Callable[[], EndOfSession]) -> None:
        try:
            await account.catch_up()
        except NoSuchAccount as error:  # deleted by another process
            raise farewell() from error

    def _check_state(self, command: Command, info: CommandInfo) -> None:
        refusal: Refused | None = None
        if self.state not in info.states:
            refusal = bad(b"Sign in first" if self.signed_in is None else b"Not possible in this state")
        elif b"UIDONLY" in self.enabled and info.name in _BY_NUMBER:
            refusal = Refused(b"BAD [UIDREQUIRED] Only UIDs name messages now")  # RFC 9586
        elif Does.WRITES in info.does and self.selected is not None and self.selected.read_only:
            refusal = no(b"READ-ONLY", b"The mailbox is open read-only")
        if refusal is not None:
            self.engine.refuse_literal()  # of an APPEND or REPLACE
            raise refusal

    async def is_active(self, account_id: int | None = None) -> bool:
        """Whether somebody still has an account that is in use; the session's own person, when none is named."""
        if account_id is None:
            assert self.person is not None
            account_id = self.person.account_id
        person = await self.service.directory.person(account_id)
        return person is not None and person.enabled

    async def owner_is_here(self, selected: SelectedMailbox) -> bool:
        """Whether the one whose mailbox is selected still has an account that is in use, and so has their guest."""
        return await self.is_active(selected.account.account_id) and await self.is_active()

    async def check_selected(self) -> None:
        """For what reads the selected mailbox: whether that is still allowed (RFC 4314 §5.1.1)."""
        selected = self.mailbox
        if selected.guest is not None and (selected.lost or not await self.owner_is_here(selected)):
            raise self.mailbox_is_gone()

    async def _check_rights(self, selected: SelectedMailbox, info: CommandInfo) -> None:
        """What a command needs in somebody else's mailbox, as it is now (RFC 4314 §4, §5.1.1)."""
        if info.states is not State.SELECTED or Does.CHANGES_STATE in info.does:
            return
        await self.check_selected()
        if not allows(selected.rights, info.name):
            self.engine.refuse_literal()  # of a REPLACE
            raise no(b"NOPERM", b"You have no right to do that")

    async def announce(self, does: Does) -> None:
        """Bring the client up to date before the tagged answer (RFC 3501 §5.2, §7.4.1)."""
        if not does & (Does.MAY_EXPUNGE | Does.USES_SEQ):
            return
        selected = self.mailbox
        if selected.lost:
            raise self.mailbox_is_gone()
        await self.tell_updates(selected, expunge=Does.MAY_EXPUNGE in does)

    async def tell_updates(self, selected: SelectedMailbox, *, expunge: bool) -> None:
        """Send what the client does not know of the selected mailbox, as far as it wants to."""
        notified = self.notified
        silent = notified is not None and not notified.messages
        if silent:  # RFC 5465 §3.1; but RFC 3501 §6.4.3: the client's own EXPUNGE is answered
            expunge &= selected.owes_expunge
        elif selected.should_claim:
            try:
                await selected.claim_recent()
            except MailError as error:
                _log.warning("%s: \\Recent not claimed: %s", self.peer, error)
        take = partial(selected.take_updates, flags=notified is None or notified.flags, new=not silent)
        before = selected.last_uid
        if (contexts := self.contexts) is not None and not (silent and not expunge):
            async with contexts.lock:
                await self.emit(contexts.removals() + take(expunge=expunge))
                await self.emit(await contexts.catch_up())
        elif updates := take(expunge=expunge):
            await self.emit(updates)
        if notified is not None and selected.last_uid > before:
            said = contexts.fetched if contexts is not None else ()
            await notified.tell_new(selected, before, said)  # RFC 5465 §5.2: behind what contexts say

    async def tell_news(self) -> None:
        """Send what the watchers have heard."""
        for watcher in list(self.watchers):
            if watcher.has_news and (news := await watcher.take_news()):
                await self.emit(news)

    @property
    def has_news(self) -> bool:
        """Whether there is anything of the selected mailbox that the client has not been told."""
        if self.selected is None:
            return False
        return self.selected.has_news or (self.contexts is not None and self.contexts.has_news)

    def mailbox_is_gone(self) -> EndOfSession:
        """Somebody deleted the selected mailbox: the connection ends, one of the ways RFC 2180 §3.3 names. So it does
        when the right to read it is taken away (RFC 4314 §5.1.1), which is answered alike (§6)."""
        return self.goodbye("The selected mailbox was deleted")

    async def progress(self, done: int | None = None, total: int | None = None) -> None:
        """Say now and then how far a long command is (RFC 9585 §3); between two responses only."""
        now = self.service.clock.monotonic()
        if self._progress_due is None:
            self._progress_due = now + self.settings.progress_seconds
        if now < self._progress_due:
            return
        self._progress_due = now + self.settings.progress_seconds
        known = b"NIL NIL"
        if done is not None:
            known = b"%d %b" % (done, b"%d" % total if total and total >= done else b"NIL")
        self.send(b'* OK [INPROGRESS ("%b" %b)] Still at it\r\n' % (self.tag, known))
        await self.connection.drain()

    async def breathe(self) -> None:
        """Let other sessions have the loop."""
        await asyncio.sleep(0)
