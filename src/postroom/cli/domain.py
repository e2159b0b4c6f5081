"""`postroom domain`: domains whose mail ends here. Owns: its sub-commands. Never: asks the DNS (check does).
Raises: Refusal."""

from collections import Counter
from pathlib import Path

import click

from .dkim import first_keys, forget_keys
from .dns import domain_name, publication
from .options import config_option, in_directory, json_option, read_settings, with_directory
from .outcome import print_json, print_table
from .records import aligned, zone_lines


@click.group()
def domain() -> None:
    """Domains whose mail ends here.

    Changes take effect in the running server at once.
    """


@domain.command(epilog="Example: postroom domain add example.org")
@click.argument("name", metavar="DOMAIN")
@config_option
def add(name: str, config_path: Path | None) -> None:
    """Take mail for a domain, and show the DNS records it needs."""
    config = read_settings(config_path)
    in_directory(config, lambda directory: directory.add_domain(name))
    first_keys(config, name)
    click.echo(f"Mail for {name} ends here now. In its DNS zone, publish:\n")
    domain = domain_name(name)
    for line in zone_lines(domain, config.hostname, publication(config, domain)):
        click.echo(line)


@domain.command("list", epilog="Example: postroom domain list --json")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List the domains."""
    from postroom.accounts import SqliteDirectory

    async def count(directory: SqliteDirectory) -> list[tuple[str, int, int]]:
        people = Counter(person.address.rpartition("@")[2] for person in await directory.people())
        aliases = Counter(alias.address.rpartition("@")[2] for alias in await directory.aliases())
        return [(name, people[name], aliases[name]) for name in await directory.domains()]

    found = with_directory(config_path, count)
    if as_json:
        print_json([{"domain": name, "accounts": people, "aliases": aliases} for name, people, aliases in found])
        return
    print_table(
        ("domain", "accounts", "aliases"),
        [(name, str(people), str(aliases)) for name, people, aliases in found],
        empty="There are no domains yet. Add one with: postroom domain add DOMAIN",
    )


@domain.command(epilog="Example: postroom domain remove example.org")
@click.argument("name", metavar="DOMAIN")
@config_option
def remove(name: str, config_path: Path | None) -> None:
    """Take no more mail for a domain, and remove its DKIM keys; it must have no accounts and aliases left."""
    config = read_settings(config_path)
    in_directory(config, lambda directory: directory.remove_domain(name))
    click.echo(f"Mail for {name} is not taken any more.")
    keys = forget_keys(config, name)
    if keys:
        click.echo("Its DKIM keys are gone. Once its mail has arrived, take these records out of the DNS:\n")
        for line in aligned(keys):
            click.echo(line)


@domain.command("rotate-secret", epilog="Example: postroom domain rotate-secret")
@config_option
def rotate_secret(config_path: Path | None) -> None:
    """Make return addresses and unsubscribe links with a new secret from now on.

    Those made with the old one are good for accounts.old_secret_seconds more.
    """
    with_directory(config_path, lambda directory: directory.rotate_secret())
    click.echo("There is a new secret.")
