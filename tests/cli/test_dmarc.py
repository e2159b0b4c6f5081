"""`postroom dmarc`."""

import time
import zlib
from dataclasses import replace

import apsw
import msgspec
from tests.cli.room import Room

from postroom.delivery import DmarcDatabase
from postroom.mailauth.dmarc.aggregate import AggregateReport, DkimEntry, Published, Row, SpfEntry
from postroom.mailauth.dmarc.failure import FailureReport

PASSED = Row("192.0.2.1", 5, "pass", "pass", "fail", "example.org")
FORGED = Row(
    "192.0.2.66", 3, "reject", "fail", "fail", "example.org", "evil.test",
    dkim_results=(DkimEntry("list.test", "s", "pass"), DkimEntry("example.org", "s", "fail")),
    spf_results=(SpfEntry("evil.test", "pass"),),
)  # fmt: skip
FAILED = FailureReport(
    "dmarc", "reject", "example.org", "192.0.2.66", mail_from="<x@evil.test>", original_subject="Pay \x1b[31m now"
)


def _report(number: int, organization: str, age_days: float = 1.0) -> AggregateReport:
    end = int(time.time() - age_days * 86_400)
    published = Published("example.org", "reject")
    return AggregateReport(organization, "r@b.test", str(number), end - 86_399, end, published, (PASSED, FORGED))


def _keep(room: Room, *reports: AggregateReport, failures: tuple[FailureReport, ...] = ()) -> None:
    room.data.mkdir(exist_ok=True)
    database = DmarcDatabase(room.data / "dmarc.db")
    now = time.time()

    def put(db: apsw.Connection) -> None:
        for one in reports:
            values = (one.organization, one.report_id, one.begin, one.end, now, zlib.compress(msgspec.json.encode(one)))
            db.execute("INSERT INTO received VALUES (?, ?, ?, ?, ?, ?)", values)
        for number, failure in enumerate(failures):
            packed = zlib.compress(msgspec.json.encode(failure))
            db.execute("INSERT INTO failed VALUES ('', ?, ?, ?, ?, ?)", (str(number), now, now, now, packed))

    database.now(put)
    database.close()


def test_nothing_yet(room: Room) -> None:
    assert "dmarc_reports.read_from is empty" in room.run("dmarc").stderr
    assert room.json("dmarc") == {"reporters": [], "not_passed": [], "failures": []}


def test_sums(room: Room) -> None:
    _keep(room, _report(1, "B"), _report(2, "B"), _report(3, "C"), _report(4, "B", age_days=40), failures=(FAILED,))
    found = room.json("dmarc")
    assert [
        (one["reporter"], one["reports"], one["messages"], one["passed"], one["rejected"]) for one in found["reporters"]
    ] == [("B", 2, 16, 10, 6), ("C", 1, 8, 5, 3)]
    (source,) = found["not_passed"]
    assert (source["source_ip"], source["proved"], source["messages"]) == (
        "192.0.2.66",
        "dkim list.test, spf evil.test",
        9,
    )
    assert found["failures"][0]["auth_failure"] == "dmarc"
    assert room.json("dmarc", "--days", "60")["reporters"][0]["reports"] == 3
    shown = room.ok("dmarc")
    assert "dkim list.test" in shown
    assert "Pay \\x1b[31m now" in shown


def test_long_tables_are_cut_for_people_alone(room: Room) -> None:
    rows = tuple(replace(FORGED, source_ip=f"192.0.2.{at}") for at in range(100))
    _keep(room, replace(_report(1, "B"), rows=rows))
    assert "and 70 more" in room.ok("dmarc")
    assert len(room.json("dmarc")["not_passed"]) == 100


def test_a_date_from_nowhere(room: Room) -> None:
    _keep(room, replace(_report(1, "B"), begin=1 << 40, end=1 << 40))
    assert "192.0.2.66" in room.ok("dmarc")


def test_a_file_that_is_none(room: Room) -> None:
    room.data.mkdir(exist_ok=True)
    (room.data / "dmarc.db").write_bytes(b"junk" * 1000)
    assert "can't be read" in room.fails(1, "dmarc")
