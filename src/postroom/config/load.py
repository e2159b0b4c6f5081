"""postroom.toml, read and checked; every problem at once, each with its line.

Owns: reading the file, turning values into settings. Never: looks at the machine (`postroom check` does).
Raises: ConfigError.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from postroom.accounts import domain_key
from postroom.base import SettingError
from postroom.directories import LdapSettings
from postroom.filters import check_filters

from . import units
from .declarations import REQUIRED, Declaration, Section, sections, settings, struct_of, tables, type_words
from .listeners import KINDS, listeners
from .sections import Config
from .settings import ListenSettings, check_address
from .toml_lines import Place, locate

S = TypeVar("S", bound=msgspec.Struct)
_MAX_SHOWN = 60  # characters of a wrong value in a message


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a settings file."""

    file: str
    line: int | None
    setting: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.setting, self.message) if part)


class ConfigError(Exception):
    """The settings can't be used; `problems` says why, one for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def load(path: Path) -> Config:
    """The settings in the file at `path`. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError([Problem(str(path), None, "", error.strerror or str(error))]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), None, "", "this is not UTF-8 text")]) from error
    return loads(text, path)


def loads(text: str, path: Path) -> Config:
    """The same from a text; relative paths in it are relative to the folder of `path`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        line = "".join(filter(str.isdigit, place.partition(",")[0])) or text.count("\n") + 1  # "at end of document"
        raise ConfigError([Problem(path.name, int(line), "", f"not TOML: {message}")]) from error
    return _Reader(table, path, locate(text)).read()


class _Reader:
    """Collects values and problems."""

    def __init__(self, table: dict[str, Any], path: Path, lines: dict[Place, int]) -> None:
        self._table = table
        self._path = path
        self._lines = lines
        self._problems: list[Problem] = []

    def read(self) -> Config:
        top, *named = sections()
        values = self._values(top, {k: v for k, v in self._table.items() if k not in {s.name for s in named}})
        for section in named:
            if section.name in self._table:
                values[section.name] = self._section(section, (section.name,), self._table[section.name])
        self._check(values)
        if self._problems:
            raise ConfigError(sorted(self._problems, key=lambda problem: problem.line or 0))
        return self._absolute(Config(**values))

    def _problem(self, place: Place, message: str) -> None:
        line = self._lines.get(place)
        if line is None:  # a table without a header of its own begins with the first of those in it
            line = min((at for one, at in self._lines.items() if place and one[: len(place)] == place), default=None)
        self._problems.append(Problem(self._path.name, line, ".".join(place), message))

    def _section(self, section: Section, place: Place, table: Any) -> msgspec.Struct | None:
        if not isinstance(table, dict):
            self._problem(place, f"expected a table ([{'.'.join(place)}]), got {_shown(table)}")
            return None
        values = self._values(section, table, place)
        if any(key not in values for key in table):
            return None
        try:
            return section.struct(**values)
        except (ValueError, TypeError) as error:  # what its __post_init__ found
            inside = error.place if isinstance(error, SettingError) else ()
            self._problem((*place, *inside), str(error))
            return None

    def _values(self, section: Section, table: dict[str, Any], prefix: Place = ()) -> dict[str, Any]:
        known = {setting.key: setting for setting in section.settings}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in known:
                self._unknown((*prefix, key), isinstance(value, dict), known)
            else:
                self._value(known[key], (*prefix, key), value, values)
        for key, setting in known.items():
            if setting.default is REQUIRED and key not in table:
                self._problem((*prefix, key), "is missing: " + setting.description)
        return values

    def _tables(self, setting: Declaration, place: Place, value: dict[str, Any], values: dict[str, Any]) -> None:
        """A table of tables, each with settings of its own."""
        kind = next(table for table in tables() if table.name == f"{setting.name}.NAME")
        found = {name: self._section(kind, (*place, name), table) for name, table in value.items()}
        if None not in found.values():
            values[setting.key] = found

    def _value(self, setting: Declaration, place: Place, value: Any, values: dict[str, Any]) -> None:
        if struct_of(setting) is not None and isinstance(value, dict):
            self._tables(setting, place, value, values)
            return
        try:
            converted = _converted(setting, value)
            if setting.section == "listen":
                for address in converted:
                    check_address(address, unix=setting.key == "lmtp")
            values[setting.key] = converted
        except (msgspec.ValidationError, ValueError) as error:
            reason = "" if isinstance(error, msgspec.ValidationError) else f" ({error})"
            self._problem(place, f"expected {type_words(setting.type)}, got {_shown(value)}{reason}")

    def _unknown(self, place: Place, is_table: bool, beside: Iterable[str]) -> None:
        """Suggest the nearest name: of this section, or the same key elsewhere."""
        names = [".".join((*place[:-1], key)) for key in beside if len(place) > 2]
        names += [setting.name for setting in settings()] + [section.name for section in sections()[1:]]
        wanted = ".".join(place)
        near = [name for name in names if name.rpartition(".")[2] == place[-1]]
        near = near or difflib.get_close_matches(wanted, names, 1, 0.75)
        hint = f"; did you mean {near[0]}?" if near else ""
        self._problem(place, f"there is no such {'section' if is_table and len(place) == 1 else 'setting'}{hint}")

    # ---- what one field's type can't say

    def _check(self, values: dict[str, Any]) -> None:
        hostname = values.get("hostname")
        if hostname is not None and domain_key(hostname) is None:
            self._problem(("hostname",), f"expected a host name like mail.example.org, got {_shown(hostname)}")
        try:
            listeners(values.get("listen") or ListenSettings(), values.get("listener") or {})
        except SettingError as error:
            self._problem(("listener", *error.place), str(error))
        try:
            names = {*KINDS, *(values.get("listener") or {})}
            check_filters(values.get("filter") or {}, names)
        except SettingError as error:
            self._problem(("filter", *error.place), str(error))
        tls = values.get("tls")
        if tls is not None and tls.key and not tls.certificate:
            self._problem(("tls", "key"), "a key is of no use without tls.certificate")
        for name, listener in (values.get("listener") or {}).items():
            if listener.client_certificates != "off" and (tls is None or not tls.client_authorities):
                place = ("listener", name, "client_certificates")
                self._problem(place, "set tls.client_authorities to who vouches for them")
        directory, ldap = values.get("directory"), values.get("ldap") or LdapSettings()
        if directory is not None and directory.kind == "ldap" and not (ldap.urls and ldap.base):
            self._problem(("directory", "kind"), "LDAP needs ldap.urls and ldap.base")

    def _absolute(self, config: Config) -> Config:
        """Relative paths begin at the folder of the file."""
        folder = self._path.absolute().parent
        replace = msgspec.structs.replace
        tls = replace(
            config.tls,
            certificate=_beside(folder, config.tls.certificate),
            key=_beside(folder, config.tls.key),  # the certificate's file may hold the key too
            client_authorities=_beside(folder, config.tls.client_authorities),
            certificates={
                name: replace(one, certificate=_beside(folder, one.certificate), key=_beside(folder, one.key))
                for name, one in config.tls.certificates.items()
            },
        )
        acme = _with_paths(config.acme, folder, "authorities", "eab_key_file", "dns_key_file")
        relays = {
            name: replace(relay, password_file=str(folder / relay.password_file)) if relay.password_file else relay
            for name, relay in config.delivery.relay.items()
        }
        delivery = replace(config.delivery, relay=relays)
        outbound = config.outbound_tls
        if outbound.authorities:
            outbound = replace(outbound, authorities=str(folder / outbound.authorities))
        oauth = _with_paths(config.oauth, folder, "client_secret_file", "authorities")
        ldap = _with_paths(config.ldap, folder, "bind_password_file", "authorities")
        directory = _with_paths(config.directory, folder, "hook_file")
        return replace(
            config,
            data=folder / config.data,
            tls=tls,
            acme=acme,
            delivery=delivery,
            outbound_tls=outbound,
            oauth=oauth,
            ldap=ldap,
            directory=directory,
        )


def _beside(folder: Path, path: str) -> str:
    return str(folder / path) if path else ""


def _with_paths(section: S, folder: Path, *names: str) -> S:
    """Those of its settings that are paths begin at the folder."""
    found = {name: str(folder / getattr(section, name)) for name in names if getattr(section, name)}
    return msgspec.structs.replace(section, **found)


def _converted(setting: Declaration, value: Any) -> Any:
    if isinstance(value, str):
        if setting.key.endswith("_octets"):
            value = units.octets(value)
        elif setting.key.endswith("_seconds"):
            value = units.seconds(value)
            value = int(value) if value.is_integer() else value
    return msgspec.convert(value, setting.type, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value).expanduser()
    raise ValueError("not a path")


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:  # a date
        text = str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
