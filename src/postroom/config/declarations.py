"""What there is to set, read off the declarations.

Owns: the list of settings with their types, defaults and help, and the words for a type. Never: holds values of its
own. Raises: nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from .sections import Config

REQUIRED: Any = msgspec.NODEFAULT


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting."""

    section: str  # "" for those above the sections
    key: str
    type: Any  # as annotated, with its Meta
    default: Any  # REQUIRED when there is none
    description: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key


@dataclass(frozen=True, slots=True)
class Section:
    """A table of postroom.toml; the nameless one comes first."""

    name: str
    struct: type[msgspec.Struct]
    description: str
    settings: tuple[Declaration, ...]


@cache
def sections() -> tuple[Section, ...]:
    """All sections, in the order of their declaration."""
    own: list[Declaration] = []
    named: list[Section] = []
    for field in msgspec.structs.fields(Config):
        plain, description = _apart(field.type)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            named.append(Section(field.name, plain, description, tuple(_settings(field.name, plain))))
        else:
            own.append(_declaration("", field))
    return (Section("", Config, "The server.", tuple(own)), *named)


@cache
def tables() -> tuple[Section, ...]:
    """Of settings that are tables of tables, what each of those holds: `[delivery.relay.NAME]`."""
    found: list[Section] = []
    for setting in settings():
        struct = struct_of(setting)
        if struct is not None:
            name = f"{setting.name}.NAME"
            found.append(Section(name, struct, setting.description, tuple(_settings(name, struct))))
    return tuple(found)


def tables_of(section: Section) -> list[Section]:
    """Those that stand in this one."""
    names = {f"{setting.name}.NAME" for setting in section.settings}
    return [table for table in tables() if table.name in names]


def struct_of(setting: Declaration) -> type[msgspec.Struct] | None:
    """What the tables in a table hold, when a setting is one."""
    plain = _apart(setting.type)[0]
    inner = get_args(plain)[1] if get_origin(plain) is dict else None
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def settings() -> Iterator[Declaration]:
    """All settings, in order."""
    for section in sections():
        yield from section.settings


def find(name: str) -> Declaration | None:
    """By its full name, "smtp.max_message_octets"."""
    return next((setting for setting in settings() if setting.name == name), None)


def _settings(section: str, struct: type[msgspec.Struct]) -> Iterator[Declaration]:
    for field in msgspec.structs.fields(struct):
        yield _declaration(section, field)


def _declaration(section: str, field: msgspec.structs.FieldInfo) -> Declaration:
    default = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return Declaration(section, field.encode_name, field.type, default, _apart(field.type)[1])


def _apart(annotation: Any) -> tuple[Any, str]:
    """The type without its Meta, and the Meta's description."""
    if get_origin(annotation) is not Annotated:
        return annotation, ""
    plain, *rest = get_args(annotation)
    descriptions = [meta.description for meta in rest if isinstance(meta, msgspec.Meta) and meta.description]
    return plain, " ".join(descriptions)


def type_words(annotation: Any) -> str:
    """What a value must be, in words: "int ≥ 1024"."""
    plain = _apart(annotation)[0]
    if plain is Path:
        return "path"
    if get_origin(plain) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(plain))
    return _words(inspect.type_info(annotation))


def _words(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.IntType() | inspect.FloatType():
            return _number(info)
        case inspect.StrType(min_length=least, max_length=most):
            bounds = [f"at least {least}"] if least else []
            bounds += [f"at most {most}"] if most is not None else []
            return f"text of {' and '.join(bounds)} character(s)" if bounds else "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "unset"
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return f"list of {_words(item)}"
        case inspect.DictType(value_type=inspect.StructType()):
            return "table of tables"
        case inspect.DictType(key_type=key, value_type=value):
            return f"table of {_words(key)} = {_words(value)}"
        case inspect.StructType():
            return "table"
        case inspect.LiteralType(values=values):
            return " or ".join(f'"{value}"' for value in values)
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types)
    return type(info).__name__.removesuffix("Type").lower()


def _number(info: inspect.IntType | inspect.FloatType) -> str:
    words = "int" if isinstance(info, inspect.IntType) else "number"
    bounds = (("≥", info.ge), (">", info.gt), ("≤", info.le), ("<", info.lt))
    limits = [
        f"{sign} {limit:g}" if isinstance(limit, float) else f"{sign} {limit}"
        for sign, limit in bounds
        if limit is not None
    ]
    return " ".join([words, " and ".join(limits)]).rstrip()
