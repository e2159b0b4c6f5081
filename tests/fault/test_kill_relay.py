"""Two servers, one relaying to the other, both killed at random moments under load: every acknowledged message arrives.

At a relay "arrives" is at least once: when a server dies between the other's 250 and its own record of it, the message
is sent again (RFC 5321 §6.1, RFC 1047). In a mailbox of the server that took the message it is there exactly once.
"""

import contextlib
import imaplib
import json
import random
import smtplib
import threading
import time
from collections import Counter
from pathlib import Path

from tests.interop.server import PASSWORD, Server, restart_server, start_server, stop_server

CONNECTIONS, STOPS = 2, 3
ALICE, CAROL, BOB = "alice@a.test", "carol@a.test", "bob@b.test"


def _feed(port: int, worker: int, acknowledged: list[str], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),  # the server was killed under us, as it should be
            smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp,
        ):
            smtp.login(ALICE, PASSWORD)
            while not stop.is_set():
                number += 1
                name = f"w{worker}n{number}"
                smtp.sendmail(ALICE, [BOB, CAROL], f"Subject: {name}\r\n\r\n{'x' * (number % 3) * 50_000}\r\n")
                acknowledged.append(name)
        time.sleep(0.02)


def _subjects(server: Server, user: str) -> Counter[str]:
    with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
        imap.login(user, PASSWORD)
        imap.select("INBOX", readonly=True)
        _, rows = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return Counter(row[1].decode().removeprefix("Subject: ").strip() for row in rows if isinstance(row, tuple))


def _of_unknown_outcome(server: Server) -> int:
    """Attempts for bob that ended without the other side's answer on record: RFC 1047's, each told by the journal."""
    stories = json.loads(server.cli("trace", BOB, "--limit", "100000", "--json"))
    steps = [step for story in stories for step in story["steps"]]
    cut = [step for step in steps if step["step"] == "attempt" and "end of DATA" in step.get("reply", "")]
    return len(cut) + sum(bool(step["step"] == "interrupted" and step["to"] == BOB) for step in steps)


def test_nothing_acknowledged_is_lost_between_two_servers(tmp_path: Path) -> None:
    moments = random.Random(20261123)
    there = start_server(tmp_path / "b", "b.test", [BOB])

    def settings(text: str) -> str:
        most = f"max_connections_per_destination = {CONNECTIONS}"
        address = f"127.0.0.1:{there.ports['smtp']}"
        route = (
            f'first_retry_seconds = 0.2\nunreachable_memory_seconds = 0\n{most}\nroutes = {{ "b.test" = "{address}" }}'
        )
        return text.replace("\n[delivery]\n", f"\n[delivery]\n{route}\n")

    here = start_server(tmp_path / "a", "a.test", [ALICE, CAROL], settings)
    acknowledged: list[str] = []
    stop = threading.Event()
    feeders = [
        threading.Thread(target=_feed, args=(here.ports["submission"], worker, acknowledged, stop))
        for worker in range(3)
    ]
    for feeder in feeders:
        feeder.start()
    try:
        for victim in ("here", "there", "here, by SIGTERM"):
            enough = len(acknowledged) + moments.randint(20, 80)
            deadline = time.monotonic() + 20
            while len(acknowledged) < enough:
                assert time.monotonic() < deadline, "nothing is accepted any more"
                time.sleep(0.001)
            process = (there if victim == "there" else here).process
            if "SIGTERM" in victim:
                process.terminate()
                assert process.wait(30) == 0
            else:
                process.kill()
                process.wait()
            if victim == "there":
                there = restart_server(there)
            else:
                here = restart_server(here)
        stop.set()
        for feeder in feeders:
            feeder.join()
        deadline = time.monotonic() + 30
        while missing := set(acknowledged) - set(_subjects(there, BOB)):
            assert time.monotonic() < deadline, missing
            time.sleep(0.1)
        twice = _subjects(there, BOB)
        extra = sum(twice.values()) - len(twice)
        assert extra <= _of_unknown_outcome(here), "more copies than attempts without an end"
        assert extra <= CONNECTIONS * STOPS, "more than the one transaction of each connection"
        kept = _subjects(here, CAROL)
        assert set(acknowledged) <= set(kept)
        assert max(kept.values()) == 1
    finally:
        stop.set()
        for server in (here, there):
            stop_server(server)
