"""IMAP for net.Listener: what all its sessions share.

Owns: the service object, the ID. Never: talks to a client (session.py does). Raises: nothing.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from postroom.accounts.api import Administration, Directory
from postroom.base import Clock, Ids
from postroom.guard import Guard
from postroom.imap import ImapSettings, encode
from postroom.net.api import Connection
from postroom.signin import SignIn
from postroom.store import StoreSettings
from postroom.store.api import MailStore

from .capabilities import CAN_BE_ENABLED, capabilities, withheld
from .dispatch import HANDLERS
from .session import Handler, NoteWatcher, Session
from .settings import ImapSessionSettings


def _no_tls() -> ssl.SSLContext | None:
    return None


class ImapService:
    """net.api.Service: `serve` runs one session."""

    def __init__(
        self,
        *,
        store: MailStore,
        directory: Directory,
        sign_in: SignIn,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: ImapSessionSettings | None = None,
        engine_settings: ImapSettings | None = None,
        tls_context: Callable[[], ssl.SSLContext | None] = _no_tls,
        version: str = "",
        administration: Administration | None = None,
        max_mailboxes: int = StoreSettings().max_mailboxes,
        guard: Guard | None = None,
    ) -> None:
        self.store = store
        self.guard = guard  # counts the connections of each account
        self.directory = directory
        self.sign_in = sign_in
        self.clock = clock
        self.ids = ids
        self.hostname = hostname
        self.settings = settings or ImapSessionSettings()
        self.engine_settings = engine_settings or ImapSettings()
        self.tls_context = tls_context
        self.administration = administration  # without one nobody is an administrator
        self.max_mailboxes = max_mailboxes
        self.note_watchers: set[NoteWatcher] = set()
        self.claims: set[tuple[int, int]] = set()  # see SelectedMailbox.claim_recent
        self.acl_lock = asyncio.Lock()
        self.move_locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        fields: Sequence[tuple[bytes, bytes | None]] = [(b"name", b"Postroom"), (b"vendor", b"Postroom")]
        self.identification = encode.identification([*fields, (b"version", version.encode())] if version else fields)

    async def serve(self, connection: Connection) -> None:
        """One connection, from greeting to BYE; the listener closes it."""
        await Session(self, connection).run()

    def handler(self, name: bytes) -> Handler:
        """Which function carries out a command."""
        return HANDLERS[name]

    def capabilities(self, session: Session) -> bytes:
        """What works in this session's state (RFC 3501 §6.1.1)."""
        return capabilities(session)

    def can_enable(self, capability: bytes) -> bytes | None:
        """A word that ENABLE takes (RFC 5161), given in upper case, as it is written; None for one it does not."""
        return None if capability in withheld(self.settings) else CAN_BE_ENABLED.get(capability)

    def greeting(self, session: Session) -> bytes:
        """RFC 3501 §7.1.1, with the capabilities, so that a client need not ask."""
        return b"* OK [CAPABILITY %b] %b Postroom ready\r\n" % (self.capabilities(session), self.hostname.encode())
