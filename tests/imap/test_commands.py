"""The command table."""

import pytest

from postroom.imap import COMMANDS, Does, State, spec_for
from postroom.imap.commands import ANY, SIGNED_IN
from postroom.imap.types import Bare, Copy, Fetch, List, Search, Select, SeqSet, Store, StoreMode, Subscribe, UidExpunge

SET = SeqSet(((1, 1),))


def names(state: State) -> set[bytes]:
    return {name for name, info in COMMANDS.items() if info.states == state}


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
    assert silent == {b"FETCH", b"STORE", b"SEARCH"}
    for name in silent:
        assert Does.MAY_EXPUNGE in COMMANDS[b"UID " + name].does


def test_what_changes_messages() -> None:
    assert {name for name, info in COMMANDS.items() if Does.WRITES in info.does} == {
        b"STORE", b"UID STORE", b"EXPUNGE", b"UID EXPUNGE", b"MOVE", b"UID MOVE",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (Bare(b"IDLE"), b"IDLE"),
        (Fetch(SET, (), True), b"UID FETCH"),
        (Fetch(SET, (), False), b"FETCH"),
        (Store(SET, StoreMode.ADD, False, (), True), b"UID STORE"),
        (Search(Bare, False), b"SEARCH"),  # type: ignore[arg-type]
        (Copy(SET, "x", False, False), b"COPY"),
        (Copy(SET, "x", True, True), b"UID MOVE"),
        (Select("x", True), b"EXAMINE"),
        (Subscribe("x", False), b"UNSUBSCRIBE"),
        (List("", (), lsub=True), b"LSUB"),
        (UidExpunge(SET), b"UID EXPUNGE"),
    ],
)
def test_spec_for(command: Bare, name: bytes) -> None:
    assert spec_for(command) is COMMANDS[name]


def test_every_row_is_under_its_name() -> None:
    assert all(info.name == name for name, info in COMMANDS.items())
