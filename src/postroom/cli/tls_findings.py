"""What `postroom check dns` asks of TLS: does what is published fit this server and its certificate?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: DnsTemporary.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from postroom.dns import Answer, Resolver
from postroom.mailauth import BadTlsa, Tlsa, mta_sts, read_tlsa, tls_rpt, usable_records
from postroom.mailauth.caa import Caa, may_issue, places
from postroom.mailauth.dane import verify
from postroom.net import Fetch, FetchFailed, HttpsClient

from .dns_findings import addresses_of
from .findings import Finding, bad, good, note, unasked
from .network_findings import Caller, Unanswered
from .records import Zone

_SMTP, _HTTPS = 25, 443
_WHY_TLSA = "servers that heed DANE (RFC 7672) send only to a host whose certificate is that of its TLSA records"
_WHY_POLICY = (
    "servers that heed MTA-STS (RFC 8461) keep to the policy they know, and send nothing to a host that fails it"
)
_WHY_CAA = "an authority issues no certificate against it: renewing will fail (RFC 8659)"


async def tlsa_findings(resolver: Resolver, zone: Zone, chain: Sequence[bytes], now: float) -> AsyncIterator[Finding]:
    """`chain`: the server's certificates, its own first; `now`: Unix seconds."""
    hostname = zone.hostname
    name = f"_25._tcp.{hostname}"
    answer = await resolver.tlsa(name)
    records = _readable(answer.records)
    tlsa = zone.publication.tls.tlsa
    publish = zone.publish(name, "TLSA") if tlsa else "make a certificate, then: postroom dns"
    if not answer.records:
        if answer.secure and tlsa:
            why = "without it servers that heed DANE (RFC 7672) take any certificate, or none"
            yield note("tlsa", f"{hostname} has no TLSA record, and its zone is signed", publish, why)
        return
    if not answer.secure:
        yield note(
            "tlsa",
            f"{hostname} has TLSA records, and its zone is not signed, or the resolver does not validate",
            "sign the zone (DNSSEC), or ask a resolver that validates",
            "nobody heeds records that are not validated (RFC 7672 §2.2)",
        )
        return
    verdict = verify(records, chain, (hostname, zone.domain), now)
    if verdict.failure is not None:
        yield bad("tlsa", f"{hostname}: {verdict.words}", publish, f"{_WHY_TLSA}: they send nothing")
    elif not usable_records(records):
        why = "servers that heed DANE demand TLS, and nothing more of it"
        yield note("tlsa", f"{hostname} has TLSA records that can't be used for mail (RFC 7672 §3.1.3)", publish, why)
    else:
        yield good("tlsa", f"{hostname}: {verdict.words}")


def _readable(answer: Iterable[bytes]) -> list[Tlsa]:
    records: list[Tlsa] = []
    for data in answer:
        with contextlib.suppress(BadTlsa):
            records.append(read_tlsa(data))
    return records


async def shown_findings(
    resolver: Resolver,
    caller: Caller,
    context: ssl.SSLContext,
    zone: Zone,
    address: str,
    now: float,
    port: int = _SMTP,
) -> AsyncIterator[Finding]:
    """Whether the certificate that port 25 of the address really shows is that of the TLSA records, where others heed
    them. The server may run with an older one than there is in the file, or another program may answer."""
    hostname = zone.hostname
    name = f"_25._tcp.{hostname}"
    answer = await resolver.tlsa(name)
    records = _readable(answer.records)
    if not answer.secure or not usable_records(records):
        return
    try:
        chain = await caller.shown(address, port, context, hostname)
    except Unanswered as error:
        look = f"openssl s_client -starttls smtp -connect {address}:{port} -servername {hostname}"
        text = f"which certificate {address} shows on port {port} could not be asked from here: {error}"
        yield unasked("tlsa", text, f"look from another network: {look}")
        return
    if chain is None:
        fix = f"let port {port} of {address} lead to this server, without anything between that takes STARTTLS away"
        yield bad("tlsa", f"{address} offers no STARTTLS on port {port}", fix, f"{_WHY_TLSA}: they send nothing")
        return
    verdict = verify(records, chain, (hostname, zone.domain), now)
    if verdict.failure is not None:
        fix = f"let the server read its certificate again (postroom serve, SIGHUP), or {zone.publish(name, 'TLSA')}"
        text = f"the certificate that {address} shows on port {port}: {verdict.words}"
        yield bad("tlsa", text, fix, f"{_WHY_TLSA}: they send nothing")
    else:
        yield good("tlsa", f"the certificate that {address} shows on port {port}: {verdict.words}")


async def policy_findings(resolver: Resolver, zone: Zone) -> AsyncIterator[Finding]:
    """The text by which others learn of the MTA-STS policy."""
    domain, name = zone.domain, mta_sts.record_name(zone.domain)
    found = mta_sts.record_id((await resolver.txt(name)).records)
    wanted = zone.publication.tls.policy_id
    publish = zone.publish(name, "TXT")
    if not wanted:  # served elsewhere, or not at all
        if found is not None:
            yield good("mta-sts", f"{domain} has an MTA-STS policy, id {found}, which is served elsewhere")
    elif found is None:
        why = "servers ask for a policy only where the text says that there is one (RFC 8461 §3.1)"
        yield note("mta-sts", f"{domain}: an MTA-STS policy is served, and nobody is told", publish, why)
    elif found != wanted:
        yield bad("mta-sts", f"{domain}: the MTA-STS policy has changed, its id {found} has not", publish, _WHY_POLICY)
    else:
        yield good("mta-sts", f"{domain} has an MTA-STS policy, id {found}")


