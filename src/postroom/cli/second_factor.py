"""`postroom second-factor`: codes from an authenticator app.

Owns: its sub-commands. Never: takes a code as an argument, which others could read in the list of processes.
Raises: Refusal.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, in_directory, json_option, read_settings, with_directory
from .outcome import Refusal, WrongUse, print_json

if TYPE_CHECKING:
    from postroom.accounts import SqliteDirectory


@click.group("second-factor")
def second_factor() -> None:
    """A second factor beside the main password: codes from an authenticator app (TOTP).

    Mail programs can't ask for codes. Once it is on, they sign in with app passwords (postroom app-password), tokens or
    certificates, and the main password is good for none of SMTP, IMAP and POP3.
    """


@second_factor.command(epilog="Example: postroom second-factor enrol bob@example.org")
@click.argument("address")
@json_option
@config_option
def enrol(address: str, as_json: bool, config_path: Path | None) -> None:
    """Make a secret for an authenticator app, and show it.

    Nothing changes until it is confirmed with a code: postroom second-factor confirm.
    """
    made = with_directory(config_path, lambda directory: directory.second_factors.enrol(address))
    if as_json:
        print_json(asdict(made))
        return
    click.echo(made.uri)
    click.echo(
        f"Give that to the authenticator app as a QR code, or type its secret: {made.secret}\n"
        f"It is not shown again. Then: postroom second-factor confirm {address}",
        err=True,
    )


@second_factor.command(epilog="Example: postroom second-factor confirm bob@example.org")
@click.argument("address")
@click.option("--code-stdin", is_flag=True, help="Read the code from the first line of standard input.")
@json_option
@config_option
def confirm(address: str, code_stdin: bool, as_json: bool, config_path: Path | None) -> None:
    """Turn the second factor on, with a code of the app; shows recovery codes.

    Each recovery code counts once in place of one of the app, for the day when that is lost.
    """
    config = read_settings(config_path)
    code = _read_code(code_stdin)

    async def work(directory: "SqliteDirectory") -> tuple[tuple[str, ...], int]:
        codes = await directory.second_factors.confirm(address, code)
        return codes, len(await directory.app_passwords.all(address))

    codes, app_passwords = in_directory(config, work)
    _show_codes(codes, as_json)
    click.echo(
        f"The second factor of {address} is on: mail programs can't sign in with the main password any more.", err=True
    )
    if not app_passwords:
        click.echo(f"They need an app password: postroom app-password add {address} NAME", err=True)


@second_factor.command(epilog="Example: postroom second-factor codes bob@example.org")
@click.argument("address")
@json_option
@config_option
def codes(address: str, as_json: bool, config_path: Path | None) -> None:
    """Make new recovery codes, and show them; those of before count no more."""
    _show_codes(with_directory(config_path, lambda directory: directory.second_factors.codes(address)), as_json)


@second_factor.command(epilog="Example: postroom second-factor check bob@example.org")
@click.argument("address")
@click.option("--code-stdin", is_flag=True, help="Read the code from the first line of standard input.")
@config_option
def check(address: str, code_stdin: bool, config_path: Path | None) -> None:
    """Ask for a code and tell whether it is right, as when somebody calls who has lost the password.

    A code, of the app or a recovery code, counts once. After several wrong ones none counts for a while.
    """
    config = read_settings(config_path)
    code = _read_code(code_stdin)
    if not in_directory(config, lambda directory: directory.second_factors.passes(address, code)):
        raise Refusal("That code does not count: it is wrong, was used already, or there were too many wrong ones")
    click.echo("That code is right.")


@second_factor.command(epilog="Example: postroom second-factor show bob@example.org")
@click.argument("address")
@json_option
@config_option
def show(address: str, as_json: bool, config_path: Path | None) -> None:
    """Tell whether ADDRESS has a second factor, and how many recovery codes are left."""
    state = with_directory(config_path, lambda directory: directory.second_factors.state(address))
    if as_json:
        print_json(asdict(state) if state is not None else None)
    elif state is None:
        click.echo(f"{address} has no second factor.")
    elif state.confirmed is None:
        click.echo(f"The second factor of {address} is not confirmed yet, so it is off.")
    else:
        click.echo(f"The second factor of {address} is on; {state.recovery_codes} recovery codes are left.")


@second_factor.command(epilog="Example: postroom second-factor off bob@example.org")
@click.argument("address")
@config_option
def off(address: str, config_path: Path | None) -> None:
    """Turn the second factor off: the main password is good for mail programs again."""
    with_directory(config_path, lambda directory: directory.second_factors.off(address))
    click.echo(f"{address} has no second factor any more.")


def _read_code(from_stdin: bool) -> str:
    if from_stdin:
        code = sys.stdin.buffer.readline().decode("utf-8", "replace").strip()
    elif sys.stdin.isatty():
        code = str(click.prompt("Code", err=True)).strip()
    else:
        raise WrongUse("give the code with --code-stdin, or run this on a terminal")
    if not code:
        raise WrongUse("there is no code on standard input")
    return code


def _show_codes(codes: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_json({"recovery_codes": list(codes)})
        return
    for one in codes:
        click.echo(one)
    click.echo("Recovery codes, each good once. Keep them where the authenticator app is not.", err=True)
