"""docs/performance.md, wholly from the results file and what people have found that rows are bound by.

Owns: the page's words and tables. Never: measures, reads or writes files. Raises: nothing; `Page.unexplained` lists the
rows under their aim of which nobody has said what binds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import growth_page
from bench.figures import Aim, Better, Figure, Measure, better, reached, times_better
from bench.growth_page import table
from bench.results import Measured, Results, Session
from bench.rows import GROUPS, Group, Row

HEAD = """# Performance

This page is made by `make bench` (`python -m bench`), which starts Postroom, and Postfix with Dovecot from Debian, on
one machine, loads them in turn and writes down what it found; do not edit it. All figures:
[performance.json](performance.json).
"""
HOW = """## How it is measured

- Both sides are equally durable: what was acknowledged has been synced to disk (Dovecot: mdbox, `mail_fsync=always`;
  with its default, flag changes are not synced). Both remember proven passwords.
- The client reads until the line that ends a reply and parses nothing else; loads of many connections come from a
  process of their own. Figures are medians of the runs; within a run, warm rows are medians of three to five tries.
- Ratio: how many times better Postroom is, whichever way the unit goes.
- After a folder has been filled nothing is measured before the server is at rest: its search index is made by then.
- CPU: the server's user and system time for each message or operation, of all its processes, with what it left to be
  done in the background. Beside SMTP that is Postfix and Dovecot together; the clients' own is not in it.
- Messages: four kinds (plain, alternative, attachment, reply), 4 KiB, in a vocabulary of 36 words.
- "Cold" is asked of messages that nobody has looked at, of a server that has just started, by a new connection; the
  files are in the system's page cache. "Warm" has been asked once before; searches look for something else each time.
- Mail that is checked is taken by two processes and by Debian's own Python (3.11.2, built with a profile; the 3.11.7 of
  other rows is not, and takes a tenth longer over it): the peers are Debian's too, and have as many processes as they
  like.
- Memory of Postroom is its resident set (of several processes: the proportional ones, added up). Of the peers it is the
  sum of their processes' proportional set sizes, in which what processes share counts once. A session's memory is what
  a server of 1,010 idle sessions has more than one of ten, for each.
- Growth is measured once, each row as the median of three to five tries, with a server of its own for each size.
- Dovecot tells sessions in IDLE of a change half a second later, on purpose.
- A message of 100 MiB, by SMTP, APPEND, FETCH and RETR, raises resident memory by less than 10 MiB: that is a test, not
  a row (`tests/wire/test_large_messages.py`).
