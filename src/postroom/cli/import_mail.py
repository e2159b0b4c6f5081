"""`postroom import`: mail from files of other programs into an account.

Owns: what the command takes and tells; that no server runs meanwhile. Never: knows a format. Raises: Refusal.
"""

import asyncio
import os
import pwd
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import config_option, in_directory, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, print_json, print_table
from .privileges import give_data
from .progress import Bar

if TYPE_CHECKING:
    from postroom.accounts import Person
    from postroom.config import Config
    from postroom.interchange import Importer, ImportReport, Source
    from postroom.interchange.types import Folder
    from postroom.store import SqliteStore

_AGAIN = "Give the same command again to go on where it ended; nothing is imported twice."


class _Telling:
    """Tells the bar what the import reports (interchange.importing.Watcher)."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._begun = time.monotonic()

    def begin(self, folder: "Folder", mailbox: str) -> None:
        self._bar.begin(mailbox, folder.extent)

    def reached(self, position: int, report: "ImportReport") -> None:
        from postroom.config.units import words

        rate = report.looked_at / max(time.monotonic() - self._begun, 0.001)
        more = f"{report.looked_at} messages, {words(report.octets)} new, {rate:.0f}/s"
        self._bar.reach(position, more)

    def failed(self, place: str, reason: str) -> None:
        self._bar.say(f"not imported: {place}: {reason}")


@click.command(
    "import", epilog="Example: postroom import bob@example.org ~/.thunderbird/x.default/Mail/pop.example.org"
)
@click.argument("address")
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True, exists=True))
@click.option(
    "--mailbox", metavar="NAME", help="Where it goes, subfolders below it. Default: INBOX, subfolders by their names."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", "mbox", "maildir", "eml"]),
    default="auto",
    show_default=True,
    help="What SOURCE is.",
)
@click.option("--quota", "keep_quota", is_flag=True, help="Keep to the account's quota; else it is passed over.")
@click.option("--again", is_flag=True, help="Import also what was imported into the same mailbox before.")
@click.option("--dry-run", is_flag=True, help="Only look: what is in SOURCE, and what of it could not be imported.")
@json_option
@config_option
def import_mail(
    address: str,
    source: Path,
    mailbox: str | None,
    format_: str,
    keep_quota: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Bring mail from files into an account; stop the server first.

    SOURCE is an mbox file, a folder of them (Thunderbird's too), a Maildir with its subfolders, a folder of .eml files,
    or "-" for an mbox on standard input. Mailboxes that are missing are made and subscribed. Flags and dates are kept.

    Messages that can't be taken are named, and the others go on; the command ends with 1 then. Interrupted and given
    again, it goes on where it was, and imports nothing twice. See docs/large-mail.md.
    """
    from postroom.interchange import NotMail, Stopped, find_source, survey

    config = read_settings(config_path)
    person = find_person(config, address)
    reads_stdin = str(source) == "-"
    try:
        found = find_source(
            None if reads_stdin else source, format_, config.interchange, sys.stdin.buffer if reads_stdin else None
        )
    except NotMail as error:
        raise Refusal(str(error)) from error
    except OSError as error:
        raise Refusal(f"{source} can't be read: {error.strerror}") from error
    ended = ""
    with Bar(show=sys.stderr.isatty() and not as_json) as bar:
        telling = _Telling(bar)
        if dry_run:
            report = survey(found.folders, mailbox, config.interchange, telling)
        else:
            work = _Import(config, person, telling, keep_quota=keep_quota, again=again)
            try:
                asyncio.run(work.run(found, mailbox))
            except KeyboardInterrupt:
                ended = f"Interrupted. {_AGAIN}"
            except Stopped as error:
                ended = f"Stopped: {error}. {_AGAIN}"
            report = work.report
    _tell(report, found, as_json, dry_run=dry_run, ended=ended)
    if ended:
        raise Refusal(ended)
    if report.failed:
        raise SystemExit(1)


