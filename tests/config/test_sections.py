"""Every package's settings have a section."""

import importlib
import inspect
from pathlib import Path

import msgspec
import pytest

import postroom
from postroom.config import Config, ConfigError, loads, sections
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
    declared -= {base for kind in declared for base in kind.__mro__[1:]}  # what several have in common is no section
    assert {kind.__name__ for kind in declared} == {
        section.struct.__name__ for section in (*sections(), *tables()) if section.name
    }


def test_a_config_needs_only_a_name() -> None:
    config = Config(hostname="mail.example.org")
    assert config.listen.smtp == ()
    assert str(config.data) == "/var/lib/postroom"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('addresses = ["mail.example.org"]', "zone.addresses"),
        ('certificate_authorities = ["Let us Encrypt"]', "zone.certificate_authorities"),
        ('block_lists = [""]', "zone.block_lists"),
        ('outbound_hosts = ["a..b"]', "zone.outbound_hosts"),
        ('signed_name = "a b"', "zone.signed_name"),
        ('time_hosts = ["a.test:x"]', "zone.time_hosts"),
        ('time_hosts = ["[::1]:80"]', "zone.time_hosts"),
        ('dmarc_reports_to = "a@b.test!10m"', "zone.dmarc_reports_to"),
        ('dmarc_reports_to = "postmaster"', "zone.dmarc_reports_to"),
    ],
)
def test_what_the_zone_can_not_be(line: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loads(f'hostname = "mail.example.org"\n[zone]\n{line}\n', Path("x.toml"))


def test_what_the_zone_can_be() -> None:
    lines = (
        'addresses = ["192.0.2.1", "2001:db8::1"]\ntime_hosts = ["a.test:8080"]\ndmarc_reports_to = "d+x@example.org"\n'
    )
    assert loads(f'hostname = "mail.example.org"\n[zone]\n{lines}', Path("x.toml")).zone.addresses == (
        "192.0.2.1",
        "2001:db8::1",
    )
