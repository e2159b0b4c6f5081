"""The account's books on disk: read when it is opened, written at the end of each transaction.

Owns: the SQL of the tables account, mailboxes, keywords and subscriptions as a whole. Never: writes in a transaction of
its own.
Raises: apsw.Error, StoreFailure when the tables contradict each other.
"""

from collections.abc import Iterable

import apsw

from postroom.store.api import FIRST_KEYWORD_BIT, StoreFailure
from postroom.store.books import Books, Box
from postroom.store.names import USUAL_MAILBOXES

from .query import fetch

_LOAD_BOXES = """
SELECT id, name, uid_validity, uid_next, highest_modseq, recent_uid, messages, unseen, deleted, octets, special_use
FROM mailboxes WHERE deleted_at IS NULL
"""
_LOAD_ACL = "SELECT mailbox_id, identifier, rights FROM acl ORDER BY mailbox_id, identifier"
_COUNT_RUNS = "SELECT mailbox_id, count(*) FROM flag_runs GROUP BY mailbox_id"
_COUNT_RECENT = "SELECT count(*) FROM messages WHERE mailbox_id = ? AND uid >= ?"
_LAST_UID = "SELECT max(uid) FROM {} WHERE mailbox_id = ?"
_SAVE_BOX = """
UPDATE mailboxes SET uid_next = ?, highest_modseq = ?, recent_uid = ?, messages = ?, unseen = ?, deleted = ?,
octets = ? WHERE id = ?
"""
_SAVE_ACCOUNT = """
UPDATE account SET modseq = ?, uid_validity = ?, mailbox_next = ?, content_next = ?, octets = ?, messages = ?
WHERE modseq = ?
"""
_LOAD_ACCOUNT = "SELECT modseq, uid_validity, mailbox_next, content_next, octets, messages FROM account"
_LOAD_BOX = _LOAD_BOXES + "AND id = ?"
_LOAD_KEYWORDS = "SELECT name FROM keywords WHERE mailbox_id = ? ORDER BY bit"
_LOAD_RUNS = "SELECT count(*) FROM flag_runs WHERE mailbox_id = ?"
_LOAD_RIGHTS = "SELECT identifier, rights FROM acl WHERE mailbox_id = ? ORDER BY identifier"
_ADD_BOX = """
INSERT INTO mailboxes(id, name, uid_validity, uid_next, highest_modseq, recent_uid, messages, unseen, deleted, octets,
special_use) VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?)
"""


def load_at_once(db: apsw.Connection) -> tuple[Books, dict[int, tuple[int, int]]]:
    """As `load`, of one moment, whatever other processes write meanwhile."""
    db.execute("BEGIN")
    try:
        return load(db)
    finally:
        db.execute("ROLLBACK")


def load(db: apsw.Connection) -> tuple[Books, dict[int, tuple[int, int]]]:
    """The books, and for each mailbox the first uid nobody was told of with the number of such messages."""
    books = Books()
    _load_account(db, books)
    keywords: dict[int, list[str]] = {}
    for mailbox_id, bit, name in db.execute("SELECT mailbox_id, bit, name FROM keywords ORDER BY mailbox_id, bit"):
        words = keywords.setdefault(mailbox_id, [])
        if bit != FIRST_KEYWORD_BIT + len(words):
            raise StoreFailure(f"{db.filename}: keyword bits of mailbox {mailbox_id} have a gap")
        words.append(name)
    recent: dict[int, tuple[int, int]] = {}
    for values in fetch(db, _LOAD_BOXES):
        box = Box(*values)
        box.keywords = tuple(keywords.get(box.mailbox_id, ()))
        books.boxes[box.mailbox_id] = box
        books.names[box.name] = box.mailbox_id
        _check(db, box, books)
        (count,) = fetch(db, _COUNT_RECENT, (box.mailbox_id, box.recent_uid))[0]
        recent[box.mailbox_id] = (box.recent_uid, count)
    for mailbox_id, identifier, rights in fetch(db, _LOAD_ACL):
        if (shared := books.boxes.get(mailbox_id)) is not None:
            shared.acl += ((identifier, rights),)
    for mailbox_id, count in fetch(db, _COUNT_RUNS):
        if (changed := books.boxes.get(mailbox_id)) is not None:
            changed.runs = count
    books.subscriptions = _load_subscriptions(db)
    return books, recent


