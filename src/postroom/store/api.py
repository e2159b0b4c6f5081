"""What a mail store offers, whoever implements it.

Owns: the value types and the two protocols, MailStore and Account. Never: knows SQL, files or a wire protocol.
Raises: the StoreError family below; anything else an implementation lets out is a bug.

Rules every implementation keeps (tests/contract holds them to it):
- A call that changes something returns only after the change would survive a power loss.
- Changes of one account happen in one order, numbered by modseq; subscribers hear of them in that order, after the
  commit, on the event loop, before the call that caused them returns.
- A uid never names two messages under one uid_validity; uids only grow (RFC 3501 §2.3.1.1).
"""

import enum
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from postroom.base import MailError

from .draft import Draft
from .recent_changes import RecentChanges
from .view_cache import ViewCache

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
SYSTEM_FLAGS: tuple[tuple[str, int], ...] = (
    ("\\Answered", ANSWERED),
    ("\\Flagged", FLAGGED),
    ("\\Deleted", DELETED),
    ("\\Seen", SEEN),
    ("\\Draft", DRAFT),
)
FIRST_KEYWORD_BIT = 5
MAX_KEYWORD_BITS = 58  # bits 5..62 of a signed 64-bit column
IMPORT_IDS = "import:"  # delivery ids that begin so, with a mailbox's id and ":", are remembered as long as the mailbox
LOWEST_OCTET = 0 if sys.byteorder == "little" else 7  # of a mask in a view
_PIECE = 256  # messages
_UNSEEN = bytes(not mask & SEEN for mask in range(256))


class StoreError(MailError):
    """A refusal by the store."""


class NoSuchAccount(StoreError):
    code, enhanced, text = 550, "5.1.1", "No such account"


class NoSuchMailbox(StoreError):
    code, enhanced, text = 550, "5.2.0", "Mailbox doesn't exist"


class MailboxExists(StoreError):
    code, enhanced, text = 550, "5.2.0", "Mailbox already exists"


class BadMailboxName(StoreError):
    """INBOX deleted, an empty or over-long name, a control character, a name below a limit's depth …"""

    code, enhanced, text = 550, "5.2.0", "That mailbox name is not possible"


class NoSuchContent(StoreError):
    """It was expunged, and its time to be kept has passed."""

    code, enhanced, text = 451, "4.3.0", "That message is gone"


class NoSuchMessage(StoreError):
    """It has been expunged, so it can't be replaced."""

    code, enhanced, text = 550, "5.2.0", "Message doesn't exist"


class OverQuota(StoreError):
    code, enhanced, text = 452, "4.2.2", "Mailbox full"


class TooManyMailboxes(OverQuota):
    """RFC 9208 §5.3: a quota like others, though the same for everybody."""

    text = "Too many mailboxes"


class TooManyKeywords(StoreError):
    code, enhanced, text = 452, "4.3.1", "Too many keywords in this mailbox"


class AclChanged(StoreError):
    """Somebody has changed these rights meanwhile."""

    code, enhanced, text = 451, "4.3.0", "Those rights are just being changed"


class TooManyAclEntries(StoreError):
    code, enhanced, text = 452, "4.3.1", "Too many identifiers in this mailbox's access control list"


class TooManyAnnotations(StoreError):
    code, enhanced, text = 452, "4.3.1", "Too many annotations"


class StoreFailure(StoreError):
    """The disk or the database refused; nothing was changed."""

    code, enhanced, text = 451, "4.3.0", "Storage trouble, please try again later"


class FolderInUse(StoreFailure):
    """Another process has the data folder's mail open."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox and its counters at one moment."""

    mailbox_id: int
    name: str  # Unicode, hierarchy separator "/"; the inbox is "INBOX"
    uid_validity: int
    uid_next: int
    highest_modseq: int
    messages: int
    unseen: int
    deleted: int
    recent: int  # messages no session has been told of (RFC 3501 §2.3.2)
    octets: int
    special_use: str | None = None  # "\\Sent" … (RFC 6154)
    subscribed: bool = True
    acl: tuple[tuple[str, str], ...] = ()  # (identifier, rights), in order of the identifiers (RFC 4314)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message went (RFC 4315 APPENDUID)."""

    mailbox_id: int
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Copied:
    """Result of COPY or MOVE: two parallel sequences (RFC 4315 COPYUID)."""

    uid_validity: int
    source_uids: tuple[int, ...]
    target_uids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AppendOptions:
    flags: frozenset[str] = frozenset()
    internal_date: int | None = None  # seconds since 1970; None: now
    prefix: bytes = b""  # trace header lines put before the content (Return-Path, Received …), CRLF-ended
    delivery_id: str | None = None  # once-only: a second append with the same id returns the first one's result
    quota_octets: int | None = None  # OverQuota when the account would hold more
    quota_messages: int | None = None
    create: bool = False  # make the mailbox when it is missing (delivery into a folder)
    origin: object = None  # handed back in the Change, so that a session knows its own


