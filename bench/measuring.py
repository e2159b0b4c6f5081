"""Runs rows: starts the sides when they are first needed, alternates between them, keeps the results file up to date.

Owns: the order of everything, what happens when a row fails. Never: says what a row is. Raises: OSError.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bench import growing
from bench.bed import Bed
from bench.errors import BenchError, Unavailable
from bench.figures import Sizes
from bench.peers import Peers
from bench.results import Results
from bench.room import Room
from bench.rows import GROUPS, GROWING, WORKERS, Group
from bench.side import Side, all_accounts

Save = Callable[[], None]


class Sides:
    """The servers of this session, each started when it is first asked for."""

    def __init__(self, folder: Path, runs: int, fsync: str) -> None:
        self._folder, self._accounts, self._fsync = folder, all_accounts(runs), fsync
        self._running: dict[str, Side | Unavailable] = {}

    def get(self, name: str) -> Side:
        """Raises Unavailable, the same each time."""
        if name not in self._running:
            try:
                self._running[name] = self._start(name)
            except (Unavailable, BenchError) as reason:
                self._running[name] = Unavailable(str(reason))
        found = self._running[name]
        if isinstance(found, Unavailable):
            raise found
        return found

    def _start(self, name: str) -> Side:
        folder = self._folder / name.replace(" ", "-")
        if name == "peers":
            return Peers(folder, self._accounts, self._fsync)
        if name in WORKERS:
            return Room(folder, self._accounts, {"process.workers": int(name.split()[0])}, name)
        return Room(folder, self._accounts)

    def stop(self) -> None:
        for side in self._running.values():
            if isinstance(side, Side):
                with _told(f"{side.name}: "):
                    side.stop()


def measure(
    sides: Sides, wanted: Mapping[str, set[str]], sizes: Sizes, runs: int, results: Results, session: str, save: Save
) -> list[str]:
    """All rows wanted, by group; what failed."""
    failed = list[str]()
    for group in GROUPS:
        if group.name not in wanted:
            continue
        for run in range(1 if group.once else runs):
            for name in group.sides if run % 2 == 0 else group.sides[::-1]:
                start = time.perf_counter()
                failed += _measure_side(sides, name, group, wanted[group.name], sizes, run, results, session)
                _say(f"{group.name}, run {run + 1}, {name}: {time.perf_counter() - start:.0f} s")
            save()
    return failed


def _measure_side(
    sides: Sides, name: str, group: Group, wanted: set[str], sizes: Sizes, run: int, results: Results, session: str
) -> list[str]:
    failed = list[str]()
    rows = [row for row in group.rows if row.name in wanted]
    try:
        side = sides.get(name)
    except Unavailable as reason:
        for row in rows:
            results.add_missing(session, row.name, name, str(reason))
        return failed
    bed = Bed(side, sizes, run)
    for row in rows:
        try:
            figure = row.measure(bed)
            results.add(session, row.name, name, figure)
            _say(f"  {name:10} {row.what}: {figure.value:,.5g} {row.unit}", figure.cpu)
        except (BenchError, OSError) as error:
            failed.append(f"{row.name}, {name}: {error}")
            _say(f"  {failed[-1]}")
            bed.close()  # what comes next must not read the rest of a reply
    bed.close()
    side.settle()
    return failed


def measure_growth(sizes: Sizes, results: Results, session: str, save: Save) -> list[str]:
    """Both kinds, at all sizes; what failed."""
    failed = list[str]()
    for size in sizes.growth:
        start = time.perf_counter()
        whole = f"growth, {size:,} messages: "
        with _told(whole, failed), growing.account_of(replace(sizes, messages=size)) as bed:
            for row in GROWING:
                with _told(f"{whole}{row.name}: ", failed, bed):
                    cost = growing.cost(row, row.measure(bed), size)
                    results.add_point(session, growing.MESSAGES, row.name, size, cost)
                    _say(f"  {size:>9,} {row.what}: {cost.value:,.4g} {growing.unit_of_work(row)}", cost.cpu)
        _say(f"{whole}{time.perf_counter() - start:.0f} s")
        save()
    for count in sizes.growth_accounts:
        start = time.perf_counter()
        whole = f"growth, {count:,} accounts: "
        with _told(whole, failed), growing.accounts(count, sizes) as people:
            for about in growing.ACCOUNT_ROWS:
                with _told(f"{whole}{about.name}: ", failed, people.bed):
                    cost = about.measure(people)
                    results.add_point(session, growing.ACCOUNTS, about.name, count, cost)
                    _say(f"  {count:>9,} {about.what}: {cost.value:,.4g} {about.unit}", cost.cpu)
        _say(f"{whole}{time.perf_counter() - start:.0f} s")
        save()
    return failed


@contextlib.contextmanager
def _told(what: str, failed: list[str] | None = None, bed: Bed | None = None) -> Iterator[None]:
    """Say what went wrong and go on."""
    try:
        yield
    except (BenchError, OSError) as error:
        _say(f"  {what}{error}")
        if failed is not None:
            failed.append(f"{what}{error}")
        if bed is not None:
            bed.close()


def _say(words: str, cpu: float | None = None) -> None:
    more = "" if cpu is None else f" ({cpu:,.4g} µs CPU each)"
    print(f"{words}{more}", file=sys.stderr, flush=True)
