"""A submitted message's header, completed while the message passes.

Owns: holding the header back until it is whole, and handing it to who completes it. Never: touches the body, keeps
more than the header. Raises: HeaderTooLarge.
"""

from collections.abc import Callable

from postroom.base import MailError


class HeaderTooLarge(MailError):
    code, enhanced, text = 552, "5.3.4", "Message header exceeds the fixed maximum size"


class HeaderCompleter:
    """`feed` pieces of a message; what comes out has the header that `complete` made of the one that went in."""

    __slots__ = ("_complete", "_held", "_limit", "_scanned")

    def __init__(self, complete: Callable[[bytes], bytes], limit: int) -> None:
        self._complete = complete
        self._limit = limit
        self._held: bytearray | None = bytearray()
        self._scanned = 0

    def feed(self, piece: bytes) -> bytes:
        """The octets that can go on now."""
        held = self._held
        if held is None:
            return piece
        held += piece
        if held.startswith(b"\r\n"):  # no header at all
            end = 2
        else:
            found = held.find(b"\r\n\r\n", max(0, self._scanned - 3))
            if found < 0:
                self._scanned = len(held)
                if len(held) > self._limit:
                    raise HeaderTooLarge(f"{len(held)} octets and no end")
                return b""
            end = found + 4
        if end > self._limit:
            raise HeaderTooLarge(f"{end} octets")
        self._held = None
        return self._complete(bytes(held[:end])) + held[end:]

    def finish(self) -> bytes:
        """The message is over: a message that was all header is completed now."""
        held, self._held = self._held, None
        return self._complete(bytes(held)) if held is not None else b""
