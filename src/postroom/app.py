"""The composition root: builds every part, hands each what it needs, starts and stops them in order.

Owns: which implementation serves which interface. Never: mail logic. Raises: StartFailed with words for the operator.
Order of start: certificate and sockets (perhaps as root), then the data folder, then listeners, then delivery. Stop is
the reverse: no new connections, sessions say goodbye, attempts under way end, files close.

Where several worker processes serve (docs/workers.md), each has an App of its own; their parent makes the ground.
"""

import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from postroom import __version__
from postroom.accounts import SqliteDirectory
from postroom.acme import Answers, AnswerService
from postroom.app_certificates import keep_certificates, server_certificates
from postroom.app_guard import build_guard, join_stops
from postroom.app_reports import Reporting, outbound_tls, report_dmarc
from postroom.app_scrutiny import filters_of, strangers_of
from postroom.base import (
    ALONE,
    Board,
    Clock,
    FileLock,
    Ids,
    MailError,
    Pokes,
    SystemClock,
    SystemIds,
    TaskOwner,
    WorkerPlace,
)
from postroom.config import Config, ListenerSettings
from postroom.delivery import (
    Deliverer,
    DmarcResults,
)
from postroom.directories import OutsideDirectory, Seen, source
from postroom.dns import DnsResolver, Resolver
from postroom.guard import Guard
from postroom.intake import Authentication, Intake, StoppedAccounts
from postroom.journal import FileJournal
from postroom.net import (
    TALLY_ROWS,
    BoardTally,
    Connection,
    Dialer,
    Listener,
    ListenError,
    Networks,
    OwnAddresses,
    ServerCertificates,
    ServerTls,
    Service,
    TlsSetupError,
)
from postroom.queue import SqliteQueue, hold_queue
from postroom.reputation import Strangers
from postroom.servers.client_pages import ClientPages
from postroom.servers.client_settings import offered
from postroom.servers.imap import ImapService
from postroom.servers.maildrops import Maildrops
from postroom.servers.policy_host import PolicyService
from postroom.servers.pop3 import Pop3Service
from postroom.servers.smtp import Policy, SmtpService
from postroom.servers.turning_away import ACME_HTTP, IMAP, POLICY_HOST, POP3, GuardedDoor, busy
from postroom.servers.unsubscribe import UnsubscribePage
from postroom.signin import OAuthTokens, SignIn, issuer_tokens
from postroom.signing import KeyFolder, KeyKeeper, KeyWatch, Signing
from postroom.smtp import SmtpSettings
from postroom.store import STORE_ROWS, FolderLock, MadeAtFirstUse, MailStore, SqliteStore, hold_folder
from postroom.training import Training

_log = logging.getLogger("postroom.app")
_IMPLICIT_TLS = frozenset({"submissions", "pop3s", "imaps", POLICY_HOST})
_BOARD = TALLY_ROWS | STORE_ROWS  # what the workers count together, and which accounts they change
_QUEUE_NEWS = b"q"  # the poke for the worker that takes mail out of the queue
_RELOADABLE = frozenset(
    {"allow_plaintext_sign_in_on_loopback", "authentication", "filter", "imap", "imap_protocol", "log", "pop3"}
    | {"scoring", "sign_in", "signing", "smtp", "strangers"}
    | {"training"}
)


class StartFailed(Exception):
    """Postroom can't start; the text says what to change."""


class Ground:
    """What the parent of several workers does in the data folder before they start, and has while they serve.

    Raises StartFailed: another server has the folder, or the disk refuses.
    """

    def __init__(self, config: Config, workers: int, clock: Clock, ids: Ids) -> None:
        self._locks: list[FileLock | FolderLock] = []
        try:
            run = _run_folder(config)
            self._locks.append(hold_folder(config.data, clock.now()))
            self._locks.append(hold_queue(config.data))
            Maildrops.forget_sign_ins(run)
            Pokes.create(run, workers)
            Board.create(run / "board", _BOARD, workers, ids.octets(16))
            self._board = Board(run / "board", _BOARD, WorkerPlace(0, workers))
        except (MailError, OSError) as error:
            self.release()
            raise StartFailed(str(error)) from error

    def forget(self, number: int) -> None:
        """This worker is dead: its connections are no more."""
        self._board.forget(number)

    def release(self) -> None:
        """Another server may have the folder."""
        for lock in self._locks:
            lock.close()


