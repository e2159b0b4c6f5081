"""The commented file that `postroom init` writes."""

import re
import tomllib
from pathlib import Path

import pytest

from postroom.config import Config, ListenerSettings, default_toml, loads, settings
from postroom.config.default_file import toml_value
from postroom.delivery.settings import RelaySettings
from postroom.filters import FilterSettings
from postroom.reputation import ListSettings

FILE = Path("/etc/postroom/postroom.toml")


def test_what_was_chosen_is_in_force_and_nothing_else() -> None:
    text = default_toml({"hostname": "mail.example.org", "data": Path("/srv/mail"), "listen.smtp": ["127.0.0.1:2025"]})
    assert tomllib.loads(text)["listen"] == {"smtp": ["127.0.0.1:2025"]}
    config = loads(text, FILE)
    assert config.listen.smtp == ("127.0.0.1:2025",)
    assert config.data == Path("/srv/mail")
    assert config.smtp == Config(hostname="x").smtp


def test_uncommenting_every_line_changes_nothing() -> None:
    text = default_toml({"hostname": "mail.example.org"})
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    assert uncommented != text
    assert loads(uncommented, FILE) == loads(text, FILE)


def test_every_setting_is_in_it() -> None:
    text = default_toml()
    for setting in settings():
        assert re.search(rf"(?m)^# {setting.key} (=|\(not set\))", text), setting.name
    assert max(map(len, text.splitlines())) < 130


def test_a_table_of_tables_has_an_example_that_can_be_uncommented() -> None:
    text = default_toml({"hostname": "mail.example.org"})
    example = re.search(r"(?s)#   \[tls\.certificates\.NAME\].*?(?=\n\[)", text)
    assert example is not None
    text = text.replace(example[0], "")  # a certificate has no default
    text = re.sub(r"(?m)^#   (\[delivery|\[filter|\[listener|\[strangers|\w+ = )", r"\1", text)
    text = text.replace("#   zone (not set)", 'zone = "bl.test"').replace("\npoints = 0.0\n", "\npoints = 1.0\n")
    text = text.replace("#   kind (not set)", 'kind = "rspamd"')
    text = text.replace("#   address (not set)", 'address = "127.0.0.1:11333"')
    config = loads(text.replace("[listener.NAME]", "[listener.smtp]"), FILE)
    assert config.delivery.relay == {"NAME": RelaySettings()}
    assert config.listener == {"smtp": ListenerSettings()}
    assert config.filter == {"NAME": FilterSettings(kind="rspamd", address="127.0.0.1:11333")}
    assert config.strangers.list == {"NAME": ListSettings(zone="bl.test", points=1.0)}


def test_a_setting_that_does_not_exist_can_not_be_chosen() -> None:
    with pytest.raises(KeyError):
        default_toml({"listen.stmp": []})


@pytest.mark.parametrize(
    "value",
    [0, 10_000_000, -5, 1.5, 300.0, True, "", 'a"b\\c\n\x7f\x00ü', ["a", "b"], [], {"a.b": "c"}, {}],
)
def test_values_survive_toml(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_what_has_no_toml_form() -> None:
    with pytest.raises(TypeError):
        toml_value(object())
    assert toml_value(Path("/a b")) == '"/a b"'
    assert toml_value(("a",)) == '["a"]'
