"""What SORT and THREAD ask of a message, beside the wide tables, and which thread it is of.

Owns: the tables sort_keys and thread_ids: writing them with a message, filling them for mail that is older than they
are, reading them. Never: sorts. Raises: apsw.Error.

A message belongs to the thread of the first of its references that any message of the account has named before, or of
its own id if none; else it begins a thread, whose number is its content id. So whichever of two messages comes first,
the other one finds it.
"""

from array import array
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import apsw

from postroom.message import SortKeys, sort_keys
from postroom.store.api import SortFact

from .query import fetch
from .selecting import among

_INSERT_KEYS = "INSERT INTO sort_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CLAIM_ID = "INSERT INTO thread_ids VALUES (?, ?) ON CONFLICT DO NOTHING"
_FIND_ID = "SELECT thread_id FROM thread_ids WHERE hash = ?"
_FIND_IDS = "SELECT hash, thread_id FROM thread_ids WHERE hash IN (SELECT value FROM carray(?))"
_OLDER = "SELECT id, header FROM contents WHERE id > ? ORDER BY id LIMIT ?"
_FILLED_AT_ONCE = 100  # contents whose headers are held while sort keys are made of them


def id_hash(message_id: str) -> int:
    """A message id as SQLite's 64-bit integer; the same in every process and for ever."""
    digest = blake2b(message_id.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _join_thread(db: apsw.Connection, content_id: int, ids: Sequence[str]) -> int:
    """The thread of a new message that names these ids; all of them lead there from now on."""
    if not ids:
        return content_id
    hashes = list(dict.fromkeys(map(id_hash, ids)))
    if len(hashes) == 1:  # most mail: one statement
        db.execute(_CLAIM_ID, (hashes[0], content_id))
        return content_id if db.changes() else int(fetch(db, _FIND_ID, (hashes[0],))[0][0])
    known: dict[int, int] = dict(fetch(db, _FIND_IDS, (apsw.carray(array("q", hashes)),)))
    thread_id = next((known[one] for one in hashes if one in known), content_id)
    if missing := [(one, thread_id) for one in hashes if one not in known]:
        db.executemany(_CLAIM_ID, missing)
    return thread_id


def insert_keys(db: apsw.Connection, content_id: int, keys: SortKeys, clean: Callable[[str], str]) -> None:
    """The rows of a new content; `clean` makes text that UTF-8 can hold."""
    thread_id = _join_thread(db, content_id, keys.related_ids)
    refs = " ".join(keys.references)
    texts = (keys.subject, keys.from_, keys.to, keys.cc, keys.display_from, keys.display_to, keys.message_id, refs)
    db.execute(_INSERT_KEYS, (content_id, thread_id, keys.sent_at, keys.is_reply, *map(clean, texts)))


def fill(db: apsw.Connection) -> None:
    """Migration to version 2: keys and threads of everything that is stored, in the order it came."""
    last = 0
    while found := fetch(db, _OLDER, (last, _FILLED_AT_ONCE)):
        for content_id, header in found:
            insert_keys(db, content_id, sort_keys(header), without_surrogates)
        last = found[-1][0]


def forget(db: apsw.Connection, contents: Sequence[int]) -> None:
    """Contents go: their keys, and the ids of threads that lose their last message with them."""
    listed = apsw.carray(array("q", contents))
    gone = fetch(
        db,
        "SELECT thread_id, message_id, refs FROM sort_keys WHERE content_id IN (SELECT value FROM carray(?))",
        (listed,),
    )
    listed = apsw.carray(array("q", contents))
    db.execute("DELETE FROM sort_keys WHERE content_id IN (SELECT value FROM carray(?))", (listed,))
    threads = array("q", {thread_id for thread_id, _, _ in gone})
    left = {
        thread_id
        for (thread_id,) in fetch(
            db,
            "SELECT DISTINCT thread_id FROM sort_keys WHERE thread_id IN (SELECT value FROM carray(?))",
            (apsw.carray(threads),),
        )
    }
    named = [
        (id_hash(one), thread_id)
        for thread_id, message_id, refs in gone
        if thread_id not in left
        for one in (message_id, *refs.split(" "))
        if one
    ]
    db.executemany("DELETE FROM thread_ids WHERE hash = ? AND thread_id = ?", named)


def without_surrogates(text: str) -> str:
    """Lone surrogates have no place in UTF-8."""
    return text.encode("utf-8", "replace").decode()


def sort_facts(
    db: apsw.Connection, mailbox_id: int, facts: Sequence[SortFact], uids: Sequence[int] | None
) -> list[tuple[Any, ...]]:
    """Rows (uid, fact …) in uid order."""
    where, args = among(db, mailbox_id, uids)
    columns = ", ".join(["uid", *(fact.value for fact in facts)])
    source = "messages JOIN sort_keys USING (content_id)" if facts else "messages"
    return fetch(db, f"SELECT {columns} FROM {source} WHERE {where} ORDER BY uid", args)


def search_thread(db: apsw.Connection, mailbox_id: int, thread_id: int) -> set[int]:
    """Uids of a thread's messages."""
    sql = """
    SELECT uid FROM messages
    WHERE mailbox_id = ? AND content_id IN (SELECT content_id FROM sort_keys WHERE thread_id = ?)
    """
    return {uid for (uid,) in fetch(db, sql, (mailbox_id, thread_id))}
