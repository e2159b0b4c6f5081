"""The room fixture; DKIM keys are made once."""

from pathlib import Path

import pytest
from tests.cli.room import Room
from tests.signing.keys import make_quickly


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quickly(monkeypatch)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Settings and the domain example.org."""
    made = Room(tmp_path)
    made.ok("domain", "add", "example.org")
    return made
