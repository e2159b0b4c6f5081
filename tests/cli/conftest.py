"""The room fixture."""

from pathlib import Path

import pytest
from tests.cli.room import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Settings and the domain example.org."""
    made = Room(tmp_path)
    made.ok("domain", "add", "example.org")
    return made
