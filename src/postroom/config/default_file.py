"""postroom.toml as `postroom init` writes it: what was chosen, and every other setting as a comment.

Owns: the layout of that file, the way values are written in TOML. Never: writes files. Raises: KeyError for a chosen
setting that does not exist.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import msgspec

from .declarations import REQUIRED, Declaration, Section, find, sections, tables_of, type_words

_HEAD = """\
# Postroom's settings. A line like "# name = value" shows a default: take away the "# " to change it.
# Sizes may also be written like "64KiB", times like "15m" or "5d". `postroom config explain NAME` tells more.
"""


def default_toml(chosen: Mapping[str, Any] | None = None) -> str:
    """The file's text; `chosen` has values by full name ("listen.smtp")."""
    chosen = chosen or {}
    for name in chosen:
        if find(name) is None:
            raise KeyError(name)
    return "\n".join(_lines(chosen)) + "\n"


def _lines(chosen: Mapping[str, Any]) -> Iterator[str]:
    yield _HEAD.rstrip("\n")
    for section in sections():
        yield ""
        if section.name:
            yield f"[{section.name}]"
            yield f"# {section.description}"
        for setting in section.settings:
            yield from _setting(setting, chosen)
        for table in tables_of(section):
            yield from _example(table)


def _example(table: Section) -> Iterator[str]:
    """What a table with a name of its own may hold; indented, for all of it is uncommented together or not at all."""
    yield ""
    yield f"#   [{table.name}]"
    for setting in table.settings:
        yield from (line.replace("# ", "#   ", 1) for line in _setting(setting, {}))


def _setting(setting: Declaration, chosen: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield from wrap(
        f"{setting.description} [{type_words(setting.type)}]", 100, initial_indent="# ", subsequent_indent="#   "
    )
    if setting.name in chosen:
        yield f"{setting.key} = {toml_value(chosen[setting.name])}"
    elif setting.default is REQUIRED or setting.default is None:
        yield f"# {setting.key} (not set)"
    else:
        yield f"# {setting.key} = {toml_value(setting.default)}"


def toml_value(value: Any) -> str:
    """One value, on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case float():
            return repr(value)
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return "[" + ", ".join(toml_value(item) for item in value) + "]"
        case msgspec.Struct():
            return toml_value({k: v for k, v in msgspec.structs.asdict(value).items() if v is not None})
        case dict():
            return "{" + ", ".join(f"{toml_value(str(k))} = {toml_value(v)}" for k, v in value.items()) + "}"
    raise TypeError(f"{value!r} has no TOML form here")
