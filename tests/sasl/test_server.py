"""Server side of PLAIN and LOGIN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.sasl import SERVER_MECHANISMS, Challenge, Credentials, Failed, credentials, server_mechanism
from postroom.sasl.server import ServerMechanism
from postroom.sasl.settings import MAX_NAME_OCTETS


def mechanism(name: str | bytes) -> ServerMechanism:
    made = server_mechanism(name)
    assert made is not None
    return made


def test_names_in_any_case_and_as_octets() -> None:
    assert mechanism(b"plain").name == "PLAIN"
    assert mechanism("Login").name == "LOGIN"
    assert server_mechanism("CRAM-MD5") is None
    assert server_mechanism(b"\xff") is None


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (b"\0tim\0tanstaaftanstaaf", Credentials("tim", "tanstaaftanstaaf")),  # RFC 4616 §4
        (b"tim\0tim\0secret", Credentials("tim", "secret")),
        ("\0p\u00e4r\0\u2168".encode(), Credentials("p\u00e4r", "IX")),
        (b"\0" + b"n" * 255 + b"\0" + b"p" * 255, Credentials("n" * 255, "p" * 255)),
    ],
)
def test_plain(response: bytes, outcome: Credentials) -> None:
    assert mechanism("PLAIN").step(response) == outcome


def test_plain_asks_for_its_initial_response() -> None:
    plain = mechanism("PLAIN")
    assert plain.step(None) == Challenge(b"")
    assert plain.step(b"\0a\0b") == Credentials("a", "b")
    with pytest.raises(ValueError):
        plain.step(b"\0a\0b")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"tim\0secret",
        b"\0tim\0sec\0ret",
        b"\0\0secret",
        b"\0tim\0",
        b"ursel\0kurt\0xipj3plmq",  # RFC 4616 §4: acting as another needs a permission nobody has
        b"\xff\0tim\0secret",
        b"\x07\0tim\0secret",
        b"\0\xff\0secret",
        b"\0tim\0\xc3",
        b"\0tim\0\x07",
        b"\0" + b"n" * (MAX_NAME_OCTETS + 1) + b"\0p",
        "\0\u00ad\0p".encode(),  # prepared to nothing
    ],
)
def test_plain_refused(response: bytes) -> None:
    assert isinstance(mechanism("PLAIN").step(response), Failed)


def test_login_with_and_without_initial_response() -> None:
    login = mechanism("LOGIN")
    assert login.step(None) == Challenge(b"Username:")
    assert login.step(b"bob") == Challenge(b"Password:")
    assert login.step(b"secret") == Credentials("bob", "secret")
    with pytest.raises(ValueError):
        login.step(b"")
    login = mechanism("LOGIN")
    assert login.step(b"bob") == Challenge(b"Password:")
    assert login.step(b"") == Failed("the password can't be one")


def test_login_with_a_name_too_long() -> None:
    login = mechanism("LOGIN")
    login.step(None)
    assert isinstance(login.step(b"x" * (MAX_NAME_OCTETS + 1)), Failed)
    with pytest.raises(ValueError):
        login.step(b"password")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(credentials(b"bob", b"secret"))


@given(st.sampled_from(("PLAIN", "LOGIN")), st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=4))
def test_random_responses_end_or_ask(name: str, responses: list[bytes | None]) -> None:
    exchange = mechanism(name)
    for response in responses:
        if not isinstance(exchange.step(response), Challenge):
            break


def test_every_mechanism_can_be_made() -> None:
    for name in SERVER_MECHANISMS:
        made = server_mechanism(name.lower(), nonce="fresh")
        assert made is not None
        assert made.name == name
        assert made.step(None) == Challenge(b"Username:" if name == "LOGIN" else b"")  # the client speaks first


def test_an_authorization_identity_in_another_case_is_the_same_person() -> None:
    assert mechanism("PLAIN").step(b"TIM@example.org\0tim@example.org\0secret") == Credentials(
        "tim@example.org", "secret"
    )


def test_the_reason_of_a_failure_shows_nothing_of_the_password() -> None:
    for password in ("\x07", "\ue000", "x" * (MAX_NAME_OCTETS + 1)):
        assert credentials(b"bob", password.encode()) == Failed("the password can't be one")
