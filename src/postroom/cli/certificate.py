"""`postroom certificate`: the certificates of the server, and orders to the authority.

Owns: its sub-commands. Never: shows a private key, touches the files that the settings name. Raises: Refusal.
"""

import asyncio
import datetime
import hashlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import config_option, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, WrongUse, print_json, print_table

if TYPE_CHECKING:
    from postroom.acme import CertificateKeeper, Wish
    from postroom.config import Config

_SECONDS_A_DAY = 86_400


@click.group()
def certificate() -> None:
    """The server's certificates: those of the settings, and those that it keeps itself under data/tls/certificates.

    With acme.directory set it orders and renews them; see docs/tls.md. A running server takes new ones within
    tls.reload_interval_seconds, and answers the authority's questions for orders of the command line too.
    """


@certificate.command("list", epilog="Example: postroom certificate list --json")
@json_option
@config_option
def list_(as_json: bool, config_path: Path | None) -> None:
    """List all certificates: their names, when they end, and what hindered the last order."""
    config = read_settings(config_path)
    rows = _rows(config, time.time())  # noqa: TID251 - the command line is an edge
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "hosts", "ends", "days", "from", "trouble"),
        [
            (
                row["name"],
                " ".join(row["hosts"]),
                row["ends"] or "",
                "" if row["days"] is None else str(row["days"]),
                row["origin"],
                row["trouble"],
            )
            for row in rows
        ],
        empty="There are none yet: the server makes a self-signed one at its first start.",
    )


def _rows(config: "Config", now: float) -> list[dict[str, Any]]:
    from postroom.acme import Kept, KeptTrouble
    from postroom.net import TlsSetupError, configured_certificates, load_certificate

    rows = []
    labels = ["tls.certificate"] if config.tls.certificate else []
    labels += [f"tls.certificates.{name}" for name in config.tls.certificates]
    for label, files in zip(labels, configured_certificates(config.tls), strict=True):
        try:
            found = load_certificate(files)
            rows.append(_row(label, "settings", found.names, found.not_after, now, ""))
        except TlsSetupError as error:
            rows.append(_row(label, "settings", (), None, now, str(error)))
    kept = Kept(config.data / "tls")
    for label in kept.labels():
        try:
            state, own = kept.state(label), kept.certificate(label)
            end = own.not_valid_after_utc.timestamp() if own is not None else None
            names = kept.names(label) or state.names
            rows.append(_row(label, state.directory or "import", names, end, now, state.failure))
        except KeptTrouble as error:
            rows.append(_row(label, "", (), None, now, str(error)))
    return rows


