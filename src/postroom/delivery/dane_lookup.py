"""The TLSA records that hold for a host (RFC 7672 §2.2).

Owns: the order of questions, which name is the base domain, which names a certificate may have. Never: looks at a
certificate (mailauth.dane does). Raises: DnsTemporary: the host is to be treated as unreachable (RFC 7672 §2.1.2).
"""

from dataclasses import dataclass

from postroom.dns import Answer, DnsTemporary, Resolver
from postroom.mailauth import BadTlsa, Tlsa, read_tlsa


@dataclass(frozen=True, slots=True)
class DaneRecords:
    """Validated, and at least one."""

    records: tuple[Tlsa, ...]
    names: tuple[str, ...]  # RFC 7672 §3.2.2: the base domain first


async def mx_records(resolver: Resolver, domain: str, host: str, port: int) -> DaneRecords | None:
    """For a host that takes mail for `domain`, by its MX records or by having none; None: DANE does not apply."""
    mx = await resolver.mx(domain)
    if not mx.secure:  # RFC 7672 §2.2.1: whoever may say where the mail goes needs no certificate
        return None
    if all(record.host != host for record in mx.records) and (mx.records or host != domain):
        return None
    return await host_records(resolver, host, port, (domain, mx.canonical))


async def host_records(resolver: Resolver, host: str, port: int, others: tuple[str, ...] = ()) -> DaneRecords | None:
    """For a host whose name is certain (RFC 7672 §2.2.2); `others`: further names its certificate may have."""
    for base in await _bases(resolver, host):
        answer = await resolver.tlsa(f"_{port}._tcp.{base}")  # RFC 7672 §2.2.3
        if answer.secure and (records := _read(answer)):
            names = dict.fromkeys(name for name in (base, *others) if name)
            return DaneRecords(records, tuple(names))
    return None


def _read(answer: Answer[bytes]) -> tuple[Tlsa, ...]:
    records: list[Tlsa] = []
    for data in answer.records:
        try:
            records.append(read_tlsa(data))
        except BadTlsa:  # counts as one that can't be used: the host has promised TLS all the same
            records.append(Tlsa(255, 255, 255, data))
    return tuple(records)


async def _bases(resolver: Resolver, host: str) -> list[str]:
    """Candidates for the base domain.

    Addresses first: where they are not validated nothing is asked, since many name servers of unsigned zones don't
    answer questions for TLSA (RFC 7672 §2.2.2).
    """
    answers: list[Answer[str]] = []
    trouble: DnsTemporary | None = None
    for ask in (resolver.a, resolver.aaaa):  # one after the other: they are known, for the host is about to be called
        try:
            answer = await ask(host)
        except DnsTemporary as error:
            trouble = error
        else:
            answers += [answer] if answer.records else []
    if not answers:
        if trouble is not None:
            raise trouble
        return []
    canonical = answers[0].canonical
    if all(answer.secure for answer in answers):
        return [canonical, host] if canonical else [host]
    if not canonical:
        return []
    alias = await resolver.cname(host)  # RFC 7672 §2.1.3: the first step alone may be validated
    return [host] if alias.secure and alias.records else []
