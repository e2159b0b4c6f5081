"""IMAP for net.Listener: what all its sessions share.

Owns: the service object, the capability lists, the ID. Never: talks to a client (session.py does). Raises: nothing.
"""

import ssl
from collections.abc import Callable, Sequence

from postroom.accounts.api import Directory
from postroom.base import Clock, Ids
from postroom.imap import ImapSettings, encode
from postroom.imap.types import Command
from postroom.net.api import Connection
from postroom.sasl import SERVER_MECHANISMS
from postroom.store.api import MailStore

from .dispatch import handler
from .session import Handler, Session
from .settings import ImapSessionSettings
from .signin import may_sign_in

# RFC 4959, RFC 2971, RFC 5161, RFC 2177
_EVER = (b"SASL-IR", b"ID", b"ENABLE", b"IDLE")
# RFC 2342, RFC 3348, RFC 5258, RFC 6154, RFC 3691, RFC 4315, RFC 6851
_SIGNED_IN = (
    *_EVER,
    b"NAMESPACE",
    b"CHILDREN",
    b"LIST-EXTENDED",
    b"SPECIAL-USE",
    b"CREATE-SPECIAL-USE",
    b"UNSELECT",
    b"UIDPLUS",
    b"MOVE",
)
_MECHANISMS = tuple(b"AUTH=" + name.encode() for name in SERVER_MECHANISMS)


def _no_tls() -> ssl.SSLContext | None:
    return None


class ImapService:
    """net.api.Service: `serve` runs one session."""

    def __init__(
        self,
        *,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: ImapSessionSettings | None = None,
        engine_settings: ImapSettings | None = None,
        tls_context: Callable[[], ssl.SSLContext | None] = _no_tls,
        version: str = "",
    ) -> None:
        self.store = store
        self.directory = directory
        self.clock = clock
        self.ids = ids
        self.hostname = hostname
        self.settings = settings or ImapSessionSettings()
        self.engine_settings = engine_settings or ImapSettings()
        self.tls_context = tls_context
        self.claims: set[tuple[int, int]] = set()  # see SelectedMailbox.claim_recent
        fields: Sequence[tuple[bytes, bytes | None]] = [(b"name", b"Postroom"), (b"vendor", b"Postroom")]
        self.identification = encode.identification([*fields, (b"version", version.encode())] if version else fields)

    async def serve(self, connection: Connection) -> None:
        """One connection, from greeting to BYE; the listener closes it."""
        await Session(self, connection).run()

    def handler(self, command: Command) -> Handler:
        """Which function carries out a command."""
        return handler(command)

    def capabilities(self, session: Session) -> bytes:
        """What works in this session's state (RFC 3501 §6.1.1)."""
        # RFC 3501, RFC 7888
        base = (b"IMAP4rev1", b"LITERAL-" if self.engine_settings.literal_minus else b"LITERAL+")
        if session.signed_in is not None:
            return b" ".join((*base, *_SIGNED_IN))
        words = [*base, *_EVER]
        if session.connection.tls is None and self.tls_context() is not None:
            words.append(b"STARTTLS")
        if may_sign_in(session):
            words += _MECHANISMS
        else:
            words.append(b"LOGINDISABLED")  # RFC 3501 §6.2.3
        return b" ".join(words)

    def greeting(self, session: Session) -> bytes:
        """RFC 3501 §7.1.1, with the capabilities, so that a client need not ask."""
        return b"* OK [CAPABILITY %b] %b Postroom ready\r\n" % (self.capabilities(session), self.hostname.encode())
