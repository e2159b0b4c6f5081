"""The command table."""

from postroom.imap import COMMANDS, Does, State
from postroom.imap.table import ANY, SIGNED_IN

CORE = set(
    b"CAPABILITY NOOP LOGOUT ID STARTTLS AUTHENTICATE LOGIN APPEND CREATE DELETE EXAMINE LIST LSUB RENAME SELECT "
    b"STATUS SUBSCRIBE UNSUBSCRIBE ENABLE NAMESPACE IDLE CHECK CLOSE UNSELECT".split()
) | {prefix + name for name in b"FETCH STORE SEARCH COPY MOVE EXPUNGE".split() for prefix in (b"", b"UID ")}


def names(state: State) -> set[bytes]:
    return {name for name, info in COMMANDS.items() if info.states == state and name in CORE}


def test_the_states_of_the_rfc() -> None:
    """RFC 3501 §9 command-any, command-nonauth, command-auth, command-select, and the extensions."""
    assert names(ANY) == {b"CAPABILITY", b"NOOP", b"LOGOUT", b"ID"}
    assert names(State.NOT_AUTHENTICATED) == {b"STARTTLS", b"AUTHENTICATE", b"LOGIN"}
    assert names(SIGNED_IN) == set(
        b"APPEND CREATE DELETE EXAMINE LIST LSUB RENAME SELECT STATUS SUBSCRIBE UNSUBSCRIBE "
        b"ENABLE NAMESPACE IDLE".split()
    )
    base = {b"FETCH", b"STORE", b"SEARCH", b"COPY", b"MOVE", b"EXPUNGE"}
    assert names(State.SELECTED) == {b"CHECK", b"CLOSE", b"UNSELECT", *base, *(b"UID " + name for name in base)}


def test_no_expunge_while_sequence_numbers_are_answered() -> None:
    """RFC 3501 §7.4.1."""
    silent = {
        name for name, info in COMMANDS.items() if Does.USES_SEQ in info.does and Does.MAY_EXPUNGE not in info.does
    }
    assert silent >= {b"FETCH", b"STORE", b"SEARCH"}
    for name in silent:
        assert Does.MAY_EXPUNGE in COMMANDS[b"UID " + name].does


def test_what_changes_messages() -> None:
    assert {name for name, info in COMMANDS.items() if Does.WRITES in info.does and name in CORE} == {
        b"STORE", b"UID STORE", b"EXPUNGE", b"UID EXPUNGE", b"MOVE", b"UID MOVE",
    }  # fmt: skip


def test_every_row_is_under_its_name() -> None:
    assert all(info.name == name for name, info in COMMANDS.items())
