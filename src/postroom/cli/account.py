"""`postroom account`: people who have mail here.

Owns: its sub-commands. Never: touches mail (the server makes an account's folder when it is first used).
Raises: Refusal.
"""

from dataclasses import asdict
from pathlib import Path

import click

from .import_passwords import import_passwords
from .options import Amount, amount, config_option, in_directory, json_option, read_settings, with_directory
from .outcome import WrongUse, print_json, print_table
from .password import read_password


@click.group()
def account() -> None:
    """People who have mail here.

    Changes take effect in the running server at once.
    """


@account.command(epilog="Example: echo 's3cret words' | postroom account add bob@example.org --password-stdin")
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--no-password", is_flag=True, help="Without a main password, for app passwords, tokens or certificates.")
@click.option(
    "--quota", metavar="SIZE", callback=amount, help='Most mail the account may hold, like "2GiB"; default none.'
)
@click.option("--quota-messages", metavar="N", type=click.IntRange(0), help="Most messages the account may hold.")
@config_option
def add(
    address: str,
    password_stdin: bool,
    no_password: bool,
    quota: Amount | None,
    quota_messages: int | None,
    config_path: Path | None,
) -> None:
    """Add a person with a mailbox and a password.

    ADDRESS is also the name to sign in with; its domain must be here already.
    """
    if password_stdin and no_password:
        raise WrongUse("Give --password-stdin or --no-password")
    config = read_settings(config_path)
    password = None if no_password else read_password(password_stdin)
    person = in_directory(
        config,
        lambda directory: directory.add_person(
            address, password, quota_octets=quota.limit if quota else None, quota_messages=quota_messages
        ),
    )
    click.echo(f"{person.address} has an account now.")


@account.command("list", epilog="Example: postroom account list --json")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List the accounts."""
    from postroom.config.units import words

    people = with_directory(config_path, lambda directory: directory.people())
    if as_json:
        print_json([asdict(person) for person in people])
        return
    rows = [
        (
            person.address,
            "yes" if person.enabled else "no",
            "" if person.quota_octets is None else words(person.quota_octets),
            "" if person.quota_messages is None else str(person.quota_messages),
            ", ".join(person.forward) + (" (and kept)" if person.forward and person.keep else ""),
            ", ".join(person.copies),
        )
        for person in people
    ]
    print_table(
        ("address", "enabled", "quota", "messages", "forwarded to", "copies to"),
        rows,
        empty="There are no accounts yet. Add one with: postroom account add ADDRESS",
    )


@account.command(epilog="Example: postroom account remove bob@example.org")
@click.argument("address")
@config_option
def remove(address: str, config_path: Path | None) -> None:
    """Remove a person: nobody can sign in, and mail is refused.

    The mail itself stays in the data folder, where it can be deleted by hand.
    """
    config = read_settings(config_path)
    person = in_directory(config, lambda directory: directory.remove_person(address))
    click.echo(f"{person.address} has no account any more. The mail is still in:")
    click.echo(str(config.data / "accounts" / str(person.account_id)))


@account.command(epilog="Example: postroom account password bob@example.org")
@click.argument("address")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--remove", is_flag=True, help="Leave none: for app passwords, tokens or certificates.")
@config_option
def password(address: str, password_stdin: bool, remove: bool, config_path: Path | None) -> None:
    """Give a person a new main password; app passwords stay as they are.

    Open connections stay open; the next sign-in needs the new one.
    """
    if password_stdin and remove:
        raise WrongUse("Give --password-stdin or --remove")
    config = read_settings(config_path)
    new = None if remove else read_password(password_stdin)
    in_directory(config, lambda directory: directory.set_password(address, new))
    click.echo(f"{address} has {'no main' if remove else 'a new'} password.")


@account.command(epilog="Example: postroom account quota bob@example.org 2GiB --messages none")
@click.argument("address")
@click.argument("size", callback=amount)
@click.option("--messages", callback=amount, metavar="N", help='Most messages, or "none". Default: as it was.')
@config_option
def quota(address: str, size: Amount, messages: Amount | None, config_path: Path | None) -> None:
    """Limit how much mail a person may have; SIZE is like "2GiB", or "none"."""
    from postroom.accounts import SqliteDirectory, address_key

    async def change(directory: SqliteDirectory) -> None:
        if messages is not None:
            most = messages.limit
        else:
            people = await directory.people()
            most = next(
                (one.quota_messages for one in people if address_key(one.address) == address_key(address)), None
            )
        await directory.set_quota(address, size.limit, most)

    with_directory(config_path, change)
    click.echo(f"The quota of {address} is changed.")


@account.command(epilog="Example: postroom account forward bob@example.org bob@example.net --no-keep")
@click.argument("address")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--keep/--no-keep", default=True, help="Keep what is forwarded in the mailbox as well.  [default: keep]")
@click.option("--off", is_flag=True, help="Forward nothing from now on.")
@config_option
def forward(address: str, targets: tuple[str, ...], keep: bool, off: bool, config_path: Path | None) -> None:
    """Send a person's mail on to each TARGET: addresses, or programs as in postroom alias.

    Mail from senders of other domains goes on under a return address of our own (SRS), so that reports come back here
    and go on to who wrote. A disabled account forwards nothing. Where no TARGET is anybody, the mail is kept.
    """
    if off == bool(targets):
        raise WrongUse("Give the addresses to forward to, or --off")
    with_directory(config_path, lambda directory: directory.set_forwarding(address, targets, keep=keep or off))
    if off:
        click.echo(f"Mail for {address} is not forwarded.")
    else:
        click.echo(f"Mail for {address} goes on to {', '.join(targets)} and is {'' if keep else 'not '}kept.")


@account.command("copy", epilog="Example: postroom account copy bob@example.org archive@example.org")
@click.argument("address")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--off", is_flag=True, help="Send no copies from now on.")
@config_option
def copy_(address: str, targets: tuple[str, ...], off: bool, config_path: Path | None) -> None:
    """Send each TARGET a copy of all that a person gets and sends."""
    if off == bool(targets):
        raise WrongUse("Give the addresses that get copies, or --off")
    with_directory(config_path, lambda directory: directory.set_copies(address, targets))
    click.echo(f"Copies of the mail of {address} go to {', '.join(targets) or 'nobody'}.")


@account.command(epilog="Example: postroom account enable bob@example.org")
@click.argument("address")
@config_option
def enable(address: str, config_path: Path | None) -> None:
    """Let a person sign in and get mail again."""
    with_directory(config_path, lambda directory: directory.set_enabled(address, True))
    click.echo(f"{address} is enabled.")


@account.command(epilog="Example: postroom account disable bob@example.org")
@click.argument("address")
@config_option
def disable(address: str, config_path: Path | None) -> None:
    """Keep a person's mail and address, but let nobody sign in and refuse new mail."""
    with_directory(config_path, lambda directory: directory.set_enabled(address, False))
    click.echo(f"{address} is disabled.")


