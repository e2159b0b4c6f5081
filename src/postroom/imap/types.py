"""IMAP commands as values: what the parser makes and the sessions carry out (RFC 3501 §6, §9).

Owns: one dataclass a command, the FETCH items, the SEARCH keys, sequence sets. Never: parses, formats or runs anything.
Strings that name mailboxes are decoded to Unicode (modified UTF-7, RFC 3501 §5.1.3, or UTF-8).
"""

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeqSet:
    """A sequence set: ranges as written, `None` is "*". (2,4:7,9,12:*)"""

    ranges: tuple[tuple[int | None, int | None], ...]
    saved: bool = False  # "$" (RFC 5182)


# ---- FETCH items (RFC 3501 §6.4.5)


class Item(enum.Enum):
    FLAGS = b"FLAGS"
    UID = b"UID"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODY = b"BODY"  # the non-extensible structure
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    MODSEQ = b"MODSEQ"  # RFC 7162
    EMAILID = b"EMAILID"  # RFC 8474
    THREADID = b"THREADID"  # RFC 8474
    SAVEDATE = b"SAVEDATE"  # RFC 8514


class SectionText(enum.Enum):
    ALL = b""  # BODY[] or BODY[1.2]
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """One BODY[...] or RFC822* item."""

    part: tuple[int, ...] = ()
    text: SectionText = SectionText.ALL
    fields: tuple[bytes, ...] = ()  # as the client wrote them
    partial: tuple[int, int] | None = None  # (first octet, how many)
    peek: bool = False
    label: bytes = (
        b"BODY[]"  # the response's name for it, ready to send: b"BODY[HEADER.FIELDS (FROM)]<0>", b"RFC822.TEXT"
    )


@dataclass(frozen=True, slots=True)
class Binary:
    """BINARY[…], BINARY.PEEK[…] and BINARY.SIZE[…] (RFC 3516 §4.2)."""

    part: tuple[int, ...] = ()
    partial: tuple[int, int] | None = None  # of the decoded octets
    peek: bool = False
    size: bool = False  # how many octets, not which
    label: bytes = b"BINARY[]"


@dataclass(frozen=True, slots=True)
class Preview:
    """PREVIEW (RFC 8970)."""

    lazy: bool = False  # NIL will do when it takes time


FetchItem = Item | Section | Binary | Preview

# ---- SEARCH keys (RFC 3501 §6.4.4); dates are datetime.date.toordinal()


@dataclass(frozen=True, slots=True)
class All: ...


@dataclass(frozen=True, slots=True)
class HasFlag:
    """ANSWERED … UNSEEN, KEYWORD, UNKEYWORD, NEW's and OLD's parts; `flag` may be "\\\\Recent"."""

    flag: str
    present: bool


