"""The results file: every figure of every run, from which the page is made.

Owns: its form, reading and writing it, bringing new figures into old ones. Never: measures, makes Markdown.
Raises: OSError, ValueError for a file that is none of ours.

A row's figures all come from one session (one call of the benchmark): measuring it again replaces them. In a growth
table each size is replaced by itself, so that the largest can be added later.
"""

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Figure


@dataclass(frozen=True)
class Session:
    """One call of the benchmark: when, where, beside what."""

    date: str
    runs: int
    processor: str
    cores: int
    kernel: str
    filesystem: str
    python: str
    commit: str
    peers: str
    quick: bool = False


@dataclass
class Measured:
    """A row: figures by side; or why a side has none."""

    session: str
    sides: dict[str, list[Figure]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def median(self, side: str) -> Figure | None:
        figures = self.sides.get(side)
        if not figures:
            return None
        cpus = [figure.cpu for figure in figures if figure.cpu is not None]
        return Figure(statistics.median(figure.value for figure in figures), statistics.median(cpus) if cpus else None)


@dataclass(frozen=True)
class Point:
    """Cost of one unit of work at one size; `cpu` of it is the server's own, where that is known, in the same unit."""

    cost: float
    cpu: float | None
    session: str


Growth = dict[str, dict[int, Point]]  # by row, by size


@dataclass
class Results:
    sessions: dict[str, Session] = field(default_factory=dict)
    rows: dict[str, Measured] = field(default_factory=dict)
    growth: dict[str, Growth] = field(default_factory=dict)  # by what grows

    def add(self, session: str, row: str, side: str, figure: Figure) -> None:
        self._row(session, row).sides.setdefault(side, []).append(figure)

    def add_missing(self, session: str, row: str, side: str, reason: str) -> None:
        self._row(session, row).missing[side] = reason

    def add_point(self, session: str, kind: str, row: str, size: int, cost: Figure) -> None:
        self.growth.setdefault(kind, {}).setdefault(row, {})[size] = Point(cost.value, cost.cpu, session)

    def _row(self, session: str, row: str) -> Measured:
        measured = self.rows.get(row)
        if measured is None or measured.session != session:
            measured = self.rows[row] = Measured(session)
        return measured

    def drop_unused_sessions(self) -> None:
        used = {measured.session for measured in self.rows.values()}
        used |= {
            point.session for rows in self.growth.values() for points in rows.values() for point in points.values()
        }
        self.sessions = {name: session for name, session in self.sessions.items() if name in used}


def read(path: Path) -> Results:
    """An empty one when there is no file yet."""
    if not path.exists():
        return Results()
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Results(
        {name: Session(**session) for name, session in data["sessions"].items()},
        {name: _measured(row) for name, row in data["rows"].items()},
        {
            kind: {row: {int(size): Point(*point) for size, point in points.items()} for row, points in rows.items()}
            for kind, rows in data["growth"].items()
        },
    )


def _measured(row: dict[str, Any]) -> Measured:
    sides = {side: [Figure(*figure) for figure in figures] for side, figures in row["sides"].items()}
    return Measured(row["session"], sides, row["missing"])


def write(results: Results, path: Path) -> None:
    """Whole or not at all."""
    results.drop_unused_sessions()
    data = {
        "sessions": {name: asdict(session) for name, session in sorted(results.sessions.items())},
        "rows": {name: _row_data(row) for name, row in results.rows.items()},
        "growth": {
            kind: {
                row: {
                    str(size): [*_pair(point.cost, point.cpu), point.session] for size, point in sorted(points.items())
                }
                for row, points in rows.items()
            }
            for kind, rows in results.growth.items()
        },
    }
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(_lines(data) + "\n", "utf-8")
    temporary.replace(path)


def _row_data(row: Measured) -> dict[str, Any]:
    sides = {side: [_pair(figure.value, figure.cpu) for figure in figures] for side, figures in row.sides.items()}
    return {"session": row.session, "sides": sides, "missing": row.missing}


def _points_data(points: dict[int, Point]) -> dict[str, list[float | str | None]]:
    return {str(size): [*_pair(point.cost, point.cpu), point.session] for size, point in sorted(points.items())}


def _pair(value: float, cpu: float | None) -> list[float | None]:
    """Five digits say all that there is to say."""
    return [None if number is None else float(f"{number:.5g}") for number in (value, cpu)]


def _lines(data: dict[str, dict[str, Any]]) -> str:
    """JSON with a line for each row, so that a diff shows which ones have changed."""
    sections = []
    for name, section in data.items():
        entries = [f"    {json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in section.items()]
        sections.append(f"  {json.dumps(name)}: " + ("{\n" + ",\n".join(entries) + "\n  }" if entries else "{}"))
    return "{\n" + ",\n".join(sections) + "\n}"
