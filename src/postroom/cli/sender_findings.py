"""What `postroom check dns` asks of SPF, DKIM and DMARC: is mail from here believed elsewhere?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: DnsTemporary.
"""

from collections.abc import AsyncIterator, Iterator, Sequence

from postroom.dns import Resolver
from postroom.dns.inquiries import pursue
from postroom.mailauth.dkim.key import BadKey, KeyRecord, read_key
from postroom.mailauth.dmarc import Policy, SuffixList, Walks, mail_address
from postroom.mailauth.dmarc import Record as DmarcRecord
from postroom.mailauth.dmarc.destinations import find_destinations
from postroom.mailauth.spf import SpfResult, SpfVerdict, check_host, select_records

from .findings import Finding, bad, good, note, unasked
from .records import Record, Zone

_STRANGER = "198.51.100.77"  # RFC 5737: nobody has it
_AGAIN = "see that the name servers of all domains in it answer, then again"
_WHY_SPF = "large providers refuse mail, or file it as junk, when nothing says that this server may send it"
_WHY_DKIM = "signatures made with this key count as broken, so that DMARC fails and mail is refused or filed as junk"
_WHY_DMARC = "large providers ask for it, and without it anybody may write in the name of the domain"


def shown(text: bytes) -> str:
    """A text from the DNS for people."""
    return text[:512].decode("ascii", "backslashreplace")


# ---- SPF


async def spf_findings(
    resolver: Resolver, zone: Zone, name: str, addresses: Sequence[str], now: float
) -> AsyncIterator[Finding]:
    """`name`: the domain, or the server's own name, which it says in HELO; `addresses`: from which mail leaves."""
    found = select_records((await resolver.txt(name)).records)
    publish = zone.publish(name, "TXT") if zone.at(name, "TXT") else f'publish: {name}. IN TXT "v=spf1 a -all"'
    if len(found) > 1:
        why = "that is a permanent error (RFC 7208 §4.5): servers act as if there were none, or refuse all mail"
        yield bad("spf", f"{name} has {len(found)} SPF records", f"keep one, and take the others away; {publish}", why)
        return
    if not found:
        yield bad("spf", f"{name} does not say who sends its mail (SPF)", publish, _WHY_SPF)
        return
    problems = [_stranger(await _checked(resolver, zone, name, _STRANGER, now), name, publish)]
    for address in addresses:
        problems.append(_own(await _checked(resolver, zone, name, address, now), name, address, publish))
    several = [one for one in problems if one is not None]
    for one in {one.text: one for one in several}.values():  # an error in the record is the same for all addresses
        yield one
    if not several:
        who = f" lets {', '.join(addresses)} send" if addresses else ""
        yield good("spf", f"{name}{who}: {shown(found[0])}")


async def _checked(resolver: Resolver, zone: Zone, name: str, address: str, now: float) -> SpfVerdict:
    check = check_host(address, name, f"postmaster@{name}", zone.hostname, receiver=zone.hostname, now=now)
    return await pursue(resolver, check)


def _own(verdict: SpfVerdict, name: str, address: str, publish: str) -> Finding | None:
    """What is wrong with the verdict on mail of this server."""
    if verdict.result is SpfResult.PASS:
        return None
    if (broken := _broken(verdict, name, publish)) is not None:
        return broken
    text = f"{name} does not let {address} send, from which mail leaves: {verdict.words}"
    return bad("spf", text, publish, _WHY_SPF)


def _stranger(verdict: SpfVerdict, name: str, publish: str) -> Finding | None:
    """What is wrong with the verdict on mail of an address that nobody has: all terms are looked at for it."""
    if verdict.result in (SpfResult.FAIL, SpfResult.SOFTFAIL):
        return None
    if verdict.result is SpfResult.PASS:
        why = "forged mail passes for genuine, and reputable servers distrust such a domain"
        return bad("spf", f"{name} lets anybody send its mail: {verdict.mechanism or verdict.record}", publish, why)
    if (broken := _broken(verdict, name, publish)) is not None:
        return broken
    why = "forged mail does not count as forged"
    return note("spf", f"{name} does not say that others may not send its mail: {verdict.words}", publish, why)


def _broken(verdict: SpfVerdict, name: str, publish: str) -> Finding | None:
    """The record could not be evaluated."""
    if verdict.result is SpfResult.PERMERROR:
        why = "a record with an error, or with too many look-ups (RFC 7208 §4.6.4), counts as none or worse"
        return bad("spf", f"the SPF record of {name} is of no use: {verdict.words}", publish, why)
    if verdict.result is SpfResult.TEMPERROR:
        return unasked("spf", f"the SPF record of {name} could not be evaluated: {verdict.words}", _AGAIN)
    return None


# ---- DKIM


async def dkim_findings(resolver: Resolver, zone: Zone) -> AsyncIterator[Finding]:
    """Each key of ours is the one that is published."""
    if not zone.publication.dkim:
        why = "large providers ask for signatures, and DMARC lets mail that was forwarded pass by them alone"
        yield note(
            "dkim", f"{zone.domain} has no keys: its mail is not signed", f"postroom dkim rotate {zone.domain}", why
        )
    for record in zone.publication.dkim:
        found = (await resolver.txt(record.name.removesuffix("."))).records
        yield _key_finding(record, found, waits=record.name in zone.publication.waiting)


