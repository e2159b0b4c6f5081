"""The table of commands: what each is called, how its arguments read, when it is allowed, what it entails.

Owns: COMMANDS and the questions asked of it. Never: runs a command. Raises: nothing.

    not authenticated --(LOGIN, AUTHENTICATE)--> authenticated --(SELECT, EXAMINE)--> selected   (RFC 3501 §3)
"""

import enum
from dataclasses import dataclass

from . import arguments, list_parser
from .arguments import Parse
from .types import (
    Append,
    Authenticate,
    Bare,
    Command,
    Copy,
    Create,
    Delete,
    Enable,
    Fetch,
    Id,
    List,
    Login,
    Rename,
    Search,
    Select,
    Status,
    Store,
    Subscribe,
    UidExpunge,
)


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


def _table(*rows: CommandInfo) -> dict[bytes, CommandInfo]:
    return {row.name: row for row in rows}


# RFC 3501 §7.4.1: no EXPUNGE while a FETCH, STORE or SEARCH by sequence number is answered, nor when no command is.
# The UID forms may, and RFC 3501 §5.5 asks clients to expect it there.
_SEQ, _EXPUNGE, _WRITES = Does.USES_SEQ, Does.MAY_EXPUNGE, Does.WRITES
_STATE, _TAKES = Does.CHANGES_STATE, Does.TAKES_OVER

COMMANDS: dict[bytes, CommandInfo] = _table(
    CommandInfo(b"CAPABILITY", arguments.bare(b"CAPABILITY"), ANY, _EXPUNGE),
    CommandInfo(b"NOOP", arguments.bare(b"NOOP"), ANY, _EXPUNGE),
    CommandInfo(b"LOGOUT", arguments.bare(b"LOGOUT"), ANY, _STATE),
    CommandInfo(b"ID", arguments.identify, ANY, _EXPUNGE),
    CommandInfo(b"STARTTLS", arguments.bare(b"STARTTLS"), State.NOT_AUTHENTICATED, _STATE | _TAKES),
    CommandInfo(b"AUTHENTICATE", arguments.authenticate, State.NOT_AUTHENTICATED, _STATE | _TAKES),
    CommandInfo(b"LOGIN", arguments.login, State.NOT_AUTHENTICATED, _STATE),
    CommandInfo(b"ENABLE", arguments.enable, SIGNED_IN, _STATE),
    CommandInfo(b"SELECT", arguments.select, SIGNED_IN, _STATE),
    CommandInfo(b"EXAMINE", arguments.examine, SIGNED_IN, _STATE),
    CommandInfo(b"CREATE", arguments.create, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"DELETE", arguments.delete, SIGNED_IN, _EXPUNGE | _STATE),
    CommandInfo(b"RENAME", arguments.rename, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"SUBSCRIBE", arguments.subscribe, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"UNSUBSCRIBE", arguments.unsubscribe, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"LIST", list_parser.parse_list, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"LSUB", list_parser.parse_lsub, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"NAMESPACE", arguments.bare(b"NAMESPACE"), SIGNED_IN, _EXPUNGE),
    CommandInfo(b"STATUS", list_parser.parse_status, SIGNED_IN, _EXPUNGE),
    CommandInfo(b"APPEND", arguments.append, SIGNED_IN, _EXPUNGE | _TAKES),
    CommandInfo(b"IDLE", arguments.bare(b"IDLE"), SIGNED_IN, _EXPUNGE | _TAKES),
    CommandInfo(b"CHECK", arguments.bare(b"CHECK"), State.SELECTED, _EXPUNGE),
    CommandInfo(b"CLOSE", arguments.bare(b"CLOSE"), State.SELECTED, _STATE),
    CommandInfo(b"UNSELECT", arguments.bare(b"UNSELECT"), State.SELECTED, _STATE),
    CommandInfo(b"EXPUNGE", arguments.bare(b"EXPUNGE"), State.SELECTED, _EXPUNGE | _WRITES),
    CommandInfo(b"SEARCH", arguments.search, State.SELECTED, _SEQ),
    CommandInfo(b"FETCH", arguments.fetch, State.SELECTED, _SEQ),
    CommandInfo(b"STORE", arguments.store, State.SELECTED, _SEQ | _WRITES),
    # RFC 2180 §4.4: of the commands with sequence numbers, only COPY may be answered with EXPUNGE
    CommandInfo(b"COPY", arguments.copy, State.SELECTED, _SEQ | _EXPUNGE),
    CommandInfo(b"MOVE", arguments.move, State.SELECTED, _SEQ | _EXPUNGE | _WRITES),  # RFC 6851 §3.3
    CommandInfo(b"UID SEARCH", arguments.uid_search, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID FETCH", arguments.uid_fetch, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID STORE", arguments.uid_store, State.SELECTED, _EXPUNGE | _WRITES),
    CommandInfo(b"UID COPY", arguments.uid_copy, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID MOVE", arguments.uid_move, State.SELECTED, _EXPUNGE | _WRITES),
    CommandInfo(b"UID EXPUNGE", arguments.uid_expunge, State.SELECTED, _EXPUNGE | _WRITES),
)

_BY_TYPE: dict[type, CommandInfo] = {
    Authenticate: COMMANDS[b"AUTHENTICATE"],
    Login: COMMANDS[b"LOGIN"],
    Enable: COMMANDS[b"ENABLE"],
    Id: COMMANDS[b"ID"],
    Create: COMMANDS[b"CREATE"],
    Delete: COMMANDS[b"DELETE"],
    Rename: COMMANDS[b"RENAME"],
    Status: COMMANDS[b"STATUS"],
    Append: COMMANDS[b"APPEND"],
    UidExpunge: COMMANDS[b"UID EXPUNGE"],
}
_BY_UID: dict[type, tuple[CommandInfo, CommandInfo]] = {
    kind: (COMMANDS[name], COMMANDS[b"UID " + name])
    for kind, name in ((Fetch, b"FETCH"), (Store, b"STORE"), (Search, b"SEARCH"))
}


def spec_for(command: Command) -> CommandInfo:
    """The table's row for a parsed command."""
    if (row := _BY_TYPE.get(type(command))) is not None:
        return row
    match command:
        case Bare():
            return COMMANDS[command.name]
        case Fetch() | Store() | Search():
            return _BY_UID[type(command)][command.uid]
        case Copy():
            return COMMANDS[(b"UID " if command.uid else b"") + (b"MOVE" if command.move else b"COPY")]
        case Select():
            return COMMANDS[b"EXAMINE" if command.read_only else b"SELECT"]
        case Subscribe():
            return COMMANDS[b"SUBSCRIBE" if command.on else b"UNSUBSCRIBE"]
        case List():
            return COMMANDS[b"LSUB" if command.lsub else b"LIST"]
    raise KeyError(type(command))  # pragma: no cover: a command type without a row is a bug here
