"""Which certificates there should be, and when each is to be renewed.

Owns: those rules. Never: asks anybody, reads files, keeps time. Raises: nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from postroom.net import names_of

from .kept import State, same_names
from .settings import AcmeSettings

HOSTNAME = "hostname"  # label of the one that has the server's own name


@dataclass(frozen=True, slots=True)
class Wish:
    """One certificate that there should be."""

    label: str
    names: tuple[str, ...]
    optional: bool = False  # names that the DNS does not have are left out


def wishes(settings: AcmeSettings, hostname: str, domains: Iterable[str], *, web: bool) -> list[Wish]:
    """`domains`: those here, as A-labels; `web`: listen.policy_host is served."""
    found = [Wish(HOSTNAME, (hostname.lower(),))]
    if web and settings.domain_hosts:
        found += [
            Wish(domain, tuple(f"{host}.{domain}" for host in settings.domain_hosts), optional=True)
            for domain in sorted(domains)
        ]
    named = {label: Wish(label, tuple(dict.fromkeys(map(str.lower, names)))) for label, names in settings.names.items()}
    return [named.pop(one.label, one) for one in found] + list(named.values())


def due_at(certificate: x509.Certificate, fraction: float) -> float:
    """When it is to be renewed, in Unix seconds: with that part of its lifetime left."""
    begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return end - (end - begin) * fraction


def is_due(wish: Wish, certificate: x509.Certificate | None, state: State, fraction: float, now: float) -> bool:
    """Whether it is to be ordered now; one that failed waits for its turn."""
    if now < state.next_try:
        return False
    if certificate is None or now >= due_at(certificate, fraction):
        return True
    return not same_names(names_of(certificate), wish.names)


def after_failure(state: State, words: str, now: float, first: float, most: float, asked_for: float | None) -> State:
    """`first`, `most`: seconds to wait; `asked_for`: those that the authority wants."""
    wait = min(most, first * 2.0 ** min(state.failures, 30))
    return State(
        names=state.names,
        directory=state.directory,
        failures=state.failures + 1,
        failure=words,
        failed_at=now,
        next_try=now + max(wait, asked_for or 0.0),
        told_at=state.told_at,
    )