def _row(
    label: str, origin: str, names: tuple[str, ...], end: float | None, now: float, trouble: str
) -> dict[str, Any]:
    return {
        "name": label,
        "hosts": list(names),
        "ends": None if end is None else f"{datetime.datetime.fromtimestamp(end, datetime.UTC):%Y-%m-%d %H:%M}",
        "days": None if end is None else int((end - now) // _SECONDS_A_DAY),
        "origin": origin,
        "trouble": trouble,
    }


@certificate.command(epilog="Example: postroom certificate order web www.example.org example.org")
@click.argument("name")
@click.argument("hosts", nargs=-1)
@config_option
def order(name: str, hosts: tuple[str, ...], config_path: Path | None) -> None:
    """Order a certificate called NAME for HOSTS now.

    Without HOSTS it is one of those that the settings want ("hostname", a domain, one of acme.names). One that no
    setting wants is not renewed by itself.
    """
    _ordered(read_settings(config_path), name, hosts, new=False)


@certificate.command(epilog="Example: postroom certificate renew hostname --new-key")
@click.argument("name", default="hostname")
@click.option("--new-key", is_flag=True, help="With another private key: its TLSA record has to be published before.")
@config_option
def renew(name: str, new_key: bool, config_path: Path | None) -> None:
    """Renew the certificate NAME (hostname) now, though it is not due yet."""
    from postroom.acme import Kept

    config = read_settings(config_path)
    state = _kept_work(lambda: Kept(config.data / "tls").state(name))
    _ordered(config, name, state.names, new=new_key)


@certificate.command("next-key", epilog="Example: postroom certificate next-key hostname")
@click.argument("name", default="hostname")
@config_option
def next_key(name: str, config_path: Path | None) -> None:
    """Make the private key that the certificate NAME gets when it is renewed next, and print its TLSA record.

    Publish that beside the present one, wait for the old answer's time to live, then: postroom certificate renew.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    from postroom.acme import Kept

    config = read_settings(config_path)
    pem = _kept_work(lambda: Kept(config.data / "tls").next_key(name, make=True))
    assert pem is not None
    public = load_pem_private_key(pem, None).public_key()
    digest = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    click.echo(f"_25._tcp.{config.hostname}. IN TLSA 3 1 1 {digest}")


@certificate.command("import", epilog="Example: postroom certificate import hostname fullchain.pem privkey.pem")
@click.argument("name")
@click.argument("chain", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("key", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def import_(name: str, chain: Path, key: Path, config_path: Path | None) -> None:
    """Take a certificate with its key along, from another program for example, as NAME.

    It is shown for the hosts in it. If NAME is one that the settings want ("hostname", a domain), it is renewed by the
    authority of the settings when it is due, and keeps its key.
    """
    from postroom.acme import Kept, State
    from postroom.net import CertificateFiles, TlsSetupError, load_certificate

    config = read_settings(config_path)
    try:
        loaded = load_certificate(CertificateFiles(chain, key))
        octets, private = chain.read_bytes(), key.read_bytes()
    except (TlsSetupError, OSError) as error:
        raise WrongUse(f"it can't be used: {error}") from error
    kept = Kept(config.data / "tls")

    def put() -> None:
        kept.put(name, private, octets)
        kept.put_state(name, State())

    _kept_work(put)
    click.echo(f"{name} is for {', '.join(loaded.names)}; the server takes it by itself.")


# ---- ordering


def _ordered(config: "Config", name: str, hosts: tuple[str, ...], *, new: bool) -> None:
    from postroom.acme import OrderFailed, Wish

    if not config.acme.directory:
        raise Refusal("acme.directory is not set: there is no authority to order from")

    async def work(keeper: "CertificateKeeper") -> "Wish":
        wish = Wish(name, tuple(host.lower() for host in hosts))
        if not hosts:
            found = [one for one in await keeper.wishes() if one.label == name]
            if not found:
                raise MissingOrPresent(f"The settings want no certificate {name}; name its hosts.")
            wish = await keeper.known(found[0])
        with keeper.kept.alone() as alone:
            if not alone:
                raise Refusal("The server, or another command, orders just now. Try again in a minute.")
            await keeper.order(wish, new=new)
        return wish

    try:
        wish = _kept_work(lambda: asyncio.run(_with_keeper(config, work)))
    except OrderFailed as error:
        raise Refusal(f"No certificate: {error}") from error
    click.echo(f"{name} is there, for {', '.join(wish.names)}; the server takes it by itself.")


async def _with_keeper(config: "Config", work: "Callable[[CertificateKeeper], Awaitable[Wish]]") -> "Wish":
    from postroom.accounts import SqliteDirectory
    from postroom.app_certificates import certificate_keeper
    from postroom.base import SystemClock, SystemIds
    from postroom.dns import DnsResolver

    clock, ids = SystemClock(), SystemIds()
    directory = SqliteDirectory(config.data / "postroom.db", config.accounts, clock, ids)
    resolver = DnsResolver(config.dns, clock)
    try:
        return await work(certificate_keeper(config, directory, resolver, None, clock, ids))
    finally:
        await resolver.close()
        await directory.close()


def _kept_work(work: Callable[[], Any]) -> Any:
    from postroom.acme import KeptTrouble

    try:
        return work()
    except KeptTrouble as error:
        raise Refusal(str(error)) from error
