"""MTA-STS policies of domains: fetched when they are new, kept until they end (RFC 8461 §3.3, §5).

Owns: the kept policies, fetches joined and bounded, the memory of those that failed. Never: decides about a host
(tls_policy does), follows a redirect. Raises: nothing; without a policy there is none, with the reason.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

import apsw

from postroom.base import Clock, TaskOwner
from postroom.dns import DnsTemporary, Resolver
from postroom.mailauth import ResultType
from postroom.mailauth.mta_sts import PATH, BadPolicy, Mode, Policy, policy_host, read_policy, record_id, record_name
from postroom.net import Fetch, FetchFailed, HttpsClient

from .tls_database import TlsDatabase, TlsDatabaseFailure
from .tls_settings import OutboundTlsSettings

_log = logging.getLogger("postroom.delivery")


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as it was fetched."""

    policy: Policy
    policy_id: str
    fetched: float

    @property
    def ends(self) -> float:
        return self.fetched + self.policy.max_age


@dataclass(frozen=True, slots=True)
class NoPolicy:
    """There is none; or it could not be had, and why."""

    words: str = ""
    failure: ResultType | None = None


@dataclass(frozen=True, slots=True)
class _Failed:
    until: float
    policy_id: str
    answer: NoPolicy


class StsPolicies:
    """`policy` before each delivery to a domain."""

    def __init__(
        self,
        resolver: Resolver,
        client: HttpsClient,
        database: TlsDatabase,
        clock: Clock,
        settings: OutboundTlsSettings,
    ) -> None:
        self._resolver = resolver
        self._client = client
        self._database = database
        self._clock = clock
        self._settings = settings
        self._kept: dict[str, Kept] = database.now(_load)
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Policy | NoPolicy]] = {}
        self._slots = asyncio.Semaphore(settings.max_mta_sts_fetches)
        self._tasks = TaskOwner("mta-sts")

    async def close(self) -> None:
        await self._tasks.close()

    async def policy(self, domain: str) -> Policy | NoPolicy:
        """Of a domain (A-labels, lower case), as of now."""
        now = self._clock.now()
        kept = self._kept.get(domain)
        if kept is not None and kept.ends <= now:
            kept = None
        try:
            policy_id = record_id((await self._resolver.txt(record_name(domain))).records)
        except DnsTemporary:
            policy_id = None
        if kept is None:
            return NoPolicy() if policy_id is None else _effective(await self._fetched(domain, policy_id))
        # RFC 8461 §5.1: while a policy lives, neither silence in the DNS nor a failing fetch undoes it
        if policy_id is not None and policy_id != kept.policy_id:
            fetched = await self._fetched(domain, policy_id)
            return _effective(kept.policy if isinstance(fetched, NoPolicy) else fetched)
        if policy_id is not None and now >= kept.fetched + self._settings.mta_sts_refresh_seconds:
            self._start(domain, policy_id)  # RFC 8461 §3.3: well before it ends; nobody waits for it
        return _effective(kept.policy)

    async def _fetched(self, domain: str, policy_id: str) -> Policy | NoPolicy:
        """A fetch that just failed is not repeated at once; one that is under way is waited for."""
        failed = self._failed.get(domain)
        if failed is not None and failed.until > self._clock.now() and failed.policy_id == policy_id:
            return failed.answer
        # shield: one message that is given up does not take the policy from the others
        return await asyncio.shield(self._start(domain, policy_id))

    def _start(self, domain: str, policy_id: str) -> "asyncio.Future[Policy | NoPolicy]":
        future = self._under_way.get(domain)
        if future is None:
            future = self._under_way[domain] = asyncio.get_running_loop().create_future()
            self._tasks.spawn(self._fill(domain, policy_id, future), name=domain)
        return future

    async def _fill(self, domain: str, policy_id: str, future: "asyncio.Future[Policy | NoPolicy]") -> None:
        answer: Policy | NoPolicy = NoPolicy("the server stops")
        try:
            async with self._slots:
                answer = await self._fetch(domain)
            if isinstance(answer, NoPolicy):
                _log.info("%s: no MTA-STS policy: %s", domain, answer.words)
                self._remember_failure(domain, policy_id, answer)
            else:
                await self._keep(domain, Kept(answer, policy_id, self._clock.now()))
        except Exception as error:  # our bug; mail must go on
            _log.exception("the MTA-STS policy of %s", domain)
            answer = NoPolicy(str(error), ResultType.STS_POLICY_FETCH_ERROR)
        finally:
            del self._under_way[domain]
            future.set_result(answer)

    def _remember_failure(self, domain: str, policy_id: str, answer: NoPolicy) -> None:
        self._failed[domain] = _Failed(self._clock.now() + self._settings.mta_sts_retry_seconds, policy_id, answer)
        self._failed.move_to_end(domain)
        if len(self._failed) > self._settings.max_mta_sts_policies:
            self._failed.popitem(last=False)

    async def _fetch(self, domain: str) -> Policy | NoPolicy:
        """RFC 8461 §3.3."""
        host = policy_host(domain)
        try:
            addresses = await self._addresses(host)
            message = await self._client.fetch(Fetch(host, PATH, addresses, self._settings.mta_sts_port))
        except DnsTemporary as error:
            return NoPolicy(f"{host}: {error}", ResultType.STS_POLICY_FETCH_ERROR)
        except FetchFailed as error:
            untrusted = ResultType.STS_WEBPKI_INVALID if error.untrusted else ResultType.STS_POLICY_FETCH_ERROR
            return NoPolicy(str(error), untrusted)
        if message.status != 200:  # a redirect neither
            return NoPolicy(f"{host} answered {message.status}", ResultType.STS_POLICY_FETCH_ERROR)
        if message.media_type != "text/plain":
            what = message.media_type[:80] or "something unnamed"
            return NoPolicy(f"{host} sent {what}, not text/plain", ResultType.STS_POLICY_INVALID)
        try:
            return read_policy(message.body)
        except BadPolicy as error:
            return NoPolicy(f"{host}: {error}", ResultType.STS_POLICY_INVALID)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        found: list[str] = []
        trouble: DnsTemporary | None = None
        for ask in (self._resolver.a, self._resolver.aaaa):
            try:
                found += (await ask(host)).records
            except DnsTemporary as error:
                trouble = error
        if not found and trouble is not None:
            raise trouble
        return tuple(found)

    async def _keep(self, domain: str, kept: Kept) -> None:
        self._failed.pop(domain, None)
        self._kept[domain] = kept
        surplus = ""
        if len(self._kept) > self._settings.max_mta_sts_policies:
            surplus = min(self._kept, key=lambda name: self._kept[name].fetched)
            del self._kept[surplus]

        def save(db: apsw.Connection) -> None:
            db.execute("DELETE FROM policy WHERE domain = ?", (surplus,))
            values = (domain, kept.policy_id, kept.policy.file, kept.fetched)
            db.execute("INSERT OR REPLACE INTO policy VALUES (?, ?, ?, ?)", values)

        try:
            await self._database.run(save)
        except TlsDatabaseFailure as error:
            _log.error("the MTA-STS policy of %s could not be kept: %s", domain, error)


def _effective(found: Policy | NoPolicy) -> Policy | NoPolicy:
    """RFC 8461 §5: "none" says that there is no policy (any more)."""
    return NoPolicy("its mode is none") if isinstance(found, Policy) and found.mode is Mode.NONE else found


def _load(db: apsw.Connection) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for domain, policy_id, file, fetched in db.execute("SELECT domain, policy_id, file, fetched FROM policy"):
        try:
            found[str(domain)] = Kept(read_policy(bytes(file)), str(policy_id), float(fetched))
        except BadPolicy as error:  # nothing here writes such a one
            _log.error("the kept MTA-STS policy of %s: %s", domain, error)
    return found
