"""Every setting is declared as the house rules say."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from postroom.config import sections, settings
from postroom.config.declarations import REQUIRED, find, tables, type_words
from postroom.delivery.settings import RelaySettings


def test_every_setting_says_what_it_is_for() -> None:
    for setting in settings():
        assert setting.description.endswith("."), setting.name
        assert setting.key == setting.key.lower(), setting.name
        assert "\n" not in setting.description


def test_only_the_hostname_is_required() -> None:
    assert [setting.name for setting in settings() if setting.default is REQUIRED] == ["hostname"]


def test_tables_of_tables_say_what_they_hold() -> None:
    [relay] = [table for table in tables() if table.struct is RelaySettings]
    assert relay.name == "delivery.relay.NAME"
    assert {setting.key for setting in relay.settings} == set(RelaySettings.__struct_fields__)
    assert all(setting.description.endswith(".") for setting in relay.settings)


def test_sections_are_closed_to_unknown_keys() -> None:
    for section in sections():
        config = section.struct.__struct_config__
        assert config.frozen, section.name
        assert config.forbid_unknown_fields, section.name
        assert section.description.endswith("."), section.name


def test_names_are_unique_and_found() -> None:
    names = [setting.name for setting in settings()]
    assert len(set(names)) == len(names)
    found = find("smtp.max_message_octets")
    assert found is not None
    assert (found.section, found.key) == ("smtp", "max_message_octets")
    assert find("max_message_octets") is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Meta(ge=1, le=9)], "int ≥ 1 and ≤ 9"),
        (Annotated[float, Meta(gt=0)], "number > 0"),
        (Annotated[float, Meta(lt=0.5)], "number < 0.5"),
        (int, "int"),
        (bool, "true or false"),
        (str, "text"),
        (Annotated[str, Meta(max_length=1)], "text of at most 1 character(s)"),
        (Literal["a", "b"], 'one of "a", "b"'),
        (tuple[str, ...], "list of text"),
        (list[int], "list of int"),
        (dict[str, str], "table of text = text"),
        (int | None, "int or unset"),
        (dict[str, RelaySettings], "table of tables"),
        (dict[str, str | tuple[str, ...]], "table of text = text or list of text"),
        (Annotated[Path, Meta(description="x")], "path"),
        (msgspec.Raw, "raw"),
    ],
)
def test_types_in_words(kind: Any, words: str) -> None:
    assert type_words(kind) == words
