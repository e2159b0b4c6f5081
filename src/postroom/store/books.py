"""An account's mailboxes and counters as plain values: what changes when something is added, flagged or removed.

Owns: Box (one mailbox) and Books (all of an account), copied before a change so that a failed change leaves no trace
and a snapshot can be handed to another thread. Never: does I/O. Raises: the refusals of store.api.
"""

from collections.abc import Iterable
from dataclasses import replace
from unicodedata import normalize

from .api import (
    DELETED,
    SEEN,
    AppendOptions,
    BadMailboxName,
    Mailbox,
    MailboxExists,
    NoSuchMailbox,
    OverQuota,
    TooManyMailboxes,
)
from .names import INBOX, SEPARATOR, canonical, renames
from .settings import StoreSettings


def with_room(options: AppendOptions, octets: int) -> AppendOptions:
    """The quota while a message of so many octets, about to be replaced, still counts (RFC 8508 §3.4)."""
    return replace(
        options,
        quota_octets=None if options.quota_octets is None else options.quota_octets + octets,
        quota_messages=None if options.quota_messages is None else options.quota_messages + 1,
    )


class Box:
    """One mailbox. Never changed once its Books have been published."""

    __slots__ = (
        "acl",
        "deleted",
        "highest_modseq",
        "keywords",
        "mailbox_id",
        "messages",
        "name",
        "octets",
        "recent_uid",
        "runs",
        "special_use",
        "uid_next",
        "uid_validity",
        "unseen",
    )

    def __init__(
        self,
        mailbox_id: int,
        name: str,
        uid_validity: int,
        uid_next: int = 1,
        highest_modseq: int = 1,
        recent_uid: int = 1,
        messages: int = 0,
        unseen: int = 0,
        deleted: int = 0,
        octets: int = 0,
        special_use: str | None = None,
        keywords: tuple[str, ...] = (),
        acl: tuple[tuple[str, str], ...] = (),
        runs: int = 0,
    ) -> None:
        self.mailbox_id = mailbox_id
        self.name = name
        self.uid_validity = uid_validity
        self.uid_next = uid_next
        self.highest_modseq = highest_modseq
        self.recent_uid = recent_uid
        self.messages = messages
        self.unseen = unseen
        self.deleted = deleted
        self.octets = octets
        self.special_use = special_use
        self.keywords = keywords
        self.acl = acl
        self.runs = runs  # changes of many messages' flags that a store keeps beside the messages

    def copy(self) -> "Box":
        return Box(
            self.mailbox_id,
            self.name,
            self.uid_validity,
            self.uid_next,
            self.highest_modseq,
            self.recent_uid,
            self.messages,
            self.unseen,
            self.deleted,
            self.octets,
            self.special_use,
            self.keywords,
            self.acl,
            self.runs,
        )

    def as_mailbox(self, recent: int, subscribed: bool) -> Mailbox:
        return Mailbox(
            self.mailbox_id,
            self.name,
            self.uid_validity,
            self.uid_next,
            self.highest_modseq,
            self.messages,
            self.unseen,
            self.deleted,
            recent,
            self.octets,
            self.special_use,
            subscribed,
            self.acl,
        )

    def count(self, mask: int, size: int, by: int = 1) -> None:
        """Count `by` messages with these flags, of `size` octets together, in (or, negative, out)."""
        self.messages += by
        self.octets += size
        if not mask & SEEN:
            self.unseen += by
        if mask & DELETED:
            self.deleted += by