class FlagAction(enum.Enum):
    REPLACE = "replace"  # FLAGS
    ADD = "add"  # +FLAGS
    REMOVE = "remove"  # -FLAGS


class Want(enum.Flag):
    """Which stored facts `Account.read` should bring."""

    ENVELOPE = enum.auto()
    BODY_STRUCTURE = enum.auto()
    BODY = enum.auto()  # the non-extensible form
    HEADER = enum.auto()  # prefix + header
    PARTS = enum.auto()
    WHOLE = enum.auto()  # prefix + content, when not larger than StoreSettings.inline_limit_octets
    THREAD = enum.auto()
    PREVIEW = enum.auto()


@dataclass(slots=True)
class Stored:
    """Facts of one content; a field is None when it was not wanted. `prefix_len + offsets in parts` = wire offsets."""

    content_id: int
    size: int  # with the prefix: RFC822.SIZE
    header_len: int  # with the prefix
    prefix_len: int
    envelope: bytes | None = None
    body_structure: bytes | None = None
    body: bytes | None = None
    header: bytes | None = None
    parts: bytes | None = None
    thread_id: int | None = None
    preview: str | None = None  # None also when it was never computed (mail stored by version 1 of the schema)
    whole: bytes | None = None  # None also when too large: use read_range


class SortFact(enum.Enum):
    """What SORT and THREAD compare (message.SortKeys says what each is). The values are columns of sort_keys."""

    SENT = "sent_at"  # None when there is no usable Date field
    SUBJECT = "subject"
    IS_REPLY = "is_reply"  # 0 or 1
    FROM = "from_"
    TO = "to_"
    CC = "cc"
    DISPLAY_FROM = "display_from"
    DISPLAY_TO = "display_to"
    MESSAGE_ID = "message_id"
    REFERENCES = "refs"  # message ids joined by spaces
    THREAD_ID = "thread_id"


class TextField(enum.Enum):
    FROM = "from_"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    SUBJECT = "subject"
    BODY = "body"
    TEXT = "text"  # headers or body
    HEADER = "header"  # with TextQuery.name


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A substring test on decoded text, case-insensitive by i;unicode-casemap."""

    where: TextField
    needle: str  # unfolded; empty matches every message that has the field
    name: str = ""  # header field name for HEADER


def flag_names(mask: int, keywords: Sequence[str]) -> tuple[str, ...]:
    """The flags of a mask of a mailbox with these keywords: system flags, then keywords."""
    names = [name for name, bit in SYSTEM_FLAGS if mask & bit]
    names += [word for k, word in enumerate(keywords) if mask >> (FIRST_KEYWORD_BIT + k) & 1]
    return tuple(names)


@dataclass(slots=True)
class View:
    """The messages of one mailbox, shared by all who have it open in this process. Read it, never write it.

    Parallel arrays in uid order. New messages are appended in place; an expunge replaces each array that anybody
    else has by a new one, so a reader may keep an old array and a count as its own unchanging snapshot.
    """

    mailbox: Mailbox  # kept current: uid_next, highest_modseq …
    uids: "array[int]" = field(default_factory=lambda: array("L"))
    masks: "array[int]" = field(default_factory=lambda: array("q"))  # flag bits; keyword bits as in `keywords`
    modseqs: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("q"))
    dates: "array[int]" = field(default_factory=lambda: array("q"))  # INTERNALDATE, seconds
    content_ids: "array[int]" = field(default_factory=lambda: array("q"))
    keywords: list[str] = field(default_factory=list)  # bit FIRST_KEYWORD_BIT + index; grows only
    changes: RecentChanges = field(default_factory=RecentChanges, compare=False)
    cache: ViewCache = field(default_factory=ViewCache, compare=False)  # for whoever reads; not kept current
    seen_below: int = field(
        default=0, compare=False
    )  # no message with a smaller uid lacks \\Seen; who writes masks keeps that true

    def first_unseen(self) -> int:
        """Position of the first message without \\Seen, or -1. Each message is looked at once, not each time."""
        # The system flags lie in the lowest octet of a mask: much faster by octets than by numbers. Ever longer pieces:
        # the first message is found at once, the last of a hundred thousand soon.
        start, count, piece = bisect_left(self.uids, self.seen_below), len(self.uids), _PIECE
        while start < count:
            octets = self.masks[start : start + piece].tobytes()[LOWEST_OCTET :: self.masks.itemsize]
            at = octets.translate(_UNSEEN).find(1)
            if at >= 0:
                self.seen_below = self.uids[start + at]
                return start + at
            start, piece = start + len(octets), piece * 8
        if count:
            self.seen_below = self.uids[-1] + 1
        return -1

    def index(self, uid: int) -> int:
        """Position of `uid`, or -1."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else -1

    def flag_names(self, mask: int) -> tuple[str, ...]:
        """The flags of a mask: system flags, then keywords."""
        return flag_names(mask, self.keywords)


