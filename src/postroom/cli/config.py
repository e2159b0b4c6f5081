"""`postroom config`: the settings, explained. Owns: its sub-commands. Never: changes a file. Raises: Refusal."""

from dataclasses import asdict
from pathlib import Path

import click

from .options import config_option, json_option, read_settings, settings_path
from .outcome import MissingOrPresent, Refusal, print_json


@click.group()
def config() -> None:
    """Explain the settings."""


@config.command(epilog="Example: postroom config explain smtp.max_message_octets")
@click.argument("name", default="")
@json_option
@config_option
def explain(name: str, as_json: bool, config_path: Path | None) -> None:
    """Show what a setting is for, its default and its value in force.

    NAME is a setting or a section; without it, all settings are shown.
    """
    from postroom.config import UnknownSetting
    from postroom.config import explain as explained

    in_force = None
    try:
        settings_path(config_path)
    except Refusal:
        click.echo("(There is no settings file; these are the defaults.)", err=True)
    else:
        in_force = read_settings(config_path)
    try:
        found = explained(name, in_force)
    except UnknownSetting as error:
        raise MissingOrPresent(str(error)) from error
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for number, one in enumerate(found):
        click.echo(("\n" if number else "") + one.name)
        click.echo(f"  {one.description}")
        click.echo(f"  value: {one.value or 'not set'}" + ("" if one.changed else "  (the default)"))
        if one.changed:
            click.echo(f"  default: {one.default or 'none'}")
        click.echo(f"  must be: {one.type}")


@config.command(epilog="Example: postroom config default > postroom.toml")
def default() -> None:
    """Print a settings file with every setting as a comment."""
    from postroom.config import default_toml

    click.echo(default_toml(), nl=False)
