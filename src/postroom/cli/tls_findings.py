"""What `postroom check --dns` asks of TLS: does what is published fit this server?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: nothing; trouble is a finding.
"""

from collections.abc import AsyncIterator, Sequence

from postroom.dns import DnsTemporary, Resolver
from postroom.mailauth import BadTlsa, Tlsa, mta_sts, read_tlsa, tls_rpt, usable_records
from postroom.mailauth.dane import verify

from .findings import Finding, bad, good, note
from .records import TlsRecords


async def tls_findings(
    resolver: Resolver, hostname: str, domains: Sequence[str], tls: TlsRecords, chain: Sequence[bytes], now: float
) -> AsyncIterator[Finding]:
    """`chain`: the server's certificates, its own first; `tls`: what should be published."""
    try:
        async for finding in _tlsa(resolver, hostname, domains, tls, chain, now):
            yield finding
        for domain in domains:
            async for finding in _policy(resolver, domain, tls):
                yield finding
            async for finding in _reports(resolver, domain, tls):
                yield finding
    except DnsTemporary as error:
        yield bad("dns", f"TLS: no answer from the DNS ({error})", "see that this machine's resolver works, then again")


async def _tlsa(
    resolver: Resolver, hostname: str, domains: Sequence[str], tls: TlsRecords, chain: Sequence[bytes], now: float
) -> AsyncIterator[Finding]:
    name = f"_25._tcp.{hostname}"
    answer = await resolver.tlsa(name)
    records: list[Tlsa] = []
    for data in answer.records:
        try:
            records.append(read_tlsa(data))
        except BadTlsa:
            continue
    publish = f"publish: {name}. IN TLSA {tls.tlsa}" if tls.tlsa else "make a certificate, then: postroom dns"
    if not answer.records:
        return
    if not answer.secure:
        yield note(
            "tlsa", f"{hostname} has TLSA records in a zone that is not signed: nobody heeds them", "sign the zone"
        )
        return
    verdict = verify(records, chain, (hostname, *domains), now)
    if verdict.failure is not None:
        words = f"servers that heed DANE send nothing to {hostname}: {verdict.words}"
        yield bad("tlsa", words, publish)
    elif not usable_records(records):
        yield note("tlsa", f"{hostname} has TLSA records that can't be used for mail (RFC 7672 §3.1.3)", publish)
    else:
        yield good("tlsa", f"{hostname}: {verdict.words}")


async def _policy(resolver: Resolver, domain: str, tls: TlsRecords) -> AsyncIterator[Finding]:
    name = mta_sts.record_name(domain)
    found = mta_sts.record_id((await resolver.txt(name)).records)
    publish = f'publish: {name}. IN TXT "{mta_sts.record_text(tls.policy_id)}"'
    if not tls.policy_id:  # served elsewhere, or not at all
        if found is not None:
            yield good("mta-sts", f"{domain} has an MTA-STS policy, id {found}, which is served elsewhere")
    elif found is None:
        yield note("mta-sts", f"{domain}: an MTA-STS policy is served, and nobody is told", publish)
    elif found != tls.policy_id:
        yield bad("mta-sts", f"{domain}: the MTA-STS policy has changed, its id {found} has not", publish)
    else:
        yield good("mta-sts", f"{domain} has an MTA-STS policy, id {found}")


async def _reports(resolver: Resolver, domain: str, tls: TlsRecords) -> AsyncIterator[Finding]:
    name = tls_rpt.record_name(domain)
    uris = tls_rpt.report_uris((await resolver.txt(name)).records)
    if uris:
        yield good("tls-reports", f"TLS reports on {domain} go to {', '.join(uris)}")
    elif tls.reports_to:
        publish = f'publish: {name}. IN TXT "{tls_rpt.record_text(tls.reports_to)}"'
        yield note("tls-reports", f"{domain} does not ask for TLS reports", publish)