async def policy_file_findings(
    resolver: Resolver, client: HttpsClient, zone: Zone, policy: mta_sts.Policy, port: int = _HTTPS
) -> AsyncIterator[Finding]:
    """The policy as others fetch it, beside the one in the settings."""
    host = mta_sts.policy_host(zone.domain)
    addresses = await addresses_of(resolver, host)
    if not addresses:
        text = f"{host} has no address, so that the MTA-STS policy can't be fetched"
        yield bad("mta-sts file", text, zone.publish(host, "CNAME"), _WHY_POLICY)
        return
    place = f"https://{host}{mta_sts.PATH}"
    try:
        answer = await client.fetch(Fetch(host, mta_sts.PATH, addresses, port))
    except FetchFailed as error:
        if error.untrusted:
            fix = f"get a certificate that has the name {host} too, for tls.certificate"
            yield bad("mta-sts file", f"{place}: {error}", fix, _WHY_POLICY)
        else:
            fix = f"see that listen.policy_host is served, and port {port} of {', '.join(addresses)} can be reached"
            yield unasked("mta-sts file", f"{place}: {error}", fix)
        return
    yield _served(place, answer.status, answer.media_type, answer.body, policy)


def _served(place: str, status: int, media_type: str, body: bytes, policy: mta_sts.Policy) -> Finding:
    lead = "let that name lead to this server, or what answers there pass it on to listen.policy_host"
    if status != 200:
        return bad("mta-sts file", f"{place} answers {status}", lead, _WHY_POLICY)
    if media_type != "text/plain":
        return bad("mta-sts file", f"{place} is {media_type or 'of no type'}, not text/plain", lead, _WHY_POLICY)
    try:
        found = mta_sts.read_policy(body)
    except mta_sts.BadPolicy as error:
        return bad("mta-sts file", f"{place} is no policy: {error}", lead, _WHY_POLICY)
    if found != policy:
        lines = " / ".join(found.lines)
        return bad("mta-sts file", f"{place} is not the policy of the settings: {lines}", lead, _WHY_POLICY)
    return good("mta-sts file", f"{place} is the policy of the settings, mode {policy.mode.value}")


async def report_findings(resolver: Resolver, zone: Zone) -> AsyncIterator[Finding]:
    """Where others send TLS reports on the domain."""
    domain, name = zone.domain, tls_rpt.record_name(zone.domain)
    uris = tls_rpt.report_uris((await resolver.txt(name)).records)
    wanted = zone.publication.tls.reports_to
    why = "others tell of TLS failures with this server only where they are asked to (RFC 8460)"
    if uris and wanted and wanted.lower() not in [tls_rpt.mail_address(uri).lower() for uri in uris]:
        text = f"TLS reports on {domain} go to {', '.join(uris)}, and those to {wanted} are read"
        yield note("tls-reports", text, zone.publish(name, "TXT"), why)
    elif uris:
        yield good("tls-reports", f"TLS reports on {domain} go to {', '.join(uris)}")
    elif wanted:
        yield note("tls-reports", f"{domain} does not ask for TLS reports", zone.publish(name, "TXT"), why)


class CaaResolver(Resolver, Protocol):
    """One that asks for CAA records too."""

    async def caa(self, name: str) -> Answer[Caa]: ...


async def caa_findings(resolver: CaaResolver, zone: Zone, names: Sequence[str]) -> AsyncIterator[Finding]:
    """`names`: those that the certificate has to have."""
    authorities = zone.publication.authorities
    if not authorities:
        return
    for name in names:
        place, found = await _caa(resolver, name)
        publish = zone.publish(zone.hostname, "CAA") or ""
        if not found:
            why = "any authority in the world may issue a certificate for it"
            yield note("caa", f"nothing says who may issue certificates for {name}", publish, why)
            continue
        refused = [authority for authority in authorities if not may_issue(found, authority)]
        if not refused:
            yield good(
                "caa", f"{', '.join(authorities)} may issue certificates for {name}, by the CAA records of {place}"
            )
            continue
        added = " and ".join(f'{place}. IN CAA 0 issue "{authority}"' for authority in refused)
        text = f"the CAA records of {place} do not let {', '.join(refused)} issue certificates for {name}"
        fix = f"publish: {added}; or set zone.certificate_authorities to who issues them"
        yield bad("caa", text, fix, _WHY_CAA)


async def _caa(resolver: CaaResolver, name: str) -> tuple[str, list[Caa]]:
    """Where the records that count are, and they (RFC 8659 §3)."""
    for place in places(name):
        found = (await resolver.caa(place)).records
        if found:
            return place, list(found)
    return "", []
