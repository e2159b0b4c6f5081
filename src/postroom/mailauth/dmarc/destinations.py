"""Where reports on a domain may go: what it asks for, as far as those who would get them agree (RFC 7489 §7.1).

RFC 9990 keeps that check. Owns: the question to others and what its answer allows. Never: sends. Raises: nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from postroom.mailauth.questions import Inquiry, Question

from .author import domain_name
from .record import mail_address, read_record
from .tree import SuffixList, Walks

MAX_DESTINATIONS = 8  # addresses of one record; RFC 9990 lets us limit them
_MAX_NAME = 253  # octets of a name in the DNS, without its final dot


@dataclass(frozen=True, slots=True)
class Destinations:
    """`addresses`: mail addresses that reports may go to. `refused`: others, with the reason.

    `failed`: for one of them the DNS had no answer; it may be asked again.
    """

    addresses: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    failed: str = ""


def find_destinations(
    policy_domain: str, uris: Iterable[str], *, suffixes: SuffixList | None = None
) -> Inquiry[Destinations]:
    """`policy_domain`: where the record with these URIs stands. URIs other than mailto are passed over."""
    walks = Walks(suffixes)
    addresses: list[str] = []
    refused: list[str] = []
    failed = ""
    wanted = [address for uri in uris if (address := mail_address(uri)) is not None]
    for address in list(dict.fromkeys(wanted))[:MAX_DESTINATIONS]:
        host = domain_name(address.rpartition("@")[2].encode("utf-8", "replace"))
        if host is None:
            refused.append(f"{address}: no domain")
            continue
        inside, trouble = yield from _same_organisation(policy_domain, host, walks)
        if trouble:
            failed = trouble
        elif inside:
            addresses.append(address)
        else:
            found, why, trouble = yield from _agreed(policy_domain, host, address)
            addresses += found
            failed = failed or trouble
            if why:
                refused.append(f"{address}: {why}")
    return Destinations(tuple(dict.fromkeys(addresses))[:MAX_DESTINATIONS], tuple(refused), failed)


def _same_organisation(policy_domain: str, host: str, walks: Walks) -> Inquiry[tuple[bool, str]]:
    if host == policy_domain:
        return True, ""
    ours = yield from walks.walk(policy_domain)
    theirs = yield from walks.walk(host)
    return ours.organisational == theirs.organisational, ours.failed or theirs.failed


def _agreed(policy_domain: str, host: str, address: str) -> Inquiry[tuple[tuple[str, ...], str, str]]:
    """The addresses that the host agrees to; or why not; or what failed."""
    name = f"{policy_domain}._report._dmarc.{host}"
    if len(name) > _MAX_NAME:
        return (), "too long a name to ask for", ""
    reply = yield Question("TXT", name)
    if reply.failed:
        return (), "", f"{name}: {reply.failed}"
    records = [record for text in reply.texts if (record := read_record(text)) is not None]
    if not records:
        return (), f"{host} has not agreed to reports on {policy_domain}", ""
    instead = [uri for record in records for uri in record.rua]
    if not instead:
        return (address,), "", ""
    found = [other for uri in instead if (other := mail_address(uri)) is not None]
    if len(found) < len(instead) or any(_host(other) != host for other in found):
        return (), f"{host} sends reports on to another host", ""  # RFC 7489 §7.1: to neither of them
    return tuple(found), "", ""


def _host(address: str) -> str | None:
    return domain_name(address.rpartition("@")[2].encode("utf-8", "replace"))
