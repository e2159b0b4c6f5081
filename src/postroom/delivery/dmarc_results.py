"""What came in the name of each domain, counted by day, record and what was made of it (RFC 9990).

Owns: the counts. Never: judges a message, reports (dmarc_reports does). Raises: nothing.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import apsw
import msgspec

from postroom.base import Clock
from postroom.mailauth.dmarc import DmarcVerdict, Policy
from postroom.mailauth.dmarc.aggregate import Published, Reason, Row, published_of
from postroom.mailauth.dmarc.alignment import DkimResult, SpfResult
from postroom.mailauth.dmarc.observed import observed

from .dmarc_database import DmarcDatabase
from .report_results import ReportResults, day_of
from .report_settings import DmarcReportSettings

_MORE = "UPDATE result SET messages = messages + ? WHERE (day, domain, published, sample) = (?, ?, ?, ?)"
_RECORD = "SELECT published FROM result WHERE day = ? AND domain = ? GROUP BY published ORDER BY sum(messages) DESC"
_ROWS = "SELECT sample, sum(messages) FROM result WHERE day = ? AND domain = ? GROUP BY sample ORDER BY 2 DESC, 1"


class _Key(NamedTuple):
    day: str
    domain: str
    published: str
    sample: str


class DmarcResults(ReportResults):
    """`record` every message; `start`, and `close` at the end."""

    def __init__(self, database: DmarcDatabase, clock: Clock, settings: DmarcReportSettings) -> None:
        super().__init__("DMARC", database, clock, settings)
        self._send = settings.send
        self._counts: Counter[_Key] = Counter()

    def record(
        self,
        verdict: DmarcVerdict,
        spf: Sequence[SpfResult],
        dkim: Sequence[DkimResult],
        *,
        source_ip: str,
        disposition: Policy,
        reasons: Sequence[Reason] = (),
    ) -> None:
        """One message and what was done with it (see `observed`). Where nobody wants reports, nothing is kept."""
        if not self._send or verdict.published is None or not verdict.published.rua:
            return
        row = observed(verdict, spf, dkim, source_ip=source_ip, disposition=disposition, reasons=reasons)
        if row is None or len(self._counts) >= self._settings.max_results:
            return
        published = published_of(verdict.published, verdict.policy_domain, by_list=verdict.by_list)
        key = _Key(day_of(self._clock.now()), verdict.policy_domain, _json(published), _json(replace(row, count=0)))
        self._counts[key] += 1

    def _taken(self) -> Callable[[apsw.Connection], None] | None:
        counts, self._counts = self._counts, Counter()
        if not counts:
            return None
        most = self._settings.max_results

        def save(db: apsw.Connection) -> None:
            room = {day: most - _rows(db, day) for day in {key.day for key in counts}}
            for key, count in counts.items():
                known = (
                    "UPDATE result SET messages = messages + ? WHERE (day, domain, published, sample) = (?, ?, ?, ?)"
                )
                db.execute(known, (count, *key))
                if not db.changes() and room[key.day] > 0:
                    room[key.day] -= 1
                    db.execute("INSERT INTO result VALUES (?, ?, ?, ?, ?)", (*key, count))

        return save


def _json(value: Published | Row) -> str:
    return msgspec.json.encode(value).decode()


def _rows(db: apsw.Connection, day: str) -> int:
    return int(db.execute("SELECT count(*) FROM result WHERE day = ?", (day,)).get)


def results_of(db: apsw.Connection, day: str, domain: str, limit: int) -> tuple[Published, tuple[Row, ...], int]:
    """The record that most messages of the day were held against, the rows with the most messages, and how many rows
    are left out. A record that changed during the day is one report's all the same (RFC 7489 §7.2).
    """
    wanted = (day, domain)
    most = db.execute(_RECORD, wanted).fetchone()
    published = Published(domain) if most is None else msgspec.json.decode(str(most[0]), type=Published)
    rows = [(str(sample), int(str(count))) for sample, count in db.execute(_ROWS, wanted)]
    kept = tuple(replace(msgspec.json.decode(sample, type=Row), count=count) for sample, count in rows[:limit])
    return published, kept, max(0, len(rows) - limit)
