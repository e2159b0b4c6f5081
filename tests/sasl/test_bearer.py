"""OAUTHBEARER and XOAUTH2: the RFC's examples, and what is no message."""

import json
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import Bearer, Challenge, Failed, TokenOffered
from postroom.sasl.settings import MAX_TOKEN_OCTETS

# RFC 7628 §4.1
EXAMPLE = (
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyI"
    "HZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
)
# §4.3
EMPTY = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE="
XOAUTH2 = b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01"


def test_the_example_of_the_rfc() -> None:
    offered = Bearer("OAUTHBEARER").step(b64decode(EXAMPLE))
    assert offered == TokenOffered("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
    assert "vF9dft" not in repr(offered)


def test_xoauth2() -> None:
    offered = Bearer("XOAUTH2").step(XOAUTH2)
    assert offered == TokenOffered("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")


def test_the_failed_example_of_the_rfc() -> None:
    exchange = Bearer("OAUTHBEARER")
    assert exchange.step(b64decode(EMPTY)) == TokenOffered("user@example.com", "")
    told = exchange.refuse(scope="example_scope", configuration="https://example.com/.well-known/openid-configuration")
    assert json.loads(told.data) == {
        "status": "invalid_token",
        "scope": "example_scope",
        "openid-configuration": "https://example.com/.well-known/openid-configuration",
    }
    assert isinstance(exchange.step(b"\x01"), Failed)
    with pytest.raises(ValueError):
        exchange.step(b"\x01")


@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize("answer", [b"", b"\x01", b"again", None])
def test_whatever_a_client_answers_to_a_refusal_it_has_failed(name: str, answer: bytes | None) -> None:
    exchange = Bearer(name)
    exchange.step(XOAUTH2 if name == "XOAUTH2" else b64decode(EXAMPLE))
    assert json.loads(exchange.refuse().data)["status"] in ("401", "invalid_token")
    assert isinstance(exchange.step(answer), Failed)


@pytest.mark.parametrize(
    ("message", "token"),
    [
        (b"n,,\x01auth=Bearer abc\x01\x01", "abc"),
        (b"y,,\x01auth=bEaReR  abc\x01\x01", "abc"),
        (b"n,,\x01xyz=un known\x01auth=Bearer a.b-c_d~e+f/g==\x01\x01", "a.b-c_d~e+f/g=="),
    ],
)
def test_messages(message: bytes, token: str) -> None:
    assert Bearer("OAUTHBEARER").step(message) == TokenOffered("", token)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",  # RFC 7628 §3.1: only after a failure
        b"n,,",
        b"n,,\x01\x01",
        b"n,,\x01host=x\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",  # cut
        b"n,,\x01auth=Bearer abc",
        b"n,,\x01auth=Bearer a bc\x01\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer abc\x01\x01more",
        b"p=tls-unique,,\x01auth=Bearer abc\x01\x01",
        b"n,a=x=y,\x01auth=Bearer abc\x01\x01",
        b"n,a=\x07,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Bearer \xff\x01\x01",
        b"n,,\x01auth=Bearer " + b"a" * MAX_TOKEN_OCTETS + b"\x01\x01",
        b"user=x\x01auth=Bearer abc\x01\x01",
    ],
)
def test_no_message_of_oauthbearer(message: bytes) -> None:
    exchange = Bearer("OAUTHBEARER")
    assert isinstance(exchange.step(message), Failed)
    with pytest.raises(ValueError):
        exchange.step(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"user=\x01auth=Bearer abc\x01\x01",
        b"user=x\x01auth=Bearer abc\x01",
        b"user=x\x01\x01",
        b"n,,\x01auth=Bearer abc\x01\x01",
    ],
)
def test_no_message_of_xoauth2(message: bytes) -> None:
    assert isinstance(Bearer("XOAUTH2").step(message), Failed)


def test_the_client_is_asked_for_what_it_has_not_sent() -> None:
    exchange = Bearer("XOAUTH2")
    assert exchange.step(None) == Challenge(b"")
    assert isinstance(exchange.step(XOAUTH2), TokenOffered)
    with pytest.raises(ValueError):
        exchange.step(XOAUTH2)
    with pytest.raises(ValueError):
        Bearer("XOAUTH2").refuse()


@given(st.sampled_from(("OAUTHBEARER", "XOAUTH2")), st.binary(max_size=60))
def test_random_octets_end_the_exchange(name: str, data: bytes) -> None:
    assert isinstance(Bearer(name).step(data), Failed | TokenOffered)
