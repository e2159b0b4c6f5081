"""`postroom init`: a new server, from nothing to "publish these records".

Owns: the choice of first settings, writing them, the data folder's first content. Never: overwrites settings unasked,
touches mail. Raises: Refusal.
"""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .dkim import first_keys
from .dns import publication
from .options import LOCAL_FILE, SYSTEM_FILE, in_directory
from .outcome import MissingOrPresent, Refusal, WrongUse
from .password import read_password
from .privileges import give_data
from .records import zone_lines

if TYPE_CHECKING:
    from postroom.config import Config

STANDARD_PORTS = {  # RFC 5321, 6409, 8314, 2033, 1939, 3501; LMTP has none of its own, 24 is customary
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "lmtp": 24,
    "pop3": 110,
    "pop3s": 995,
    "imap": 143,
    "imaps": 993,
}
DEV_PORT_BASE = 2000


def listening(dev: bool, port_base: int) -> dict[str, list[str]]:
    """Addresses of every service: loopback with high ports for development, else everywhere (LMTP: nowhere)."""
    v4, v6 = ("127.0.0.1", "::1") if dev else ("0.0.0.0", "::")
    hosts = [v4, f"[{v6}]"] if _has_ipv6() else [v4]
    offset = port_base if dev else 0
    chosen = {name: [f"{host}:{port + offset}" for host in hosts] for name, port in STANDARD_PORTS.items()}
    if not dev:
        chosen["lmtp"] = []
    return chosen


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def first_settings(hostname: str, data: Path, *, dev: bool, port_base: int = DEV_PORT_BASE) -> dict[str, Any]:
    """What a new settings file says beyond the defaults, by full name."""
    chosen: dict[str, Any] = {"hostname": hostname, "data": data.absolute()}
    if dev:
        chosen["allow_plaintext_sign_in_on_loopback"] = True
        chosen["net.skip_taken_addresses"] = True
    chosen |= {f"listen.{name}": addresses for name, addresses in listening(dev, port_base).items()}
    return chosen


def write_settings(path: Path, chosen: Mapping[str, Any]) -> "Config":
    """Write the settings file, whole or not at all, and read it back."""
    from postroom.config import default_toml, load

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(default_toml(chosen), "utf-8")
    temporary.replace(path)
    return load(path)


def ensure_domain(config: "Config", domain: str) -> bool:
    """Add the domain; False when it was there."""
    from postroom.accounts import AlreadyThere, SqliteDirectory

    async def ensure(directory: SqliteDirectory) -> bool:
        try:
            await directory.add_domain(domain)
        except AlreadyThere:
            return False
        return True

    return in_directory(config, ensure)


def ensure_account(config: "Config", address: str, password: str) -> bool:
    """Add the account; False when it was there (its password stays)."""
    from postroom.accounts import AlreadyThere, SqliteDirectory

    async def ensure(directory: SqliteDirectory) -> bool:
        try:
            await directory.add_person(address, password)
        except AlreadyThere:
            return False
        return True

    return in_directory(config, ensure)


def _first_account(domain: str, asked: str | None, from_stdin: bool) -> tuple[str, str] | None:
    """Address and password of the first account, if there is to be one now."""
    if asked is None and sys.stdin.isatty() and not from_stdin:
        asked = click.prompt(f"First account (name@{domain}, empty for none)", default="", show_default=False, err=True)
    if not asked:
        return None
    address = asked if "@" in asked else f"{asked}@{domain}"
    return address, read_password(from_stdin)


@click.command(
    epilog="Examples: postroom init example.org --account alice@example.org; "
    "postroom init bob.test --dev --config dev.toml --data dev-data"
)
@click.argument("domain")
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the settings. Default: $POSTROOM_CONFIG, /etc/postroom/postroom.toml (root), ./postroom.toml.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The data folder. Default: /var/lib/postroom for root, or ./postroom-data.",
)
@click.option("--hostname", metavar="NAME", help="The server's own name. Default: mail.DOMAIN.")
@click.option("--account", metavar="ADDRESS", help="The first account; its password is asked for.")
@click.option("--password-stdin", is_flag=True, help="Read the first account's password from standard input.")
@click.option("--user", metavar="NAME", default="", help="The user the server becomes when it is started by root.")
@click.option("--dev", is_flag=True, help="For trying things out: loopback only, high ports, sign-in without TLS.")
@click.option(
    "--port-base",
    metavar="N",
    type=click.IntRange(0, 64_000),
    default=DEV_PORT_BASE,
    show_default=True,
    help="With --dev: what is added to the standard ports.",
)
@click.option("--force", is_flag=True, help="Overwrite the settings file.")
def init(
    domain: str,
    config_path: Path | None,
    data: Path | None,
    hostname: str | None,
    account: str | None,
    password_stdin: bool,
    user: str,
    dev: bool,
    port_base: int,
    force: bool,
) -> None:
    """Set up a server for DOMAIN.

    Writes a settings file with every setting explained, makes the data folder and the domain, and says what to do next.
    An existing settings file is left alone unless --force is given; existing data is kept in any case.
    """
    from postroom.accounts import domain_key

    name = domain_key(domain)
    if name is None:
        raise WrongUse(f"{domain!r} is not a domain name")
    hostname = hostname or f"mail.{name}"
    if domain_key(hostname) is None:
        raise WrongUse(f"{hostname!r} is not a host name")
    path = config_path or _default_path()
    if path.exists() and not force:
        raise MissingOrPresent(f"{path} exists already; --force overwrites it")
    chosen = first_settings(hostname, data or _default_data(), dev=dev, port_base=port_base)
    if user:
        chosen["process.user"] = user
    first = _first_account(name, account, password_stdin)
    try:
        config = write_settings(path, chosen)
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}") from error
    ensure_domain(config, name)
    first_keys(config, name)
    if first is not None and not ensure_account(config, *first):
        click.echo(f"{first[0]} has an account already; its password stays.", err=True)
    if user:
        give_data(config.data, user)
    _say_what_next(path, config, name, first[0] if first else None, dev=dev)


def _default_path() -> Path:
    if named := os.environ.get("POSTROOM_CONFIG"):
        return Path(named)
    return SYSTEM_FILE if os.geteuid() == 0 else LOCAL_FILE


def _default_data() -> Path:
    return Path("/var/lib/postroom" if os.geteuid() == 0 else "postroom-data")


def _say_what_next(path: Path, config: "Config", domain: str, account: str | None, *, dev: bool) -> None:
    click.echo(f"Settings: {path}")
    click.echo(f"Data:     {config.data}")
    click.echo(f"Domain:   {domain}" + (f", with the account {account}" if account else ""))
    if dev:
        click.echo("\nPorts on this machine:")
        for name, addresses in ((name, getattr(config.listen, name)) for name in STANDARD_PORTS):
            click.echo(f"  {name:<12}{', '.join(addresses)}")
    else:
        click.echo(f"\nPublish these DNS records (and let the reverse name of the addresses be {config.hostname}):\n")
        for line in zone_lines(domain, config.hostname, publication(config, domain)):
            click.echo(line)
    click.echo("\nNext:")
    if not account:
        click.echo(f"  postroom account add NAME@{domain} --config {path}")
    if not dev:
        click.echo("  set acme.directory, or tls.certificate and tls.key (until then the certificate is self-signed)")
    click.echo(f"  postroom check --config {path}")
    if not dev:
        click.echo(f"  postroom check dns {domain} --config {path}")
    click.echo(f"  postroom serve --config {path}")
