"""`postroom list`: mailing lists and their members.

Owns: its sub-commands. Never: sends (intake does). Raises: Refusal.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import config_option, json_option, with_directory
from .outcome import MissingOrPresent, WrongUse, print_json, print_table

if TYPE_CHECKING:
    from postroom.accounts import MailingList, Member, Posting, SqliteDirectory

F = TypeVar("F", bound=Callable[..., Any])
_MEMBERS_AT_ONCE = 1000  # of a file, in one change


def _options(command: F) -> F:
    """What a list is told at the beginning, and later."""
    for option in (
        click.option("--owner", "owners", multiple=True, metavar="ADDRESS", help="Who answers for the list; several."),
        click.option(
            "--posting",
            type=click.Choice(("anyone", "members", "owners", "named")),
            help="Who may post; owners always may, and those of --poster.  [default: members]",
        ),
        click.option("--poster", "posters", multiple=True, metavar="ADDRESS", help="Who may post, too; several."),
        click.option("--title", help="What the list is called, for people."),
        click.option("--prefix", help='What subjects begin with, like "[news]". Default: they are left alone.'),
        click.option("--archive", metavar="URL", help="Where old messages can be read."),
    ):
        command = option(command)
    return command


def _known(address: str, found: "MailingList | None") -> "MailingList":
    if found is None:
        raise MissingOrPresent(f"There is no list {address}")
    return found


@click.group("list")
def lists() -> None:
    """Mailing lists: an address whose mail goes to all members.

    Its other addresses are LIST-owner@ (to its owners), LIST-request@ (help and leaving), and those that are made for
    each member: to leave, and for what bounces. Changes take effect in the running server at once.
    """


@lists.command(
    epilog="Example: postroom list add news@example.org --owner alice@example.org --posting owners --title News"
)
@click.argument("address")
@_options
@config_option
def add(
    address: str,
    owners: tuple[str, ...],
    posting: "Posting | None",
    posters: tuple[str, ...],
    title: str | None,
    prefix: str | None,
    archive: str | None,
    config_path: Path | None,
) -> None:
    """Make a list; it needs an owner."""
    from postroom.accounts import MailingList

    wanted = MailingList(0, address, owners, posting or "members", posters, title or "", prefix or "", archive or "")
    made = with_directory(config_path, lambda directory: directory.lists.create(wanted))
    click.echo(f"{made.address} is a list now. Add members with: postroom list member add {made.address} ADDRESS...")


@lists.command(epilog='Example: postroom list change news@example.org --posting members --prefix "[news]"')
@click.argument("address")
@_options
@config_option
def change(
    address: str,
    owners: tuple[str, ...],
    posting: "Posting | None",
    posters: tuple[str, ...],
    title: str | None,
    prefix: str | None,
    archive: str | None,
    config_path: Path | None,
) -> None:
    """Change what is given, leave the rest; --poster "" is nobody."""
    given: dict[str, Any] = {"posting": posting, "title": title, "prefix": prefix, "archive": archive}
    given["owners"] = owners or None
    given["posters"] = tuple(filter(None, posters)) if posters else None
    wishes = {name: value for name, value in given.items() if value is not None}
    if not wishes:
        raise WrongUse("Nothing is to be changed: see postroom list change --help")

    async def work(directory: "SqliteDirectory") -> None:
        await directory.lists.change(replace(_known(address, await directory.lists.get(address)), **wishes))

    with_directory(config_path, work)
    click.echo(f"{address} is changed.")


@lists.command(epilog="Example: postroom list remove news@example.org")
@click.argument("address")
@config_option
def remove(address: str, config_path: Path | None) -> None:
    """Remove a list and forget its members."""
    with_directory(config_path, lambda directory: directory.lists.remove(address))
    click.echo(f"The list {address} is gone.")


@lists.command(epilog="Example: postroom list show news@example.org --json")
@click.argument("address", required=False)
@json_option
@config_option
def show(address: str | None, as_json: bool, config_path: Path | None) -> None:
    """Show all lists, or one with its members."""
    if address is None:
        _show_all(as_json, config_path)
        return

    async def look(directory: "SqliteDirectory") -> "tuple[MailingList, list[Member]]":
        found = _known(address, await directory.lists.get(address))
        return found, await directory.lists.members(found.list_id)

    found, members = with_directory(config_path, look)
    if as_json:
        print_json({**asdict(found), "members": [asdict(one) for one in members]})
        return
    rows = [
        ("title", found.title),
        ("owners", ", ".join(found.owners)),
        ("posting", found.posting),
        ("may post too", ", ".join(found.posters)),
        ("subject prefix", found.prefix),
        ("archive", found.archive),
        ("members", str(len(members))),
    ]
    print_table((found.address, ""), [row for row in rows if row[1]], empty="")
    if members:
        click.echo()
        table = [(one.address, "suspended" if one.suspended else "", str(one.bounces or "")) for one in members]
        print_table(("member", "state", "bounces"), table, empty="")


def _show_all(as_json: bool, config_path: Path | None) -> None:
    async def look(directory: "SqliteDirectory") -> "list[tuple[MailingList, int]]":
        return [(one, len(await directory.lists.members(one.list_id))) for one in await directory.lists.all()]

    found = with_directory(config_path, look)
    if as_json:
        print_json([{**asdict(one), "members": count} for one, count in found])
        return
    print_table(
        ("list", "members", "posting", "owners"),
        [(one.address, str(count), one.posting, ", ".join(one.owners)) for one, count in found],
        empty="There are no lists. Make one with: postroom list add ADDRESS --owner ADDRESS",
    )


@lists.group()
def member() -> None:
    """Who is on a list."""


_list = click.argument("address", metavar="LIST")
_members = click.argument("members", metavar="ADDRESS...", nargs=-1)


@member.command("add", epilog="Example: postroom list member add news@example.org bob@example.net")
@_list
@_members
@click.option("--from", "source", type=click.File(), metavar="FILE", help='One address a line; "-": standard input.')
@config_option
def member_add(address: str, members: tuple[str, ...], source: Iterable[str] | None, config_path: Path | None) -> None:
    """Add members; they are not asked and not told. Those that are on the list already stay as they are."""
    everybody = [*members, *(line.strip() for line in source or () if line.strip())]
    if not everybody:
        raise WrongUse("Give the addresses of the members, or --from FILE")

    async def work(directory: "SqliteDirectory") -> int:
        starts = range(0, len(everybody), _MEMBERS_AT_ONCE)
        return sum([await directory.lists.add_members(address, everybody[at : at + _MEMBERS_AT_ONCE]) for at in starts])

    click.echo(f"{with_directory(config_path, work)} member(s) added to {address}.")


@member.command("remove", epilog="Example: postroom list member remove news@example.org bob@example.net")
@_list
@_members
@config_option
def member_remove(address: str, members: tuple[str, ...], config_path: Path | None) -> None:
    """Remove members."""
    count = with_directory(config_path, lambda directory: directory.lists.remove_members(address, members))
    if not count:
        raise MissingOrPresent(f"None of them is a member of {address}")
    click.echo(f"{count} member(s) removed from {address}.")


@member.command("resume", epilog="Example: postroom list member resume news@example.org bob@example.net")
@_list
@click.argument("wanted", metavar="ADDRESS")
@config_option
def member_resume(address: str, wanted: str, config_path: Path | None) -> None:
    """Send to a member again who was suspended because too much bounced."""
    with_directory(config_path, lambda directory: directory.lists.resume(address, wanted))
    click.echo(f"{wanted} gets mail from {address} again.")
