"""The page's part about growth: a table of cost by size with its exponent, and the plots.

Owns: what counts as steeper than the work. Never: reads or writes files. Raises: nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import slope
from bench.growing import ACCOUNT_ROWS, ACCOUNTS, MESSAGES, unit_of_work
from bench.plot import Panel, small_multiples
from bench.results import Growth, Point, Results
from bench.rows import GROWING

STEEP = 0.15  # an exponent above this is more than noise
MUCH = 1.25  # times the cost of the smallest size: below, a slope is noise too
_WORDS = {
    MESSAGES: (
        "Growth with the messages in an account",
        "The cost of a unit of work: of a message where a command is about all of them, else of an operation",
        "messages in the account",
    ),
    ACCOUNTS: (
        "Growth with the number of accounts",
        "Accounts whose passwords are cheap to check, so that hashing is not what is seen",
        "accounts",
    ),
}


@dataclass(frozen=True)
class Grown:
    """A row's costs by size."""

    name: str
    what: str
    unit: str
    points: dict[int, Point]

    def costs(self) -> list[tuple[int, float]]:
        return [(size, point.cost) for size, point in sorted(self.points.items())]

    def cpus(self) -> list[tuple[int, float]]:
        """Without the sizes at which it is not known, or too little to be seen."""
        return [(size, point.cpu) for size, point in sorted(self.points.items()) if point.cpu]

    @property
    def exponent(self) -> float | None:
        """Over all sizes."""
        return _slope(self.costs())

    @property
    def last_exponent(self) -> float | None:
        """Between the two largest sizes, where fixed costs no longer hide what grows."""
        return _slope(self.costs()[-2:])

    @property
    def steep(self) -> bool:
        """In time and, where that is known, in CPU, which other programs on the machine do not change."""
        cpus = self.cpus()
        return _steep(self.costs()) and (len(cpus) < 2 or _steep(cpus))


def _steep(costs: Sequence[tuple[int, float]]) -> bool:
    exponents = [_slope(costs) or 0.0]
    if len(costs) > 2:
        exponents.append(_slope(costs[-2:]) or 0.0)
    return max(exponents) > STEEP and costs[-1][1] > MUCH * min(cost for _, cost in costs)


def _slope(costs: Sequence[tuple[int, float]]) -> float | None:
    if len(costs) < 2:
        return None
    return slope([size for size, _ in costs], [cost for _, cost in costs])


@dataclass(frozen=True)
class GrowthSections:
    parts: list[str]
    unexplained: list[str]


def grown(kind: str, growth: Growth) -> list[Grown]:
    """The rows of a kind that have been measured, in the tables' order."""
    if kind == MESSAGES:
        known = [(row.name, row.what, unit_of_work(row)) for row in GROWING]
    else:
        known = [(row.name, row.what, row.unit) for row in ACCOUNT_ROWS]
    return [Grown(name, _plain(what), unit, growth[name]) for name, what, unit in known if name in growth]


def _plain(what: str) -> str:
    """The row's words without the size that it has elsewhere."""
    return what.replace(" of 10,000", "").replace(" of 2,000", "").replace(", 2,000 messages", "")


def sections(results: Results, bound_by: Mapping[str, str]) -> GrowthSections:
    parts, unexplained = list[str](), list[str]()
    for kind, growth in results.growth.items():
        title, words, _ = _WORDS[kind]
        rows = grown(kind, growth)
        sizes = sorted({size for row in rows for size in row.points})
        head = ["row", "unit", *(f"{size:,}" for size in sizes), "exponent", "last step", ""]
        body = [
            [
                row.what,
                row.unit,
                *(_cost(row.points.get(size)) for size in sizes),
                _exponent(row.exponent),
                _exponent(row.last_exponent),
                "**steeper**" if row.steep else "",
            ]
            for row in rows
        ]
        text = (
            f"## {title}\n\n{words}. Exponent: the slope of cost against size, both as logarithms, over all sizes and "
            f"between the two largest; 0 is a cost that does not grow. Above {STEEP:g}, and {MUCH:g} times as dear as "
            f"at its best, both in time and in the server's CPU, it is called steeper than its work."
            f"\n\n![{title}](growth-{kind}.svg)\n\n"
            f"{table(head, body, left=2)}"
        )
        if steep := [row for row in rows if row.steep]:
            keys = {row.name: f"growth-{kind}-{row.name}" for row in steep}
            lines = [f"- **{row.what}**: {_explained(bound_by, keys[row.name])}" for row in steep]
            text += "\nSteeper than their work:\n\n" + "\n".join(lines) + "\n"
            unexplained += [key for key in keys.values() if key not in bound_by]
        parts.append(text)
    return GrowthSections(parts, unexplained)


def _explained(bound_by: Mapping[str, str], key: str) -> str:
    return " ".join(bound_by.get(key, "not explained yet").split())


def plots(results: Results) -> dict[str, str]:
    """SVG by file name."""
    drawn = {}
    for kind, growth in results.growth.items():
        title, _, across = _WORDS[kind]
        panels = [
            Panel(row.what, row.unit, tuple(row.costs()), tuple(row.cpus()), row.steep) for row in grown(kind, growth)
        ]
        if panels:
            drawn[f"growth-{kind}.svg"] = small_multiples(title, across, panels)
    return drawn


def _cost(point: Point | None) -> str:
    if point is None:
        return "–"
    return f"{point.cost:,.0f}" if point.cost >= 100 else f"{point.cost:.3g}"


def _exponent(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def table(head: Sequence[str], body: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table; the first `left` columns are words, the others figures."""
    rule = ["---" if at < left else "---:" for at in range(len(head))]
    rows = [head, rule, *body]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)
