"""The directory in data/postroom.db.

Owns: that file, its schema and its two connections. Never: decides what may be written (registry does).
Raises: DirectoryFailure when SQLite or the disk refuses.

Reading happens on the event loop: a look-up by key in a file that other processes rarely write takes microseconds, a
hop to a thread ten times that. Changes go to a thread of their own, because they wait for the disk.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw

from .addresses import split
from .api import Alias, DirectoryFailure, MailingList, Member, Person, Posting
from .settings import AccountSettings
from .types import CredentialRow, Keys, SecondFactorRow

T = TypeVar("T")
Value = None | int | float | str | bytes
APPLICATION_ID = 0x506F5231  # "PoR1"
_FIRST = """
CREATE TABLE domain (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE                -- lower-case A-labels
) STRICT;
CREATE TABLE person (
    account_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- names a folder of mail, so it is never used again
    key TEXT NOT NULL UNIQUE,                -- the address as it is compared
    address TEXT NOT NULL,                   -- as it was written
    domain TEXT NOT NULL REFERENCES domain (name),
    password_hash TEXT,                      -- argon2id; NULL: nobody can sign in
    quota_octets INTEGER,                    -- NULL: no limit
    quota_messages INTEGER,
    enabled INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX person_by_domain ON person (domain, account_id);
CREATE TABLE alias (
    key TEXT PRIMARY KEY,                    -- "@domain" is the catch-all
    address TEXT NOT NULL,
    domain TEXT NOT NULL REFERENCES domain (name)
) STRICT;
CREATE TABLE alias_target (
    key TEXT NOT NULL REFERENCES alias (key) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (key, position)
) STRICT, WITHOUT ROWID;
"""
_SECOND = """
CREATE TABLE note (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""
_THIRD = """
ALTER TABLE person ADD COLUMN forward TEXT NOT NULL DEFAULT '';       -- addresses, one a line
ALTER TABLE person ADD COLUMN keep INTEGER NOT NULL DEFAULT 1;        -- 0: what is forwarded is not kept
ALTER TABLE person ADD COLUMN copies TEXT NOT NULL DEFAULT '';        -- addresses, one a line
CREATE TABLE secret (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the highest one is in use
    value BLOB NOT NULL,
    since REAL NOT NULL                        -- seconds since 1970
) STRICT;
"""
_FOURTH = """
CREATE TABLE mailing_list (
    list_id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,                -- the address as it is compared
    address TEXT NOT NULL,
    domain TEXT NOT NULL REFERENCES domain (name),
    owners TEXT NOT NULL,                    -- addresses, one a line
    posting TEXT NOT NULL,                   -- anyone, members, owners, named
    posters TEXT NOT NULL,                   -- addresses, one a line
    title TEXT NOT NULL,
    prefix TEXT NOT NULL,                    -- of subjects; '': they are left alone
    archive TEXT NOT NULL                    -- a URL
) STRICT;
CREATE TABLE list_member (
    member_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- names a member in addresses, so it is never used again
    list_id INTEGER NOT NULL REFERENCES mailing_list (list_id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    address TEXT NOT NULL,
    suspended INTEGER NOT NULL DEFAULT 0,
    bounces INTEGER NOT NULL DEFAULT 0,
    bounced REAL,                            -- the last time, seconds since 1970
    last_bounce TEXT NOT NULL DEFAULT '',    -- its delivery id
    UNIQUE (list_id, key)
) STRICT;
"""
_FIFTH = """
CREATE TABLE credential (
    credential_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- names what was proven, so it is never used again
    account_id INTEGER NOT NULL REFERENCES person (account_id) ON DELETE CASCADE,
    name TEXT NOT NULL,                      -- '': the main password; else an app password
    hash TEXT NOT NULL,                      -- argon2id, or of another server; of an app password a digest
    scram BLOB,                              -- sealed keys; NULL: none
    scram_iterations INTEGER,
    protocols TEXT NOT NULL DEFAULT '',      -- with spaces between; '': all
    made REAL,                               -- this and the next two: seconds since 1970
    expires REAL,
    last_used REAL,
    UNIQUE (account_id, name)
) STRICT;
CREATE INDEX credential_imported ON credential (credential_id) WHERE name = '' AND hash NOT GLOB '$argon2id$*';
CREATE INDEX credential_iterations ON credential (scram_iterations) WHERE scram_iterations IS NOT NULL;
INSERT INTO credential (account_id, name, hash)
    SELECT account_id, '', password_hash FROM person WHERE password_hash IS NOT NULL ORDER BY account_id;
ALTER TABLE person DROP COLUMN password_hash;
CREATE TABLE second_factor (
    account_id INTEGER PRIMARY KEY REFERENCES person (account_id) ON DELETE CASCADE,
    secret BLOB NOT NULL,                    -- sealed
    confirmed REAL,                          -- seconds since 1970; NULL: not yet, so it is off
    last_step INTEGER NOT NULL,              -- of time: codes up to this one are not accepted any more
    failures INTEGER NOT NULL,               -- wrong codes in a row
    locked_until REAL NOT NULL,
    recovery TEXT NOT NULL                   -- digests of codes, one a line
) STRICT;
"""
_SIXTH = """
CREATE TABLE sender_grant (
    account_id INTEGER NOT NULL REFERENCES person (account_id) ON DELETE CASCADE,
    key TEXT NOT NULL,                       -- "@domain": all of it
    address TEXT NOT NULL,                   -- as it was given
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
"""
MIGRATIONS = {
    1: _FIRST,
    2: _SECOND,
    3: _THIRD,
    4: _FOURTH,
    5: _FIFTH,
    6: _SIXTH,
}  # version reached: what takes the version before it there
SCHEMA_VERSION = max(MIGRATIONS)
_PERSON = "SELECT account_id, address, quota_octets, quota_messages, enabled, forward, keep, copies FROM person"
_CREDENTIAL = (
    "SELECT credential_id, account_id, hash, name, scram, scram_iterations, protocols, made, expires, last_used"
    " FROM credential"
)
_COUNTS = """
WITH RECURSIVE count (n) AS (
    SELECT min(scram_iterations) FROM credential WHERE scram_iterations IS NOT NULL
    UNION ALL
    SELECT (SELECT min(scram_iterations) FROM credential WHERE scram_iterations > n) FROM count WHERE n IS NOT NULL
) SELECT n FROM count WHERE n IS NOT NULL
"""  # a few steps in the index, however many keys there are


_LIST = "SELECT list_id, address, owners, posting, posters, title, prefix, archive FROM mailing_list"
_MEMBER = "SELECT member_id, list_id, address, suspended, bounces, bounced, last_bounce FROM list_member"


class SqliteTables:
    """The rows, through one connection."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def _rows(self, sql: str, values: tuple[Value, ...] = ()) -> list[tuple[Value, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise _failure(error) from error

    def _people(self, where: str, values: tuple[Value, ...] = ()) -> list[Person]:
        return [_person(row) for row in self._rows(f"{_PERSON} {where}", values)]

    def domains(self) -> list[str]:
        return [str(name) for (name,) in self._rows("SELECT name FROM domain ORDER BY position")]

    def has_domain(self, domain: str) -> bool:
        return bool(self._rows("SELECT 1 FROM domain WHERE name = ?", (domain,)))

    def person(self, key: str) -> Person | None:
        return _only(self._people("WHERE key = ?", (key,)))

    def person_by_id(self, account_id: int) -> Person | None:
        return _only(self._people("WHERE account_id = ?", (account_id,)))

    def first_person(self, domain: str | None) -> Person | None:
        if domain is None:
            return _only(self._people("WHERE enabled ORDER BY account_id LIMIT 1"))
        return _only(self._people("WHERE enabled AND domain = ? ORDER BY account_id LIMIT 1", (domain,)))

    def people(self) -> list[Person]:
        return self._people("ORDER BY account_id")

    def alias(self, key: str) -> tuple[str, ...] | None:
        rows = self._rows("SELECT target FROM alias_target WHERE key = ? ORDER BY position", (key,))
        return tuple(str(target) for (target,) in rows) or None

    def aliases(self) -> list[Alias]:
        rows = self._rows("SELECT key, address FROM alias ORDER BY key")
        return [Alias(str(address), self.alias(str(key)) or ()) for key, address in rows]

    def notes(self) -> dict[str, bytes]:
        rows = self._rows("SELECT name, value FROM note ORDER BY name")
        return {str(name): value for name, value in rows if isinstance(value, bytes)}

    def add_domain(self, domain: str) -> None:
        self._rows("INSERT INTO domain (name) VALUES (?)", (domain,))

    def remove_domain(self, domain: str) -> None:
        self._rows("DELETE FROM domain WHERE name = ?", (domain,))

    def add_person(self, key: str, address: str, quota: tuple[int | None, int | None]) -> int:
        self._rows(
            "INSERT INTO person (key, address, domain, quota_octets, quota_messages) VALUES (?, ?, ?, ?, ?)",
            (key, address, split(key)[1], *quota),
        )
        return self._db.last_insert_rowid()

    def remove_person(self, account_id: int) -> None:
        self._rows("DELETE FROM person WHERE account_id = ?", (account_id,))

    def credentials(self, account_id: int) -> list[CredentialRow]:
        rows = self._rows(f"{_CREDENTIAL} WHERE account_id = ? ORDER BY name <> '', credential_id", (account_id,))
        return [_credential_row(row) for row in rows]

    def imported_hash(self) -> str | None:
        rows = self._rows(
            "SELECT hash FROM credential WHERE name = '' AND hash NOT GLOB '$argon2id$*' ORDER BY credential_id LIMIT 1"
        )
        return str(rows[0][0]) if rows else None

    def iteration_counts(self) -> list[int]:
        return [n for (n,) in self._rows(_COUNTS) if isinstance(n, int)]

    def lacks_scram_keys(self) -> bool:
        return bool(
            self._rows(
                "SELECT 1 FROM credential JOIN person USING (account_id) WHERE scram IS NULL AND enabled"
                " AND NOT (name = '' AND account_id IN"
                " (SELECT account_id FROM second_factor WHERE confirmed IS NOT NULL)) LIMIT 1"
            )
        )

    def add_credential(self, made: CredentialRow) -> int:
        self._rows(
            "INSERT INTO credential (account_id, name, hash, scram, scram_iterations, protocols, made, expires,"
            " last_used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (made.account_id, made.name, made.hash, *_credential_values(made)),
        )
        return self._db.last_insert_rowid()

    def set_credential(self, changed: CredentialRow) -> None:
        self._rows(
            "UPDATE credential SET hash = ?, scram = ?, scram_iterations = ?, protocols = ?, made = ?, expires = ?,"
            " last_used = ? WHERE credential_id = ?",
            (changed.hash, *_credential_values(changed), changed.credential_id),
        )

    def remove_credential(self, credential_id: int) -> None:
        self._rows("DELETE FROM credential WHERE credential_id = ?", (credential_id,))

    def set_last_used(self, credential_id: int, when: float) -> None:
        self._rows("UPDATE credential SET last_used = ? WHERE credential_id = ?", (when, credential_id))

    def second_factor(self, account_id: int) -> SecondFactorRow | None:
        rows = self._rows(
            "SELECT secret, confirmed, last_step, failures, locked_until, recovery FROM second_factor"
            " WHERE account_id = ?",
            (account_id,),
        )
        return _second_factor_row(rows[0]) if rows else None

    def sender_grants(self, account_id: int) -> list[str]:
        rows = self._rows("SELECT address FROM sender_grant WHERE account_id = ? ORDER BY key", (account_id,))
        return [str(address) for (address,) in rows]

    def has_sender_grant(self, account_id: int, keys: Sequence[str]) -> bool:
        marks = ",".join("?" * len(keys))
        sql = f"SELECT 1 FROM sender_grant WHERE account_id = ? AND key IN ({marks})"
        return bool(self._rows(sql, (account_id, *keys)))

    def add_sender_grant(self, account_id: int, key: str, address: str) -> None:
        self._rows("INSERT OR REPLACE INTO sender_grant VALUES (?, ?, ?)", (account_id, key, address))

    def remove_sender_grant(self, account_id: int, key: str) -> None:
        self._rows("DELETE FROM sender_grant WHERE account_id = ? AND key = ?", (account_id, key))

    def set_second_factor(self, account_id: int, row: SecondFactorRow | None) -> None:
        if row is None:
            self._rows("DELETE FROM second_factor WHERE account_id = ?", (account_id,))
            return
        values = (row.secret, row.confirmed, row.last_step, row.failures, row.locked_until, "\n".join(row.recovery))
        self._rows("INSERT OR REPLACE INTO second_factor VALUES (?, ?, ?, ?, ?, ?, ?)", (account_id, *values))

    def set_quota(self, account_id: int, octets: int | None, messages: int | None) -> None:
        self._rows(
            "UPDATE person SET quota_octets = ?, quota_messages = ? WHERE account_id = ?",
            (octets, messages, account_id),
        )

    def set_enabled(self, account_id: int, enabled: bool) -> None:
        self._rows("UPDATE person SET enabled = ? WHERE account_id = ?", (enabled, account_id))

    def set_forwarding(self, account_id: int, forward: tuple[str, ...], keep: bool, copies: tuple[str, ...]) -> None:
        self._rows(
            "UPDATE person SET forward = ?, keep = ?, copies = ? WHERE account_id = ?",
            ("\n".join(forward), keep, "\n".join(copies), account_id),
        )

    def secrets(self) -> list[tuple[bytes, float]]:
        rows = self._rows("SELECT value, since FROM secret ORDER BY number DESC")
        return [(value, since) for value, since in rows if isinstance(value, bytes) and isinstance(since, float)]

    def add_secret(self, secret: bytes, now: float) -> None:
        self._rows("INSERT INTO secret (value, since) VALUES (?, ?)", (secret, now))

    def forget_secrets(self, before: float) -> None:
        self._rows(
            "DELETE FROM secret WHERE EXISTS"
            " (SELECT 1 FROM secret later WHERE later.number > secret.number AND later.since < ?)",
            (before,),
        )

    def set_alias(self, key: str, alias: Alias) -> None:
        self.remove_alias(key)
        self._rows("INSERT INTO alias (key, address, domain) VALUES (?, ?, ?)", (key, alias.address, split(key)[1]))
        for position, target in enumerate(alias.targets):
            self._rows("INSERT INTO alias_target VALUES (?, ?, ?)", (key, position, target))

    def remove_alias(self, key: str) -> None:
        self._rows("DELETE FROM alias WHERE key = ?", (key,))

    def _lists(self, where: str, values: tuple[Value, ...] = ()) -> list[MailingList]:
        return [_list_row(row) for row in self._rows(f"{_LIST} {where}", values)]

    def lists(self) -> list[MailingList]:
        return self._lists("ORDER BY key")

    def list_named(self, key: str) -> MailingList | None:
        return next(iter(self._lists("WHERE key = ?", (key,))), None)

    def list_by_id(self, list_id: int) -> MailingList | None:
        return next(iter(self._lists("WHERE list_id = ?", (list_id,))), None)

    def add_list(self, key: str, made: MailingList) -> int:
        self._rows(
            "INSERT INTO mailing_list (key, address, domain, owners, posting, posters, title, prefix, archive)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, made.address, split(key)[1], *_list_values(made)),
        )
        return self._db.last_insert_rowid()

    def set_list(self, changed: MailingList) -> None:
        self._rows(
            "UPDATE mailing_list SET owners = ?, posting = ?, posters = ?, title = ?, prefix = ?, archive = ?"
            " WHERE list_id = ?",
            (*_list_values(changed), changed.list_id),
        )

    def remove_list(self, list_id: int) -> None:
        self._rows("DELETE FROM mailing_list WHERE list_id = ?", (list_id,))

    def _members(self, where: str, values: tuple[Value, ...]) -> list[Member]:
        return [_member_row(row) for row in self._rows(f"{_MEMBER} {where}", values)]

    def members(self, list_id: int) -> list[Member]:
        return self._members("WHERE list_id = ? ORDER BY member_id", (list_id,))

    def member(self, list_id: int, key: str) -> Member | None:
        return next(iter(self._members("WHERE list_id = ? AND key = ?", (list_id, key))), None)

    def member_by_id(self, member_id: int) -> Member | None:
        return next(iter(self._members("WHERE member_id = ?", (member_id,))), None)

    def add_member(self, list_id: int, key: str, address: str) -> None:
        self._rows("INSERT INTO list_member (list_id, key, address) VALUES (?, ?, ?)", (list_id, key, address))

    def set_member(self, changed: Member) -> None:
        self._rows(
            "UPDATE list_member SET suspended = ?, bounces = ?, bounced = ?, last_bounce = ? WHERE member_id = ?",
            (changed.suspended, changed.bounces, changed.bounced, changed.last_bounce, changed.member_id),
        )

    def remove_member(self, member_id: int) -> None:
        self._rows("DELETE FROM list_member WHERE member_id = ?", (member_id,))

    def set_note(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._rows("DELETE FROM note WHERE name = ?", (name,))
        else:
            self._rows("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))


class SqliteBook:
    """One connection that only reads, on the loop; one that writes, in a thread."""

    def __init__(self, path: Path, settings: AccountSettings) -> None:
        self._writer = _open(path, settings.busy_timeout_seconds)
        try:
            _prepare(self._writer)
            self._reader = _open(path, settings.busy_timeout_seconds)
        except BaseException:
            self._writer.close()
            raise
        self._reader.pragma("query_only", True)
        self.tables = SqliteTables(self._reader)
        self._writing = SqliteTables(self._writer)
        self._thread: ThreadPoolExecutor | None = None

    def version(self) -> int:
        """SQLite's own: changes with every commit of another connection, the writer's included."""
        try:
            return int(self._reader.execute("PRAGMA data_version").get)
        except apsw.Error as error:
            raise _failure(error) from error

    async def change(self, work: Callable[[SqliteTables], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "postroom-accounts")
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work))

    def _transaction(self, work: Callable[[SqliteTables], T]) -> T:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._writing)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise _failure(error) from error
        return result

    async def close(self) -> None:
        """Finish the change under way, then close both connections."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._thread = None
        self._reader.close()
        self._writer.close()


def _only(rows: list[Person]) -> Person | None:
    return rows[0] if rows else None


def _person(row: Iterable[Value]) -> Person:
    account_id, address, octets, messages, enabled, forward, keep, copies = row
    assert isinstance(account_id, int)
    assert isinstance(address, str)
    assert octets is None or isinstance(octets, int)
    assert messages is None or isinstance(messages, int)
    assert isinstance(forward, str)
    assert isinstance(copies, str)
    return Person(
        account_id,
        address,
        octets,
        messages,
        bool(enabled),
        tuple(forward.split("\n")) if forward else (),
        bool(keep),
        tuple(copies.split("\n")) if copies else (),
    )


def _credential_row(row: tuple[Any, ...]) -> CredentialRow:
    credential_id, account_id, hashed, name, scram, iterations, protocols, *times = row
    keys = Keys(scram, iterations) if scram is not None and iterations is not None else None
    return CredentialRow(credential_id, account_id, hashed, name, keys, tuple(protocols.split()), *times)


def _credential_values(row: CredentialRow) -> tuple[Value, ...]:
    sealed, iterations = (row.keys.sealed, row.keys.iterations) if row.keys is not None else (None, None)
    return sealed, iterations, " ".join(row.protocols), row.made, row.expires, row.last_used


def _second_factor_row(row: tuple[Any, ...]) -> SecondFactorRow:
    secret, confirmed, last_step, failures, locked_until, recovery = row
    codes = tuple(recovery.split("\n")) if recovery else ()
    return SecondFactorRow(secret, confirmed, last_step, failures, locked_until, codes)


def _list_values(one: MailingList) -> tuple[Value, ...]:
    return "\n".join(one.owners), one.posting, "\n".join(one.posters), one.title, one.prefix, one.archive


def _list_row(row: tuple[Any, ...]) -> MailingList:
    list_id, address, owners, posting, posters, title, prefix, archive = row
    who: Posting = posting
    others = tuple(posters.split("\n")) if posters else ()
    return MailingList(list_id, address, tuple(owners.split("\n")), who, others, title, prefix, archive)


def _member_row(row: tuple[Any, ...]) -> Member:
    member_id, list_id, address, suspended, *bounces = row
    return Member(member_id, list_id, address, bool(suspended), *bounces)


def _failure(error: apsw.Error | OSError) -> DirectoryFailure:
    return DirectoryFailure(f"postroom.db: {type(error).__name__}: {error}")


def _open(path: Path, busy_timeout: float) -> apsw.Connection:
    try:
        _create(path)
        db = apsw.Connection(str(path))
        db.set_busy_timeout(int(busy_timeout * 1000))
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "FULL")
        db.pragma("foreign_keys", True)
    except (apsw.Error, OSError) as error:
        raise DirectoryFailure(
            f"{path}: {type(error).__name__}: {error}", text=f"{path} can't be opened: {error}"
        ) from error
    return db


def _create(path: Path) -> None:
    """An empty file that only its owner reads; made by root, it belongs to whom the folder belongs to."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    folder = path.parent.stat()
    if os.geteuid() == 0 and folder.st_uid != 0:
        os.chown(path, folder.st_uid, folder.st_gid)


def _prepare(db: apsw.Connection) -> None:
    """Today's schema. Raises DirectoryFailure when the file is not ours or from the future."""
    try:
        if _version(db) < SCHEMA_VERSION:
            db.execute("BEGIN IMMEDIATE")
            for step in range(_version(db) + 1, SCHEMA_VERSION + 1):  # none, if somebody was faster
                db.execute(MIGRATIONS[step])
                db.pragma("application_id", APPLICATION_ID)
                db.pragma("user_version", step)
            db.execute("COMMIT")
        version, application = db.pragma("user_version"), db.pragma("application_id")
    except apsw.Error as error:
        raise _failure(error) from error
    if application != APPLICATION_ID or version != SCHEMA_VERSION:
        raise DirectoryFailure(
            f"schema {version}, application {application}",
            text=f"{db.filename} was not written by this version of Postroom (schema {version})",
        )


def _version(db: apsw.Connection) -> int:
    """Of the schema; 0: a new file, the newest one: not ours, so that nothing is done to it."""
    version = int(db.pragma("user_version"))
    return version if version == 0 or db.pragma("application_id") == APPLICATION_ID else SCHEMA_VERSION
