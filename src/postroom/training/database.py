"""What one account has taught: a small database file.

Owns: the file, its schema, what learning and forgetting do to the counts. Never: reads mail, keeps a word (only a keyed
hash of it, so that the file is no copy of what people write). Raises: TrainingFailure.

Each message that was learnt is remembered with the hashes of its words, so it is taken back exactly, whatever becomes
of the message, and is never counted twice: all that belongs together is one transaction, in this process or another.
The counts are the sum of the messages in mind and nothing else; the oldest are forgotten beyond a limit, which is what
bounds the file. A transaction that a power cut takes back is found again by the next look at the account's mail.
"""

import hashlib
import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from postroom.base import MailError
from postroom.junk import Seen

HAM, SPAM = 0, 1
APPLICATION_ID = 0x506F5242  # "PoRB"
_BUSY_MILLISECONDS = 10_000
_CACHE_KIBIBYTES = 1024  # of pages that are written
_MAPPED_OCTETS = 64 << 20  # of the file, which are read where the system has them: half the time of a look-up
_KEY_OCTETS = 32
_SCHEMA = """
CREATE TABLE own (                    -- one row
    key BLOB NOT NULL,                -- of the hashes
    spam INTEGER NOT NULL,            -- messages in mind
    ham INTEGER NOT NULL,
    junk_uid INTEGER NOT NULL,        -- up to here the mailbox of junk was looked at,
    junk_mailbox INTEGER NOT NULL,    -- this one
    modseq INTEGER NOT NULL,          -- the account's when it was last looked at
    kept_until INTEGER NOT NULL       -- mail that was kept and came before then was looked at, seconds since 1970
) STRICT;
CREATE TABLE word (
    hash INTEGER PRIMARY KEY,
    spam INTEGER NOT NULL,            -- messages in mind that have it
    ham INTEGER NOT NULL
) STRICT;
CREATE TABLE message (                -- that is in mind
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order of learning
    name TEXT NOT NULL UNIQUE,        -- "content 12", or the hash of a file
    kind INTEGER NOT NULL,            -- 1: spam
    why TEXT NOT NULL,                -- junk, moved out, kept, keyword, file
    words BLOB NOT NULL               -- hashes, eight octets each
) STRICT;
CREATE INDEX message_by_kind ON message (kind, number);
"""
_COUNTS = "SELECT spam, ham FROM own"
_SEEN = "SELECT hash, spam, ham FROM carray(?) CROSS JOIN word ON hash = value"
_MORE = """
INSERT INTO word SELECT value, ?, ? FROM carray(?) WHERE true
ON CONFLICT (hash) DO UPDATE SET spam = spam + excluded.spam, ham = ham + excluded.ham
"""
_LESS = "UPDATE word SET spam = max(spam - ?, 0), ham = max(ham - ?, 0) WHERE hash IN (SELECT value FROM carray(?))"
_GONE = "DELETE FROM word WHERE spam = 0 AND ham = 0 AND hash IN (SELECT value FROM carray(?))"
_OLDEST = "SELECT name, kind, words FROM message WHERE kind = ? ORDER BY number LIMIT ?"


class TrainingFailure(MailError):
    """The file or the disk refuses; mail is delivered as if nothing had been learnt."""

    code, enhanced, text = 451, "4.3.0", "Training trouble, please try again later"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an account's mail was looked at."""

    junk_mailbox: int = 0
    junk_uid: int = 0
    modseq: int = 0
    kept_until: int = 0


def content_name(content_id: int) -> str:
    """By which a message in the store is remembered, in whatever mailbox it lies."""
    return f"content {content_id}"


