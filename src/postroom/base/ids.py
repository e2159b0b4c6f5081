"""Chance, handed in so that tests repeat: identifiers, tokens, jitter.

Owns: the only calls to the machine's random sources. Never: password hashing (accounts). Raises: nothing.
"""

import random
import secrets
from typing import Protocol

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


class Ids(Protocol):
    """What the rest of Postroom knows of chance."""

    def token(self, length: int = 16) -> str:
        """An unguessable string of lower-case letters and digits."""

    def octets(self, length: int) -> bytes:
        """Unguessable octets."""

    def jitter(self) -> float:
        """A number from 0 up to 1, for spreading retries."""


class SystemIds:
    """From the operating system's random source."""

    def token(self, length: int = 16) -> str:
        return "".join(secrets.choice(_ALPHABET) for _ in range(length))

    def octets(self, length: int) -> bytes:
        return secrets.token_bytes(length)

    def jitter(self) -> float:
        return secrets.randbits(53) / (1 << 53)


class SeededIds:
    """The same sequence in every run. For tests only: anyone can guess it."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def token(self, length: int = 16) -> str:
        return "".join(self._random.choice(_ALPHABET) for _ in range(length))

    def octets(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def jitter(self) -> float:
        return self._random.random()
