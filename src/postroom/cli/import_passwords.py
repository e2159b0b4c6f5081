"""`postroom account import-passwords`: password hashes of another server.

Owns: reading the file, telling what became of each line. Never: shows a hash or a password. Raises: Refusal.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, in_directory, json_option, read_settings
from .outcome import Refusal, WrongUse, print_json, tame

if TYPE_CHECKING:
    from postroom.accounts import ImportedLine, SqliteDirectory


@click.command("import-passwords", epilog="Example: postroom account import-passwords /etc/dovecot/users --create")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--domain", default="", metavar="DOMAIN", help="Domain of names that have none, as in /etc/shadow.")
@click.option("--create", is_flag=True, help="Make accounts that are missing; their domain must be here.")
@click.option("--replace", is_flag=True, help="Replace passwords that accounts have already.")
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would be done.")
@json_option
@config_option
def import_passwords(
    file: Path,
    domain: str,
    create: bool,
    replace: bool,
    dry_run: bool,
    as_json: bool,
    config_path: Path | None,
) -> None:
    """Take over the password hashes in FILE, so that nobody needs a new password.

    FILE ("-": standard input) has lines like /etc/passwd, /etc/shadow or a passwd-file of Dovecot: name, hash, and
    what else there is, with colons between. Hashes of crypt (MD5, SHA-2, bcrypt, and yescrypt where the machine's
    libcrypt knows it), argon2, PBKDF2 and salted or plain SHA are checked as they are; at the first sign-in by PLAIN or
    the like they become argon2id. A {PLAIN} password is hashed at once.
    """
    config = read_settings(config_path)
    text = _read(file)

    async def work(directory: "SqliteDirectory") -> "list[ImportedLine]":
        return await directory.import_passwords(
            text.split("\n"), domain=domain, create=create, replace=replace, dry=dry_run
        )

    results = in_directory(config, work)
    refused = [one for one in results if one.outcome == "refused"]
    if as_json:
        print_json([asdict(one) for one in results])
    else:
        for one in results:
            click.echo(f"line {one.line}: {tame(one.name)}: {tame(one.words)}", err=one.outcome == "refused")
        counts = [sum(one.outcome == outcome for one in results) for outcome in ("imported", "kept", "refused")]
        would = " (nothing was changed)" if dry_run else ""
        click.echo("{} imported, {} left as they were, {} refused".format(*counts) + would)
    if refused:
        raise Refusal(f"{len(refused)} line(s) could not be taken over")


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} can't be read: {error.strerror}") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is not UTF-8") from None
