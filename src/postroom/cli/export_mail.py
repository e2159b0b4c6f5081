"""`postroom export`: an account's mail into files that other programs read.

Owns: what the command takes and tells. Never: changes the account. Raises: Refusal.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .import_mail import find_person
from .options import config_option, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, print_json, print_table
from .progress import Bar

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.interchange import ExportReport
    from postroom.store import KeptMailbox, MailReader


class _Telling:
    """Tells the bar what the export reports (interchange.exporting.Watcher)."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def begin(self, mailbox: "KeptMailbox") -> None:
        self._bar.begin(mailbox.name, mailbox.messages)

    def reached(self, position: int) -> None:
        self._bar.reach(position, f"{position} messages")


@click.command("export", epilog="Example: postroom export bob@example.org bobs-mail --format maildir")
@click.argument("address")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--mailbox", metavar="NAME", help="Only this one; TARGET is its mbox file or Maildir. Default: all.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["mbox", "maildir"]),
    default="mbox",
    show_default=True,
    help="mbox files in a tree like Thunderbird's, or Maildir++.",
)
@json_option
@config_option
def export_mail(
    address: str, target: Path, mailbox: str | None, format_: str, as_json: bool, config_path: Path | None
) -> None:
    """Write an account's mail into files; works beside a running server.

    TARGET must not exist, or be an empty folder. Flags, keywords and dates are kept in the way of the format; line ends
    become LF. Whoever leaves takes their mail along; postroom import reads it back.
    """
    from apsw import Error as DatabaseError

    from postroom.store import StoreError

    config = read_settings(config_path)
    person = find_person(config, address)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise MissingOrPresent(f"{target} exists already")
    try:
        reader = _reader(config, person.account_id)
        try:
            report = _export(config, reader, target, mailbox, format_, show=sys.stderr.isatty() and not as_json)
        finally:
            reader.close()
    except StoreError as error:
        raise Refusal(f"{error.text} ({error.detail})") from error
    except (OSError, DatabaseError) as error:
        raise Refusal(f"The export ended early: {error}") from error
    _tell(report, as_json)
    if report.missing:
        raise SystemExit(1)


def _reader(config: "Config", account_id: int) -> "MailReader":
    from postroom.base import SystemClock, SystemIds
    from postroom.store import NoSuchAccount, SqliteStore

    store = SqliteStore(config.data, config.store, config.message, SystemClock(), SystemIds())
    try:
        return store.reader(account_id)
    except NoSuchAccount as error:
        raise MissingOrPresent("The account has no mail yet: nobody has used it") from error


def _export(
    config: "Config", reader: "MailReader", target: Path, mailbox: str | None, format_: str, *, show: bool
) -> "ExportReport":
    from postroom.interchange import Exporter

    mailboxes = reader.mailboxes()
    if mailbox is not None:
        mailboxes = [box for box in mailboxes if box.name == mailbox]
        if not mailboxes:
            raise MissingOrPresent(f"There is no mailbox {mailbox}")
    with Bar(show=show) as bar:
        exporter = Exporter(reader, config.interchange, _Telling(bar))
        if format_ == "mbox" and mailbox is not None:
            exporter.mbox_file(mailboxes[0], target)
        elif format_ == "mbox":
            exporter.mbox_tree(mailboxes, target)
        elif mailbox is not None:
            exporter.maildir(mailboxes[0], target)
        else:
            exporter.maildir_tree(mailboxes, target)
        for place, reason in exporter.report.missing:
            bar.say(f"not exported: {place}: {reason}")
    return exporter.report


def _tell(report: "ExportReport", as_json: bool) -> None:
    from postroom.config.units import words

    if as_json:
        print_json(
            {
                "messages": report.messages,
                "octets": report.octets,
                "mailboxes": report.mailboxes,
                "missing": [{"place": place, "reason": reason} for place, reason in report.missing],
                "dropped_keywords": sorted(report.dropped_keywords),
            }
        )
        return
    rows = [(name, str(count)) for name, count in report.mailboxes.items()]
    print_table(("mailbox", "messages"), rows, empty="There are no mailboxes.")
    click.echo(f"\n{report.messages} message(s), {words(report.octets)}.")
    if report.dropped_keywords:
        click.echo(f"Keywords for which a Maildir has no room: {', '.join(sorted(report.dropped_keywords))}.")
