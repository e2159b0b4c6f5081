"""What a client has sent and nobody has used yet, cut into command lines.

Owns: the one input buffer of a session; where a line ends, and what no line may hold (RFC 5321 §2.3.8, §4.5.3.1).
Never: knows a command. Raises: nothing; a line that is refused is the Reply to refuse it with.
"""

import re

from . import replies
from .replies import Reply
from .settings import SmtpSettings

_BAD_IN_LINE = re.compile(rb"[\r\n\0]")


class InputLines:
    """`feed` octets; take them as lines (`next_line`) or as they are (`take`)."""

    __slots__ = ("_at", "_octets", "_settings")

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._octets = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Take octets from the peer."""
        if self._at >= len(self._octets):
            self._octets = data
        else:
            self._octets = self._octets[self._at :] + data
        self._at = 0

    @property
    def pending(self) -> int:
        """Octets that nobody has taken."""
        return len(self._octets) - self._at

    def take(self, limit: int | None = None) -> bytes:
        """What is there, `limit` octets at most."""
        at = self._at
        if limit is None or limit >= len(self._octets) - at:
            data = self._octets[at:] if at else self._octets
            self._octets, self._at = b"", 0
            return data
        self._at = at + limit
        return self._octets[at : self._at]

    def clear(self) -> int:
        """Forget it all; how much it was."""
        dropped = self.pending
        self._octets, self._at = b"", 0
        return dropped

    def next_line(self, *, in_auth: bool = False) -> bytes | Reply | None:
        """The next line without its end; the reply to a line that is none; None when more octets are needed.

        A line that is refused stays: `skip_line` drops it.
        """
        octets, at = self._octets, self._at
        end = octets.find(b"\r\n", at)
        if end < 0:
            if at == len(octets):
                return None
            line = octets[at:]
            complete = False
        else:
            line = octets[at:end]
            complete = True
        limit = self._settings.max_command_octets - 2
        if len(line) > limit or not complete or _BAD_IN_LINE.search(line):
            too_long = replies.LINE_TOO_LONG
            if in_auth or line[:5].upper() == b"AUTH ":
                limit, too_long = self._settings.max_auth_octets - 2, replies.AUTH_LINE_TOO_LONG
            # Decided by the place in the line alone, so that any splitting of the input gives the same reply.
            line_feed = line.find(b"\n")
            if 0 <= line_feed <= limit:
                return replies.BARE_LINE_END
            if len(line) - (not complete and line.endswith(b"\r")) > limit:
                return too_long
            if not complete:
                return None
            if _BAD_IN_LINE.search(line):
                return replies.BARE_LINE_END
        self._at = end + 2
        return line

    def begins_with(self, word: bytes) -> bool:
        """Whether the line that comes next does, in any case of letters."""
        return self._octets[self._at : self._at + len(word)].upper() == word

    def skip_line(self) -> tuple[int, bool]:
        """Drop octets up to the end of the line: how many, and whether it has ended."""
        end = self._octets.find(b"\r\n", self._at)
        if end >= 0:
            dropped = end - self._at
            self._at = end + 2
            return dropped, True
        held = 1 if self._octets.endswith(b"\r") and self._at < len(self._octets) else 0
        dropped = len(self._octets) - self._at - held
        self._at = len(self._octets) - held
        return dropped, False
