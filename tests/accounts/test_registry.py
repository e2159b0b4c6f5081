"""Checks around changes: what a person at the command line reads."""

import pytest

from postroom.accounts import AccountError, AccountSettings, registry
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
