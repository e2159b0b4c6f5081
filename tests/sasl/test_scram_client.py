"""The client's side of SCRAM: the RFC's example, our server and another implementation's, and servers that lie."""

import pytest
import scramp

from postroom.sasl import Scram, ScramNeeded, ScramProven, UnexpectedChallenge
from postroom.sasl.scram_client import MAX_ITERATIONS, ScramClient

from .scram_peer import keys_of

SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
PROOF = b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_example_of_the_rfc() -> None:
    """RFC 7677 §3"""
    client = ScramClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    assert client.initial() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    assert client.step(SERVER_FIRST) == b"c=biws,r=" + nonce + b"," + PROOF
    assert client.step(SERVER_FINAL) == b""
    assert client.complete
    with pytest.raises(UnexpectedChallenge):
        client.step(b"")


def test_our_server() -> None:
    client, server = ScramClient("a,b=c", "p\u00e4ss", "mine"), Scram("SCRAM-SHA-256", nonce="x", channel_bindings={})
    assert isinstance(server.step(client.initial()), ScramNeeded)
    proven = server.step(client.step(server.keys(keys_of("p\u00e4ss")).data))
    assert isinstance(proven, ScramProven)
    assert client.step(proven.final) == b""


def test_another_implementations_server() -> None:
    mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
    server = mechanism.make_server(lambda _: mechanism.make_auth_info("pencil"))
    client = ScramClient("user", "pencil", "mine")
    server.set_client_first(client.initial().decode())
    server.set_client_final(client.step(server.get_server_first().encode()).decode())
    assert client.step(server.get_server_final().encode()) == b""
    assert client.complete


def test_what_was_not_sent_at_once_is_asked_for() -> None:
    client = ScramClient("user", "pencil", "mine")
    assert client.step(b"") == b"n,,n=user,r=mine"


def test_a_server_that_does_not_know_the_password_is_not_believed() -> None:
    for last in (b"v=AAAA", b"e=other-error", b"", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="):
        client = ScramClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
        client.initial()
        client.step(SERVER_FIRST)
        with pytest.raises(UnexpectedChallenge):
            client.step(last)
        assert not client.complete


@pytest.mark.parametrize(
    "first",
    [
        b"r=other,s=c2FsdA==,i=4096",
        b"r=mine,s=c2FsdA==,i=4096",  # nothing of its own
        b"r=minetheirs,s=c2FsdA==,i=%d" % (MAX_ITERATIONS + 1),
        b"r=minetheirs,s=!,i=4096",
        b"hello",
        b"",
    ],
)
def test_a_first_message_that_is_none(first: bytes) -> None:
    client = ScramClient("user", "pencil", "mine")
    client.initial()
    with pytest.raises(UnexpectedChallenge):
        client.step(first)


def test_a_challenge_is_answered_once() -> None:
    client = ScramClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    client.initial()
    client.step(SERVER_FIRST)
    with pytest.raises(UnexpectedChallenge):
        client.step(SERVER_FIRST)


def test_no_secret_is_shown() -> None:
    assert "pencil" not in repr(ScramClient("user", "pencil", "mine"))
