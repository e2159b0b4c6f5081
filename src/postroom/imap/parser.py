"""One whole command: tag, name, arguments (RFC 3501 §9 command).

Owns: finding the tag and the table's row. Never: frames (engine). Raises: BadSyntax.
"""

import re

from .append_parser import Place, begin_append, begin_replace, stretch
from .commands import COMMANDS
from .settings import ImapSettings
from .syntax import BadSyntax
from .tokens import Cursor
from .types import Bad, Command, Got, Next

# tag: 1*<any ASTRING-CHAR except "+">. The length bound keeps replies bounded.
_TAG = rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,255})"
_COMMAND = re.compile(_TAG + rb" ((?:[Uu][Ii][Dd] )?[A-Za-z][A-Za-z0-9.-]*)(?= |\Z)")
_TAG_AHEAD = re.compile(_TAG + rb"(?=[ \r\n]|\Z)")
_SETMETADATA = re.compile(_TAG + rb" SETMETADATA ", re.IGNORECASE)
_APPEND = re.compile(_TAG + rb" (APPEND|REPLACE|UID REPLACE)(?= )", re.IGNORECASE)


def parse_command(data: bytes, settings: ImapSettings, utf8: bool = False) -> Got:
    """A command's octets, literals in place, without the final CRLF."""
    found = _COMMAND.match(data)
    if found is None:
        if tag_of(data) == b"*":
            raise BadSyntax("Expected a tag")
        raise BadSyntax("Expected a command")
    tag, name = found.groups()
    info = COMMANDS.get(name) or COMMANDS.get(name.upper())
    if info is None:
        raise BadSyntax("Unknown command")
    # A literal may end with spaces; to AUTHENTICATE one announces an initial response (RFC 4959 §3).
    if data.endswith(b" ") and settings.quirk_spelling and b"\n" not in data and info.name != b"AUTHENTICATE":
        data = data.rstrip(b" ")
    return Got(tag, info.name, info.parse(Cursor(data, found.end(), settings, utf8=utf8)))


def parse_append(data: bytes, settings: ImapSettings, utf8: bool = False) -> tuple[Got, Place] | None:
    """The octets of an unfinished command that end with `{n}CRLF`: an APPEND or REPLACE if that literal is streamed.

    None: it is another command, and the literal one of its strings. Raises LiteralPending when that literal is a string
    of such a command (its mailbox, a URL), BadSyntax for a command that goes wrong before it.
    """
    if (found := _APPEND.match(data)) is None:
        return None
    name = found[2].upper()
    cursor = Cursor(data, found.end(), settings, partial=True, utf8=utf8)
    command: Command
    if name == b"APPEND":
        command, place = begin_append(cursor)
    else:
        command, place = begin_replace(cursor, uid=name == b"UID REPLACE")
    return Got(found[1], name, command), place


def parse_next(
    data: bytes, place: Place, settings: ImapSettings, utf8: bool = False, *, partial: bool
) -> tuple[Next, Place]:
    """What follows a streamed literal; `partial`: it ends with `{n}CRLF`. Raises as `parse_append`."""
    parts, ends, place = stretch(Cursor(data, 0, settings, partial=partial, utf8=utf8), place)
    return Next(parts, ends), place


def tag_of(data: bytes) -> bytes:
    """The tag to answer a command that makes no sense; b"*" when even the tag does not."""
    found = _TAG_AHEAD.match(data)
    return found[1] if found else b"*"


def too_large(begin: bytes, size: int | None, settings: ImapSettings) -> Bad:
    """The answer to a command with a literal of so many octets (None: more than a number holds) that is not taken."""
    most = settings.max_metadata_value_octets
    if _SETMETADATA.match(begin) and (size is None or size > most):
        return Bad(tag_of(begin), "Value too large", b"NO", b"METADATA MAXSIZE %d" % most)  # RFC 5464 §4.3
    return Bad(tag_of(begin), "Literal too large", code=b"TOOBIG")
