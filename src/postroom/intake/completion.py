"""A message's header, completed or set apart while the message passes.

Owns: holding the header back until it is whole, and handing it to who completes it. Never: touches the body, keeps
more than the header. Raises: HeaderTooLarge.
"""

import re
from collections.abc import Callable

from postroom.base import MailError


class HeaderTooLarge(MailError):
    code, enhanced, text = 552, "5.3.4", "Message header exceeds the fixed maximum size"


_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|From |\r\n")  # a field (RFC 5322 §2.2), an mbox line, or an empty header
_FIELD_NAME_OCTETS = 998  # a line without a colon so far is none (RFC 5322 §2.1.1)


class HeaderSeparator:
    """A message from elsewhere without any header: an empty line in front keeps our trace fields off its text."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: bytes | None = b""

    def feed(self, piece: bytes) -> bytes:
        """The octets that can go on now."""
        if self._held is None:
            return piece
        held = self._held + piece
        if b"\n" not in held and b":" not in held and len(held) < _FIELD_NAME_OCTETS:
            self._held = held
            return b""
        self._held = None
        return held if _FIELD.match(held) else b"\r\n" + held

    def finish(self) -> bytes:
        """The message is over."""
        held, self._held = self._held, None
        return b"\r\n" + held if held else b""


class HeaderCompleter:
    """`feed` pieces of a message; what comes out has the header that `complete` made of the one that went in."""

    __slots__ = ("_complete", "_held", "_limit", "_scanned")

    def __init__(self, complete: Callable[[bytes], bytes], limit: int) -> None:
        self._complete = complete
        self._limit = limit
        self._held: bytearray | None = bytearray()
        self._scanned = 0

    def feed(self, piece: bytes, rest: Callable[[bytes], None] | None = None) -> bytes:
        """The octets that can go on now; `rest` is given those behind the header when it ends in this piece."""
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
        completed = self._complete(bytes(held[:end]))
        if rest is not None:
            rest(bytes(held[end:]))
        return completed + held[end:]

    def finish(self) -> bytes:
        """The message is over: a message that was all header is completed now."""
        held, self._held = self._held, None
        return self._complete(bytes(held)) if held is not None else b""
