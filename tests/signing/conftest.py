"""Keys are made once."""

import pytest
from tests.signing.keys import make_quickly


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quickly(monkeypatch)