class Books:
    """All that is known of an account without looking at its messages."""

    __slots__ = (
        "boxes",
        "content_next",
        "mailbox_next",
        "messages",
        "modseq",
        "names",
        "octets",
        "subscriptions",
        "uid_validity",
    )

    def __init__(self) -> None:
        self.modseq = 1
        self.uid_validity = 0  # the last one given out
        self.mailbox_next = 1
        self.content_next = 1
        self.octets = 0
        self.messages = 0
        self.boxes: dict[int, Box] = {}
        self.names: dict[str, int] = {}
        self.subscriptions: frozenset[str] = frozenset()

    def copy(self) -> "Books":
        """A snapshot to change: cheap, because boxes are shared until touched."""
        new = Books.__new__(Books)
        new.modseq = self.modseq
        new.uid_validity = self.uid_validity
        new.mailbox_next = self.mailbox_next
        new.content_next = self.content_next
        new.octets = self.octets
        new.messages = self.messages
        new.boxes = self.boxes.copy()
        new.names = self.names  # replaced, never changed in place
        new.subscriptions = self.subscriptions
        return new

    def spelt(self, name: str) -> str:
        """A name as the mailbox has it: RFC 9051 §5.1 wants one opened by the denormalized name it was made by."""
        name = canonical(name)
        if name.isascii() or name in self.names or (normal := normalize("NFC", name)) not in self.names:
            return name
        return normal

    def named(self, name: str) -> Box:
        mailbox_id = self.names.get(self.spelt(name))
        if mailbox_id is None:
            raise NoSuchMailbox(repr(name))
        return self.boxes[mailbox_id]

    def numbered(self, mailbox_id: int) -> Box:
        try:
            return self.boxes[mailbox_id]
        except KeyError:
            raise NoSuchMailbox(f"mailbox {mailbox_id}") from None

    def touch(self, mailbox_id: int) -> Box:
        """The mailbox, for changing."""
        box = self.boxes[mailbox_id] = self.numbered(mailbox_id).copy()
        return box

    def next_modseq(self) -> int:
        self.modseq += 1
        return self.modseq

    def add(self, name: str, now: int, special_use: str | None, settings: StoreSettings) -> Box:
        """A new, empty mailbox. `name` has been checked."""
        if name in self.names:
            raise MailboxExists(repr(name))
        if len(self.boxes) >= settings.max_mailboxes:
            raise TooManyMailboxes(f"{len(self.boxes)} mailboxes are enough")
        # RFC 3501 §2.3.1.1: a mailbox made anew under an old name must have a greater UIDVALIDITY
        self.uid_validity = max(now, self.uid_validity + 1)
        box = Box(self.mailbox_next, name, self.uid_validity, highest_modseq=self.modseq, special_use=special_use)
        box.acl = self._inherited(name)
        self.mailbox_next += 1
        self.boxes[box.mailbox_id] = box
        self.names = {**self.names, name: box.mailbox_id}
        return box

    def _inherited(self, name: str) -> tuple[tuple[str, str], ...]:
        """A new mailbox has its parent's list (RFC 4314 §4), or that of the nearest ancestor there is."""
        while name := name.rpartition(SEPARATOR)[0]:
            if (parent := self.names.get(name)) is not None:
                return self.boxes[parent].acl
        return ()

    def use(self, mailbox_id: int, special_use: str | None) -> list[Box]:
        """Give a mailbox a special use, and take that from the one that had it; what changed, touched, it first."""
        box = self.touch(mailbox_id)
        if box.special_use == special_use:
            return []
        others = [other for other in self.boxes.values() if special_use and other.special_use == special_use]
        box.special_use = special_use
        changed = [box, *(self.touch(other.mailbox_id) for other in others)]
        for other in changed[1:]:
            other.special_use = None
        return changed

    def drop(self, name: str) -> Box:
        """Take a mailbox out, with what it holds."""
        box = self.named(name)
        if box.name == INBOX:
            raise BadMailboxName("INBOX can't be deleted", text="INBOX can't be deleted")  # RFC 3501 §6.3.4
        del self.boxes[box.mailbox_id]
        self.names = {key: value for key, value in self.names.items() if key != box.name}
        self.octets -= box.octets
        self.messages -= box.messages
        return box

    def rename(self, old: str, new: str) -> list[Box]:
        """Rename a mailbox (not INBOX) and its children; the renamed ones, touched. `new` has been checked."""
        moved = renames(old, new, self.names)
        if not moved:
            raise NoSuchMailbox(repr(old))
        kept = {name: at for name, at in self.names.items() if name not in moved}
        if new in self.names or any(target in kept for target in moved.values()):
            raise MailboxExists(repr(new))
        result = []
        for name, target in moved.items():
            box = self.touch(self.names[name])
            box.name = target
            kept[target] = box.mailbox_id
            result.append(box)
        self.names = kept
        # The subscription follows the mailbox; names that are gone stay subscribed (RFC 3501 §6.3.9).
        followed = {moved.get(name, name) for name in self.subscriptions}
        self.subscriptions = frozenset(followed)
        return result

    def check_room(self, octets: int, messages: int, quota_octets: int | None, quota_messages: int | None) -> None:
        """Raises OverQuota when the account would hold more than allowed."""
        if quota_octets is not None and self.octets + octets > quota_octets:
            raise OverQuota(f"{self.octets} + {octets} octets are more than {quota_octets}")
        if quota_messages is not None and self.messages + messages > quota_messages:
            raise OverQuota(f"{self.messages} + {messages} messages are more than {quota_messages}")

    def count(self, box: Box, groups: Iterable[tuple[int, int, int]]) -> None:
        """Count messages into a touched box (or out): (mask, octets of all, how many) a group."""
        for mask, octets, by in groups:
            box.count(mask, octets, by)
            self.octets += octets
            self.messages += by
