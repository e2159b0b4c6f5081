"""IMAP sessions: the engine of postroom.imap joined to store, accounts and net."""

from .service import ImapService
from .settings import ImapSessionSettings

__all__ = ["ImapService", "ImapSessionSettings"]
