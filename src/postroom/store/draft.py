"""A message on its way into the store: its octets and the facts gathered while they pass.

Owns: joining one Spool with one message.Scanner. Never: decides where the message goes. Raises: ValueError on misuse,
OSError from the disk.
"""

from types import TracebackType

from postroom.base import Spool
from postroom.message import Facts, Scanner


class Draft:
    """`write` pieces, `finish` once, hand it to `append` (as often as there are recipients), `close`."""

    def __init__(self, spool: Spool, scanner: Scanner) -> None:
        self.spool = spool
        self._scanner: Scanner | None = scanner
        self._facts: Facts | None = None

    def write(self, piece: bytes) -> None:
        """Append octets of the message as they arrive; any splitting gives the same facts."""
        if self._scanner is None:
            raise ValueError("the message is finished")
        self.spool.write(piece)
        self._scanner.feed(piece)

    @property
    def size(self) -> int:
        return self.spool.size

    def finish(self) -> Facts:
        """No more octets will come; the facts. Calling it again returns the same facts."""
        if self._scanner is not None:
            self._facts = self._scanner.finish()
            self._scanner = None  # a draft may wait for others: it keeps no more than its facts
        return self.facts

    @property
    def facts(self) -> Facts:
        """The facts of a finished draft."""
        if self._facts is None:
            raise ValueError("finish the draft first")
        return self._facts

    def close(self) -> None:
        """Drop the octets and any temporary file."""
        self.spool.close()

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