def _run_folder(config: Config) -> Path:
    """What only a running server needs."""
    folder = config.data / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


class App:
    """One Postroom, or one worker of it. `prepare`, `start`, `stop` once each, in that order."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        resolver: Resolver | None = None,
        dialer: Dialer | None = None,
        place: WorkerPlace = ALONE,
    ) -> None:
        self.config = config
        self.place = place
        self.clock = clock or SystemClock()
        self._keys = KeyFolder(config.data)
        self.signing = Signing(self._keys, config.signing, self.clock)
        self.ids = ids or SystemIds()
        self._resolver = resolver
        self._dialer = dialer
        self._wanted = config.listeners()
        self._listeners: dict[str, Listener] = {}
        self._services: dict[str, _Later] = {}
        self._answers = Answers(config.data / "tls" / "acme")
        self._tasks = TaskOwner("app")
        self._closing = contextlib.AsyncExitStack()
        self.board: Board | None = None  # with others only
        self.pokes: Pokes | None = None
        self.certificates: ServerCertificates
        self.tls: ServerTls
        self.store: MailStore
        self.directory: SqliteDirectory
        self.people: SqliteDirectory | OutsideDirectory  # the same, or with those behind it who are known elsewhere
        self.sign_in: SignIn
        self.queue: SqliteQueue
        self.guard: Guard
        self.authentication: Authentication | None = None
        self.dmarc_results: DmarcResults
        self.tokens: OAuthTokens | None = None  # whose tokens sign people in; None: nobody's
        self.training: Training
        self.intake: Intake
        self.strangers: Strangers
        self.deliverer: Deliverer
        self._key_watch: KeyWatch | None = None

    # ---- what may need root

    def prepare(self) -> None:
        """Load the certificate and open the listening sockets. Raises StartFailed."""
        try:
            self.certificates = server_certificates(self.config, self.clock)
            self.tls = self.certificates.tls
            self._bind()
        except (TlsSetupError, ListenError, OSError) as error:
            self.unbind()
            raise StartFailed(str(error)) from error

    def prepare_beside(self, first: "App") -> None:
        """As a worker: with the certificate and on the addresses of `first`, which is never started."""
        self.certificates, self.tls = first.certificates, first.tls
        try:
            for name, other in first._listeners.items():
                self._listeners[name] = self._listener(name)
                self._listeners[name].bind_beside(other)
        except ListenError as error:
            raise StartFailed(str(error)) from error

    def unbind(self) -> None:
        """Close the sockets of one that is not started, and remove their paths."""
        for listener in self._listeners.values():
            listener.unbind()

    def let_go(self) -> None:
        """Close this process's copies of the sockets, which a fork has brought it and another process uses."""
        for listener in self._listeners.values():
            listener.let_go()

    def _bind(self) -> None:
        for name, wanted in self._wanted.items():
            listener = self._listeners[name] = self._listener(name)
            self._bind_each(listener, wanted.addresses)
            if not listener.addresses:
                del self._listeners[name]
        if not self._listeners:
            raise ListenError("there is no address to listen on")

    def _listener(self, name: str) -> Listener:
        wanted = self._wanted[name]
        tls = self.tls.front(wanted.tls_profile, wanted.client_certificates)
        return Listener(
            name,
            self._services.setdefault(name, _Later()),
            self.config.net,
            tls=tls if wanted.kind in _IMPLICIT_TLS else None,
            starttls=tls,
            hello=self._answers if wanted.kind == POLICY_HOST else None,
            busy=busy(wanted.kind),
            proxies=Networks(wanted.proxies),
            admission=GuardedDoor(name, wanted.kind),
        )

    def _bind_each(self, listener: Listener, addresses: Sequence[str]) -> None:
        for address in addresses:
            try:
                listener.bind([address])
            except ListenError as error:
                if not self.config.net.skip_taken_addresses:
                    raise
                _log.warning("%s; left out", error)

    # ---- the rest

    async def start(self) -> None:
        """Open the data folder, accept connections, deliver what is queued. Raises StartFailed."""
        try:
            self._build()
            for listener in self._listeners.values():
                await listener.start()
                self._closing.push_async_callback(listener.stop)
            if self.place.first:
                await self.deliverer.start()
                self._closing.push_async_callback(self.deliverer.stop)
        except (MailError, OSError) as error:
            await self.stop()
            raise StartFailed(str(error)) from error
        self._tasks.spawn(self.certificates.watch(), name="certificates")
        if self.place.alone:
            self.announce()

    def announce(self) -> None:
        """Say that the server is up, and where."""
        _log.info("Postroom %s is up as %s", __version__, self.config.hostname)
        for name, addresses in self.listening().items():
            _log.info("%s on %s", name, ", ".join(addresses))

    def _build(self) -> None:
        config = self.config
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        run = _run_folder(config)
        if not self.place.alone:
            self.board, self.pokes = Board(run / "board", _BOARD, self.place), Pokes(run, self.place)
            self._closing.callback(self.board.close)
            self._closing.callback(self.pokes.close)
        self.directory = SqliteDirectory(config.data / "postroom.db", config.accounts, self.clock, self.ids)
        self._closing.push_async_callback(self.directory.close)
        store = SqliteStore(
            config.data,
            config.store,
            config.message,
            self.clock,
            self.ids,
            place=self.place,
            board=self.board,
            pokes=self.pokes,
        )
        store.start()
        self._closing.push_async_callback(store.close)
        made, first = MadeAtFirstUse(store), self.place.first
        self.training = Training(config.data, made, self.clock, self.ids, config.training, first=first)
        self.store = MadeAtFirstUse(store, self.training.watch)
        self.training.start()
        self._closing.push_async_callback(self.training.close)
        self.queue = SqliteQueue(config.data, config.queue, self.clock, self.ids, place=self.place)
        self._closing.push_async_callback(self.queue.close)
        self.guard = build_guard(config, self.clock, self.ids, self.place, self.pokes, self._listeners.values())
        self._closing.push_async_callback(self.guard.close)
        if self.board is not None and self.pokes is not None:
            self._join(self.board, self.pokes)
        else:
            Maildrops.forget_sign_ins(run)
        self._maildrops = Maildrops(run)
        self._closing.callback(self._maildrops.close)
        if self._resolver is None:
            self._resolver = DnsResolver(config.dns, self.clock)
            self._closing.push_async_callback(self._resolver.close)
        self.people = self._people(self._resolver)
        if config.oauth.wanted:
            self.tokens = issuer_tokens(config.oauth, self._resolver, Dialer(config.net), self.clock, self.ids)
            self._closing.push_async_callback(self.tokens.close)
        self._build_mail(self._resolver)
        self.strangers = strangers_of(config, self._resolver, self.directory, self.clock, self._closing)
        scram = self.people if config.accounts.keep_scram_keys else None
        self.sign_in = SignIn(
            self.people, self.clock, self.ids, config.sign_in, guard=self.guard, scram=scram, tokens=self.tokens
        )
        # One object for both listeners of a protocol: IMAP's \Recent marks are kept in it.
        pop3, imap = self._pop3(), self._imap()
        for name, later in self._services.items():
            kind = self._wanted[name].kind
            if kind == POLICY_HOST:
                later.service = self._policy_host()
            elif kind == ACME_HTTP:
                later.service = AnswerService(self._answers)
            else:
                later.service = pop3 if kind in POP3 else imap if kind in IMAP else self._smtp(name)

    def _people(self, resolver: Resolver) -> SqliteDirectory | OutsideDirectory:
        """Who knows the people, by the settings."""
        config = self.config
        found = source(
            config.directory,
            config.ldap,
            config.accounts,
            resolver=resolver,
            dialer=Dialer(config.net),
            clock=self.clock,
            ids=self.ids,
            hashes=self.directory.verify_hash,
        )
        if found is None:
            return self.directory
        seen = Seen(config.data / "directory.db", self.clock, config.accounts.busy_timeout_seconds)
        mark = config.accounts.detail_separator
        people = OutsideDirectory(self.directory, found, seen, config.directory, detail_separator=mark)
        self._closing.push_async_callback(people.close)
        return people

    def _build_mail(self, resolver: Resolver) -> None:
        """What mail passes on its way in and out."""
        config = self.config
        journal = self._journal = FileJournal(config.data / "journal", config.journal, self.clock)
        self._closing.callback(journal.close)
        for message_id, address in self.queue.interrupted:
            journal.note(message_id, "interrupted", to=address)
        self.authentication = Authentication(resolver, self.clock, config.authentication, hostname=config.hostname)
        self.authentication.counts = self.dmarc_results = report_dmarc(self._reporting(resolver), self.authentication)
        self._closing.push_async_callback(self.authentication.close)
        self.intake = Intake(
            hostname=config.hostname,
            directory=self.people,
            store=self.store,
            queue=self.queue,
            clock=self.clock,
            ids=self.ids,
            settings=config.intake,
            journal=journal,
            unsubscribe_url=config.accounts.unsubscribe_url,
            training=self.training,
            authentication=self.authentication,
            signing=self.signing,
            scoring=config.scoring,
            filters=filters_of(config, resolver, self.store, self._closing),
        )
        if self.place.first:
            keep_certificates(self._reporting(resolver))
            keeper = KeyKeeper(self._keys, config.signing, self.clock)
            self._key_watch = KeyWatch(keeper, resolver, self.clock, config.signing)
            self._key_watch.start()
            self._closing.push_async_callback(self._key_watch.close)
        self.deliverer = Deliverer(
            queue=self.queue,
            resolver=resolver,
            dialer=self._dialer or Dialer(config.net, own=self._own_addresses()),
            local=self.intake,
            directory=self.people,
            clock=self.clock,
            ids=self.ids,
            settings=config.delivery,
            hostname=config.hostname,
            outbound_tls=outbound_tls(self._reporting(resolver)),
            journal=journal,
            signing=self.signing,
        )
        stopped = StoppedAccounts(
            self.people, self.queue, self.clock, self.ids, hostname=config.hostname, journal=journal
        )
        self._closing.push_async_callback(stopped.close)
        join_stops(self.guard, self.deliverer, stopped)

    def _own_addresses(self) -> OwnAddresses:
        """Where mail would come back to us."""
        places = [place for listener in self._listeners.values() for place in listener.addresses]
        return OwnAddresses(self.config.net, self.clock, places)

    def _reporting(self, resolver: Resolver) -> Reporting:
        return Reporting(
            config=self.config,
            first=self.place.first,
            clock=self.clock,
            ids=self.ids,
            store=self.store,
            directory=self.directory,
            queue=self.queue,
            resolver=resolver,
            signing=self.signing,
            journal=self._journal,
            closing=self._closing,
        )

    def _join(self, board: Board, pokes: Pokes) -> None:
        """What joins this worker to the others."""
        for number, name in enumerate(self._wanted):
            if name in self._listeners:
                self._listeners[name].tally = BoardTally(board, number, name, self.place.count)
        if self.place.first:
            pokes.when(_QUEUE_NEWS, lambda _: self.queue.look())
        else:
            self.queue.on_own_change(lambda: pokes.tell(0, _QUEUE_NEWS))
        pokes.start()

    def _pop3(self) -> Pop3Service:
        people, clock, config, drops = self.people, self.clock, self.config, self._maildrops
        return Pop3Service(self.store, people, clock, config.pop3, self._starttls, config.hostname, drops, self.sign_in)

    def _imap(self) -> ImapService:
        return ImapService(
            store=self.store,
            directory=self.people,
            sign_in=self.sign_in,
            clock=self.clock,
            ids=self.ids,
            hostname=self.config.hostname,
            settings=self.config.imap,
            engine_settings=self.config.imap_protocol,
            tls_context=self._starttls,
            version=__version__,
            administration=self.directory,
            max_mailboxes=self.config.store.max_mailboxes,
            guard=self.guard,
        )

    def _policy_host(self) -> PolicyService:
        settings = self.config.mta_sts
        hostname = self.config.hostname
        open_ones = ((self._wanted[name].kind, listener.addresses) for name, listener in self._listeners.items())
        pages = (
            UnsubscribePage(self.directory.lists, self.config.accounts.unsubscribe_url),
            ClientPages(hostname, self.directory, offered(open_ones), self.sign_in.under_tls),
        )
        return PolicyService(settings.policy(hostname), self.directory, settings, pages)

    def _smtp(self, name: str) -> SmtpService:
        wanted = self._wanted[name]
        return SmtpService(
            Policy(
                name,
                lmtp=wanted.kind == "lmtp",
                signs_in=wanted.sign_in != "never",
                sign_in_needed=wanted.sign_in == "required",
                tls_needed=wanted.require_tls,
                verify=wanted.vrfy,
                priority_networks=Networks(wanted.priority_networks),
                checks_senders=wanted.check_senders,
            ),
            hostname=self.config.hostname,
            intake=self.intake,
            directory=self.people,
            settings=_for_listener(self.config.smtp, wanted),
            tls=self.tls.context,
            held=self.queue,
            guard=self.guard,
            strangers=self.strangers,
            sign_in=self.sign_in,
        )

    def _starttls(self) -> ssl.SSLContext:
        return self.tls.context

    def port(self, name: str) -> int:
        """The first TCP port of a listener; what port 0 became."""
        return self._listeners[name].ports[0]

    def listening(self) -> dict[str, list[str]]:
        """Each listener with its addresses, as people write them."""
        return {name: listener.addresses for name, listener in self._listeners.items()}

    def take_settings(self, config: Config) -> list[str]:
        """Use what may change while running, for sessions to come; the names of sections that need a restart."""
        changed = [name for name in config.__struct_fields__ if getattr(config, name) != getattr(self.config, name)]
        if self.authentication is not None:  # else this is the parent of workers, which serves nobody
            self.authentication.take(config.authentication)
            self.intake.scoring = config.scoring
            self.strangers.take(config.strangers, Networks(config.authentication.trusted_networks))
            self.training.settings = config.training
            self.sign_in.settings = config.sign_in
            if self.intake.filters is not None:
                self.intake.filters.take(config.filter)
        self.signing.settings = config.signing
        self.signing.reload()
        if self._key_watch is not None:
            self._key_watch.settings = config.signing
        for name, later in self._services.items():
            if isinstance(later.service, SmtpService):
                later.service.settings = _for_listener(config.smtp, self._wanted[name])
            elif isinstance(later.service, Pop3Service):
                later.service.settings = config.pop3
            elif isinstance(later.service, ImapService):
                later.service.settings, later.service.engine_settings = config.imap, config.imap_protocol
        return [name for name in changed if name not in _RELOADABLE]

    async def stop(self) -> None:
        """Stop in reverse order; what was acknowledged is on disk already."""
        await self._tasks.close()
        await self._closing.aclose()
        for listener in self._listeners.values():
            await listener.stop()


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """`async with running(App(config)) as app`: a server for the length of a block."""
    app.prepare()
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def _for_listener(settings: SmtpSettings, listener: ListenerSettings) -> SmtpSettings:
    """With the limits that it has of its own."""
    own = {"max_recipients": listener.max_recipients, "max_message_octets": listener.max_message_octets}
    return msgspec.structs.replace(settings, **{key: value for key, value in own.items() if value is not None})


class _Later:
    """A service for a listener whose sockets are bound before the service can be built."""

    def __init__(self) -> None:
        self.service: Service | None = None

    async def serve(self, connection: Connection) -> None:
        if self.service is not None:
            await self.service.serve(connection)
