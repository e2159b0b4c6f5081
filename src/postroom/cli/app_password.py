"""`postroom app-password`: passwords for single programs and devices.

Owns: its sub-commands. Never: takes or asks for a secret; shows one but once. Raises: Refusal.
"""

import datetime
from dataclasses import asdict
from pathlib import Path

import click

from .options import config_option, json_option, with_directory
from .outcome import WrongUse, print_json, print_table
from .queue import moment

_PROTOCOLS = ("smtp", "imap", "pop3")


@click.group("app-password")
def app_password() -> None:
    """Passwords for single programs and devices, beside the main one.

    Each may be limited to some protocols, may end by itself, and can be taken back without the others noticing.
    Changes take effect in the running server at once.
    """


@app_password.command(
    epilog="Example: postroom app-password add bob@example.org phone --protocols imap,smtp --expires 365d"
)
@click.argument("address")
@click.argument("name")
@click.option(
    "--protocols", metavar="LIST", help="What it is good for, of smtp, imap and pop3, with commas. Default: all."
)
@click.option("--expires", metavar="WHEN", help='When it ends: "90d", or a date like 2027-01-31. Default: never.')
@json_option
@config_option
def add(
    address: str, name: str, protocols: str | None, expires: str | None, as_json: bool, config_path: Path | None
) -> None:
    """Make a password for one program or device of ADDRESS, and show it.

    It is shown this once. NAME tells it from the others, as "phone" or "printer on the second floor".
    """
    wanted = tuple(one.strip().lower() for one in protocols.split(",")) if protocols is not None else ()
    until = _end(expires) if expires is not None else None
    made, secret = with_directory(
        config_path,
        lambda directory: directory.app_passwords.add(address, name, protocols=wanted, expires=until),
    )
    if as_json:
        print_json({**asdict(made), "secret": secret})
        return
    click.echo(secret)
    click.echo(
        f"This is the password {made.name!r} of {address}, for {_scope(made.protocols)}, {_until(made.expires)}. "
        "It is not shown again.",
        err=True,
    )


@app_password.command("list", epilog="Example: postroom app-password list bob@example.org")
@click.argument("address")
@json_option
@config_option
def list_(address: str, as_json: bool, config_path: Path | None) -> None:
    """List the app passwords of ADDRESS: what they are good for, when they were last used."""
    found = with_directory(config_path, lambda directory: directory.app_passwords.all(address))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (one.name, _scope(one.protocols), _time(one.made), _until(one.expires), _time(one.last_used) or "never")
        for one in found
    ]
    print_table(
        ("name", "good for", "made", "ends", "last used"),
        rows,
        empty=f"{address} has no app passwords. Make one with: postroom app-password add {address} NAME",
    )


@app_password.command(epilog="Example: postroom app-password remove bob@example.org phone")
@click.argument("address")
@click.argument("name")
@config_option
def remove(address: str, name: str, config_path: Path | None) -> None:
    """Take a password back: nobody signs in with it any more. Open connections stay open."""
    with_directory(config_path, lambda directory: directory.app_passwords.remove(address, name))
    click.echo(f"{address} has no app password {name!r} any more.")


def _end(text: str) -> float:
    """Seconds since 1970. Raises WrongUse."""
    from postroom.base import SystemClock
    from postroom.config import units

    now = SystemClock().now()
    try:
        day = datetime.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=datetime.UTC)
        end = day.timestamp()
    except ValueError:
        try:
            end = now + units.seconds(text)
        except ValueError:
            raise WrongUse(f'{text!r} is neither like "90d" nor a date like 2027-01-31') from None
    if end <= now:
        raise WrongUse(f"{text!r} is not in the future")
    return end


def _scope(protocols: tuple[str, ...]) -> str:
    return ", ".join(protocols or _PROTOCOLS)


def _until(expires: float | None) -> str:
    return "for good" if expires is None else f"until {_time(expires)}"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else moment(min(seconds, 1 << 37))
