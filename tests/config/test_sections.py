"""Every package's settings have a section."""

import importlib
import inspect
from pathlib import Path

import msgspec

import postroom
from postroom.config import Config, sections
from postroom.config.declarations import tables


def test_no_settings_are_forgotten() -> None:
    root = Path(postroom.__file__).parent
    declared: set[type] = set()
    for path in root.rglob("*settings.py"):
        module = importlib.import_module("postroom." + ".".join(path.relative_to(root).with_suffix("").parts))
        declared |= {
            thing
            for _, thing in inspect.getmembers(module, inspect.isclass)
            if issubclass(thing, msgspec.Struct) and thing is not msgspec.Struct and thing.__module__ == module.__name__
        }
    assert {kind.__name__ for kind in declared} == {
        section.struct.__name__ for section in (*sections(), *tables()) if section.name
    }


def test_a_config_needs_only_a_name() -> None:
    config = Config(hostname="mail.example.org")
    assert config.listen.smtp == ()
    assert str(config.data) == "/var/lib/postroom"