"""
NOT_EXPLAINED = "not explained yet"


@dataclass(frozen=True)
class Page:
    text: str
    unexplained: list[str]


def render(results: Results, bound_by: Mapping[str, str]) -> Page:
    """The page; `bound_by` has a sentence by name of row."""
    parts = [HEAD, _sessions(results)]
    under = list[Row]()
    for group in GROUPS:
        rows = [row for row in group.rows if row.name in results.rows]
        if rows:
            parts.append(f"## {group.title}\n\n{_table(group, rows, results)}")
            under += [row for row in rows if _reached(group, row, results.rows[row.name]) is False]
    if under:
        parts.append(_bounds(under, bound_by))
    growth = growth_page.sections(results, bound_by)
    parts += growth.parts
    parts.append(HOW)
    missing = [row.name for row in under if row.name not in bound_by]
    return Page("\n".join(parts), missing + growth.unexplained)


def _sessions(results: Results) -> str:
    lines = []
    for name, session in sorted(results.sessions.items()):
        rows = sum(measured.session == name for measured in results.rows.values())
        points = sum(
            p.session == name for kind in results.growth.values() for row in kind.values() for p in row.values()
        )
        what = [f"{rows} row{'s' if rows != 1 else ''}"] if rows else []
        what += [f"{points} points of growth"] if points else []
        lines.append(f"- {_session(session)}: {' and '.join(what)}.")
    warning = ""
    if any(session.quick for session in results.sessions.values()):
        warning = (
            "**Some figures are of tiny sizes (`--quick`): they show that the benchmark works, nothing else.**\n\n"
        )
    return f"{warning}Measured:\n\n" + "\n".join(lines) + "\n"


def _session(session: Session) -> str:
    beside = f", beside {session.peers}" if session.peers else ""
    quick = " (tiny sizes)" if session.quick else ""
    runs = f"{session.runs} run{'s' if session.runs != 1 else ''}"
    return (
        f"{session.date}{quick}, Postroom {session.commit or 'as it was'}, {session.processor}, {session.cores} cores, "
        f"{session.kernel}, {session.filesystem}, Python {session.python}, {runs}{beside}"
    )


def _table(group: Group, rows: list[Row], results: Results) -> str:
    names = {"postroom": "Postroom"}
    sides = [names.get(side, side) for side in group.sides]
    cpu = any(
        figure.cpu is not None
        for row in rows
        for figures in results.rows[row.name].sides.values()
        for figure in figures
    )
    head = ["row", "unit", *sides]
    head += ["ratio"] if len(sides) > 1 else []
    head += ["aim", "reached"]
    head += [f"CPU µs, {side}" for side in sides] if cpu else []
    body = []
    for row in rows:
        measured = results.rows[row.name]
        found = [measured.median(side) for side in group.sides]
        line = [
            row.what,
            row.unit,
            *(_cell(measured, side, figure) for side, figure in zip(group.sides, found, strict=True)),
        ]
        if len(sides) > 1:
            times = _times(group, row, measured)
            line.append("–" if times is None else f"{times:.2f}")
        line += [_aim(row.aim, row.unit), {True: "yes", False: "**no**", None: "–"}[_reached(group, row, measured)]]
        if cpu:
            line += ["–" if figure is None or figure.cpu is None else number(figure.cpu) for figure in found]
        body.append(line)
    return table(head, body, left=2) + _missing([results.rows[row.name] for row in rows])


def _missing(rows: list[Measured]) -> str:
    """Why some sides have no figures: each reason once."""
    sides: dict[str, list[str]] = {}
    for measured in rows:
        for side, reason in measured.missing.items():
            if side not in sides.setdefault(reason, []):
                sides[reason].append(side)
    return "".join(f"\nNot available, {' and '.join(names)}: {reason}.\n" for reason, names in sides.items())


def _cell(measured: Measured, side: str, figure: Figure | None) -> str:
    if figure is not None:
        return number(figure.value)
    return "not available" if side in measured.missing else "–"


def _times(group: Group, row: Row, measured: Measured) -> float | None:
    """Ours over what it is compared with; two workers over one."""
    first, second = (measured.median(side) for side in group.sides)
    if first is None or second is None:
        return None
    ours, other = (first, second) if group.sides[0] == "postroom" else (second, first)
    return times_better(ours.value, other.value, row.unit)


def _reached(group: Group, row: Row, measured: Measured) -> bool | None:
    own = measured.median(group.sides[0])
    times = _times(group, row, measured) if len(group.sides) > 1 else None
    return reached(row.aim, own.value if own else None, times, row.unit)


def _aim(aim: Aim | None, unit: str) -> str:
    if aim is None:
        return "–"
    if aim.measure is Measure.RATIO:
        return f"≥ {aim.number:g}"
    return f"{'≥' if better(unit) is Better.HIGHER else '≤'} {aim.number:,g}".replace("1e+04", "10,000")


def _bounds(rows: list[Row], bound_by: Mapping[str, str]) -> str:
    lines = [f"- **{row.what}**: {' '.join(bound_by.get(row.name, NOT_EXPLAINED).split())}" for row in rows]
    return "## Under the aim, and what binds them\n\n" + "\n".join(lines) + "\n"


def number(value: float) -> str:
    """As many digits as can be believed."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
