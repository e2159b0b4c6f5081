"""Plots of cost against size, as SVG: a small panel for each row, both axes logarithmic.

Owns: the drawing. Never: measures, reads or writes files. Raises: nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_COLUMNS = 4
_WIDTH, _HEIGHT = 275, 155  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 40, 24  # its margins
_HEAD = 46
_KEY = (
    "Across: {across}. Both axes are logarithmic; flat is as it should be. "
    "Line: time (red: steeper than its work); dashes: the server's CPU."
)
_DECADES_AT_LEAST = 2
_STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:10px;fill:#444}"
    ".title{font-size:15px;fill:#111}.name{font-size:11px;fill:#111}"
    ".grid{stroke:#ddd;stroke-width:1}.line{fill:none;stroke:#1f6fb2;stroke-width:2}.dot{fill:#1f6fb2}"
    ".beside{fill:none;stroke:#999;stroke-width:1.5;stroke-dasharray:4 3}"
    ".steep .line{stroke:#c0392b}.steep .dot{fill:#c0392b}.steep .name{fill:#c0392b}"
)


@dataclass(frozen=True)
class Panel:
    """One row: what a unit of its work costs, by size; `beside`: how much of it is the server's CPU.

    `steep`: it grows faster than its work.
    """

    name: str
    unit: str
    points: tuple[tuple[float, float], ...]
    beside: tuple[tuple[float, float], ...] = ()
    steep: bool = False


def small_multiples(title: str, across: str, panels: Sequence[Panel]) -> str:
    """All panels in one picture; `across` says what the horizontal axis is."""
    rows = -(-len(panels) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, _HEAD + rows * _HEIGHT
    sizes = [size for panel in panels for size, _ in panel.points]
    drawn = [_panel(panel, at, _decades(sizes, 1)) for at, panel in enumerate(panels)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        f'<text class="title" x="12" y="20">{escape(title)}</text>\n'
        f'<text x="12" y="36">{escape(_KEY.format(across=across))}</text>\n' + "".join(drawn) + "</svg>\n"
    )


def _panel(panel: Panel, at: int, across: tuple[int, int]) -> str:
    left = at % _COLUMNS * _WIDTH + _LEFT
    top = _HEAD + at // _COLUMNS * _HEIGHT + _TOP
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    up = _decades([cost for _, cost in (*panel.points, *panel.beside)], _DECADES_AT_LEAST)

    def x(size: float) -> float:
        return left + _part(size, across) * wide

    def y(cost: float) -> float:
        return top + (1 - _part(cost, up)) * high

    out = [f'<g class="{"steep" if panel.steep else "flat"}">']
    out.append(f'<text class="name" x="{left - _LEFT + 12}" y="{top - 22}">{escape(panel.name)}</text>')
    out.append(f'<text x="{left - _LEFT + 12}" y="{top - 10}">{escape(panel.unit)}</text>')
    for power in range(up[0], up[1] + 1):
        height = y(10.0**power)
        out.append(f'<path class="grid" d="M{left} {height:.1f}h{wide}"/>')
        out.append(f'<text text-anchor="end" x="{left - 4}" y="{height + 3:.1f}">{_number(10.0**power)}</text>')
    for power in range(across[0], across[1] + 1):
        place = x(10.0**power)
        out.append(f'<path class="grid" d="M{place:.1f} {top}v{high}"/>')
        out.append(f'<text text-anchor="middle" x="{place:.1f}" y="{top + high + 13}">{_number(10.0**power)}</text>')
    dots = [(x(size), y(cost)) for size, cost in sorted(panel.points)]
    if panel.beside:
        out.append(_path("beside", [(x(size), y(cost)) for size, cost in sorted(panel.beside)]))
    out.append(_path("line", dots))
    out += [f'<circle class="dot" cx="{right:.1f}" cy="{down:.1f}" r="2.5"/>' for right, down in dots]
    return "\n".join(out) + "\n</g>\n"


def _path(kind: str, places: Sequence[tuple[float, float]]) -> str:
    return f'<path class="{kind}" d="M' + "L".join(f"{right:.1f} {down:.1f}" for right, down in places) + '"/>'


def _decades(values: Sequence[float], at_least: int) -> tuple[int, int]:
    """The powers of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    while high - low < at_least:
        high, low = (high + 1, low) if (high - low) % 2 == 0 else (high, low - 1)
    return low, high


def _part(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])


def _number(value: float) -> str:
    """1000 as 1k."""
    for limit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{sign}"
    return f"{value:g}"
