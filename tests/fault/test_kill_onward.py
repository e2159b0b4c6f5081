"""Two servers, one handing mail to the other, both killed at random moments under load: every recipient has every
message, whether it is relayed, goes to a program by LMTP, or is forwarded.

At the other server that means at least once: when a server dies between the other's 250 and its own record of it, the
message is sent again (RFC 5321 §6.1, RFC 1047). In a mailbox of the server that took the message it is there exactly
once.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.crew import settings, wait_until
from tests.interop.server import Server, start_server, stop_server

from .kill_play import Load, end, kill, of_unknown_outcome, subjects, wait_for_all

CONNECTIONS, STOPS = 2, 3
# A new account that sends to more than 300 recipients elsewhere within an hour is stopped. While a server is slow to
# come back, the load on the other one goes on and gets there.
UNSTOPPED = "stop_factor = 0\naccount_messages_per_hour = 0"
ALICE, CAROL, BOB, TICKETS = "alice@a.test", "carol@a.test", "bob@b.test", "tickets@a.test"


@dataclass(frozen=True)
class Way:
    """How mail gets from the server here to the one there."""

    sender: str
    recipients: tuple[str, ...]  # as they are said to the server here
    here: str  # who has a copy here
    there: str  # who has it there
    prepare: Callable[[Server, Server], object] = lambda here, there: None  # both servers run

    @property
    def signs_in(self) -> bool:
        return self.sender == ALICE


def _alias(here: Server, there: Server) -> object:
    """A program, which here is another Postroom, and a person."""
    return here.cli("alias", "add", TICKETS, f"lmtp:127.0.0.1:{there.ports['lmtp']}", CAROL)


def _forward(here: Server, _: Server) -> object:
    return here.cli("account", "forward", CAROL, BOB, "--keep")


WAYS = {
    "relayed": Way(ALICE, (BOB, CAROL), CAROL, BOB),
    "by LMTP to a program": Way("x@else.test", (TICKETS,), CAROL, TICKETS, prepare=_alias),
    "forwarded": Way("x@else.test", (CAROL,), CAROL, BOB, prepare=_forward),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_nothing_acknowledged_is_lost_between_two_servers(tmp_path: Path, way: Way) -> None:
    moments = random.Random(20261123)
    there = start_server(tmp_path / "b", way.there.partition("@")[2], [way.there])
    route = (
        "first_retry_seconds = 0.2\nunreachable_memory_seconds = 0\n"
        f"max_connections_per_destination = {CONNECTIONS}\n"
        f'routes = {{ "b.test" = "127.0.0.1:{there.ports["smtp"]}" }}'
    )
    here = start_server(tmp_path / "a", "a.test", [ALICE, CAROL], settings(delivery=route, guard=UNSTOPPED))
    port = here.ports["submission" if way.signs_in else "smtp"]
    try:
        way.prepare(here, there)
        with Load(port, way.sender, way.recipients, threads=3, sign_in=way.signs_in) as load:
            for victim in ("here", "there", "here, by SIGTERM"):
                load.wait_for_more(moments.randint(20, 80))
                if victim == "there":
                    there = kill(there)
                else:
                    here = end(here) if "SIGTERM" in victim else kill(here)
        wait_for_all(load.acknowledged, lambda: subjects(there, way.there))
        wait_until(lambda: here.cli("queue", "list", "--json").strip() == "[]")
        copies = subjects(there, way.there)
        extra = sum(copies.values()) - len(copies)
        assert extra <= of_unknown_outcome(here, way.there), "more copies than attempts without an end"
        assert extra <= CONNECTIONS * STOPS, "more than the one transaction of each connection"
        kept = subjects(here, way.here)
        assert set(load.acknowledged) <= set(kept)
        assert max(kept.values()) == 1
    finally:
        for server in (here, there):
            stop_server(server)