def _load_account(db: apsw.Connection, books: Books) -> None:
    row = db.execute(_LOAD_ACCOUNT).fetchone()
    if row is None:
        raise StoreFailure(f"{db.filename} has no account row")
    (
        books.modseq,
        books.uid_validity,
        books.mailbox_next,
        books.content_next,
        books.octets,
        books.messages,
    ) = row


def follow(db: apsw.Connection, known: Books, mailbox_ids: Iterable[int], *, subscriptions: bool) -> Books:
    """The books as they are now, when nothing but these mailboxes, and perhaps the subscriptions, has changed."""
    books = known.copy()
    _load_account(db, books)
    renamed = False
    for mailbox_id in mailbox_ids:
        before = books.boxes.get(mailbox_id)
        found = fetch(db, _LOAD_BOX, (mailbox_id,))
        if not found:
            books.boxes.pop(mailbox_id, None)
            renamed = True
            continue
        box = Box(*found[0])
        box.keywords = tuple([name for (name,) in fetch(db, _LOAD_KEYWORDS, (mailbox_id,))])
        box.acl = tuple(fetch(db, _LOAD_RIGHTS, (mailbox_id,)))
        (box.runs,) = fetch(db, _LOAD_RUNS, (mailbox_id,))[0]
        books.boxes[mailbox_id] = box
        renamed |= before is None or before.name != box.name
    if renamed:
        books.names = {box.name: box.mailbox_id for box in books.boxes.values()}
    if subscriptions:
        books.subscriptions = _load_subscriptions(db)
    return books


def _load_subscriptions(db: apsw.Connection) -> frozenset[str]:
    return frozenset(name for (name,) in db.execute("SELECT name FROM subscriptions"))


def _check(db: apsw.Connection, box: Box, books: Books) -> None:
    """Quick look-ups that would catch a restored or patched file before it gives one uid to two messages."""
    for table in ("messages", "expunged"):
        last = fetch(db, _LAST_UID.format(table), (box.mailbox_id,))[0][0]
        if last is not None and last >= box.uid_next:
            raise StoreFailure(f"{db.filename}: mailbox {box.mailbox_id} has uid {last}, uid_next {box.uid_next}")
    if box.highest_modseq > books.modseq or box.mailbox_id >= books.mailbox_next:
        raise StoreFailure(f"{db.filename}: mailbox {box.mailbox_id} is ahead of its account")


def save(db: apsw.Connection, books: Books, touched: Iterable[int], modseq: int) -> None:
    """Write the counters of the account and of the mailboxes that were touched and still exist.

    Raises StoreFailure where the account's modseq was not the one that the change was made upon: somebody who does not
    keep to the lock has written meanwhile.
    """
    for mailbox_id in touched:
        box = books.boxes.get(mailbox_id)
        if box is not None:
            save_box(db, box)
    numbers = (books.modseq, books.uid_validity, books.mailbox_next, books.content_next, books.octets, books.messages)
    db.execute(_SAVE_ACCOUNT, (*numbers, modseq))
    if db.changes() != 1:
        raise StoreFailure(f"{db.filename} has moved on")


def save_box(db: apsw.Connection, box: Box) -> None:
    """Write the counters of one mailbox."""
    counters = (box.uid_next, box.highest_modseq, box.recent_uid, box.messages, box.unseen, box.deleted, box.octets)
    db.execute(_SAVE_BOX, (*counters, box.mailbox_id))


def insert_box(db: apsw.Connection, box: Box) -> None:
    """The row of a new mailbox, and what it inherits; its counters follow with `save`."""
    db.executemany("INSERT INTO acl VALUES (?, ?, ?)", [(box.mailbox_id, *entry) for entry in box.acl])
    db.execute(
        _ADD_BOX,
        (
            box.mailbox_id,
            box.name,
            box.uid_validity,
            box.uid_next,
            box.highest_modseq,
            box.recent_uid,
            box.special_use,
        ),
    )


def found_account(db: apsw.Connection, uid_validity: int) -> None:
    """The rows of a new account: INBOX and the usual mailboxes, subscribed."""
    with db:
        count = len(USUAL_MAILBOXES)
        db.execute(
            "INSERT INTO account VALUES (1, 1, ?, ?, 1, 0, 0)",
            (uid_validity + count - 1, count + 1),
        )
        for at, (name, special_use) in enumerate(USUAL_MAILBOXES):
            insert_box(db, Box(at + 1, name, uid_validity + at, special_use=special_use))
            db.execute("INSERT INTO subscriptions VALUES (?)", (name,))
