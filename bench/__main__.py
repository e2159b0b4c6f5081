"""Measures Postroom beside Postfix and Dovecot, row by row, and writes docs/performance.md.

python -m bench                              everything, three runs: about half an hour on two quiet cores
python -m bench --only idle,search-body      some groups or rows; the others stay on the page as they were
python -m bench --only growth --million      cost against size, up to an account of a million messages
python -m bench --render                     the page again, from the results file
python -m bench --quick                      tiny sizes, to try the benchmark itself; written to build/bench
python -m bench --list                       groups and rows
python -m bench --profile search-body        where our server spends that row's time; written to build/bench
"""

import argparse
import signal
import sys
import tempfile
import time
import tomllib
from dataclasses import replace
from pathlib import Path

from bench import growth_page, machine, measuring, page, peers, results
from bench.bed import Bed
from bench.errors import Unavailable
from bench.figures import QUICK, Sizes
from bench.idling import more_descriptors
from bench.profiling import Profiler
from bench.rows import GROUPS, ROWS, chosen

ROOT = Path(__file__).parents[1]
BOUND_BY = ROOT / "bench" / "bound_by.toml"
GROWTH = "growth"
MILLION = 1_000_000


def main() -> int:
    """0; 1 when a row failed, or when one under its aim is not explained."""
    arguments = _arguments()
    if arguments.list:
        for group in GROUPS:
            print(f"{group.name}: {' '.join(row.name for row in group.rows)}")
        print(GROWTH)
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that what was started is ended
    if arguments.profile:
        return _profile(arguments)
    output: Path = (
        arguments.output or (ROOT / "build" / "bench" if arguments.quick else ROOT / "docs") / "performance.md"
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    failed = [] if arguments.render else _measure(arguments, output)
    for failure in failed:
        print(f"bench: failed: {failure}", file=sys.stderr)
    unexplained = _write(output)
    if not arguments.render:
        print(output.read_text("utf-8"))
    for row in unexplained:
        print(f"bench: under its aim and not explained in {BOUND_BY.relative_to(ROOT)}: {row}", file=sys.stderr)
    return 1 if failed or (unexplained and arguments.render) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each row, in turn for each side; default 3")
    parser.add_argument("--only", metavar="NAMES", help="groups and rows, joined by commas")
    parser.add_argument("--million", action="store_true", help="growth also with a million messages")
    parser.add_argument("--quick", action="store_true", help="tiny sizes and one run")
    parser.add_argument("--render", action="store_true", help="measure nothing; 1 when a row is not explained")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the page; results and plots stand beside it")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the servers keep their data while it runs")
    parser.add_argument("--dovecot-fsync", choices=("always", "optimized", "never"), default="always")
    parser.add_argument("--profile", metavar="ROW", help="one row of ours alone, with samples of where its time goes")
    parser.add_argument("--list", action="store_true", help="name the groups and rows")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.runs = 1
    names = arguments.only.split(",") if arguments.only else [*(group.name for group in GROUPS), GROWTH]
    arguments.growth = GROWTH in names
    if arguments.profile and arguments.profile not in ROWS:
        parser.error(f"there is no row {arguments.profile!r}; see --list")
    try:
        arguments.wanted = chosen([name for name in names if name != GROWTH])
    except KeyError as error:
        parser.error(f"there is no row or group {error.args[0]!r}; see --list")
    return arguments


def _profile(arguments: argparse.Namespace) -> int:
    """One row, once."""
    more_descriptors()
    row = ROWS[arguments.profile]
    target = ROOT / "build" / "bench" / f"profile-{row.name}.txt"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="postroom-bench-", dir=arguments.folder) as name:
        sides = measuring.Sides(Path(name), 1, arguments.dovecot_fsync)
        try:
            bed = Bed(sides.get("postroom"), QUICK if arguments.quick else Sizes(), 0)
            bed.profiler = Profiler(Path(name))
            figure = row.measure(bed)
            bed.close()
            cpu = "" if figure.cpu is None else f", {figure.cpu:,.4g} µs CPU each"
            target.write_text(f"{row.what}: {figure.value:,.4g} {row.unit}{cpu}\n{bed.profiler.report()}", "utf-8")
        finally:
            sides.stop()
    print(target.read_text("utf-8"))
    return 0


def _measure(arguments: argparse.Namespace, output: Path) -> list[str]:
    more_descriptors()
    sizes: Sizes = QUICK if arguments.quick else Sizes()
    if arguments.million:
        sizes = replace(sizes, growth=(*sizes.growth, MILLION))
    file = output.with_suffix(".json")
    found = results.read(file)
    with tempfile.TemporaryDirectory(
        prefix="postroom-bench-", dir=arguments.folder, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        beside = _beside(arguments)
        now = machine.session(arguments.runs, folder, beside, arguments.quick)
        if now.filesystem == "tmpfs":
            print("bench: the data are in memory, where syncing costs nothing; use --folder", file=sys.stderr)
        session = time.strftime("%Y-%m-%dT%H:%M:%S")
        found.sessions[session] = now

        def save() -> None:
            results.write(replace(found, sessions=dict(found.sessions)), file)

        sides = measuring.Sides(folder, arguments.runs, arguments.dovecot_fsync)
        try:
            failed = measuring.measure(sides, arguments.wanted, sizes, arguments.runs, found, session, save)
        finally:
            sides.stop()
        if arguments.growth:
            failed += measuring.measure_growth(sizes, found, session, save)
        save()
    return failed


def _beside(arguments: argparse.Namespace) -> str:
    """Versions of the peers, installed when some row needs them."""
    if not any("peers" in group.sides for group in GROUPS if group.name in arguments.wanted):
        return ""
    try:
        peers.install()
    except Unavailable as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return ""
    fsync = "" if arguments.dovecot_fsync == "always" else f" with mail_fsync={arguments.dovecot_fsync}"
    return peers.versions() + fsync


def _write(output: Path) -> list[str]:
    """Page and plots from the results file; names of rows that are not explained."""
    found = results.read(output.with_suffix(".json"))
    made = page.render(found, tomllib.loads(BOUND_BY.read_text("utf-8")))
    output.write_text(made.text, "utf-8")
    for name, drawing in growth_page.plots(found).items():
        (output.parent / name).write_text(drawing, "utf-8")
    return made.unexplained


if __name__ == "__main__":
    sys.exit(main())
