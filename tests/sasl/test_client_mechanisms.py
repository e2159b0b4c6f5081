"""Every mechanism of the client's side can be made, and fits our server."""

import pytest

from postroom.sasl import SERVER_MECHANISMS, client_mechanism
from postroom.sasl.client_mechanisms import CLIENT_MECHANISMS


@pytest.mark.parametrize("name", CLIENT_MECHANISMS)
def test_every_mechanism_can_be_made(name: str) -> None:
    made = client_mechanism(name.lower().encode(), "a", "b", nonce="fresh")
    assert made is not None
    assert made.name == name
    assert made.complete == (name != "SCRAM-SHA-256")  # whose server has to prove itself first
    assert name in SERVER_MECHANISMS


def test_no_scram_without_a_nonce() -> None:
    assert client_mechanism("SCRAM-SHA-256", "a", "b") is None
    assert client_mechanism("CRAM-MD5", "a", "b", nonce="fresh") is None
