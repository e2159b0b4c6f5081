"""What is demanded of the connection to a host (docs/tls.md): by our operator, by DANE, by MTA-STS, by the message.

Owns: the order of these. Never: connects. Raises: HostRefused: this host may not get the mail; DnsTemporary: nobody
knows now whether it may.
"""

from dataclasses import replace

from postroom.base import MailError
from postroom.dns import Resolver
from postroom.mailauth import ResultType
from postroom.mailauth.mta_sts import Mode, Policy

from .dane_lookup import DaneRecords, host_records, mx_records
from .destination import Destination
from .next_hop import is_address
from .routes import Relay
from .routing import Host
from .sts_policies import NoPolicy, StsPolicies
from .tls_demand import OPPORTUNISTIC, Published, TlsDemand
from .tls_settings import Demanded, OutboundTlsSettings, parse_demand


class HostRefused(MailError):
    """The mail may not go to this host."""

    code, enhanced, text = 454, "4.7.5", "Not the right host"

    def __init__(self, text: str, published: Published | None, failure: ResultType, **reply: int | str) -> None:
        super().__init__(text, text=text, **reply)  # type: ignore[arg-type]
        self.published = published
        self.failure = failure


class TlsPolicies:
    """`demand` for each host, before it is called."""

    def __init__(self, resolver: Resolver, settings: OutboundTlsSettings, sts: StsPolicies | None) -> None:
        self._resolver = resolver
        self._settings = settings
        self._sts = sts if settings.mta_sts else None
        self._demanded = {domain.lower(): parse_demand(text) for domain, text in settings.demands.items()}

    async def demand(
        self, destination: Destination, relay: Relay, host: Host, *, authenticated: bool = False, waived: bool = False
    ) -> TlsDemand:
        """`authenticated`: the message demands it (RFC 8689 §4.2.1); `waived`: it waives all (§4.2.2).

        Where our operator has said how the host is called, that holds, and what is published does not matter.
        """
        base = TlsDemand(relay.tls, f"the settings ({relay.tls})" if relay.tls != "opportunistic" else "")
        by_relay = bool(relay.hosts) or destination.is_lmtp or destination.domain.startswith("[")
        demanded = None if by_relay else self._by_operator(destination.domain)
        if authenticated:
            return await self._for_message(destination, relay, host, by_relay=by_relay)
        if demanded is not None:
            return await self._as_demanded(destination.domain, host, demanded)
        if waived or is_address(host.name) or relay.verify or relay.tls in ("never", "implicit"):
            return base
        if by_relay:
            return await self._of_relay(relay, host, base)
        return await self._published(destination.domain, host, base)

    def _by_operator(self, domain: str) -> Demanded | None:
        if domain in self._demanded:
            return self._demanded[domain]
        _, dot, above = domain.partition(".")
        while dot:
            if (found := self._demanded.get("." + above)) is not None:
                return found
            _, dot, above = above.partition(".")
        return None

    async def _as_demanded(self, domain: str, host: Host, demanded: Demanded) -> TlsDemand:
        by = f'the setting "{demanded.level}"'
        match demanded.level:
            case "never":
                return TlsDemand("never", by)
            case "may":
                return replace(OPPORTUNISTIC, by=by)
            case "encrypt":
                return TlsDemand("starttls", by)
            case "verify":
                return TlsDemand("starttls", by, names=demanded.names or (host.name,))
            case "dane":  # RFC 7672 §6
                records = await mx_records(self._resolver, domain, host.name, host.port)
                if records is None or not any(record.usable for record in records.records):
                    raise HostRefused(
                        f"{host.name} has no validated TLSA records, which the settings demand",
                        Published(domain),
                        ResultType.DANE_REQUIRED,
                    )
                return replace(_by_dane(domain, records), by="DANE, by the settings")

    async def _published(self, domain: str, host: Host, base: TlsDemand) -> TlsDemand:
        if self._settings.dane:
            records = await mx_records(self._resolver, domain, host.name, host.port)
            if records is not None:  # RFC 8461 §2: MTA-STS never undoes what DANE finds
                return _by_dane(domain, records)
        policy = await self._sts.policy(domain) if self._sts is not None else NoPolicy()
        if isinstance(policy, Policy):
            return _by_sts(domain, host, policy, base)
        if policy.failure is not None:
            return replace(base, published=Published(domain, "sts"), fault=(policy.failure, policy.words))
        return replace(base, published=Published(domain))

    async def _of_relay(self, relay: Relay, host: Host, base: TlsDemand) -> TlsDemand:
        """A host that our operator has named may have TLSA records too (RFC 7672 §2.2.2)."""
        records = None
        if relay.hosts and self._settings.dane:
            records = await host_records(self._resolver, host.name, host.port)
        return base if records is None else TlsDemand("starttls", "DANE", dane=records)

    async def _for_message(self, destination: Destination, relay: Relay, host: Host, *, by_relay: bool) -> TlsDemand:
        """RFC 8689 §4.2.1, steps 2 and 4: the host's name is certain, and its certificate has it."""
        by = "REQUIRETLS"
        named = TlsDemand("implicit" if relay.tls == "implicit" else "starttls", by, names=(host.name,))
        if by_relay:  # our operator has chosen the host
            return named
        domain = destination.domain
        mx = await self._resolver.mx(domain)
        if mx.secure:
            records = await mx_records(self._resolver, domain, host.name, host.port)
            if records is not None and any(record.usable for record in records.records):
                return replace(_by_dane(domain, records), by="REQUIRETLS, by DANE")
            return named
        policy = await self._sts.policy(domain) if self._sts is not None else NoPolicy()
        if isinstance(policy, Policy) and policy.allows(host.name):
            return replace(named, by="REQUIRETLS, by MTA-STS", published=_published_policy(domain, policy))
        text = f"{host.name} can't be known to be a server of {domain}, which REQUIRETLS demands"
        raise HostRefused(text, None, ResultType.VALIDATION_FAILURE, code=550, enhanced="5.7.30")


def _by_dane(domain: str, records: DaneRecords) -> TlsDemand:
    published = Published(domain, "tlsa", tuple(map(str, records.records)))
    return TlsDemand("starttls", "DANE", dane=records, published=published)


def _published_policy(domain: str, policy: Policy) -> Published:
    return Published(domain, "sts", tuple(policy.lines), policy.mx)


def _by_sts(domain: str, host: Host, policy: Policy, base: TlsDemand) -> TlsDemand:
    """RFC 8461 §4; in testing nothing is worse than without (§5)."""
    published = _published_policy(domain, policy)
    soft = policy.mode is Mode.TESTING
    by = f"MTA-STS ({policy.mode.value})"
    if policy.allows(host.name):
        return TlsDemand("starttls", by, names=(host.name,), soft=soft, otherwise=base.use, published=published)
    text = f"{host.name} is not among the servers that {domain} names in its MTA-STS policy"
    if soft:
        return replace(base, by=f"{by}: {text}", published=published, fault=(ResultType.VALIDATION_FAILURE, text))
    raise HostRefused(text, published, ResultType.VALIDATION_FAILURE)
