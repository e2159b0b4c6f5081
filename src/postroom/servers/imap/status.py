"""STATUS (RFC 3501 §6.3.10, RFC 9051 §6.3.11), and its items in LIST (RFC 5819).

Owns: the command, what each item is answered. Never: opens a mailbox. Raises: Refused, StoreError.
"""

from collections.abc import Sequence
from operator import attrgetter

from postroom.imap import encode
from postroom.imap.types import Status, StatusItem
from postroom.store.api import Account, Mailbox

from .object_ids import mailbox_id
from .refusal import bad
from .session import Session

_COUNTERS = {
    StatusItem.MESSAGES: attrgetter("messages"),
    StatusItem.RECENT: attrgetter("recent"),
    StatusItem.UIDNEXT: attrgetter("uid_next"),
    StatusItem.UIDVALIDITY: attrgetter("uid_validity"),
    StatusItem.UNSEEN: attrgetter("unseen"),
    StatusItem.DELETED: attrgetter("deleted"),
    StatusItem.SIZE: attrgetter("octets"),  # RFC 8438 §3: also what the quota counts
    StatusItem.HIGHESTMODSEQ: attrgetter("highest_modseq"),
}


def append_limit(session: Session) -> int:
    """RFC 7889 §2: the same for all mailboxes."""
    return min(session.settings.max_append_octets, session.service.engine_settings.max_append_octets)


class StatusLines:
    """The STATUS responses of one command. Raises Refused for items this session has not."""

    def __init__(self, session: Session, items: Sequence[StatusItem]) -> None:
        if StatusItem.RECENT in items and b"IMAP4REV2" in session.enabled:
            raise bad(b"Unknown STATUS item")  # RFC 9051 Appendix E, 12
        if StatusItem.HIGHESTMODSEQ in items:
            session.enable_condstore()  # RFC 7162 §3.1
        self._items = items
        self._limit = append_limit(session)

    async def line(self, account: Account, mailbox: Mailbox, name: bytes) -> bytes:
        """Waits for the store only where the mailbox's counters do not tell."""
        found: list[bytes] = []
        for item in self._items:
            if (counter := _COUNTERS.get(item)) is not None:
                found.append(b"%b %d" % (item.value, counter(mailbox)))
            elif item is StatusItem.DELETED_STORAGE:  # RFC 9208 §4.1.4
                octets = await account.deleted_octets(mailbox.mailbox_id) if mailbox.deleted else 0
                found.append(b"DELETED-STORAGE %d" % octets)
            elif item is StatusItem.APPENDLIMIT:
                found.append(b"APPENDLIMIT %d" % self._limit)
            else:
                found.append(b"MAILBOXID (%b)" % mailbox_id(account.account_id, mailbox.mailbox_id))  # RFC 8474 §4.3
        return encode.status_line(name, found)


async def status(session: Session, command: Status) -> bytes:
    lines = StatusLines(session, command.items)
    place = await session.place(command.mailbox)
    mailbox = await place.mailbox(b"STATUS")
    session.send(await lines.line(place.account, mailbox, session.mailbox_name(command.mailbox)))
    return b"OK STATUS completed"
