"""Checks around changes: what a person at the command line reads."""

import pytest

from postroom.accounts import AccountError, AccountSettings, BadAddress, registry
from postroom.accounts.memory import MemoryTables

SETTINGS = AccountSettings()


@pytest.fixture
def tables() -> MemoryTables:
    made = MemoryTables()
    registry.add_domain(made, "example.org")
    registry.add_person(made, "bob@example.org", None, (None, None))
    return made


def test_texts_say_what_is_wrong_and_what_to_do(tables: MemoryTables) -> None:
    for words, call in (
        ("already here", lambda: registry.add_domain(tables, "Example.org")),
        ("'x y' is not a domain name", lambda: registry.add_domain(tables, "x y")),
        ("1 account(s) and 0 alias(es)", lambda: registry.remove_domain(tables, "example.org")),
        ("postroom domain add example.net", lambda: registry.add_person(tables, "x@example.net", None, (None, None))),
        ("already has an account", lambda: registry.add_person(tables, "BOB@example.org", None, (None, None))),
        ("it has no domain", lambda: registry.add_person(tables, "bob", None, (None, None))),
        ("at most 64 octets", lambda: registry.add_person(tables, "é" * 33 + "@example.org", None, (None, None))),
        ("no account here", lambda: registry.find(tables, "carol@example.org")),
        ("not an address", lambda: registry.find(tables, "carol@x y")),
        ("at least one target", lambda: registry.set_alias(tables, SETTINGS, "x@example.org", ())),
        ("There is no alias", lambda: registry.remove_alias(tables, "@example.org")),
    ):
        with pytest.raises(AccountError) as caught:
            call()
        assert words in caught.value.text, caught.value.text


def test_targets_are_kept_once_and_tidied(tables: MemoryTables) -> None:
    registry.set_alias(tables, SETTINGS, "Team@Example.org", ("Bob@EXAMPLE.org", "Bob@example.org", "x@bücher.example"))
    [alias] = tables.aliases()
    assert alias.address == "Team@example.org"
    assert alias.targets == ("Bob@example.org", "x@xn--bcher-kva.example")
    assert tables.alias("team@example.org") == alias.targets


@pytest.mark.parametrize("address", ["x²@example.org", "\uff42ob@example.org", "Ⅸ@example.org"])
def test_bug_an_account_whose_name_is_another_s_when_it_signs_in(tables: MemoryTables, address: str) -> None:
    """Preparation (RFC 4013, RFC 8265) makes x2, bob, ix of these: their owner never gets in, but guesses at
    somebody else's password."""
    with pytest.raises(BadAddress) as caught:
        registry.add_person(tables, address, None, (None, None))
    assert "is taken for" in caught.value.text


@pytest.mark.parametrize(
    "address", ["Straße@example.org", "jos\u0301e@example.org", "דוד@example.org", "üñï@example.org"]
)
def test_names_that_stay_what_they_are(tables: MemoryTables, address: str) -> None:
    assert registry.add_person(tables, address, None, (None, None)).account_id > 0
