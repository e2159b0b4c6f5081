"""The one error of IMAP syntax.

Owns: how a parser says no. Never: parses. Raised by tokens and every parser, turned into a Bad event by the engine.
"""

from postroom.base import ProtocolError


class BadSyntax(ProtocolError):
    """This command can't be carried out as written; the stream itself is fine.

    `status` and `code` differ from BAD and nothing where an RFC asks for another answer (NO [BADCHARSET …]).
    """

    def __init__(self, text: str, *, status: bytes = b"BAD", code: bytes = b"") -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.code = code

    @property
    def answer(self) -> bytes:
        """What stands behind the tag of the answer."""
        code = b"[%b] " % self.code if self.code else b""
        return b"%b %b%b" % (self.status, code, self.text.encode("ascii", "replace"))


class LiteralPending(Exception):
    """Internal to imap: the parser of an unfinished command came to a literal whose octets have not arrived."""
