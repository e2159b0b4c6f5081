"""Placeholder while the scanner is written: its interface only."""

from .facts import Facts


class Scanner:
    """Feed it a message in pieces; `finish` gives the facts."""

    def feed(self, data: bytes) -> None:
        raise RuntimeError("not written yet")

    def finish(self) -> Facts:
        raise RuntimeError("not written yet")
