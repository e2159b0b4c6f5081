"""Reports of others on us, read from the mailboxes that they come to (RFC 8460 §5.3).

Owns: how far each mailbox has been read, the reports kept, their bounds. Never: changes a mailbox. Raises: nothing;
what is no report is passed over, and logged when it claims to be one.
"""

import logging
import zlib
from collections.abc import Sequence

import apsw

from postroom.accounts import Directory, Found, LocalTarget, Person
from postroom.base import Clock, MailError, TaskOwner
from postroom.mailauth.tls_rpt import Report, read_report, to_json
from postroom.mailauth.unpacking import BadReport, unpacked
from postroom.store import Account, Mailbox, MailStore

from .tls_database import TlsDatabase
from .tls_report_mail import find_report
from .tls_settings import TlsReportSettings

_log = logging.getLogger("postroom.delivery")
_INBOX, _ALL = "INBOX", "*"
_AT_ONCE = 100  # messages


class TlsReading:
    """`start` it, or `read_new` now."""

    def __init__(
        self,
        *,
        database: TlsDatabase,
        store: MailStore,
        directory: Directory,
        clock: Clock,
        settings: TlsReportSettings,
    ) -> None:
        self._database = database
        self._store = store
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._tasks = TaskOwner("tls-reading")

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
                _log.error("TLS reports to %s can't be read: %s", self._settings.read_from, error)
            except Exception:  # our bug; the next look may do better
                _log.exception("TLS reports to %s", self._settings.read_from)
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
            ]
        finally:
            account.release(view)
        count = 0
        for start in range(0, len(new), _AT_ONCE):
            chunk = new[start : start + _AT_ONCE]
            reports: list[Report] = []
            for uid, content_id, size in chunk:
                report = await self._read(account, uid, content_id, size)
                if report is not None:
                    reports.append(report)
            mark = (key, mailbox.uid_validity, chunk[-1][0])
            await self._database.run(lambda db, r=reports, m=mark: self._keep(db, r, m))  # type: ignore[misc]
            count += len(reports)
        return count

    async def _read(self, account: Account, uid: int, content_id: int, size: int) -> Report | None:
        if size > self._settings.max_octets:
            _log.info("TLS reports: message %d has %d octets and is not looked at", uid, size)
            return None
        octets = await account.read_range(content_id, 0, size)
        packed = find_report(octets)
        if packed is None:
            return None
        try:
            return read_report(unpacked(packed, self._settings.max_octets))
        except BadReport as error:
            _log.info("TLS reports: message %d can't be read: %s", uid, error)
            return None

    def _keep(self, db: apsw.Connection, reports: list[Report], mark: tuple[str, int, int]) -> None:
        now = self._clock.now()
        for report in reports:
            values = (report.organization, report.report_id, report.begin, report.end, now)
            db.execute(
                "INSERT OR IGNORE INTO received VALUES (?, ?, ?, ?, ?, ?)", (*values, zlib.compress(to_json(report)))
            )
        oldest = now - 86_400 * self._settings.keep_received_days
        db.execute("DELETE FROM received WHERE arrived < ?", (oldest,))
        surplus = int(db.execute("SELECT count(*) FROM received").get) - self._settings.max_received
        if surplus > 0:
            db.execute(
                "DELETE FROM received WHERE (organization, report_id) IN"
                " (SELECT organization, report_id FROM received ORDER BY arrived LIMIT ?)",
                (surplus,),
            )
        db.execute("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", mark)


def _mark(db: apsw.Connection, key: str) -> tuple[int, int]:
    row = db.execute("SELECT uid_validity, uid FROM reading WHERE mailbox = ?", (key,)).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def received_reports(db: apsw.Connection, since: float) -> list[Report]:
    """Those on days after `since`, the oldest first."""
    rows = db.execute("SELECT report FROM received WHERE ends >= ? ORDER BY begins, organization", (since,))
    return [read_report(zlib.decompress(bytes(octets))) for (octets,) in rows]
