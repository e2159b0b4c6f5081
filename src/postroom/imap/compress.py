"""COMPRESS (RFC 4978): what the client asks for.

Owns: the command, its row. Never: compresses. Raises: BadSyntax.
"""

from dataclasses import dataclass

from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command


@dataclass(frozen=True, slots=True)
class Compress(Command):
    mechanism: bytes  # upper case


def compress(cursor: Cursor) -> Compress:
    """COMPRESS SP algorithm (RFC 4978 §5); an unknown one is BAD (§3)."""
    cursor.space()
    mechanism = cursor.atom("Expected a compression mechanism").upper()
    cursor.end()
    if mechanism != b"DEFLATE":
        raise BadSyntax("Unknown compression mechanism")
    return Compress(mechanism)


# RFC 4978 §5: command-auth
ROWS = (CommandInfo(b"COMPRESS", compress, SIGNED_IN, Does.CHANGES_STATE | Does.TAKES_OVER),)
