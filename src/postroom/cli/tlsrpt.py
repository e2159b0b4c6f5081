"""`postroom tlsrpt`: what others report of the TLS they had with this server.

Owns: the sums and their words. Never: reads mail (delivery.tls_reading does), needs a running server. Raises: Refusal.
"""

import datetime
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import config_option, json_option, read_settings
from .outcome import print_json, print_table
from .report_reading import read_reports

if TYPE_CHECKING:
    from postroom.mailauth.tls_rpt import Report

_DAY = 86_400.0


@dataclass(slots=True)
class _Sum:
    """Of one reporter on one domain."""

    reports: int = 0
    successes: int = 0
    failed: int = 0
    kinds: set[str] = field(default_factory=set)


@click.command(epilog="Example: postroom tlsrpt --days 7")
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="How far to look back.")
@json_option
@config_option
def tlsrpt(days: int, as_json: bool, config_path: Path | None) -> None:
    """Sum up the TLS reports (RFC 8460) that others have sent on this server: sessions by reporter, and failures by
    kind and host.

    They are read from the mail of the address in tls_reports.read_from while the server runs.
    """
    config = read_settings(config_path)
    reports = _reports(config.data / "tls.db", time.time() - days * _DAY)  # noqa: TID251
    sums, failures = _summed(reports)
    if as_json:
        print_json(_as_json(sums, failures))
        return
    where = config.tls_reports.read_from
    print_table(
        ("REPORTER", "DOMAIN", "POLICY", "REPORTS", "SESSIONS", "FAILED"),
        [
            (reporter, domain, ", ".join(sorted(s.kinds)), str(s.reports), str(s.successes + s.failed), str(s.failed))
            for (reporter, domain), s in sorted(sums.items())
        ],
        empty=f"There are no reports{'' if where else ', and none are read: tls_reports.read_from is empty'}.",
    )
    if failures:
        click.echo()
        print_table(
            ("FAILURE", "HOST", "REASON", "SESSIONS", "LAST"),
            [
                (kind, host, reason, str(count), last)
                for (kind, host, reason), (count, last) in sorted(failures.items(), key=lambda item: -item[1][0])
            ],
            empty="",
        )


def _reports(path: Path, since: float) -> "list[Report]":
    from postroom.delivery import TlsDatabase, received_reports

    return read_reports(path, TlsDatabase, lambda db: received_reports(db, since)) or []


Sums = dict[tuple[str, str], _Sum]
Failures = dict[tuple[str, str, str], tuple[int, str]]


def _summed(reports: "list[Report]") -> tuple[Sums, Failures]:
    sums: Sums = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    last: dict[tuple[str, str, str], str] = {}
    for report in reports:
        reporter = report.organization or report.contact
        for domain in {policy.domain for policy in report.policies}:
            sums.setdefault((reporter, domain), _Sum()).reports += 1
        for policy in report.policies:
            found = sums[reporter, policy.domain]
            found.successes += policy.successes
            found.failed += policy.failure_count
            found.kinds.add(policy.kind)
            for failure in policy.failures:
                key = failure.result_type, failure.mx or failure.ip, failure.reason
                counts[key] += failure.count
                last[key] = datetime.datetime.fromtimestamp(report.begin, datetime.UTC).date().isoformat()
    return sums, {key: (counts[key], last[key]) for key in counts}


def _as_json(sums: Sums, failures: Failures) -> dict[str, Any]:
    return {
        "sessions": [
            {
                "reporter": reporter,
                "domain": domain,
                "policies": sorted(s.kinds),
                "reports": s.reports,
                "sessions": s.successes + s.failed,
                "failed": s.failed,
            }
            for (reporter, domain), s in sorted(sums.items())
        ],
        "failures": [
            {"failure": kind, "host": host, "reason": reason, "sessions": count, "last": last}
            for (kind, host, reason), (count, last) in sorted(failures.items())
        ],
    }
