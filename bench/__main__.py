"""Runs the rows, alternating between Postroom and its peers, and prints medians, CPU and ratios as a table.

python -m bench [--runs 3] [--messages 2000] [--only delivery,mailload] [--mailload ../shared/bench/mailload.py]
"""

import argparse
import itertools
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.interop.server import PASSWORD, Server, start_server, stop_server

from bench import load, peers, processes
from bench import scale as scaling

ROOT = Path(__file__).parents[1]
USERS = [f"u{number}" for number in range(20)]
MAILLOAD_LINE = re.compile(r"^(\w+)\s+([\d.]+) (\S+)")

Figures = dict[str, tuple[float, str]]
Rows = dict[str, dict[str, list[float]]]


class Side:
    """One of the two, as the rows see it."""

    def __init__(self, name: str, domain: str, smtp: int, imap: int, pop3: int, roots: list[int]) -> None:
        self.name, self.domain, self.smtp, self.imap, self.pop3, self.roots = name, domain, smtp, imap, pop3, roots


def delivery(side: Side, arguments: argparse.Namespace) -> Figures:
    """Accepted and in the mailbox, durable."""
    figures: Figures = {}
    for connections, users in ((20, USERS), (20, USERS[:1])):
        cpu = processes.cpu_seconds(side.roots)
        done = load.deliver(
            side.smtp,
            side.imap,
            side.domain,
            users,
            PASSWORD,
            connections=connections,
            messages=arguments.messages,
            size=4096,
        )
        cpu = processes.cpu_seconds(side.roots) - cpu
        name = f"{connections} connections, {len(users)} mailbox{'es' if len(users) > 1 else ''}"
        figures[f"accepted, {name}"] = (done.accepted_per_second, "msg/s")
        figures[f"delivered, {name}"] = (done.delivered_per_second, "msg/s")
        figures[f"delivered, {name}: CPU"] = (cpu / arguments.messages * 1e6, "µs/msg")
    return figures


def mailload(side: Side, arguments: argparse.Namespace) -> Figures:
    """The outside load for IMAP and POP3."""
    figures: Figures = {}
    user = f"{USERS[0]}@{side.domain}"
    imap = ["imap", "127.0.0.1", str(side.imap), user, PASSWORD, "--messages", str(arguments.imap_messages)]
    for words in (imap, ["pop3", "127.0.0.1", str(side.pop3), user, PASSWORD]):
        command = [sys.executable, str(arguments.mailload), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        if done.returncode:
            raise SystemExit(f"bench: {side.name}: {' '.join(words[:3])}: {done.stdout[-300:]}{done.stderr[-600:]}")
        for line in done.stdout.splitlines():
            if found := MAILLOAD_LINE.match(line):
                figures[found[1]] = (float(found[2]), found[3])
    return figures


_scale_runs = itertools.count(1)


def scale(side: Side, arguments: argparse.Namespace) -> Figures:
    """Folders of 1,000, 10,000 and 100,000 messages (scale.py); takes a minute."""
    return scaling.scale(side.imap, f"{USERS[-1]}@{side.domain}", PASSWORD, next(_scale_runs))


ROWS: dict[str, Callable[[Side, argparse.Namespace], Figures]] = {
    "delivery": delivery,
    "mailload": mailload,
    "scale": scale,
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--imap-messages", type=int, default=10000)
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--mailload", type=Path, default=ROOT.parent / "shared" / "bench" / "mailload.py")
    parser.add_argument("--dovecot-fsync", choices=("always", "optimized", "never"), default="always")
    parser.add_argument("--output", type=Path, help="also write the table there, as Markdown")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if "mailload" in wanted and not arguments.mailload.exists():
        print(f"bench: {arguments.mailload} is missing, so its rows are left out", file=sys.stderr)
        wanted.remove("mailload")
    values: Rows = {}
    units: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="postroom-bench-", ignore_cleanup_errors=True) as folder:
        server = start_server(Path(folder) / "postroom", "room.test", [f"{user}@room.test" for user in USERS])
        pair = peers.start(Path(folder) / "peers", USERS, arguments.dovecot_fsync)
        try:
            sides = [_postroom(server), Side("peers", "peer.test", pair.smtp, pair.imap, pair.pop3, pair.processes())]
            for run in range(arguments.runs):
                for side in sides if run % 2 == 0 else sides[::-1]:
                    for row in wanted:
                        for name, (value, unit) in ROWS[row](side, arguments).items():
                            values.setdefault(name, {}).setdefault(side.name, []).append(value)
                            units[name] = unit
                print(f"run {run + 1} of {arguments.runs} done", file=sys.stderr)
        finally:
            pair.stop()
            stop_server(server)
    table = _table(values, units, arguments.dovecot_fsync)
    print(table)
    if arguments.output:
        arguments.output.write_text(table)
    return 0


def _postroom(server: Server) -> Side:
    ports = server.ports
    return Side("postroom", "room.test", ports["smtp"], ports["imap"], ports["pop3"], [server.process.pid])


def _table(values: Rows, units: dict[str, str], fsync: str) -> str:
    lines = [
        (
            f"Measured {time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}, beside "
            f"{peers.versions()} (mdbox, mail_fsync={fsync}). Medians; "
            "ratio = Postroom / peers, for CPU and times peers / Postroom: higher is better."
        ),
        "",
        "| row | unit | Postroom | peers | ratio |",
        "|---|---|---:|---:|---:|",
    ]
    for name, sides in values.items():
        ours, theirs = (statistics.median(sides.get(side, [0.0])) for side in ("postroom", "peers"))
        lower_is_better = units[name] in ("µs/msg", "ms", "µs", "times")
        top, bottom = (theirs, ours) if lower_is_better else (ours, theirs)
        ratio = f"{top / bottom:.2f}" if bottom else "–"
        lines.append(f"| {name} | {units[name]} | {_figure(ours)} | {_figure(theirs)} | {ratio} |")
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
