"""What `postroom check dns` asks of SPF, DKIM and DMARC: is mail from here believed elsewhere?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: DnsTemporary.
"""

from collections.abc import AsyncIterator, Sequence

from postroom.dns import Resolver
from postroom.mailauth.dkim.key import BadKey, KeyRecord, read_key

from .findings import Finding, bad, good, note
from .records import Record, Zone

_WHY_SPF = "large providers refuse mail, or file it as junk, when nothing says that this server may send it"
_WHY_DKIM = "signatures made with this key count as broken, so that DMARC fails and mail is refused or filed as junk"
_WHY_DMARC = "large providers ask for it, and without it anybody may write in the name of the domain"


def shown(text: bytes) -> str:
    """A text from the DNS for people."""
    return text[:512].decode("ascii", "backslashreplace")


# ---- SPF


async def spf_findings(resolver: Resolver, zone: Zone, name: str) -> AsyncIterator[Finding]:
    """`name`: the domain, or the server's own name, which it says in HELO."""
    policies = [text for text in (await resolver.txt(name)).records if _is_spf(text)]
    publish = zone.publish(name, "TXT") if zone.at(name, "TXT") else f'publish: {name}. IN TXT "v=spf1 a -all"'
    if len(policies) > 1:
        text = f"{name} has {len(policies)} SPF records"
        why = "that is a permanent error (RFC 7208 §4.5): servers act as if there were none, or refuse all mail"
        yield bad("spf", text, f"keep one, and take the others away; {publish}", why)
    elif policies:
        yield good("spf", f"{name}: {shown(policies[0])}")
    else:
        yield bad("spf", f"{name} does not say who sends its mail (SPF)", publish, _WHY_SPF)


def _is_spf(text: bytes) -> bool:
    """RFC 7208 §4.5: exactly this version, then a space or the end."""
    return text.lower() == b"v=spf1" or text.lower().startswith(b"v=spf1 ")


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
