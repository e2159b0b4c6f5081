"""The words of the command table."""

from postroom.imap.table import ANY, SIGNED_IN, State


def test_a_command_of_any_state_is_one_of_all_three() -> None:
    assert set(ANY) == set(State)
    assert State.NOT_AUTHENTICATED not in SIGNED_IN
    assert SIGNED_IN | State.NOT_AUTHENTICATED == ANY
