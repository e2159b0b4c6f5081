"""`postroom dns`: the records to publish for a domain.

Owns: what of the settings and the certificate goes into them. Never: asks the DNS (`postroom check --dns` does).
Raises: Refusal.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .dkim import key_sets
from .options import config_option, json_option, read_settings
from .outcome import Refusal, print_json, tame
from .records import TlsRecords, dkim_records, records, zone_lines

if TYPE_CHECKING:
    from cryptography import x509

    from postroom.config import Config


@click.command(epilog="Example: postroom dns example.org")
@click.argument("domain")
@json_option
@config_option
def dns(domain: str, as_json: bool, config_path: Path | None) -> None:
    """Print the DNS records to publish for DOMAIN, as lines of a zone file.

    TLSA is that of the certificate in use; it stays the same when the certificate is renewed with the same key. Publish
    the next one before the key changes. MTA-STS is in it once a listener policy_host is set, TLS reports once
    tls_reports.read_from is.
    """
    from postroom.dns import to_question

    config = read_settings(config_path)
    try:
        name = to_question(domain)
    except ValueError as error:
        raise Refusal(f"{tame(domain)} is not a domain") from error
    tls = tls_records(config)
    keys = dkim_records(name, key_sets(config, name), time.time())  # noqa: TID251
    if as_json:
        found = [*records(name, config.hostname, tls), *keys]
        print_json([{"name": one.name, "type": one.kind, "value": one.value, "why": one.why} for one in found])
        return
    for line in zone_lines(name, config.hostname, tls, keys):
        click.echo(line)
    if not keys:
        click.echo(f"; no DKIM record: there are no keys yet; postroom dkim rotate {name} makes them", err=True)
    if not tls.tlsa:
        click.echo(f"; no TLSA record: there is no certificate at {certificate_path(config)} yet", err=True)


def certificate_path(config: "Config") -> Path:
    """Of the certificate that the server shows."""
    return Path(config.tls.certificate) if config.tls.certificate else config.data / "tls" / "self-signed.crt"


def tls_records(config: "Config") -> TlsRecords:
    """What these settings and this certificate make. Raises Refusal."""
    from postroom.mailauth import tlsa_for
    from postroom.servers.policy_host import policy_id

    policy = config.mta_sts.policy(config.hostname)
    is_served = any(one.kind == "policy_host" for one in config.listeners().values())
    chain = certificates(config)
    try:
        tlsa = str(tlsa_for(chain[0])) if chain else ""
    except ValueError as error:
        raise Refusal(f"{certificate_path(config)}: {error}") from error
    return TlsRecords(tlsa, policy_id(policy) if is_served else "", config.tls_reports.read_from)


def certificates(config: "Config") -> "list[x509.Certificate]":
    """Those that the server shows, its own first; none before its first start. Raises Refusal."""
    from cryptography import x509

    path = certificate_path(config)
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise Refusal(f"The certificate {path} can't be read: {error}") from error
