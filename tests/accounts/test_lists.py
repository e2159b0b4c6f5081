"""Tokens of members: made here, for one purpose and one member; the contract is in tests/contract/test_accounts.py."""

import pytest

from postroom.accounts import Member, Purpose
from postroom.accounts.lists import token

BOB = Member(12, 3, "bob@b.test")


@pytest.mark.parametrize(
    ("secret", "purpose", "member"),
    [
        (b"t" * 32, "bounces", BOB),
        (b"s" * 32, "unsubscribe", BOB),
        (b"s" * 32, "bounces", Member(12, 4, "bob@b.test")),
        (b"s" * 32, "bounces", Member(13, 3, "bob@b.test")),
    ],
)
def test_each_token_is_for_one_thing(secret: bytes, purpose: Purpose, member: Member) -> None:
    made = token(b"s" * 32, "bounces", BOB)
    assert made.startswith("12-")
    assert made == made.lower()
    assert token(secret, purpose, member) != made
    assert len(f"{'x' * 30}-unsubscribe+{made}") <= 64  # RFC 5321 §4.5.3.1.1
