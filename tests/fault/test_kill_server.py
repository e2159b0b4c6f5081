"""kill -9 of the whole server under load: what was acknowledged is there after the restart, once."""

from pathlib import Path

import pytest
from tests.cli.crew import settings
from tests.interop.server import start_server, stop_server

from .kill_play import Load, kill, subjects

BOB = "bob@example.test"


@pytest.mark.parametrize("workers", [1, 2])
def test_acknowledged_mail_survives_kill_9(tmp_path: Path, workers: int) -> None:
    server = start_server(tmp_path, "example.test", [BOB], settings(process=f"workers = {workers}"))
    try:
        with Load(server.ports["smtp"], "x@else.test", [BOB], threads=4) as load:
            for _ in range(3):
                load.wait_for_more(20)
                server = kill(server)
                acknowledged = set(load.acknowledged)
                there = subjects(server, BOB)
                assert acknowledged <= set(there)
                assert max(there.values()) == 1, "a message was stored twice"
    finally:
        if server.process.poll() is None:
            stop_server(server)
