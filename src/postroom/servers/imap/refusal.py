"""What a command that fails is answered: NO or BAD, a response code, a text.

Owns: the exception that carries the answer, the translation of the store's refusals to RFC 5530 codes. Never: shows a
detail that belongs to the log. Raises: nothing.
"""

from postroom.accounts.api import BadAddress, DirectoryFailure, NotThere, SignInBusy, TooManyNotes
from postroom.base import MailError
from postroom.imap.types import Bad
from postroom.store.api import (
    BadMailboxName,
    MailboxExists,
    NoSuchAccount,
    NoSuchContent,
    NoSuchMailbox,
    NoSuchMessage,
    OverQuota,
    StoreFailure,
    TooManyAclEntries,
    TooManyAnnotations,
    TooManyKeywords,
)

SERVER_BUG = b"NO [SERVERBUG] Internal error; the details are in the server's log"  # RFC 5530 §3


class Refused(Exception):
    """The tagged answer to a command that was not carried out."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer.decode("utf-8", "replace"))
        self.answer = answer


class EndOfSession(Exception):
    """The session is over: the peer has left, or was told BYE."""


def no(code: bytes, text: bytes) -> Refused:
    """NO with a response code."""
    return Refused(b"NO [%b] %b" % (code, text))


def refused(event: Bad) -> Refused:
    """What the engine's parser says of the rest of a command that was begun."""
    code = b"[%b] " % event.code if event.code else b""
    return Refused(b"%b %b%b" % (event.status, code, event.text.encode("ascii", "replace")))


def bad(text: bytes, code: bytes = b"") -> Refused:
    """BAD: the client's mistake."""
    return Refused(b"BAD [%b] %b" % (code, text) if code else b"BAD " + text)


# RFC 5530 §3
_CODES: tuple[tuple[type[MailError], bytes], ...] = (
    (NoSuchMailbox, b"NONEXISTENT"),
    (MailboxExists, b"ALREADYEXISTS"),
    (BadMailboxName, b"CANNOT"),
    (OverQuota, b"OVERQUOTA"),
    (TooManyKeywords, b"LIMIT"),
    (TooManyAclEntries, b"LIMIT"),
    (TooManyAnnotations, b"METADATA TOOMANY"),  # RFC 5464 §4.3
    (TooManyNotes, b"METADATA TOOMANY"),
    (DirectoryFailure, b"UNAVAILABLE"),
    (SignInBusy, b"UNAVAILABLE"),
    (NotThere, b"NONEXISTENT"),  # removed just now
    (BadAddress, b"CANNOT"),
    (StoreFailure, b"UNAVAILABLE"),
    (NoSuchMessage, b"EXPUNGEISSUED"),
    (NoSuchContent, b"EXPUNGEISSUED"),  # expunged, not announced yet, and already purged
    (NoSuchAccount, b"CONTACTADMIN"),
)


def answer_to(error: MailError, *, try_create: bool = False) -> bytes:
    """The tagged answer for a refusal by the store; `try_create` where a missing target may be created (§7.1)."""
    if try_create and isinstance(error, NoSuchMailbox):
        return b"NO [TRYCREATE] " + error.text.encode("ascii", "replace")
    for kind, code in _CODES:
        if isinstance(error, kind):
            return b"NO [%b] %b" % (code, error.text.encode("ascii", "replace"))
    return SERVER_BUG