account.add_command(import_passwords)


@account.command(epilog="Example: postroom account release bob@example.org")
@click.argument("address")
@config_option
def release(address: str, config_path: Path | None) -> None:
    """Let a person send again who was stopped, as they sent far more than ever.

    What waits in the queue goes on, too; look at it before, by postroom queue list. See docs/guard.md.
    """
    from .guard import release as release_account

    words, going_on = release_account(config_path, address)
    click.echo(f"{address} may send again; {going_on} recipient(s) go on. It was stopped for: {words}.")


@account.command("grant-sender", epilog="Example: postroom account grant-sender bob@example.org sales@example.org")
@click.argument("address")
@click.argument("may_send_as", metavar="MAY-SEND-AS")
@click.option("--revoke", is_flag=True, help="Take the leave back.")
@config_option
def grant_sender(address: str, may_send_as: str, revoke: bool, config_path: Path | None) -> None:
    """Let a person send as another address, or as any of a domain ("@example.org").

    People may send as their own address, its sub-addresses and the aliases that lead to them alone; more needs a grant.
    MAY-SEND-AS may be of a domain elsewhere: its owner has to let this server send for it (SPF, DKIM).
    """
    if revoke:
        with_directory(config_path, lambda directory: directory.revoke_sender(address, may_send_as))
        click.echo(f"{address} may not send as {may_send_as} any more.")
        return
    with_directory(config_path, lambda directory: directory.grant_sender(address, may_send_as))
    click.echo(f"{address} may send as {may_send_as}.")


@account.command(epilog="Example: postroom account senders bob@example.org")
@click.argument("address")
@json_option
@config_option
def senders(address: str, as_json: bool, config_path: Path | None) -> None:
    """List what a person was granted to send as, besides the addresses of their own."""
    granted = with_directory(config_path, lambda directory: directory.sender_grants(address))
    if as_json:
        print_json(granted)
        return
    print_table(("address",), [(one,) for one in granted], empty=f"{address} was granted none.")