def find_person(config: "Config", address: str) -> "Person":
    """The person of an address. Raises MissingOrPresent."""
    from postroom.accounts import address_key

    people = in_directory(config, lambda directory: directory.people())
    for person in people:
        if address_key(person.address) == address_key(address):
            return person
    raise MissingOrPresent(f"There is no account {address}. Add it with: postroom account add {address}")


class _Import:
    """One import, with everything that it opens."""

    def __init__(self, config: "Config", person: "Person", telling: _Telling, *, keep_quota: bool, again: bool) -> None:
        from postroom.interchange import ImportReport

        self._config = config
        self._person = person
        self._telling = telling
        self._quota = (person.quota_octets, person.quota_messages) if keep_quota else (None, None)
        self._again = again
        self._importer: Importer | None = None
        self._nothing = ImportReport()

    @property
    def report(self) -> "ImportReport":
        return self._importer.report if self._importer is not None else self._nothing

    async def run(self, source: "Source", mailbox: str | None) -> None:
        from postroom.interchange import Importer

        config = self._config
        store = open_store(config)
        try:
            await store.create_account(self._person.account_id)
            account = await store.open(self._person.account_id)
            self._importer = Importer(
                store,
                account,
                config.interchange,
                self._telling,
                memory_octets=config.store.draft_memory_octets,
                again=self._again,
                quota=self._quota,
            )
            try:
                await self._importer.run(source.folders, mailbox)
            finally:
                await self._importer.close()
                account.close()
        finally:
            await store.close()
            give_to_server(config)


def open_store(config: "Config") -> "SqliteStore":
    """The store, which nobody else has open. Raises Refusal."""
    from postroom.base import SystemClock, SystemIds
    from postroom.store import FolderInUse, SqliteStore, StoreError

    store = SqliteStore(config.data, config.store, config.message, SystemClock(), SystemIds())
    try:
        store.start()
    except FolderInUse as error:
        raise Refusal(
            f"{error.detail}: a server is running, or another import. Stop it (systemctl stop postroom), import, and "
            "start it again; or import beside it over IMAP, with a mail program or imapsync."
        ) from error
    except StoreError as error:
        raise Refusal(f"{error.text} ({error.detail})") from error
    return store


def give_to_server(config: "Config") -> None:
    """What root made belongs to the user whose the data folder is, or else the server could not read it."""
    if os.geteuid() != 0:
        return
    user = config.process.user
    if not user:
        with suppress(KeyError):  # nobody's: left as it is
            user = pwd.getpwuid(config.data.stat().st_uid).pw_name
    if user:
        give_data(config.data, user, config.process.group)


def _tell(report: "ImportReport", source: "Source", as_json: bool, *, dry_run: bool, ended: str) -> None:
    from postroom.config.units import words

    if as_json:
        print_json(_as_json(report, source, dry_run=dry_run, ended=ended))
        return
    print_table(
        ("mailbox", "messages"),
        [(name, str(count)) for name, count in report.mailboxes.items()],
        empty="No message would be imported." if dry_run else "No message was imported.",
    )
    done = "could be imported" if dry_run else "imported"
    click.echo(f"\n{report.imported} message(s) {done}, {words(report.octets)}.")
    for count, text in (
        (report.already, "had been imported before"),
        (report.left_out, "left out: deleted or bookkeeping of the mbox"),
        (report.without_keywords, "without their keywords: the mailbox has no room for more"),
        (report.failed, "not imported, named above"),
        (source.passed_over, "other file(s) passed over: no mail"),
    ):
        if count:
            click.echo(f"{count} {text}.")


def _as_json(report: "ImportReport", source: "Source", *, dry_run: bool, ended: str) -> dict[str, Any]:
    return {
        "format": source.format,
        "dry_run": dry_run,
        "imported": report.imported,
        "octets": report.octets,
        "already": report.already,
        "left_out": report.left_out,
        "without_keywords": report.without_keywords,
        "failed": report.failed,
        "failures": [{"place": place, "reason": reason} for place, reason in report.failures],
        "mailboxes": report.mailboxes,
        "files_passed_over": source.passed_over,
        "ended_early": ended,
    }