class GoneMessage(NamedTuple):  # made in thousands: four times as fast as a frozen dataclass
    """What an expunged message was, for sessions that have not been told yet."""

    uid: int
    mask: int
    modseq: int  # of the expunge
    size: int
    date: int
    content_id: int


@dataclass(frozen=True, slots=True)
class MessagesAdded:
    mailbox_id: int
    uids: tuple[int, ...]
    modseq: int
    origin: object


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    mailbox_id: int
    uids: tuple[int, ...]  # read the new masks from the view
    modseq: int
    origin: object
    touched: int = field(default=-1, compare=False)  # the flag bits that may have changed, -1: any


@dataclass(frozen=True, slots=True)
class MessagesExpunged:
    mailbox_id: int
    gone: tuple[GoneMessage, ...]
    modseq: int
    origin: object


class MailboxEventKind(enum.Enum):
    CREATED = "created"
    DELETED = "deleted"
    RENAMED = "renamed"  # one for each mailbox: its children have theirs
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    ACL = "acl"  # who may do what was changed


@dataclass(frozen=True, slots=True)
class MailboxEvent:
    """What happened to one mailbox (RFC 5465 MailboxName, SubscriptionChange)."""

    kind: MailboxEventKind
    mailbox_id: int  # 0 where a name without a mailbox was (un)subscribed
    name: str
    old_name: str = ""  # of a renamed one; INBOX of a new one that has got all its messages (RFC 3501 §6.3.5)


