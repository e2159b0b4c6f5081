"""Outcomes are values, and keep passwords to themselves."""

from postroom.sasl import Challenge, Credentials, Failed


def test_values() -> None:
    assert Challenge(b"x") == Challenge(b"x")
    assert Failed("a") != Failed("b")
    assert Credentials("bob", "a") != Credentials("bob", "b")
    assert "hidden" not in repr(Credentials("bob", "hidden"))