def _key_finding(record: Record, found: Sequence[bytes], *, waits: bool) -> Finding:
    """`waits`: it signs once it is published."""
    name, publish = record.name.removesuffix("."), f"publish: {record.line}"
    ours = _key(record.text.encode())
    if ours is None:  # revoked: the record says so until it is taken away (RFC 6376 §3.6.1)
        if any(_key(one) is not None for one in found):
            why = "whoever has the old key can still sign in the name of the domain"
            return bad("dkim", f"{name}: the key is revoked here, and still published", publish, why)
        return good("dkim", f"{name}: the key is revoked")
    if not found and waits:
        why = "it signs once it is there; until then the keys before it do, if there are any"
        return note("dkim", f"{name}: the new key is not published yet", publish, why)
    if not found:
        return bad("dkim", f"{name}: the key is not published", publish, _WHY_DKIM)
    if len(found) > 1:
        why = "verifiers may take any of them (RFC 6376 §3.6.2.2)"
        return bad("dkim", f"{name} has {len(found)} records", f"keep one; {publish}", why)
    try:
        theirs = read_key(found[0])
    except BadKey as error:
        return bad("dkim", f"{name}: {error}", publish, _WHY_DKIM)
    if theirs.public != ours.public:
        return bad("dkim", f"{name}: another key is published than the one that signs", publish, _WHY_DKIM)
    if theirs.testing:
        why = "others treat a broken signature as none while it is there (RFC 6376 §3.6.1)"
        return note("dkim", f"{name}: the key is the right one, and marked as a test (t=y)", publish, why)
    return good("dkim", f"{name}: the key is the one that signs")


def _key(record: bytes) -> KeyRecord | None:
    try:
        return read_key(record)
    except BadKey:
        return None


# ---- DMARC


async def dmarc_findings(resolver: Resolver, zone: Zone, suffixes: SuffixList | None = None) -> AsyncIterator[Finding]:
    """The policy that holds for the domain, and whether reports on it arrive."""
    domain = zone.domain
    name = f"_dmarc.{domain}"
    publish = zone.publish(name, "TXT")
    walk = await pursue(resolver, Walks(suffixes).walk(domain))
    own = walk.found[0]
    if walk.failed:
        yield unasked("dmarc", f"the DMARC record of {domain} could not be asked: {walk.failed}", _AGAIN)
    elif own.several:
        text = f"{name} has {own.several} DMARC records, so that none counts"
        yield bad("dmarc", text, f"keep one, and take the others away; {publish}", _WHY_DMARC)
    elif own.record is not None:
        for finding in _policy(zone, own.record, publish):
            yield finding
        async for finding in _reports(resolver, zone, own.record, publish, suffixes):
            yield finding
    elif walk.policy is not None and walk.policy.record is not None:
        _, policy = walk.policy.record.policy(subdomain=True, exists=True)
        yield good("dmarc", f"{domain}: the record of {walk.policy.domain} holds for it too, {policy.value}")
    else:
        yield bad("dmarc", f"{domain} says nothing about forged mail (DMARC)", publish, _WHY_DMARC)


def _policy(zone: Zone, record: DmarcRecord, publish: str) -> Iterator[Finding]:
    domain, text = zone.domain, shown(record.text.encode())
    if record.p is None or not record.applies:
        yield bad("dmarc", f"{domain}: no policy can be read in {text}", publish, _WHY_DMARC)
        return
    if record.wrong:
        why = "others read them differently, or pass over the whole record"
        yield note("dmarc", f"{domain}: {', '.join(record.wrong)} in the record can't be meant: {text}", publish, why)
    if record.testing:
        why = "others do the milder thing with forged mail while it is there (t=y)"
        yield note("dmarc", f"{domain}: the record is a test: {text}", publish, why)
    if record.p is Policy.NONE and zone.publication.dmarc_policy != "none":
        why = "others take forged mail like any other"
        yield note("dmarc", f"{domain} asks for nothing to be done with forged mail: {text}", publish, why)
    elif not record.wrong and not record.testing:
        yield good("dmarc", f"{domain}: {text}")


async def _reports(
    resolver: Resolver, zone: Zone, record: DmarcRecord, publish: str, suffixes: SuffixList | None
) -> AsyncIterator[Finding]:
    domain, wanted = zone.domain, zone.publication.dmarc_reports_to
    asked_for = [address.lower() for uri in record.rua if (address := mail_address(uri)) is not None]
    if wanted and wanted.lower() not in asked_for:
        why = "others send reports only to the addresses in the record (rua)"
        yield note("dmarc", f"reports on {domain} do not go to {wanted}", publish, why)
    where = await pursue(resolver, find_destinations(domain, record.rua, suffixes=suffixes))
    if where.failed:
        yield unasked("dmarc", f"whether reports on {domain} are wanted could not be asked: {where.failed}", _AGAIN)
    for refused in where.refused:
        host = refused.partition(":")[0].rpartition("@")[2].lower()
        fix = f'publish: {domain}._report._dmarc.{host}. IN TXT "v=DMARC1"'
        why = "others send no reports to a domain that does not say that it wants them (RFC 7489 §7.1)"
        yield note("dmarc", f"reports on {domain} are not sent to {refused}", fix, why)
