"""The table of commands: what each is called, how its arguments read, when it is allowed, what it entails.

Owns: COMMANDS. The rows of an extension stand in its own module. Never: runs a command. Raises: nothing.
"""

from . import (
    acl,
    append_parser,
    arguments,
    compress,
    language,
    list_parser,
    metadata,
    multisearch,
    notify,
    quota,
    sorting,
)
from .table import ANY, SIGNED_IN, CommandInfo, Does, State


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
    CommandInfo(b"APPEND", append_parser.append, SIGNED_IN, _EXPUNGE | _TAKES),
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
    CommandInfo(
        b"REPLACE", append_parser.replace_, State.SELECTED, _SEQ | _EXPUNGE | _WRITES | _TAKES
    ),  # RFC 8508 §3.5
    CommandInfo(b"UID REPLACE", append_parser.uid_replace, State.SELECTED, _EXPUNGE | _WRITES | _TAKES),
    CommandInfo(b"UID SEARCH", arguments.uid_search, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID FETCH", arguments.uid_fetch, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID STORE", arguments.uid_store, State.SELECTED, _EXPUNGE | _WRITES),
    CommandInfo(b"UID COPY", arguments.uid_copy, State.SELECTED, _EXPUNGE),
    CommandInfo(b"UID MOVE", arguments.uid_move, State.SELECTED, _EXPUNGE | _WRITES),
    CommandInfo(b"UID EXPUNGE", arguments.uid_expunge, State.SELECTED, _EXPUNGE | _WRITES),
    *acl.ROWS,
    *sorting.ROWS,
    *multisearch.ROWS,
    CommandInfo(b"UNAUTHENTICATE", arguments.bare(b"UNAUTHENTICATE"), SIGNED_IN, _STATE | _TAKES),  # RFC 8437 §3
    *compress.ROWS,
    *language.ROWS,
    *notify.ROWS,
    *metadata.ROWS,
    *quota.ROWS,
)
