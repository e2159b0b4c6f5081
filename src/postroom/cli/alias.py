"""`postroom alias`: addresses that lead to others. Owns: its sub-commands. Never: expands them (accounts does).
Raises: Refusal."""

from dataclasses import asdict
from pathlib import Path

import click

from .options import config_option, json_option, with_directory
from .outcome import MissingOrPresent, print_json, print_table


@click.group()
def alias() -> None:
    """Addresses that lead to others, here or elsewhere.

    Changes take effect in the running server at once.
    """


@alias.command(
    epilog="Examples: postroom alias add sales@example.org bob@example.org carol@example.net; "
    "postroom alias add @example.org bob@example.org (catch-all); "
    "postroom alias add tickets@example.org lmtp:/run/tickets.sock"
)
@click.argument("address")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--replace", is_flag=True, help="Change the alias if there is one already.")
@config_option
def add(address: str, targets: tuple[str, ...], replace: bool, config_path: Path | None) -> None:
    """Let mail for ADDRESS go to each TARGET.

    "@example.org" as ADDRESS is the catch-all: every name of that domain that is nobody's. An alias of a person's own
    address takes the place of their mailbox; name the person among the targets to keep a copy. "lmtp:/run/app.sock"
    or "lmtp:host:port" as TARGET is another program, which gets the mail by LMTP.
    """
    from postroom.accounts import SqliteDirectory, address_key, domain_key

    def key(written: str) -> str | None:
        return address_key(written) or domain_key(written.removeprefix("@"))

    async def change(directory: SqliteDirectory) -> None:
        if not replace and any(key(one.address) == key(address) for one in await directory.aliases()):
            raise MissingOrPresent(f"There is an alias {address} already; --replace changes it")
        await directory.set_alias(address, targets)

    with_directory(config_path, change)
    click.echo(f"Mail for {address} goes to {', '.join(targets)}.")


@alias.command("list", epilog="Example: postroom alias list --json")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List the aliases."""
    aliases = with_directory(config_path, lambda directory: directory.aliases())
    if as_json:
        print_json([asdict(one) for one in aliases])
        return
    print_table(
        ("alias", "targets"), [(one.address, ", ".join(one.targets)) for one in aliases], empty="There are no aliases."
    )


@alias.command(epilog="Example: postroom alias remove sales@example.org")
@click.argument("address")
@config_option
def remove(address: str, config_path: Path | None) -> None:
    """Remove an alias; "@example.org" is the catch-all."""
    with_directory(config_path, lambda directory: directory.remove_alias(address))
    click.echo(f"The alias {address} is gone.")
