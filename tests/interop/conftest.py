"""Fixtures of the interop tests: a running server."""

from collections.abc import Iterator

import pytest
from tests.interop.server import Server, start_server, stop_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """example.test with alice and bob."""
    running = start_server(
        tmp_path_factory.mktemp("postroom"), "example.test", ["alice@example.test", "bob@example.test"]
    )
    yield running
    stop_server(running)
