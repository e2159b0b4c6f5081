"""`postroom check dns`: the zone to paste, and what the world sees of it and of this server.

Owns: which questions are asked, at once and within a time, and how the whole is told. Never: changes anything. Raises:
Refusal; who does not answer is a finding.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import client_findings, dns_findings, network_findings, sender_findings, tls_findings
from .dns import all_names, certificates, domain_name, publication, rows, source_addresses
from .findings import Finding, unasked
from .options import config_option, in_directory, json_option, read_settings
from .outcome import Refusal, print_json
from .records import PLAIN, Zone, zone_lines

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.delivery import ClientContexts
    from postroom.dns import InspectingResolver
    from postroom.mailauth.dmarc import PublicSuffixes
    from postroom.net import HttpsClient

_TRIES = 2  # questions to each name server; there is a time for all of them too
_REMEMBER_FAILURE_SECONDS = 3600.0  # longer than any check takes: nobody is asked twice in vain
_OFFLINE = "see that this machine has a way to the Internet and a resolver that works, then again"


@click.command("dns", epilog="Example: postroom check dns example.org")
@click.argument("domain", required=False)
@json_option
@config_option
def check_dns(domain: str | None, as_json: bool, config_path: Path | None) -> None:
    """Print the DNS records of DOMAIN, or of all domains here, and look whether the world sees them so.

    Every record that `postroom dns` prints; the server's addresses and their reverse names; port 25 both ways; block
    lists; whether the resolver validates DNSSEC; the clock. Whom that asks, and how long, is set in the section zone.

    Ends with 1 when something is bad, with 4 when nothing is but something could not be asked, else with 0.
    """
    from .check import tell, verdict_code

    config = read_settings(config_path)
    names = [domain_name(domain)] if domain else _domains(config)
    if not names:
        raise Refusal("There are no domains yet. Add one with: postroom domain add DOMAIN")
    zones = [Zone(name, config.hostname, publication(config, name)) for name in names]
    found = asyncio.run(examine(config, zones))
    if as_json:
        records = [{"domain": zone.domain, **row} for zone in zones for row in rows(zone.records)]
        print_json({"records": records, "findings": [one.row for one in found]})
    else:
        for zone in zones:
            click.echo(f"; to be published for {zone.domain}")
            click.echo("\n".join(zone_lines(zone.domain, zone.hostname, zone.publication)) + "\n")
        tell(found)
    if code := verdict_code(found):
        raise SystemExit(code)


def _domains(config: "Config") -> list[str]:
    if not (config.data / "postroom.db").exists():
        return []
    return in_directory(config, lambda directory: directory.domains())


# ---- what is asked


@dataclass(frozen=True, slots=True)
class Job:
    """Questions that follow from each other; the jobs are done at once."""

    subject: str
    of: str  # for people: what it is about
    findings: AsyncIterator[Finding]


@dataclass(frozen=True, slots=True)
class Means:
    """By what is asked."""

    resolver: "InspectingResolver"
    caller: network_findings.Caller
    client: "HttpsClient"
    now: Callable[[], float]
    contexts: "ClientContexts"
    suffixes: "PublicSuffixes | None" = None  # the list that DMARC may fall back on
    chain: Sequence[bytes] = field(default=())  # the server's certificates, its own first
    names: Sequence[str] = ()  # of all certificates that are shown for a name


async def examine(config: "Config", zones: Sequence[Zone]) -> list[Finding]:
    """All findings, in the order of `jobs`. Raises Refusal for a certificate that can't be read."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from postroom.base import SystemClock
    from postroom.delivery import ClientContexts
    from postroom.dns import DnsSettings, InspectingResolver
    from postroom.intake.suffix_file import SuffixFileUnreadable, read_suffix_file
    from postroom.net import Dialer, HttpsClient

    path, suffixes = config.authentication.public_suffix_list, None
    with contextlib.suppress(SuffixFileUnreadable):  # `postroom check` says so
        suffixes = read_suffix_file(path) if path else None
    clock, seconds = SystemClock(), config.zone.timeout_seconds
    settings = DnsSettings(
        nameservers=config.dns.nameservers,
        trust_ad=config.dns.trust_ad,
        timeout_seconds=seconds / _TRIES,
        tries=_TRIES,
        total_timeout_seconds=seconds,
        failure_cache_seconds=_REMEMBER_FAILURE_SECONDS,
    )
    contexts = ClientContexts(config.outbound_tls.authorities)
    dialer = Dialer(config.net)
    means = Means(
        resolver=InspectingResolver(settings, clock),
        caller=network_findings.Caller(dialer, seconds),
        client=HttpsClient(
            dialer,
            lambda: contexts.named,
            max_octets=config.outbound_tls.mta_sts_max_octets,
            timeout_seconds=seconds,
        ),
        now=clock.now,
        contexts=contexts,
        suffixes=suffixes,
        chain=[one.public_bytes(Encoding.DER) for one in certificates(config)],
        names=all_names(config),
    )
    try:
        silence, addresses = await asyncio.gather(
            _silence(means.resolver, config), _addresses(means.resolver, config, zones)
        )
        if silence:  # each question would wait as long as the first, and all would tell the same
            text = f"nothing could be asked, as no name server answers: {silence}"
            return [unasked("dns", text, _OFFLINE)]
        each = [collected(job, config.zone.total_timeout_seconds) for job in jobs(means, config, zones, addresses)]
        return [finding for found in await asyncio.gather(*each) for finding in found]
    finally:
        await means.resolver.close()


