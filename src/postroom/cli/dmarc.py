"""`postroom dmarc`: what others report of mail in the names of our domains (RFC 9990, RFC 9991).

Owns: the sums and their words. Never: reads mail (delivery.dmarc_reading does), needs a running server, believes a
report: anybody can send one. Raises: Refusal.
"""

import datetime
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .options import config_option, json_option, read_settings
from .outcome import print_json, print_table
from .report_reading import read_reports

if TYPE_CHECKING:
    import apsw

    from postroom.mailauth.dmarc.aggregate import AggregateReport, Row
    from postroom.mailauth.dmarc.failure import FailureReport

_DAY = 86_400.0
_SHOWN = 30  # lines of a table for people; --json has all


@dataclass(slots=True)
class _Sum:
    """Of one reporter on the mail under one domain's record."""

    reporter: str
    domain: str
    policy: str = ""  # of the newest report
    reports: int = 0
    messages: int = 0
    passed: int = 0
    quarantined: int = 0
    rejected: int = 0


class _Source(NamedTuple):
    """Where messages came from that did not pass, and what they could prove all the same."""

    source_ip: str
    header_from: str
    proved: str
    disposition: str


@click.command(epilog="Example: postroom dmarc --days 7")
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="How far to look back.")
@json_option
@config_option
def dmarc(days: int, as_json: bool, config_path: Path | None) -> None:
    """Sum up the DMARC reports that others have sent on mail in the names of our domains: messages by reporter, where
    those came from that did not pass, and reports on single messages.

    They are read from the mail of the address in dmarc_reports.read_from while the server runs. Anybody can send one.
    """
    config = read_settings(config_path)
    aggregates, failures = _reports(config.data / "dmarc.db", time.time() - days * _DAY)  # noqa: TID251
    sums, sources = _sums(aggregates), _sources(aggregates)
    if as_json:
        print_json(_as_json(sums, sources, failures))
        return
    where = config.dmarc_reports.read_from
    print_table(
        ("REPORTER", "DOMAIN", "POLICY", "REPORTS", "MESSAGES", "PASSED", "QUARANTINED", "REJECTED"),
        [
            (s.reporter, s.domain, s.policy, *map(str, (s.reports, s.messages, s.passed, s.quarantined, s.rejected)))
            for s in sums
        ],
        empty=f"There are no reports{'' if where else ', and none are read: dmarc_reports.read_from is empty'}.",
    )
    _show(
        ("NOT PASSED, FROM", "IN THE NAME OF", "PROVED", "DONE", "MESSAGES", "LAST"),
        [(*source, str(count), last) for source, count, last in sources],
    )
    _show(
        ("FAILURE", "IN THE NAME OF", "FROM", "MAIL FROM", "SUBJECT", "DONE"),
        [
            (f.auth_failure, f.reported_domain, f.source_ip, f.mail_from, f.original_subject, f.delivery_result)
            for f in reversed(failures)
        ],
    )


def _show(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        click.echo()
        print_table(headings, rows[:_SHOWN], empty="")
        if len(rows) > _SHOWN:
            click.echo(f"… and {len(rows) - _SHOWN} more; --json has all.")


def _reports(path: Path, since: float) -> "tuple[list[AggregateReport], list[FailureReport]]":
    from postroom.delivery import DmarcDatabase, aggregate_reports, failure_reports

    def both(db: "apsw.Connection") -> "tuple[list[AggregateReport], list[FailureReport]]":
        return aggregate_reports(db, since), failure_reports(db, since)

    return read_reports(path, DmarcDatabase, both) or ([], [])


def _passed(row: "Row") -> bool:
    return "pass" in (row.dkim, row.spf)


def _sums(reports: "Iterable[AggregateReport]") -> list[_Sum]:
    sums: dict[tuple[str, str], _Sum] = {}
    for report in reports:
        key = report.organization or report.email, report.published.domain
        found = sums.setdefault(key, _Sum(*key))
        found.policy = report.published.p
        found.reports += 1
        for row in report.rows:
            found.messages += row.count
            found.passed += row.count if _passed(row) else 0
            found.quarantined += row.count if row.disposition == "quarantine" else 0
            found.rejected += row.count if row.disposition == "reject" else 0
    return [sums[key] for key in sorted(sums)]


def _sources(reports: "Iterable[AggregateReport]") -> list[tuple[_Source, int, str]]:
    """With the number of messages and the last day; the most messages first."""
    counts: dict[_Source, int] = {}
    last: dict[_Source, str] = {}
    for report in reports:
        day = datetime.datetime.fromtimestamp(min(report.begin, 1 << 37), datetime.UTC).date().isoformat()
        for row in report.rows:
            if not _passed(row):
                source = _Source(row.source_ip, row.header_from, _proved(row), row.disposition)
                counts[source] = counts.get(source, 0) + row.count
                last[source] = max(day, last.get(source, ""))
    return [(source, counts[source], last[source]) for source in sorted(counts, key=lambda one: (-counts[one], one))]


def _proved(row: "Row") -> str:
    """The other domains for which SPF or DKIM passed."""
    ways = [f"dkim {one.domain}" for one in row.dkim_results if one.result == "pass"]
    ways += [f"spf {one.domain}" for one in row.spf_results if one.result == "pass"]
    return ", ".join(dict.fromkeys(ways))


def _as_json(
    sums: list[_Sum], sources: list[tuple[_Source, int, str]], failures: "list[FailureReport]"
) -> dict[str, Any]:
    return {
        "reporters": [asdict(one) for one in sums],
        "not_passed": [{**source._asdict(), "messages": count, "last": last} for source, count, last in sources],
        "failures": [asdict(one) for one in failures],
    }