class DateField(enum.Enum):
    INTERNAL = "internal"
    SENT = "sent"
    SAVED = "saved"  # RFC 8514


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days first..last inclusive; None is open. BEFORE/ON/SINCE and their SENT and SAVED forms."""

    field: DateField
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Within:
    """OLDER and YOUNGER (RFC 5032)."""

    seconds: int
    younger: bool


@dataclass(frozen=True, slots=True)
class Larger:
    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    octets: int


class TextIn(enum.Enum):
    FROM = "from_"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    BODY = "body"
    TEXT = "text"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Text:
    where: TextIn
    needle: str
    name: str = ""  # header field name for HEADER


@dataclass(frozen=True, slots=True)
class InSet:
    """A sequence set, or UID with one."""

    seqset: SeqSet
    uid: bool


@dataclass(frozen=True, slots=True)
class ModSeq:
    value: int  # without the entry: a message has one mod-sequence for all its metadata (RFC 7162 §3.1.5)


@dataclass(frozen=True, slots=True)
class EmailId:
    """RFC 8474 §6"""

    objectid: bytes


@dataclass(frozen=True, slots=True)
class ThreadId:
    objectid: bytes


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """RFC 6203 §3"""

    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class Not:
    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class Or:
    left: "SearchKey"
    right: "SearchKey"


@dataclass(frozen=True, slots=True)
class And:
    keys: tuple["SearchKey", ...]


SearchKey = (
    All
    | HasFlag
    | DateRange
    | Within
    | Larger
    | Smaller
    | Text
    | InSet
    | ModSeq
    | EmailId
    | ThreadId
    | Fuzzy
    | Not
    | Or
    | And
)


@dataclass(frozen=True, slots=True)
class SearchReturn:
    """RETURN (…): what is told of a result (RFC 4731 §3.1), and what else is done with it."""

    min: bool = False
    max: bool = False
    count: bool = False
    all: bool = False
    save: bool = False  # RFC 5182
    relevancy: bool = False  # RFC 6203 §4
    partial: tuple[int, int] | None = None  # RFC 9394; as the client wrote it, both ends above or both below 0
    context: bool = False  # RFC 5267 §4.2: a hint that more is to come, which is not needed here
    update: bool = False  # RFC 5267 §4.3: the client is told how the result changes
    update_items: tuple[FetchItem, ...] = ()  # RFC 5465 §7: and this of messages that are new in it

    @property
    def tells(self) -> bool:
        """Whether there is an ESEARCH response: none when the result is saved and nothing else (RFC 5182 §1)."""
        return (self.min or self.max or self.count or self.all or self.relevancy or self.partial is not None) or not (
            self.save
        )


# ---- commands


class Command:
    """What every command's dataclass is; those of an extension stand in the extension's own module."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Bare(Command):
    """CAPABILITY NOOP LOGOUT STARTTLS CHECK CLOSE UNSELECT EXPUNGE IDLE NAMESPACE: no arguments."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    mechanism: bytes  # upper case
    initial: bytes | None = None  # decoded; None: absent, b"": "=" (RFC 4959)


@dataclass(frozen=True, slots=True)
class Login(Command):
    username: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Enable(Command):
    capabilities: tuple[bytes, ...]  # upper case


@dataclass(frozen=True, slots=True)
class Id(Command):
    fields: tuple[tuple[bytes, bytes | None], ...] | None  # None: NIL


@dataclass(frozen=True, slots=True)
class Resync:
    """QRESYNC's parameter (RFC 7162 §3.2.5): what the client knew when it left."""

    uid_validity: int
    modseq: int
    known_uids: SeqSet | None = None  # None: all
    matches: tuple[SeqSet, SeqSet] | None = None  # sequence numbers and their UIDs, parallel, ascending


@dataclass(frozen=True, slots=True)
class Select(Command):
    mailbox: str
    read_only: bool  # EXAMINE
    condstore: bool = False
    resync: Resync | None = None


@dataclass(frozen=True, slots=True)
class Create(Command):
    mailbox: str
    special_use: str | None = None  # USE (RFC 6154 §3)


@dataclass(frozen=True, slots=True)
class Delete(Command):
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename(Command):
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Subscribe(Command):
    mailbox: str
    on: bool


class StatusItem(enum.Enum):
    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    DELETED = b"DELETED"  # RFC 9051 §6.3.11, RFC 9208 §4.1.4
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208 §4.1.4
    SIZE = b"SIZE"  # RFC 8438 §3
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162 §3.1.7
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889 §3.1
    MAILBOXID = b"MAILBOXID"  # RFC 8474 §4.3


@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST (RFC 5258: with selection and return options) and LSUB."""

    reference: str
    patterns: tuple[str, ...]
    lsub: bool = False
    select_options: tuple[bytes, ...] = ()  # upper case: SUBSCRIBED, SPECIAL-USE …
    return_options: tuple[bytes, ...] = ()  # their names; the arguments of those that have some follow
    extended: bool = False
    status: tuple[StatusItem, ...] = ()  # STATUS (RFC 5819)
    metadata: tuple[str, ...] = ()  # METADATA: entries as the client wrote them (RFC 9590)


@dataclass(frozen=True, slots=True)
class Status(Command):
    mailbox: str
    items: tuple[StatusItem, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a message of an APPEND or REPLACE begins; its octets are the Url and Literal parts up to the next Begin."""

    flags: tuple[str, ...] = ()
    internal_date: int | None = None  # seconds since 1970
    extensions: tuple[tuple[bytes, object], ...] = ()  # append-ext (RFC 4466 §3): name in upper case, value