class WordBook:
    """The file at `path`, made when it is missing. For one thread at a time; others may have their own on the file."""

    def __init__(self, path: Path, new_key: bytes) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = apsw.Connection(str(path))
        except (apsw.Error, OSError) as error:
            raise TrainingFailure(f"{path}: {error}") from error
        try:
            self._db.set_busy_timeout(_BUSY_MILLISECONDS)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "normal")
            self._db.pragma("cache_size", -_CACHE_KIBIBYTES)
            self._db.pragma("mmap_size", _MAPPED_OCTETS)
            with self._changing():
                self._prepare(new_key)
            self._key = bytes(self._one("SELECT key FROM own")[0])
        except BaseException as error:
            self._db.close()
            if isinstance(error, apsw.Error):
                raise TrainingFailure(f"{path}: {error}") from error
            raise

    def _prepare(self, new_key: bytes) -> None:
        application = self._db.pragma("application_id")
        if application == APPLICATION_ID:
            return
        if application != 0 or self._rows("SELECT 1 FROM sqlite_schema LIMIT 1"):
            raise TrainingFailure(f"{self._path} is no database of training")
        self._db.execute(_SCHEMA)
        self._db.execute("INSERT INTO own VALUES (?, 0, 0, 0, 0, 0, 0)", (new_key[:_KEY_OCTETS],))
        self._db.pragma("application_id", APPLICATION_ID)

    def _changing(self) -> "_Transaction":
        return _Transaction(self._db, self._path)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise TrainingFailure(f"{self._path}: {error}") from error

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        return self._rows(sql, values)[0]

    # ---- what is known
    @property
    def learnt(self) -> Seen:
        """Messages in mind."""
        return Seen(*self._one(_COUNTS))

    def look_up(self, words: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Of the words that were seen, in how many messages of junk and of other mail."""
        by_hash = dict(zip(self._hashes(words), words, strict=True))
        rows = self._rows(_SEEN, (apsw.carray(array("q", sorted(by_hash))),)) if by_hash else []
        return {by_hash[number]: (spam, ham) for number, spam, ham in rows}

    def kind_of(self, name: str) -> tuple[int, str] | None:
        """What a message was learnt as, and why."""
        rows = self._rows("SELECT kind, why FROM message WHERE name = ?", (name,))
        return rows[0] if rows else None

    def names(self, kind: int, why: str) -> list[str]:
        """The messages in mind of one kind that were learnt for one reason, in the order of learning."""
        rows = self._rows("SELECT name FROM message WHERE kind = ? AND why = ? ORDER BY number", (kind, why))
        return [name for (name,) in rows]

    def reasons(self) -> dict[tuple[int, str], int]:
        """How many messages were learnt as what, and why."""
        rows = self._rows("SELECT kind, why, count(*) FROM message GROUP BY kind, why ORDER BY kind DESC, why")
        return {(kind, why): count for kind, why, count in rows}

    @property
    def words(self) -> int:
        """Different words in mind."""
        return int(self._one("SELECT count(*) FROM word")[0])

    # ---- learning
    def learn(self, name: str, kind: int, why: str, words: Sequence[str], max_messages: int) -> bool:
        """Have a message in mind as this kind; as another no longer. False: it was so already."""
        with self._changing():
            known = self._rows("SELECT kind, words FROM message WHERE name = ?", (name,))
            if known and known[0][0] == kind:
                return False
            if known:
                self._drop(name, *known[0])
            self._add(name, kind, why, array("q", sorted(set(self._hashes(words)))))
            beyond = self._one(_COUNTS)[0 if kind == SPAM else 1] - max_messages
            for oldest in self._rows(_OLDEST, (kind, beyond)) if beyond > 0 else ():
                self._drop(*oldest)
        return True

    def unlearn(self, name: str) -> bool:
        """Have a message in mind no longer. False: it was not."""
        with self._changing():
            known = self._rows("SELECT kind, words FROM message WHERE name = ?", (name,))
            if known:
                self._drop(name, *known[0])
        return bool(known)

    def _add(self, name: str, kind: int, why: str, hashes: "array[int]") -> None:
        self._db.execute("INSERT INTO message (name, kind, why, words) VALUES (?, ?, ?, ?)",
                         (name, kind, why, hashes.tobytes()))  # fmt: skip
        step = (int(kind == SPAM), int(kind == HAM))
        if hashes:
            self._db.execute(_MORE, (*step, apsw.carray(hashes)))
        self._db.execute("UPDATE own SET spam = spam + ?, ham = ham + ?", step)

    def _drop(self, name: str, kind: int, words: bytes) -> None:
        hashes = array("q", words)
        step = (int(kind == SPAM), int(kind == HAM))
        if hashes:
            self._db.execute(_LESS, (*step, apsw.carray(hashes)))
            self._db.execute(_GONE, (apsw.carray(hashes),))
        self._db.execute("DELETE FROM message WHERE name = ?", (name,))
        self._db.execute("UPDATE own SET spam = max(spam - ?, 0), ham = max(ham - ?, 0)", step)

    def _hashes(self, words: Iterable[str]) -> "array[int]":
        blake, key = hashlib.blake2b, self._key
        digests = [blake(word.encode("utf-8", "replace"), digest_size=8, key=key).digest() for word in words]
        return array("q", b"".join(digests))

    # ---- how far the mail was looked at
    @property
    def progress(self) -> Progress:
        return Progress(*self._one("SELECT junk_mailbox, junk_uid, modseq, kept_until FROM own"))

    def advance(self, to: Progress) -> None:
        """Remember it. Another process may have come further."""
        with self._changing():
            self._db.execute(
                "UPDATE own SET junk_uid = iif(junk_mailbox = ?1, max(junk_uid, ?2), ?2), junk_mailbox = ?1,"
                " modseq = max(modseq, ?3), kept_until = max(kept_until, ?4)",
                (to.junk_mailbox, to.junk_uid, to.modseq, to.kept_until),
            )

    def close(self) -> None:
        self._db.close()


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, with failures as TrainingFailure."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise TrainingFailure(f"{self._path}: {error}") from error

    def __exit__(self, kind: object, error: BaseException | None, tb: object) -> None:
        try:
            self._db.execute("COMMIT" if error is None else "ROLLBACK")
        except apsw.Error as failure:
            raise TrainingFailure(f"{self._path}: {failure}") from (error or failure)
        if isinstance(error, apsw.Error):
            raise TrainingFailure(f"{self._path}: {error}") from error
