"""How TLS with each domain went, counted by day, policy and failure (RFC 8460 §4).

Owns: the counts, in memory for some seconds, then in the database. Never: reports them (tls_reports does). Raises:
nothing; what can't be written is counted no more.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from postroom.base import Clock
from postroom.mailauth.tls_rpt import Failure, PolicyResults

from .report_results import ReportResults, day_of
from .tls_database import TlsDatabase
from .tls_demand import Published
from .tls_settings import TlsReportSettings

_REASON_CHARACTERS = 250


@dataclass(frozen=True, slots=True)
class _Key:
    day: str
    domain: str
    policy: str


class TlsResults(ReportResults):
    """`note` every session; `start`, and `close` at the end."""

    tables = ("result", "failure", "report")

    def __init__(self, database: TlsDatabase, clock: Clock, settings: TlsReportSettings) -> None:
        super().__init__("TLS", database, clock, settings)
        self._send = settings.send
        self._successes: Counter[_Key] = Counter()
        self._failures: Counter[tuple[_Key, str]] = Counter()

    def note(self, published: Published | None, failure: Failure | None = None) -> None:
        """One session with a server of the domain; without `failure` it was as it has to be."""
        if published is None or not self._send:
            return
        policy = json.dumps([published.kind, published.lines, published.hosts])
        key = _Key(day_of(self._clock.now()), published.domain, policy)
        if len(self._successes) + len(self._failures) >= self._settings.max_results:
            return
        if failure is None:
            self._successes[key] += 1
        else:
            detail = [failure.result_type, failure.sending_ip, failure.mx, failure.ip, failure.reason]
            detail[4] = failure.reason[:_REASON_CHARACTERS]
            self._failures[key, json.dumps(detail)] += failure.count

    def _taken(self) -> Callable[[apsw.Connection], None] | None:
        successes, self._successes = self._successes, Counter()
        failures, self._failures = self._failures, Counter()
        if not successes and not failures:
            return None
        most = self._settings.max_results

        def save(db: apsw.Connection) -> None:
            keys = {*successes, *(key for key, _ in failures)}
            room = {day: most - _rows(db, day) for day in {key.day for key in keys}}
            for key in keys:
                if room[key.day] > 0 or successes[key]:
                    _add(db, key, successes[key])
            for (key, detail), count in failures.items():
                if room[key.day] > 0:
                    room[key.day] -= _fail(db, key, detail, count)

        return save


def _rows(db: apsw.Connection, day: str) -> int:
    count = "SELECT (SELECT count(*) FROM result WHERE day = :day) + (SELECT count(*) FROM failure WHERE day = :day)"
    return int(db.execute(count, {"day": day}).get)


def _add(db: apsw.Connection, key: _Key, count: int) -> None:
    db.execute(
        "INSERT INTO result VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET successes = successes + excluded.successes",
        (key.day, key.domain, key.policy, count),
    )


def _fail(db: apsw.Connection, key: _Key, detail: str, count: int) -> int:
    """How many rows that makes more: not more than one."""
    db.execute(
        "INSERT INTO failure VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions",
        (key.day, key.domain, key.policy, detail, count),
    )
    return 1


def results_of(db: apsw.Connection, day: str, domain: str) -> tuple[PolicyResults, ...]:
    """Those of one domain on one day."""
    found: list[PolicyResults] = []
    wanted = (day, domain)
    for policy, successes in db.execute("SELECT policy, successes FROM result WHERE day = ? AND domain = ?", wanted):
        kind, lines, hosts = json.loads(str(policy))
        rows = db.execute(
            "SELECT detail, sessions FROM failure WHERE day = ? AND domain = ? AND policy = ?", (*wanted, policy)
        )
        failures = tuple(_failure(str(detail), int(sessions)) for detail, sessions in rows)
        failed = sum(failure.count for failure in failures)
        found.append(PolicyResults(kind, domain, tuple(lines), tuple(hosts), int(successes), failures, failed))
    return tuple(found)


def _failure(detail: str, count: int) -> Failure:
    result_type, sending_ip, mx, ip, reason = json.loads(detail)
    return Failure(result_type, count, sending_ip, mx, ip, reason)
