"""Client side of PLAIN and LOGIN, alone and against our own server side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import (
    Challenge,
    Credentials,
    Outcome,
    UnexpectedChallenge,
    client_mechanism,
    saslprep,
    server_mechanism,
)


def play(name: str, username: str, password: str, *, initial: bool) -> Outcome:
    client, server = client_mechanism(name, username, password), server_mechanism(name)
    assert client is not None
    assert server is not None
    outcome = server.step(client.initial() if initial else None)
    while isinstance(outcome, Challenge):
        outcome = server.step(client.step(outcome.data))
    return outcome


@pytest.mark.parametrize("name", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("initial", [True, False])
@given(st.text("abc@.\u00e4\u2168", min_size=1, max_size=9), st.text("xyz !\u00df", min_size=1, max_size=9))
def test_both_sides_agree(name: str, initial: bool, username: str, password: str) -> None:
    assert play(name, username, password, initial=initial) == Credentials(saslprep(username), saslprep(password))


def test_one_challenge_too_many() -> None:
    plain = client_mechanism("PLAIN", "a", "b")
    assert plain is not None
    assert plain.initial() == b"\0a\0b"
    with pytest.raises(UnexpectedChallenge):
        plain.step(b"")
    login = client_mechanism(b"login", "a", "b")
    assert login is not None
    assert login.initial() is None
    assert [login.step(b"User Name"), login.step(b"")] == [b"a", b"b"]
    with pytest.raises(UnexpectedChallenge):
        login.step(b"")


def test_a_password_that_cannot_be_prepared_goes_as_it_is() -> None:
    plain = client_mechanism("PLAIN", "a", "tab\there")
    assert plain is not None
    assert plain.initial() == b"\0a\0tab\there"


def test_unknown_mechanism() -> None:
    assert client_mechanism("CRAM-MD5", "a", "b") is None
