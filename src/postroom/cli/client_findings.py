"""What `postroom check dns` asks for mail programs: can they find the servers from an address alone?

Owns: those questions and what their answers mean. Never: changes a zone. Raises: DnsTemporary.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from postroom.dns import Answer, Resolver, Srv
from postroom.mailauth.certificates import has_name, read_certificate
from postroom.net import covers

from .dns_findings import addresses_of
from .findings import Finding, bad, good, note
from .records import Record, Zone

_WHY_SRV = "mail programs that know an address alone find the servers by it (RFC 6186), else people have to type them"
_WHY_WEB = "people who add an account in such a program then have to type the servers' names and ports"


class SrvResolver(Resolver, Protocol):
    """One that asks for SRV records too."""

    async def srv(self, name: str) -> Answer[Srv]: ...


async def service_findings(resolver: SrvResolver, zone: Zone) -> AsyncIterator[Finding]:
    """Each SRV record of ours."""
    for record in zone.records:
        if record.kind == "SRV":
            found = (await resolver.srv(record.name.removesuffix("."))).records
            yield _service(record, found, zone.hostname)


def _service(record: Record, found: tuple[Srv, ...], hostname: str) -> Finding:
    name = record.name.removesuffix(".")
    port = int(record.value.split()[2])
    said = ", ".join(f"{one.host} port {one.port}" if one.host else "nowhere" for one in found[:5])
    if any((one.host, one.port) == (hostname.lower(), port) for one in found):
        return good("clients", f"{name} leads to {said}")
    fix = f"publish: {record.line}"
    if not found:
        return note("clients", f"{name} is not published", fix, _WHY_SRV)
    return bad("clients", f"{name} leads to {said}, not to {hostname} port {port}", fix, _WHY_SRV)


async def web_findings(
    resolver: Resolver, zone: Zone, chain: Sequence[bytes] = (), names: Sequence[str] = ()
) -> AsyncIterator[Finding]:
    """The names at which mail programs ask for their settings over HTTPS, once they are served.

    `chain`: the server's certificates, its own first; none: they are not looked at. `names`: of those that it shows to
    who asks for one of them.
    """
    if not zone.publication.web_port:
        return
    own = set(await addresses_of(resolver, zone.hostname))
    for label in ("autoconfig", "autodiscover"):
        name = f"{label}.{zone.domain}"
        found = set(await addresses_of(resolver, name))
        if not found:
            yield note("clients", f"{name} is not published", zone.publish(name, "CNAME"), _WHY_WEB)
        elif found & own and not _covers(chain, name) and not covers(names, name):
            fix = f"get a certificate that has the name {name} too (tls.certificates, or acme.directory)"
            yield note("clients", f"{name} leads here, and the certificate does not have that name", fix, _WHY_WEB)
        elif found & own:
            yield good("clients", f"{name} leads here")
        else:
            text = f"{name} leads to {', '.join(sorted(found))}, not here"
            yield note("clients", text, zone.publish(name, "CNAME"), _WHY_WEB)


def _covers(chain: Sequence[bytes], name: str) -> bool:
    certificate = read_certificate(chain[0]) if chain else None
    return certificate is None or has_name(certificate, [name])
