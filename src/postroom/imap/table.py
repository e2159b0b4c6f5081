"""What is said of a command in the table: its name, its parser, where it is allowed, what it entails.

Owns: CommandInfo and its words, for commands.py and the extensions' modules. Never: knows a command. Raises: nothing.

    not authenticated --(LOGIN, AUTHENTICATE)--> authenticated --(SELECT, EXAMINE)--> selected   (RFC 3501 §3)
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from .tokens import Cursor
from .types import Command

Parse = Callable[[Cursor], Command]


class State(enum.Flag):
    """RFC 3501 §3. A command's `states` is the set it may be given in."""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()


ANY = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
SIGNED_IN = State.AUTHENTICATED | State.SELECTED


class Does(enum.Flag):
    """Consequences that the session's scheduling reads."""

    NOTHING = 0
    USES_SEQ = enum.auto()  # its arguments are sequence numbers: no EXPUNGE between the client's sending and its start
    MAY_EXPUNGE = enum.auto()  # EXPUNGE responses may be sent before its tagged reply; without it, never
    WRITES = enum.auto()  # changes the selected mailbox: refused when that is read-only
    CHANGES_STATE = enum.auto()  # what comes after it can't be judged before it is done
    TAKES_OVER = enum.auto()  # lines or octets that are no commands follow (AUTHENTICATE, IDLE, APPEND, STARTTLS)


@dataclass(frozen=True, slots=True)
class CommandInfo:
    name: bytes  # "UID FETCH" for the UID forms
    parse: Parse
    states: State
    does: Does = Does.NOTHING
