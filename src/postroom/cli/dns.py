"""`postroom dns`: the records to publish for a domain.

Owns: what of the settings and the certificate goes into them. Never: asks the DNS (`postroom check --dns` does).
Raises: Refusal.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import config_option, json_option, read_settings
from .outcome import Refusal, print_json, tame
from .records import TlsRecords, records, zone_lines

if TYPE_CHECKING:
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
    tls = _tls_records(config)
    if as_json:
        found = records(name, config.hostname, tls)
        print_json([{"name": one.name, "type": one.kind, "value": one.value, "why": one.why} for one in found])
        return
    for line in zone_lines(name, config.hostname, tls):
        click.echo(line)
    if not tls.tlsa:
        click.echo(f"; no TLSA record: there is no certificate at {certificate_path(config)} yet", err=True)


def certificate_path(config: "Config") -> Path:
    """Of the certificate that the server shows."""
    return Path(config.tls.certificate) if config.tls.certificate else config.data / "tls" / "self-signed.crt"


def _tls_records(config: "Config") -> TlsRecords:
    from postroom.servers.policy_host import policy_id

    policy = config.mta_sts.policy(config.hostname)
    is_served = any(one.kind == "policy_host" for one in config.listeners().values())
    return TlsRecords(
        tlsa=_tlsa(certificate_path(config)),
        policy_id=policy_id(policy) if is_served else "",
        reports_to=config.tls_reports.read_from,
    )


def _tlsa(path: Path) -> str:
    """Of the first certificate in the file, which is the server's own."""
    from cryptography import x509

    from postroom.mailauth import tlsa_for

    try:
        return str(tlsa_for(x509.load_pem_x509_certificate(path.read_bytes())))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise Refusal(f"The certificate {path} can't be read: {error}") from error
