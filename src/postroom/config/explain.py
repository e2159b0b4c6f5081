"""A setting, told to a person.

Owns: the words. Never: reads a file (it is given the settings in force, if any). Raises: UnknownSetting.
"""

import difflib
from dataclasses import dataclass
from typing import Any

import msgspec

from .declarations import REQUIRED, Declaration, Section, find, sections, settings, tables, type_words
from .default_file import toml_value
from .sections import Config

_SECRET = "(not shown)"
_SECRETS = ("password", "secret", "secret_key")  # how the names of such settings end


class UnknownSetting(LookupError):
    """No setting or section has that name; the text suggests one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One setting with its value in force; values are in TOML's form, "" when not set."""

    name: str
    description: str
    type: str
    default: str
    value: str
    changed: bool


def explain(name: str, config: Config | None = None) -> list[Explanation]:
    """The setting of that name, all of the section of that name, or all there are for ""."""
    if not name:
        return [_explained(setting, config) for setting in settings()]
    for section in sections()[1:]:
        if section.name == name:
            return [_explained(setting, config) for setting in section.settings]
    for table in tables():
        if name.startswith(table.name.removesuffix("NAME")) and (found := _in_table(name, table, config)):
            return found
    setting = find(name)
    if setting is None:
        raise UnknownSetting(_unknown(name))
    return [_explained(setting, config)]


def _in_table(name: str, table: Section, config: Config | None) -> list[Explanation]:
    """All of "delivery.relay.NAME", or one setting of it."""
    above = table.name.removesuffix("NAME")
    one, _, key = name.removeprefix(above).partition(".")
    section, _, setting_key = above.rstrip(".").partition(".")
    holder = getattr(config, section, None)
    present = getattr(holder, setting_key) if setting_key and holder is not None else holder or {}
    return [
        _explanation(setting, f"{above}{one}.{setting.key}", getattr(present.get(one), setting.key, setting.default))
        for setting in table.settings
        if key in ("", setting.key)
    ]


def _unknown(name: str) -> str:
    names = [setting.name for setting in settings()] + [section.name for section in sections()[1:]]
    near = [known for known in names if known.rpartition(".")[2] == name] or difflib.get_close_matches(name, names, 1)
    return f"There is no setting {name}" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _explained(setting: Declaration, config: Config | None) -> Explanation:
    value = setting.default
    if config is not None:
        holder = getattr(config, setting.section) if setting.section else config
        value = getattr(holder, setting.key)
    return _explanation(setting, setting.name, value)


def _explanation(setting: Declaration, name: str, value: Any) -> Explanation:
    return Explanation(
        name,
        setting.description,
        type_words(setting.type),
        _text(setting.default),
        _text(_without_secrets(name.rpartition(".")[2], value)),
        value != setting.default,
    )


def _without_secrets(key: str, value: Any) -> Any:
    """The value as it may be seen on a screen, and copied into a question to others."""
    if isinstance(value, msgspec.Struct):
        parts = msgspec.structs.asdict(value)
        return {name: _without_secrets(name, part) for name, part in parts.items() if part is not None}
    if isinstance(value, dict):
        return {name: _without_secrets(name, part) for name, part in value.items()}
    return _SECRET if key.endswith(_SECRETS) and value else value


def has_secrets(value: Any) -> bool:
    """Is there a password, or something like one, anywhere in these settings?"""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, dict):
        return any(has_secrets(part) or (name.endswith(_SECRETS) and bool(part)) for name, part in value.items())
    return False


def _text(value: Any) -> str:
    return "" if value is None or value is REQUIRED else toml_value(value)
