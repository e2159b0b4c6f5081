"""Keys for tests: RSA takes a tenth of a second to make, so one is used again and again."""

from functools import cache

import pytest

from postroom.signing import keeping
from postroom.signing.keys import PrivateKey, new_private_key
from postroom.signing.types import Algorithm


@cache
def one_key(algorithm: Algorithm, rsa_bits: int) -> PrivateKey:
    return new_private_key(algorithm, rsa_bits)


def make_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, all domains have the same keys."""
    monkeypatch.setattr(keeping, "new_private_key", one_key)
