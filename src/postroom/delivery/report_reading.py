"""Reports of others on us, read from the mailboxes that they come to.

Owns: how far each mailbox has been read, the reports kept, their bounds. Never: changes a mailbox, knows what a report
says. Raises: nothing; what is no report is passed over, and logged when it claims to be one.
"""

import asyncio
import logging
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import apsw

from postroom.accounts import Directory, Found, LocalTarget, Person
from postroom.base import Clock, MailError, TaskOwner
from postroom.mailauth.unpacking import BadReport
from postroom.store import Account, Mailbox, MailStore

from .report_database import ReportDatabase
from .report_settings import ReportSettings

_log = logging.getLogger("postroom.delivery")
_INBOX, _ALL = "INBOX", "*"
_AT_ONCE = 100  # messages between two marks in the database
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Received:
    """One report, known by who sent it and its name. `begin`, `end`: Unix seconds. `stored`: as it is kept."""

    organization: str
    report_id: str
    begin: float
    end: float
    stored: bytes
    table: str = "received"


class ReportReading(ABC):
    """`start` it, or `read_new` now. `kind`: for people."""

    tables: tuple[str, ...] = ("received",)

    def __init__(
        self,
        kind: str,
        *,
        database: ReportDatabase,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        settings: ReportSettings,
    ) -> None:
        self._kind = kind
        self._database = database
        self._store = store
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._tasks = TaskOwner(f"{kind.lower()}-reading")

    @abstractmethod
    def read(self, message: bytes) -> Received | None:
        """The report in a whole message, if there is one; in a thread. Raises BadReport."""

    def start(self) -> None:
        if self._settings.read_from:
            self._tasks.spawn(self._run(), name="read")

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.read_new()
            except MailError as error:
                _log.error("%s reports to %s can't be read: %s", self._kind, self._settings.read_from, error)
            except Exception:  # our bug; the next look may do better
                _log.exception("%s reports to %s", self._kind, self._settings.read_from)
            await self._clock.sleep(self._settings.look_seconds)

    async def read_new(self) -> int:
        """Read what has come since the last time; how many reports that were. Raises MailError."""
        found = await self._directory.resolve(self._settings.read_from)
        people = [t.person for t in found.targets if isinstance(t, LocalTarget)] if isinstance(found, Found) else []
        if not people:
            raise MailError(f"{self._settings.read_from} is nobody's address here")
        count = 0
        for person in people:
            account = await self._store.open(person.account_id)
            try:
                for mailbox in self._wanted(await account.mailboxes()):
                    count += await self._read_mailbox(account, mailbox, self._key(person, mailbox))
            finally:
                account.close()
        return count

    def _wanted(self, mailboxes: Sequence[Mailbox]) -> list[Mailbox]:
        names = {_INBOX if name.upper() == _INBOX else name for name in self._settings.read_mailboxes}
        return [box for box in mailboxes if box.name in names or _ALL in names]

    def _key(self, person: Person, mailbox: Mailbox) -> str:
        """By which it is remembered how far it was read."""
        address = self._settings.read_from.lower()
        if mailbox.name == _INBOX and person.address.lower() == address:
            return address
        return f"{person.account_id}/{mailbox.name} for {address}"

    async def _read_mailbox(self, account: Account, mailbox: Mailbox, key: str) -> int:
        validity, last = await self._database.run(lambda db: _mark(db, key))
        if validity != mailbox.uid_validity:
            last = 0
        view = await account.view(mailbox.mailbox_id)
        try:
            new = [
                (int(uid), int(content), int(size))
                for uid, content, size in zip(view.uids, view.content_ids, view.sizes, strict=True)
                if uid > last
            ][: self._settings.max_read]
        finally:
            account.release(view)
        count = 0
        for start in range(0, len(new), _AT_ONCE):
            chunk = new[start : start + _AT_ONCE]
            reports: list[Received] = []
            for uid, content_id, size in chunk:
                report = await self._read(account, uid, content_id, size)
                if report is not None:
                    reports.append(report)
            mark = (key, mailbox.uid_validity, chunk[-1][0])
            await self._database.run(lambda db, r=reports, m=mark: self._keep(db, r, m))  # type: ignore[misc]
            count += len(reports)
        return count

    async def _read(self, account: Account, uid: int, content_id: int, size: int) -> Received | None:
        if size > self._settings.max_octets:
            _log.info("%s reports: message %d has %d octets and is not looked at", self._kind, uid, size)
            return None
        octets = await account.read_range(content_id, 0, size)
        try:
            return await asyncio.to_thread(self.read, octets)
        except BadReport as error:
            _log.info("%s reports: message %d can't be read: %s", self._kind, uid, error)
        except Exception:  # our bug; it must not keep the messages behind it from being read
            _log.exception("%s reports: message %d", self._kind, uid)
        return None

    def _keep(self, db: apsw.Connection, reports: list[Received], mark: tuple[str, int, int]) -> None:
        now = self._clock.now()
        for report in reports:
            values = (report.organization, report.report_id, report.begin, report.end, now)
            db.execute(
                f"INSERT OR IGNORE INTO {report.table} VALUES (?, ?, ?, ?, ?, ?)",
                (*values, zlib.compress(report.stored)),
            )
        for table in self.tables:
            db.execute(f"DELETE FROM {table} WHERE arrived < ?", (now - _DAY * self._settings.keep_received_days,))
            surplus = int(db.execute(f"SELECT count(*) FROM {table}").get) - self._settings.max_received
            if surplus > 0:
                db.execute(
                    f"DELETE FROM {table} WHERE (organization, report_id) IN"
                    f" (SELECT organization, report_id FROM {table} ORDER BY arrived LIMIT ?)",
                    (surplus,),
                )
        db.execute("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", mark)


def _mark(db: apsw.Connection, key: str) -> tuple[int, int]:
    row = db.execute("SELECT uid_validity, uid FROM reading WHERE mailbox = ?", (key,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def stored_reports(db: apsw.Connection, since: float, table: str = "received") -> list[bytes]:
    """Those on days after `since`, the oldest first, as they are kept."""
    rows = db.execute(f"SELECT report FROM {table} WHERE ends >= ? ORDER BY begins, organization", (since,))
    return [zlib.decompress(bytes(octets)) for (octets,) in rows]
