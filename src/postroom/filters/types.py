"""What goes into a filter and what comes out.

Owns: those values. Never: I/O. Raises: nothing; FilterFailed is declared here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from postroom.base import MailError, Spool
from postroom.junk import ScorePart
from postroom.net import TlsInfo

Action = Literal["accept", "junk", "defer", "reject"]
GRAVITY: dict[Action, int] = {"accept": 0, "junk": 1, "defer": 2, "reject": 3}


class FilterFailed(Exception):
    """It could not be asked, or its answer is none; the text says why, for people. It holds nothing of the message."""


class TooLarge(FilterFailed):
    """The filter itself says that it takes no message of that size."""


class Refused(MailError):
    """A filter does not want the message."""

    code, enhanced, text = 550, "5.7.1", "The message was refused by a filter"


class TryLater(MailError):
    """A filter wants it later, or can't be asked now."""

    code, enhanced, text = 451, "4.7.1", "Please try again later"


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end of an SMTP connection."""

    listener: str
    address: str  # its IP address, or "unix"
    port: int = 0
    own_address: str = ""  # where it came to
    own_port: int = 0
    host: str = ""  # its name by the DNS, when that leads back to the address; "": not known


@dataclass(frozen=True, slots=True)
class ContentSource:
    """Where one message came from, and for whom it is."""

    client: Client
    hello: str = ""
    mail_from: str = ""  # "": the null sender
    recipients: tuple[str, ...] = ()
    user: str = ""  # the address of the person who signed in; "": nobody has
    queue_id: str = ""
    tls: TlsInfo | None = None
    trace: bytes = b""  # the fields that will stand above the message, for who knows the client from them alone


class Content(Protocol):
    """A message as it stands: of those that are large only pieces are in memory."""

    header: bytes  # with the empty line behind it, where there is one

    @property
    def size(self) -> int: ...

    def body(self) -> Iterator[bytes]: ...


class SpooledContent:
    """The header in memory, the rest in a spool."""

    def __init__(self, header: bytes, spool: Spool, body_start: int) -> None:
        self.header = header
        self._spool = spool
        self._start = body_start

    @property
    def size(self) -> int:
        return len(self.header) + self._spool.size - self._start

    def body(self) -> Iterator[bytes]:
        for start in range(self._start, self._spool.size, PIECE_OCTETS):
            yield self._spool.read(start, start + PIECE_OCTETS)


PIECE_OCTETS = 65_535  # of a body at a time; a milter takes no more


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """`add` at the end, `insert` before the field of that number (0 and 1: on top), `change` the number-th of the name.

    A change to an empty value removes the field; `number` 0 means all of the name, below 0 counts from the last one.
    """

    do: Literal["add", "insert", "change"]
    name: bytes
    value: bytes = b""  # lines that go on with CRLF and white space; with the blank behind the colon
    number: int = 0


@dataclass(frozen=True, slots=True)
class NewRecipient:
    address: str
    notify: frozenset[str] | None = None
    original: str | None = None


@dataclass(slots=True)
class Verdict:
    """What one filter says to one message."""

    action: Action = "accept"
    points: float = 0.0
    words: str = ""  # for people, in one line
    error: MailError | None = None  # with reject and defer
    header_changes: list[HeaderChange] = field(default_factory=list)
    body: Spool | None = None  # in the place of the old one; whoever has the verdict closes it
    mail_from: str | None = None  # in the place of the old one
    added: list[NewRecipient] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    asked: bool = True  # False: it was not, or did not answer

    def close(self) -> None:
        if self.body is not None:
            self.body.close()
            self.body = None


@dataclass(frozen=True, slots=True)
class Filtered:
    """What all filters together say. `close` what is not used of it."""

    parts: tuple[ScorePart, ...] = ()
    action: Action = "accept"
    error: MailError | None = None  # with reject and defer
    words: str = ""  # why, for people; "" with accept
    told: tuple[str, ...] = ()  # a line for each filter, for the journal
    prefix: bytes = b""  # fields to stand right above the message's header
    header: bytes | None = None  # the whole header as it is to be; None: as it was
    body: Spool | None = None  # the body likewise
    mail_from: str | None = None
    added: tuple[NewRecipient, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def junk(self) -> bool:
        return self.action == "junk"

    @property
    def changes_content(self) -> bool:
        """The message has to be written anew."""
        return self.header is not None or self.body is not None

    def close(self) -> None:
        if self.body is not None:
            self.body.close()