@dataclass(frozen=True, slots=True)
class MailboxesChanged:
    """A mailbox came, went, was renamed, (un)subscribed, shared. `removed` lists ids that no longer exist."""

    removed: tuple[int, ...]
    modseq: int
    origin: object
    events: tuple[MailboxEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnotationsChanged:
    """Some entries of one owner (0: everybody's, RFC 5464) have other values; the caller asks for those it may see."""

    mailbox_id: int | None  # None: of the account itself
    owner: int
    entries: tuple[str, ...]
    modseq: int
    origin: object


Change = MessagesAdded | FlagsChanged | MessagesExpunged | MailboxesChanged | AnnotationsChanged
Subscriber = Callable[[Change], None]


@dataclass(frozen=True, slots=True)
class Usage:
    octets: int
    messages: int


@dataclass(frozen=True, slots=True)
class Flagged:
    """Result of `set_flags`: parallel, uid order. Uids that are gone are left out."""

    uids: tuple[int, ...]
    masks: tuple[int, ...]
    modseq: int
    unmodified: tuple[int, ...] = ()  # refused by unchanged_since (RFC 7162)
    modseqs: tuple[int, ...] = ()  # of each message, after the command: the old one where nothing changed


class Account(Protocol):
    """One account's mail, open. From MailStore.open; give it back with `close`."""

    account_id: int

    # other processes, which may have the same account
    @property
    def behind(self) -> bool:
        """Whether they may have changed it since they were last heard of. Costs next to nothing."""

    async def catch_up(self) -> None:
        """Tell what they have done, if anything: all that was acknowledged by anybody before this call.

        The other calls see to it themselves. It is for whoever looks at a view, or waits for changes, without a call.
        """

    # mailboxes
    async def mailboxes(self) -> list[Mailbox]:
        """All mailboxes, INBOX first, then by name. Non-existent parents are not listed."""

    async def mailbox(self, name: str) -> Mailbox:
        """By name ("inbox" in any case is INBOX). Raises NoSuchMailbox."""

    async def create(self, name: str, *, special_use: str | None = None, origin: object = None) -> Mailbox: ...

    async def delete(self, name: str, *, origin: object = None) -> None:
        """Delete a mailbox and its messages (kept for the undo time). Children stay (RFC 3501 §6.3.4)."""

    async def rename(self, old: str, new: str, *, origin: object = None) -> None:
        """With children; renaming INBOX moves its messages to a new mailbox and leaves it empty (RFC 3501 §6.3.5)."""

    async def set_special_use(
        self, mailbox_id: int, special_use: str | None, *, origin: object = None
    ) -> Mailbox | None:
        """The use leaves the mailbox that had it, which is returned. Both are told of as AnnotationsChanged, of the
        owner's /private/specialuse (RFC 6154 §4)."""

    async def subscriptions(self) -> list[str]:
        """Subscribed names, existing or not, in order (RFC 3501 §6.3.9)."""

    async def subscribe(self, name: str, on: bool, *, origin: object = None) -> None: ...

    async def set_acl(
        self, mailbox_id: int, identifier: str, rights: str | None, *, held: str | None = None, origin: object = None
    ) -> None:
        """Give an identifier ("anyone", an address, "-" before it for what is taken away) these rights, or none.

        `held`: what it must have until then ("" for none), as the new rights were made of it; AclChanged where it has
        others. A new mailbox starts with the list of its nearest ancestor (RFC 4314 §4). Raises NoSuchMailbox,
        TooManyAclEntries.
        """

    # messages
    async def append(self, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
        """Commit a finished draft. Raises NoSuchMailbox, OverQuota, TooManyKeywords, StoreFailure."""

    async def append_many(self, mailbox: str, drafts: Sequence[tuple[Draft, AppendOptions]]) -> list[Appended]:
        """All or none (RFC 3502)."""

    async def delivered(self, delivery_ids: Sequence[str]) -> set[str]:
        """Those that a delivery was made with before, as far as they are remembered."""

    async def replace(self, mailbox_id: int, uid: int, target: str, draft: Draft, options: AppendOptions) -> Appended:
        """Append to `target` and expunge one message, in one transaction (RFC 8508).

        The quota is checked as if the old one were gone. Raises NoSuchMessage (nothing is appended then), and what
        `append` raises.
        """

    async def set_flags(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        action: FlagAction,
        flags: frozenset[str],
        *,
        unchanged_since: int | None = None,
        origin: object = None,
    ) -> Flagged: ...

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None, *, origin: object = None) -> tuple[int, ...]:
        """Remove the messages that have \\Deleted (all of them, or those among `uids`); the removed uids."""

    async def remove(self, mailbox_id: int, uids: Sequence[int], *, origin: object = None) -> tuple[int, ...]:
        """Remove messages whatever their flags (POP3 QUIT); the removed uids."""

    async def copy(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        target: str,
        *,
        origin: object = None,
        quota_octets: int | None = None,
        quota_messages: int | None = None,
    ) -> Copied:
        """Raises NoSuchMailbox (target), OverQuota. All or none (RFC 3501 §6.4.7)."""

    async def move(self, mailbox_id: int, uids: Sequence[int], target: str, *, origin: object = None) -> Copied:
        """RFC 6851: in one transaction."""

    # annotations (RFC 5464)
    async def annotations(self, mailbox_id: int | None, reader: int) -> dict[str, bytes]:
        """Of a mailbox (None: of the account): what is /shared, and what is `reader`'s own. Names in lower case."""

    async def annotations_of(
        self, mailbox_ids: Sequence[int], reader: int, entries: Sequence[str]
    ) -> dict[int, dict[str, bytes]]:
        """Some entries of many mailboxes in one go; without those that have none. All the values are in memory at
        once: ask for a few hundred mailboxes at most."""

    async def set_annotations(
        self, mailbox_id: int | None, owner: int, values: Mapping[str, bytes | None], *, origin: object = None
    ) -> None:
        """All or none; None removes. /shared entries are nobody's, others `owner`'s. Raises TooManyAnnotations."""

    async def annotation_octets(self) -> int:
        """The octets of all values, mailboxes that were deleted excepted."""

    # reading
    async def view(self, mailbox_id: int) -> View:
        """The shared view; call `release` once for each call of this."""

    def release(self, view: View) -> None: ...

    async def expunged_since(self, mailbox_id: int, modseq: int) -> tuple[int, ...] | None:
        """Uids, in order, whose expunge has a greater modseq, up to what the change feed has told (RFC 7162 §3.2.5.1).

        None: the history no longer reaches back so far. Have the view and subscribe first: none of the uids is in it
        at the time of the call, and what goes later the feed tells.
        """

    async def save_dates(self, mailbox_id: int, uids: Sequence[int] | None = None) -> dict[int, int]:
        """When each message came into this mailbox (RFC 8514), in seconds; without those it isn't known of."""

    async def deleted_octets(self, mailbox_id: int) -> int:
        """Octets of the messages that have \\Deleted (RFC 9208 DELETED-STORAGE)."""

    async def claim_recent(self, mailbox_id: int) -> tuple[int, int]:
        """Take the \\Recent marks: the uids from `first` up to (not with) `last` were not yet shown to any session."""

    async def read(self, content_ids: Sequence[int], want: Want, budget: int = 4 << 20) -> list[Stored]:
        """Facts for a prefix of `content_ids`: at least one, then as many as fit in `budget` octets."""

    async def read_range(self, content_id: int, start: int, end: int) -> bytes:
        """Octets of prefix + content; short at the end."""

    async def search_text(self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None) -> set[int]:
        """Uids whose text has the needle; only among `uids` when given."""

    async def search_fuzzy(
        self, mailbox_id: int, query: TextQuery, uids: Sequence[int] | None = None
    ) -> dict[int, int]:
        """Uids whose text has all the needle's words, give or take (message/fuzzy.py), each with its score from 1 to
        100; only among `uids` when given. Of a long text the beginning is looked at."""

    async def search_sent(self, mailbox_id: int, first_day: int, last_day: int) -> set[int]:
        """Uids whose Date field's day (date.toordinal) lies in first..last inclusive."""

    async def sort_facts(
        self, mailbox_id: int, facts: Sequence[SortFact], uids: Sequence[int] | None = None
    ) -> list[tuple[Any, ...]]:
        """A row (uid, fact, fact …) for each message, in uid order; only those among `uids` when given."""

    async def search_thread(self, mailbox_id: int, thread_id: int) -> set[int]:
        """Uids of the messages of one thread (RFC 8474 §5.2)."""

    async def line_end_octets(self) -> dict[int, int]:
        """By content id, what a content grows by when its lines are made to end with CRLF; only where that is not 0."""

    async def usage(self) -> Usage: ...

    # change feed
    def subscribe_changes(self, subscriber: Subscriber) -> None: ...

    def unsubscribe_changes(self, subscriber: Subscriber) -> None: ...

    def close(self) -> None:
        """Give the handle back; the files are closed some time after the last one."""


class MailStore(Protocol):
    """All accounts' mail."""

    def draft(self) -> Draft:
        """A new, empty draft; the caller closes it."""

    async def create_account(self, account_id: int) -> None:
        """Make the account's folder with INBOX and the usual special-use mailboxes. Idempotent."""

    async def delete_account(self, account_id: int) -> None: ...

    async def open(self, account_id: int) -> Account:
        """Raises NoSuchAccount. An account made by create_account in another process opens as well."""

    async def sharers(self, identifiers: Sequence[str]) -> list[int]:
        """Accounts that may have mailboxes with one of these in their access control lists, in order.

        Some may have none (any more), or be gone themselves; none is missing. Cheap enough to ask for each LIST.
        """

    async def close(self) -> None:
        """Finish what is under way and close all files."""
