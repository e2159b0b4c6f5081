"""What is sent together."""

import pytest

from postroom.delivery import Undeliverable
from postroom.delivery.destination import (
    LOCAL,
    Destination,
    ascii_address,
    ascii_domain,
    literal_address,
)
from postroom.queue import destination_of


def test_what_waits_together() -> None:
    assert destination_of("Bob@B.Test") == "b.test"
    assert destination_of('"a@b"@c.test') == "c.test"
    assert destination_of("postmaster") == ""


def test_ascii_domain() -> None:
    assert ascii_domain("b.test.") == "b.test"
    assert ascii_domain("bücher.test") == "xn--bcher-kva.test"
    assert ascii_domain("_odd.b.test") == "_odd.b.test"
    assert ascii_domain("[192.0.2.1]") == "[192.0.2.1]"
    for bad in ("", ".", "a..b", "x" * 64 + ".test", "b." * 127 + "test", "a\u2024b", "\u200d.test"):
        with pytest.raises(Undeliverable):
            ascii_domain(bad)


def test_ascii_address() -> None:
    assert ascii_address("bob@bücher.test") == "bob@xn--bcher-kva.test"
    assert ascii_address("böb@bücher.test") == "böb@xn--bcher-kva.test"
    assert ascii_address("Bob@B.test") == "Bob@B.test"
    assert ascii_address("böb") == "böb"


def test_literal_address() -> None:
    assert literal_address("[192.0.2.1]") == "192.0.2.1"
    assert literal_address("[ipv6:::1]") == "::1"
    for bad in ("[]", "[x]", "[1.2.3]", "[IPv6:1.2.3.4]", "[192.0.2.1", "[::1]"):
        with pytest.raises(Undeliverable):
            literal_address(bad)


def test_names_for_people() -> None:
    named = (LOCAL, Destination("b.test"), Destination("", relay="smarthost"), Destination("b.test", relay="bulk"))
    assert [str(d) for d in named] == ["local", "b.test", "smarthost", "b.test by bulk"]
