"""The end of what was kept for undo.

Owns: removing expunged messages, deleted mailboxes and delivery ids whose time has passed, with contents that nothing
names any more. Never: removes anything a mailbox shows. Raises: nothing of its own.
"""

from array import array
from collections.abc import Sequence
from itertools import takewhile

import apsw

from postroom.store.api import IMPORT_IDS
from postroom.store.states import DiskState, Probe

from .files import AccountFiles
from .index_writing import forget_texts
from .query import fetch
from .sorting import forget
from .writer import Scope, Write

_DAY = 86_400


class Purge(Write):
    """One bounded step. The result: True when there is more to do."""

    __slots__ = ("_blobs",)

    def __init__(self) -> None:
        self._blobs: list[str] = []

    def apply(self, scope: Scope) -> bool:
        settings, db = scope.settings, scope.db
        limit = settings.purge_step_messages
        expired = scope.now - settings.undo_days * _DAY
        done, contents = _expire_tombstones(db, expired, scope.now, limit)
        if len(done) < limit:
            more_done, more_contents = _expire_mailboxes(db, expired, limit - len(done))
            done += more_done
            contents += more_contents
        self._blobs = _release(db, contents)
        forgotten = _forget_deliveries(db, scope.now - settings.delivery_memory_days * _DAY, limit)
        scope.changed = bool(done or forgotten)
        return len(done) >= limit or forgotten >= limit

    def settle(self, files: AccountFiles, committed: bool, probe: Probe) -> None:
        if not committed:
            return
        probe(DiskState.PURGE_COMMITTED)
        for name in self._blobs:
            files.disk.remove(files.blob(name))
        probe(DiskState.PURGED)


def _listed(numbers: Sequence[int]) -> "tuple[apsw.CArrayBinding]":
    return (apsw.carray(array("q", numbers)),)


def _expire_tombstones(db: apsw.Connection, before: int, now: int, limit: int) -> tuple[list[int], list[int]]:
    """Tombstones removed (one entry each) and the contents they named."""
    # In the order of their modseq, which is that of time. Where the clock was put back, one may wait for one before it,
    # but not for one from the future.
    oldest = fetch(
        db,
        "SELECT mailbox_id, uid, content_id, modseq, expunged_at FROM expunged INDEXED BY expunged_by_modseq "
        "WHERE expunged_at <= ? ORDER BY modseq LIMIT ?",
        (now, limit),
    )
    found = [row[:4] for row in takewhile(lambda row: row[4] <= before, oldest)]
    # What is forgotten is remembered: who knows an older state can't be told what has gone since (RFC 7162 §3.2.5.1).
    latest: dict[int, int] = {mailbox_id: modseq for mailbox_id, _, _, modseq in found}
    db.executemany(
        "UPDATE mailboxes SET purged_modseq = max(purged_modseq, ?) WHERE id = ?",
        [(modseq, mailbox_id) for mailbox_id, modseq in latest.items()],
    )
    db.executemany("DELETE FROM expunged WHERE mailbox_id = ? AND uid = ?", [row[:2] for row in found])
    return [row[1] for row in found], [content for _, _, content, _ in found if content is not None]


def _expire_mailboxes(db: apsw.Connection, before: int, limit: int) -> tuple[list[int], list[int]]:
    """Messages of deleted mailboxes; the mailbox itself when it has none left."""
    done: list[int] = []
    contents: list[int] = []
    for (mailbox_id,) in fetch(db, "SELECT id FROM mailboxes WHERE deleted_at <= ?", (before,)):
        room = limit - len(done)
        if room <= 0:
            break
        found = fetch(
            db, "SELECT uid, content_id FROM messages WHERE mailbox_id = ? ORDER BY uid LIMIT ?", (mailbox_id, room)
        )
        if found:
            db.execute("DELETE FROM messages WHERE mailbox_id = ? AND uid <= ?", (mailbox_id, found[-1][0]))
            done += [uid for uid, _ in found]
            contents += [content for _, content in found]
        if len(found) < room:
            done += [0] * _forget_imports(db, mailbox_id, room - len(found))
        if len(done) < limit:
            left = fetch(db, "SELECT 1 FROM expunged WHERE mailbox_id = ? LIMIT 1", (mailbox_id,))
            if not left:
                for table in ("keywords", "annotations", "acl", "flag_runs"):
                    db.execute(f"DELETE FROM {table} WHERE mailbox_id = ?", (mailbox_id,))
                db.execute("DELETE FROM mailboxes WHERE id = ?", (mailbox_id,))
                done.append(0)
    return done, contents


def _release(db: apsw.Connection, contents: Sequence[int]) -> list[str]:
    """Give up one reference to each content; those without any left go. The files to remove."""
    if not contents:
        return []
    before: dict[int, int] = dict(
        fetch(
            db,
            "SELECT content_id, copies FROM shared_contents WHERE content_id IN (SELECT value FROM carray(?))",
            _listed(contents),
        )
    )
    after = dict(before)
    dead = array("q")
    for content in contents:
        if after.get(content, 0) > 0:
            after[content] -= 1
        else:
            dead.append(content)
    for content, copies in after.items():
        if copies <= 0:
            db.execute("DELETE FROM shared_contents WHERE content_id = ?", (content,))
        elif copies != before[content]:
            db.execute("UPDATE shared_contents SET copies = ? WHERE content_id = ?", (copies, content))
    if not dead:
        return []
    blobs = fetch(
        db, "SELECT blob FROM contents WHERE id IN (SELECT value FROM carray(?)) AND blob IS NOT NULL", _listed(dead)
    )
    forget(db, dead)
    forget_texts(db, dead)
    for table, column in (("bodies", "content_id"), ("search_text", "content_id"), ("contents", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM carray(?))", _listed(dead))
    return [name for (name,) in blobs]


def _forget_imports(db: apsw.Connection, mailbox_id: int, limit: int) -> int:
    """What was imported into a mailbox that goes; how much of it was forgotten, at most `limit`."""
    first = f"{IMPORT_IDS}{mailbox_id}:"
    db.execute(
        "DELETE FROM deliveries WHERE delivery_id IN "
        "(SELECT delivery_id FROM deliveries WHERE delivery_id >= ? AND delivery_id < ? LIMIT ?)",
        (first, _after(first), limit),
    )
    return db.changes()


def _forget_deliveries(db: apsw.Connection, before: int, limit: int) -> int:
    """Those of imports are passed over by their key: there may be a million of them."""
    forgotten = 0
    for part, bound in (("delivery_id < ?", IMPORT_IDS), ("delivery_id >= ?", _after(IMPORT_IDS))):
        db.execute(
            "DELETE FROM deliveries WHERE delivery_id IN "
            f"(SELECT delivery_id FROM deliveries WHERE {part} AND delivered_at <= ? LIMIT ?)",
            (bound, before, limit - forgotten),
        )
        forgotten += db.changes()
    return forgotten


def _after(prefix: str) -> str:
    """The first text that comes after all that begin with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