@dataclass(frozen=True, slots=True)
class Url:
    """Octets that are in the store already (RFC 4469 §3)."""

    url: bytes


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets that follow as a streamed literal."""

    size: int
    sync: bool  # a synchronizing literal: the session says "+" or refuses
    binary: bool = False  # literal8, in which NUL may be (RFC 3516 §4.4)
    utf8: bool = False  # within UTF8 (…) (RFC 6855 §4)


AppendPart = Begin | Url | Literal


@dataclass(frozen=True, slots=True)
class Append(Command):
    """An APPEND up to its first streamed literal, which is then the last part; the rest comes as Next events."""

    mailbox: str
    parts: tuple[AppendPart, ...]
    ends: bool = False  # nothing follows: all its octets are in the store already


@dataclass(frozen=True, slots=True)
class Replace(Command):
    """REPLACE and UID REPLACE (RFC 8508): an APPEND of one message for which another one goes."""

    replaced: SeqSet  # one number
    uid: bool
    append: Append


@dataclass(frozen=True, slots=True)
class Search(Command):
    key: SearchKey
    uid: bool
    charset: bytes | None = None
    returns: SearchReturn | None = None  # None: answered with SEARCH, not ESEARCH
    refusal: bytes = b""  # the tagged NO: it can't be searched so, and "$" becomes empty (RFC 5182 §2.1)


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    seqset: SeqSet
    items: tuple[FetchItem, ...]
    uid: bool  # UID FETCH; then UID is among the items
    changed_since: int | None = None  # RFC 7162 §3.1.4.1; then MODSEQ is among the items
    vanished: bool = False  # RFC 7162 §3.2.6
    window: tuple[int, int] | None = None  # PARTIAL (RFC 9394): from the first (1) or the last (-1), both of one sign
    uid_asked: bool = True  # the client named UID among the items


class StoreMode(enum.Enum):
    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


@dataclass(frozen=True, slots=True)
class Store(Command):
    seqset: SeqSet
    mode: StoreMode
    silent: bool
    flags: tuple[str, ...]
    uid: bool
    unchanged_since: int | None = None  # RFC 7162 §3.1.3


@dataclass(frozen=True, slots=True)
class Copy(Command):
    """COPY and MOVE, UID or not."""

    seqset: SeqSet
    mailbox: str
    uid: bool
    move: bool


@dataclass(frozen=True, slots=True)
class UidExpunge(Command):
    seqset: SeqSet


# ---- what the engine tells the session (imap.engine.ServerEngine.next_event)


@dataclass(frozen=True, slots=True)
class Got:
    """A whole command. Append and Replace go on with Piece and Next events unless they end with their first line."""

    tag: bytes
    name: bytes  # its row in commands.COMMANDS: b"FETCH", b"UID FETCH"
    command: Command


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of the literal announced last, which `engine.accept_literal()` asked for when it is synchronizing."""

    data: bytes
    last: bool  # the literal is whole and the command ended properly right behind it


@dataclass(frozen=True, slots=True)
class Next:
    """The literal is whole, and this is what follows it: up to the next streamed literal, or to the command's end."""

    parts: tuple[AppendPart, ...]
    ends: bool


@dataclass(frozen=True, slots=True)
class Bad:
    """A command that could not be parsed; answer `tag BAD text` (tag b"*" when there was none).

    A few syntactically sound commands end here too, with another answer: `tag status [code] text`
    (`encode.answer` writes the line): NO [BADCHARSET (…)], NO [CANNOT], NO [USEATTR], BAD [TOOBIG].
    """

    tag: bytes
    text: str
    status: bytes = b"BAD"
    code: bytes = b""  # a response code without its brackets, ready to send


@dataclass(frozen=True, slots=True)
class Line:
    """A line while the session asked for raw lines: an AUTHENTICATE response, IDLE's DONE."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Fatal:
    """The stream can't be followed any more (line over the limit …): say `* BYE [code] text` and close."""

    text: str
    code: bytes = b""  # a response code without its brackets, ready to send


Event = Got | Piece | Next | Bad | Line | Fatal
