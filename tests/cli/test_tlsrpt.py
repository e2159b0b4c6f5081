"""`postroom tlsrpt`."""

import time
import zlib

import apsw
from tests.cli.room import Room

from postroom.delivery import TlsDatabase
from postroom.mailauth.tls_rpt import Failure, PolicyResults, Report, to_json


def _report(number: int, organization: str, age_days: float = 1.0) -> Report:
    end = time.time() - age_days * 86_400
    failure = Failure("certificate-expired", 3, mx="mx.example.org", reason="late \x1b[31m")
    policy = PolicyResults("sts", "example.org", (), (), 5, (failure,), 3)
    return Report(organization, "tls@b.test", f"{number}@b.test", end - 86_399, end, (policy,))


def _keep(room: Room, *reports: Report) -> None:
    room.data.mkdir(exist_ok=True)
    database = TlsDatabase(room.data / "tls.db")

    def put(db: apsw.Connection) -> None:
        for one in reports:
            values = (one.organization, one.report_id, one.begin, one.end, one.end, zlib.compress(to_json(one)))
            db.execute("INSERT INTO received VALUES (?, ?, ?, ?, ?, ?)", values)

    database.now(put)
    database.close()


def test_nothing_yet(room: Room) -> None:
    assert "tls_reports.read_from is empty" in room.run("tlsrpt").stderr
    assert room.json("tlsrpt") == {"sessions": [], "failures": []}


def test_sums(room: Room) -> None:
    _keep(room, _report(1, "B"), _report(2, "B"), _report(3, "C"), _report(4, "B", age_days=40))
    found = room.json("tlsrpt")
    assert [(one["reporter"], one["reports"], one["sessions"], one["failed"]) for one in found["sessions"]] == [
        ("B", 2, 16, 6),
        ("C", 1, 8, 3),
    ]
    assert [(one["failure"], one["host"], one["sessions"]) for one in found["failures"]] == [
        ("certificate-expired", "mx.example.org", 9)
    ]
    assert room.json("tlsrpt", "--days", "60")["sessions"][0]["reports"] == 3
    shown = room.ok("tlsrpt")
    assert "certificate-expired" in shown
    assert "late \\x1b[31m" in shown


def test_a_file_that_is_none(room: Room) -> None:
    room.data.mkdir(exist_ok=True)
    (room.data / "tls.db").write_bytes(b"junk" * 1000)
    assert "can't be read" in room.fails(1, "tlsrpt")