async def _silence(resolver: "InspectingResolver", config: "Config") -> str:
    """What comes instead of any answer; "": there are answers, about this server or about others."""
    from postroom.dns import DnsTemporary

    troubles: list[str] = []
    for asked in await asyncio.gather(
        *(resolver.a(name) for name in (config.hostname, config.zone.signed_name)), return_exceptions=True
    ):
        if not isinstance(asked, BaseException):
            return ""
        if not isinstance(asked, DnsTemporary):
            raise asked
        troubles.append(asked.detail or str(asked))
    return "; ".join(troubles)


async def _addresses(resolver: "InspectingResolver", config: "Config", zones: Sequence[Zone]) -> list[str]:
    """This server's, by the DNS and by the settings; private ones are nobody's."""
    import ipaddress

    from postroom.dns import DnsTemporary

    found: list[str] = []
    try:
        found += await dns_findings.addresses_of(resolver, config.hostname)
    except DnsTemporary:
        pass  # host_findings says so
    found += [*(zones[0].publication.addresses if zones else ()), *source_addresses(config)]
    return list(dict.fromkeys(str(ipaddress.ip_address(one)) for one in found))


async def collected(job: Job, seconds: float) -> list[Finding]:
    """What a job finds in that time."""
    from postroom.dns import DnsTemporary

    found: list[Finding] = []
    try:
        async with asyncio.timeout(seconds):
            async for finding in job.findings:
                found.append(finding)
    except DnsTemporary as error:
        found.append(unasked(job.subject, f"{job.of} could not be asked: {error.detail or error}", _OFFLINE))
    except TimeoutError:
        found.append(unasked(job.subject, f"{job.of} could not be asked in {seconds:g} s", _OFFLINE))
    return found


