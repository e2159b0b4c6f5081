"""`postroom dns`: the records to publish for a domain.

Owns: what of the settings, the certificate and the keys goes into them. Never: asks the DNS (check_dns does).
Raises: Refusal.
"""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .dkim import key_sets
from .options import config_option, json_option, read_settings
from .outcome import Refusal, print_json, tame
from .records import Publication, Record, TlsRecords, dkim_records, records, zone_lines

if TYPE_CHECKING:
    from cryptography import x509

    from postroom.config import Config


@click.command(epilog="Example: postroom dns example.org")
@click.argument("domain")
@json_option
@config_option
def dns(domain: str, as_json: bool, config_path: Path | None) -> None:
    """Print the DNS records to publish for DOMAIN, as lines of a zone file.

    MX, addresses, SPF, DKIM, DMARC, TLSA, MTA-STS, TLS-RPT, CAA, and what mail programs look for; `postroom check dns`
    compares them with what is published.

    TLSA is that of the certificate in use; it stays the same when the certificate is renewed with the same key. Publish
    the next one before the key changes. MTA-STS, autoconfig and autodiscover are in it once a listener policy_host is
    set, TLS reports once tls_reports.read_from is, DMARC reports once zone.dmarc_reports_to is.
    """
    config = read_settings(config_path)
    name = domain_name(domain)
    wanted = publication(config, name)
    if as_json:
        print_json(rows(records(name, config.hostname, wanted)))
        return
    for line in zone_lines(name, config.hostname, wanted):
        click.echo(line)
    if not wanted.dkim:
        click.echo(f"; no DKIM record: there are no keys yet; postroom dkim rotate {name} makes them", err=True)
    if not wanted.tls.tlsa:
        click.echo(f"; no TLSA record: there is no certificate at {certificate_path(config)} yet", err=True)


def rows(found: list[Record]) -> list[dict[str, str]]:
    """For programs."""
    return [{"name": one.name, "type": one.kind, "value": one.value, "why": one.why} for one in found]


def domain_name(domain: str) -> str:
    """As the DNS has it. Raises Refusal."""
    from postroom.dns import to_question

    try:
        return to_question(domain)
    except ValueError as error:
        raise Refusal(f"{tame(domain)} is not a domain") from error


def publication(config: "Config", domain: str) -> Publication:
    """What these settings make of the records of that domain. Raises Refusal."""
    from postroom.net import parse_address
    from postroom.servers.client_settings import offered
    from postroom.signing import Phase, key_records

    from .own_addresses import own_addresses

    listeners = config.listeners().values()
    web = [parse_address(address)[1] for one in listeners if one.kind == "policy_host" for address in one.addresses]
    addresses = config.zone.addresses or own_addresses()
    sets, now = key_sets(config, domain), time.time()  # noqa: TID251 - the command line is an edge
    waiting = (f"{one.name}." for one in key_records(domain, sets, now) if one.phase is Phase.WAITING)
    return Publication(
        tls=tls_records(config),
        addresses=addresses,
        senders=tuple(address for address in source_addresses(config) if address not in addresses),
        dkim=tuple(dkim_records(domain, sets, now)),
        waiting=frozenset(waiting),
        dmarc_policy=config.zone.dmarc_policy,
        dmarc_reports_to=config.zone.dmarc_reports_to,
        services=offered((one.kind, one.addresses) for one in listeners),
        web_port=web[0] if web else 0,
        authorities=config.zone.certificate_authorities,
    )


def source_addresses(config: "Config") -> tuple[str, ...]:
    """Public addresses that the settings name for calling others."""
    import ipaddress

    delivery = config.delivery
    named = [delivery.source_ipv4, delivery.source_ipv6]
    named += [one for relay in delivery.relay.values() for one in (relay.source_ipv4, relay.source_ipv6)]
    return tuple(one for one in dict.fromkeys(filter(None, named)) if not ipaddress.ip_address(one).is_private)


def certificate_path(config: "Config") -> Path:
    """Of the certificate that the server shows to those who name no host."""
    from postroom.acme import Kept, KeptTrouble
    from postroom.net import covers

    if config.tls.certificate:
        return Path(config.tls.certificate)
    kept = Kept(config.data / "tls")
    for label in kept.labels():
        try:
            if covers(kept.names(label), config.hostname):
                return kept.path(label)
        except KeptTrouble:  # the server passes it over too
            continue
    return config.data / "tls" / "self-signed.crt"


def all_names(config: "Config") -> tuple[str, ...]:
    """Of all certificates that the server has, as far as they can be read."""
    from postroom.acme import Kept
    from postroom.net import TlsSetupError, configured_certificates, load_certificate

    names: list[str] = []
    for files in (*configured_certificates(config.tls), *Kept(config.data / "tls").files()):
        with contextlib.suppress(TlsSetupError):
            names += load_certificate(files).names
    return tuple(names)


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
