"""EXTERNAL (RFC 4422 §A)."""

import pytest

from postroom.sasl import CertificateOffered, Challenge, Failed
from postroom.sasl.external import External
from postroom.sasl.settings import MAX_NAME_OCTETS


@pytest.mark.parametrize(
    ("response", "authzid"), [(b"", ""), (b"fred@example.com", "fred@example.com"), (b"pa\xcc\x88r", "p\u00e4r")]
)
def test_messages(response: bytes, authzid: str) -> None:
    exchange = External()
    assert exchange.step(response) == CertificateOffered(authzid)
    with pytest.raises(ValueError):
        exchange.step(response)


def test_the_client_is_asked_for_what_it_has_not_sent() -> None:
    exchange = External()
    assert exchange.step(None) == Challenge(b"")
    assert exchange.step(b"") == CertificateOffered("")


@pytest.mark.parametrize("response", [b"\xff", b"a\0b", b"x" * (MAX_NAME_OCTETS + 1)])
def test_what_is_no_name(response: bytes) -> None:
    assert isinstance(External().step(response), Failed)