def jobs(means: Means, config: "Config", zones: Sequence[Zone], addresses: Sequence[str]) -> Iterator[Job]:
    """The server first, then each domain, then the network."""
    resolver, hostname = means.resolver, config.hostname
    own = zones[0] if zones else Zone(hostname, hostname, PLAIN)
    yield Job("address", hostname, dns_findings.host_findings(resolver, own))
    for address in addresses:
        yield Job("reverse", f"the name of {address}", dns_findings.reverse_findings(resolver, hostname, address))
    if hostname not in [zone.domain for zone in zones]:
        spf = sender_findings.spf_findings(resolver, own, hostname, _leaving(config, addresses), means.now())
        yield Job("spf", f"the SPF record of {hostname}", spf)
    tlsa = tls_findings.tlsa_findings(resolver, own, means.chain, means.now())
    yield Job("tlsa", f"the TLSA records of {hostname}", tlsa)
    for address in addresses:
        shown = tls_findings.shown_findings(
            resolver, means.caller, means.contexts.any_certificate, own, address, means.now()
        )
        yield Job("tlsa", f"the certificate that {address} shows", shown)
    for zone in zones:
        yield from _of_domain(means, config, zone, _leaving(config, addresses))
    for name in config.delivery.next_hops():
        yield Job("relay", f"the address of {name}", dns_findings.next_hop_findings(resolver, name))
    yield from _of_network(means, config, addresses)


def _leaving(config: "Config", addresses: Sequence[str]) -> Sequence[str]:
    """Addresses from which mail leaves; those of a relay for all mail are not known."""
    return () if config.delivery.smarthost else addresses


def _of_domain(means: Means, config: "Config", zone: Zone, leaving: Sequence[str]) -> Iterator[Job]:
    resolver, domain = means.resolver, zone.domain
    names = [zone.hostname]
    yield Job("mx", f"the MX records of {domain}", dns_findings.mx_findings(resolver, zone))
    spf = sender_findings.spf_findings(resolver, zone, domain, leaving, means.now())
    yield Job("spf", f"the SPF record of {domain}", spf)
    yield Job("dkim", f"the DKIM keys of {domain}", sender_findings.dkim_findings(resolver, zone))
    yield Job("dmarc", f"the DMARC record of {domain}", sender_findings.dmarc_findings(resolver, zone, means.suffixes))
    yield Job("mta-sts", f"the MTA-STS text of {domain}", tls_findings.policy_findings(resolver, zone))
    if zone.publication.tls.policy_id:
        policy = config.mta_sts.policy(zone.hostname)
        found = tls_findings.policy_file_findings(resolver, means.client, zone, policy)
        yield Job("mta-sts file", f"the MTA-STS policy of {domain}", found)
        names.append(f"mta-sts.{domain}")
    yield Job("tls-reports", f"the TLS-RPT text of {domain}", tls_findings.report_findings(resolver, zone))
    yield Job("caa", f"the CAA records for {domain}", tls_findings.caa_findings(resolver, zone, names))
    yield Job("clients", f"the SRV records of {domain}", client_findings.service_findings(resolver, zone))
    yield Job("clients", f"autoconfig.{domain}", client_findings.web_findings(resolver, zone, means.chain, means.names))


def _of_network(means: Means, config: "Config", addresses: Sequence[str]) -> Iterator[Job]:
    import ipaddress

    from postroom.dns.validated import trusted_servers

    resolver, zone = means.resolver, config.zone
    if not config.delivery.smarthost:
        out = network_findings.outbound_findings(resolver, means.caller, zone.outbound_hosts)
        yield Job("port 25 out", "outgoing port 25", out)
    for address in addresses:
        found = network_findings.inbound_findings(means.caller, config.hostname, address)
        yield Job("port 25 in", f"port 25 of {address}", found)
    for address in addresses:
        if ipaddress.ip_address(address).is_global and zone.block_lists:
            listed = network_findings.block_list_findings(resolver, address, zone.block_lists)
            yield Job("block lists", f"block lists about {address}", listed)
    trusted = bool(trusted_servers(config.dns))
    signed = network_findings.resolver_findings(resolver, zone.signed_name, trusted)
    yield Job("dnssec", "whether the resolver validates", signed)
    clock = network_findings.clock_findings(
        resolver, means.caller, zone.time_hosts, zone.max_clock_offset_seconds, means.now
    )
    yield Job("clock", "the time", clock)
