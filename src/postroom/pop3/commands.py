"""Which commands there are, when they may be given, and what may follow the keyword.

Owns: the table (RFC 1939 §9, RFC 2449 §5, RFC 2595 §4, RFC 5034 §4, RFC 6856 §2, §3). Never: carries a command out.
Raises: nothing.
"""

import enum
import re
from dataclasses import dataclass


class State(enum.Flag):
    """RFC 1939 §3. UPDATE takes no commands."""

    AUTHORIZATION = enum.auto()
    TRANSACTION = enum.auto()
    UPDATE = enum.auto()


@dataclass(frozen=True, slots=True)
class Command:
    """`arguments` matches all that follows the keyword; its groups are the arguments."""

    states: State
    arguments: re.Pattern[bytes]
    usage: bytes  # for the -ERR to a wrong argument


_NONE = re.compile(rb" *")
_NUMBER = re.compile(rb" +([0-9]{1,10}) *")
_MAYBE_NUMBER = re.compile(rb"(?: +([0-9]{1,10}))? *")
_NUMBER_AND_LINES = re.compile(rb" +([0-9]{1,10}) +([0-9]{1,10}) *")
_REST = re.compile(rb" (.+)", re.DOTALL)  # names and passwords may have spaces in them (RFC 1939 §7 PASS)
_MECHANISM = re.compile(rb" +([A-Za-z0-9_-]{1,20})(?: +([A-Za-z0-9+/=]+))? *")
_MAYBE_WORD = re.compile(rb"(?: +([A-Za-z0-9*-]{1,64}))? *")

_START, _DROP, _BOTH = State.AUTHORIZATION, State.TRANSACTION, State.AUTHORIZATION | State.TRANSACTION

COMMANDS: dict[bytes, Command] = {
    b"USER": Command(_START, _REST, b"USER name"),
    b"PASS": Command(_START, _REST, b"PASS password"),
    b"AUTH": Command(_START, _MECHANISM, b"AUTH mechanism [initial-response]"),
    b"STLS": Command(_START, _NONE, b"STLS"),
    b"UTF8": Command(_START, _NONE, b"UTF8"),
    b"CAPA": Command(_BOTH, _NONE, b"CAPA"),
    b"LANG": Command(_BOTH, _MAYBE_WORD, b"LANG [language]"),
    b"QUIT": Command(_BOTH, _NONE, b"QUIT"),
    b"STAT": Command(_DROP, _NONE, b"STAT"),
    b"LIST": Command(_DROP, _MAYBE_NUMBER, b"LIST [message]"),
    b"UIDL": Command(_DROP, _MAYBE_NUMBER, b"UIDL [message]"),
    b"RETR": Command(_DROP, _NUMBER, b"RETR message"),
    b"TOP": Command(_DROP, _NUMBER_AND_LINES, b"TOP message lines"),
    b"DELE": Command(_DROP, _NUMBER, b"DELE message"),
    b"NOOP": Command(_DROP, _NONE, b"NOOP"),
    b"RSET": Command(_DROP, _NONE, b"RSET"),
}
