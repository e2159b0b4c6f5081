"""Options that several commands have, and what they open.

Owns: where the settings file is looked for, reading it, opening the directory beside a running server.
Never: writes. Raises: Refusal.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .outcome import MissingOrPresent, Refusal, WrongUse

if TYPE_CHECKING:
    from postroom.accounts import SqliteDirectory
    from postroom.config import Config

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
SYSTEM_FILE = Path("/etc/postroom/postroom.toml")
LOCAL_FILE = Path("postroom.toml")


def config_option(command: F) -> F:
    """--config FILE, as `config_path`."""
    return click.option(
        "--config",
        "config_path",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The settings file. Default: $POSTROOM_CONFIG, ./postroom.toml or /etc/postroom/postroom.toml.",
    )(command)


def json_option(command: F) -> F:
    """--json, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def settings_path(config_path: Path | None) -> Path:
    """The settings file that is meant; it need not exist when it was named."""
    if config_path is not None:
        return config_path
    if named := os.environ.get("POSTROOM_CONFIG"):
        return Path(named)
    for path in (LOCAL_FILE, SYSTEM_FILE):
        if path.exists():
            return path
    raise MissingOrPresent(
        f"There is no settings file: neither ./{LOCAL_FILE} nor {SYSTEM_FILE} exists and --config was not given. "
        "Make one with: postroom init DOMAIN"
    )


def read_settings(config_path: Path | None) -> "Config":
    """The settings of the file that is meant."""
    path = settings_path(config_path)
    from postroom.config import ConfigError, load

    if not path.exists():
        raise MissingOrPresent(f"There is no settings file {path}. Make one with: postroom init DOMAIN")
    try:
        return load(path)
    except ConfigError as error:
        raise Refusal(f"the settings can't be used:\n{error}") from error


def with_directory(config_path: Path | None, work: "Callable[[SqliteDirectory], Awaitable[T]]") -> T:
    """Run `work` on the directory of domains and people; a running server sees changes at once."""
    return in_directory(read_settings(config_path), work)


def in_directory(config: "Config", work: "Callable[[SqliteDirectory], Awaitable[T]]") -> T:
    """The same for settings that have been read."""
    from postroom.accounts import (
        AccountError,
        AlreadyThere,
        BadAddress,
        NotThere,
        SqliteDirectory,
    )
    from postroom.base import SystemClock, SystemIds

    async def whole() -> T:
        directory = SqliteDirectory(config.data / "postroom.db", config.accounts, SystemClock(), SystemIds())
        try:
            return await work(directory)
        finally:
            await directory.close()

    try:
        return asyncio.run(whole())
    except (AlreadyThere, NotThere) as error:
        raise MissingOrPresent(error.text) from error
    except BadAddress as error:
        raise WrongUse(error.text) from error
    except AccountError as error:
        detail = f" ({error.detail})" if error.detail and not error.permanent else ""
        raise Refusal(error.text + detail) from error


def amount(ctx: click.Context, param: click.Parameter, value: str | None) -> "Amount | None":
    """For `callback=`: "500MB" or "2GiB"; "none" is no limit; None when nothing was given."""
    from postroom.config import units

    if value is None:
        return None
    if value.lower() == "none":
        return Amount(None)
    try:
        return Amount(units.octets(value))
    except ValueError as error:
        raise click.BadParameter(f'{error}, nor "none"') from error


@dataclass(frozen=True, slots=True)
class Amount:
    """A limit that was given; None is "no limit"."""

    limit: int | None
