"""What is known of clients that have not signed in: the service that all listeners share.

Owns: who is looked at, what is remembered in memory and for how long, when what was learnt is written. Never: speaks a
protocol, delivers. Raises: ReputationFailure, at the start only: a database that fails later is logged, and mail goes
on as if nothing were remembered.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol, TypeVar

from postroom.accounts import domain_key
from postroom.base import Clock, TaskOwner
from postroom.dns import Resolver
from postroom.dns.cache import TtlCache
from postroom.dns.inquiries import Inquiries
from postroom.mailauth.domains import domain_name
from postroom.mailauth.iprev import IprevResult, check_iprev
from postroom.mailauth.questions import Inquiry
from postroom.mailauth.spf import SpfResult, SpfVerdict, check_sender
from postroom.net import NO_NETWORKS, Networks, is_loopback

from .database import Remembered, ReputationDatabase, ReputationFailure
from .greylist import Attempt, Decision, decide, is_known, learn, purge
from .hello import check_hello
from .lists import Lists
from .settings import StrangersSettings
from .standing import Parts, Standing, network_of, of_name
from .visit import Visit

T = TypeVar("T")
_log = logging.getLogger("postroom.reputation")
_INCOMPLETE_SECONDS = 30.0  # for which it is kept that the DNS did not tell all
_PURGE_SECONDS = 600.0
_PURGE_CHANGES = 2000
_MAX_LEARNT = 5000  # origins of which news wait to be written


class LocalDomains(Protocol):
    """The part of accounts.Directory that is asked."""

    async def is_local_domain(self, domain: str) -> bool: ...


class Strangers:
    """`begin` a visit for each connection; `close` at the end. Without a database nothing is remembered."""

    def __init__(
        self,
        resolver: Resolver,
        database: ReputationDatabase | None,
        settings: StrangersSettings,
        clock: Clock,
        *,
        hostname: str,
        domains: LocalDomains | None = None,
        trusted: Networks = NO_NETWORKS,
        loopback_too: bool = False,
    ) -> None:
        """`trusted`: networks that are exempt besides those of the settings; `loopback_too`: for tests."""
        self.resolver = resolver
        self.database = database
        self.clock = clock
        self.hostname = domain_key(hostname) or hostname
        self.delayed = 0  # visits that wait because they were told to
        self._domains = domains
        self._loopback_too = loopback_too
        self._tasks = TaskOwner("strangers")
        self._learnt: dict[str, tuple[int, int]] = {}
        self._writing: asyncio.TimerHandle | None = None
        self._changes = 0  # rows, since the last purge
        self._purged = float("-inf")
        self._finding: dict[str, asyncio.Future[Standing]] = {}
        self.take(settings, trusted)

    def take(self, settings: StrangersSettings, trusted: Networks = NO_NETWORKS) -> None:
        """Use these for visits to come."""
        self.settings = settings
        self.lists = Lists(settings, self.clock)
        self.has_domain_lists = any(one.has == "domains" for one in settings.list.values())
        self._trusted = (Networks(settings.trusted_networks), trusted)
        self._standings: TtlCache[str, Standing] = TtlCache(self.clock, settings.max_standings)
        self._domain_parts: TtlCache[str, Parts] = TtlCache(self.clock, settings.max_standings)

    def is_exempt(self, address: str) -> bool:
        """This machine and those who are trusted are never looked at."""
        if any(address in networks for networks in self._trusted):
            return True
        return not self._loopback_too and is_loopback(address)

    def begin(self, address: str, *, listener: str = "") -> Visit | None:
        """A client has connected; None: nobody looks at it."""
        if not self.settings.check or self.is_exempt(address):
            return None
        return Visit(self, address, self._standings.get(address), listener)

    async def close(self) -> None:
        """What was learnt is written."""
        await self._tasks.close()
        self._finding.clear()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        await self._write()

    # ---- what is found out

    def remembered(self, origin: str) -> Remembered | None:
        """Of a network or domain, with what is not written yet."""
        found: Remembered | None = None
        if self.database is not None and origin:
            try:
                found = self.database.remembered(origin)
            except ReputationFailure as error:
                _log.error("%s", error)
        if origin in self._learnt:
            good, junk = self._learnt[origin]
            now = self.clock.now()
            old = found or Remembered(now, now, False, 0, 0)
            found = old._replace(last=now, good=old.good + good, junk=old.junk + junk)
        return found

    async def standing(self, address: str) -> Standing:
        """How it stands: from memory, or from the DNS, in max_dns_seconds at most."""
        found = self._standings.get(address)
        return found if found is not None else await asyncio.shield(self._under_way(address))

    def foresee(self, address: str) -> None:
        """Find out now what will be asked for later."""
        if self._standings.get(address) is None:
            self._under_way(address)

    def _under_way(self, address: str) -> "asyncio.Future[Standing]":
        future = self._finding.get(address)
        if future is None:
            future = self._finding[address] = asyncio.get_running_loop().create_future()
            self._tasks.spawn(self._find(address, future), name=address)
        return future

    async def _find(self, address: str, future: "asyncio.Future[Standing]") -> None:
        settings = self.settings
        network = network_of(address, settings)
        standing = Standing(address, network, self.remembered(network))
        inquiries = self._inquiries()
        try:
            name = inquiries.begin(check_iprev(address))
            lists = [inquiries.begin(one) for one in self.lists.of_address(address)]
            verdict = await name
            standing.name = verdict.name
            parts = of_name(verdict, address, settings)
            for listed in lists:
                parts += await listed
            standing.parts = parts
            standing.complete = verdict.result is not IprevResult.TEMPERROR
        except Exception:
            _log.exception("how %s stands was not found out", address)
        finally:
            inquiries.close()
            del self._finding[address]
            if not future.done():
                future.set_result(standing)
        seconds = settings.standing_seconds
        self._standings.put(address, standing, seconds if standing.complete else min(seconds, _INCOMPLETE_SECONDS))

    def _inquiries(self) -> Inquiries:
        inquiries = Inquiries(self.resolver, self._tasks, self.settings.max_dns_questions, "client")
        inquiries.hurry(self.settings.max_dns_seconds)
        return inquiries

    async def hello_parts(self, standing: Standing, hello: str) -> Parts:
        """What its name in HELO is worth."""
        known = standing.hellos.get(hello)
        if known is None:
            ours = await self._is_ours(hello)
            known = await self._ask(check_hello(hello, standing.address, self.settings, ours=ours))
            standing.keep_hello(hello, known)
        return known

    async def _is_ours(self, hello: str) -> bool:
        name = domain_name(hello)
        if not name:
            return False
        return name == self.hostname or (self._domains is not None and await self._domains.is_local_domain(name))

    def domain_known(self, domain: str) -> Parts | None:
        """What lists of domains said of it a while ago; None: they have to be asked."""
        name = domain_name(domain)
        return self._domain_parts.get(name) if name else ()

    async def domain_parts(self, domain: str, said: str) -> Parts:
        """What lists of domains say of it; `said`: where it was named."""
        found = self.domain_known(domain)
        if found is None:
            name = domain_name(domain)
            each = await self._ask_each(self.lists.of_domain(name, said))
            found = tuple(part for parts in each for part in parts)
            self._domain_parts.put(name, found, self.settings.standing_seconds)
        return found

    async def vouched(self, standing: Standing, mail_from: str, hello: str) -> str:
        """The domain of the sender for which SPF lets the client send; "": none."""
        domain = domain_name(mail_from.rpartition("@")[2] if mail_from else hello)
        if not domain:
            return ""
        if domain not in standing.vouched:
            asked = check_sender(standing.address, mail_from, hello, receiver=self.hostname, now=self.clock.now())
            if not any(_vouches(one, domain) for one in await self._ask(asked)):
                return ""
            standing.keep_vouched(domain, self.remembered(domain))
        return domain

    async def test_lists(self, address: str) -> None:
        """Find out which lists work (RFC 5782 §5), for clients at such an address."""
        await self._ask_each(self.lists.tests(address))

    async def _ask(self, inquiry: Inquiry[T]) -> T:
        inquiries = self._inquiries()
        try:
            return await inquiries.run(inquiry)
        finally:
            inquiries.close()

    async def _ask_each(self, asked: Iterable[Inquiry[T]]) -> list[T]:
        """All at once, in the time of one."""
        inquiries = self._inquiries()
        try:
            return [await verdict for verdict in [inquiries.begin(one) for one in asked]]
        finally:
            inquiries.close()

    # ---- what is remembered

    async def attempt(self, attempt: Attempt) -> Decision:
        """Whether it is taken now. A database that fails holds no mail up."""
        if self.database is None:
            return Decision(True, "nothing is remembered")
        now, settings = self.clock.now(), self.settings
        try:
            decision = await self.database.run(lambda db: decide(db, attempt, now, settings))
        except ReputationFailure as error:
            _log.error("%s", error)
            return Decision(True, "the database of those who have come before fails")
        self._changes += 1
        self._perhaps_purge()
        return decision

    def _perhaps_purge(self) -> None:
        now = self.clock.monotonic()
        if self._changes >= _PURGE_CHANGES or now - self._purged >= _PURGE_SECONDS:
            self._changes, self._purged = 0, now
            self._tasks.spawn(self.purge(), name="purge")

    async def purge(self) -> None:
        """Forget what is old, or too much."""
        now, settings = self.clock.now(), self.settings
        if self.database is not None:
            try:
                await self.database.run(lambda db: purge(db, now, settings))
            except ReputationFailure as error:
                _log.error("%s", error)

    def learn(self, origin: str, good: int, junk: int) -> None:
        """Messages that came from it; written a little later."""
        if self.database is None or not origin:
            return
        old = self._learnt.get(origin, (0, 0))
        if len(self._learnt) < _MAX_LEARNT or origin in self._learnt:
            self._learnt[origin] = (old[0] + good, old[1] + junk)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(self.settings.learn_seconds, self._time_to_write)

    def _time_to_write(self) -> None:
        self._writing = None
        self._tasks.spawn(self._write(), name="learn")
        self._perhaps_purge()

    async def _write(self) -> None:
        learnt, self._learnt = self._learnt, {}
        now = self.clock.now()
        self._changes += len(learnt)
        if learnt and self.database is not None:
            try:
                await self.database.run(lambda db: learn(db, learnt, now))
            except ReputationFailure as error:
                _log.error("%s", error)

    def is_known(self, remembered: Remembered | None) -> bool:
        """Greylisting would let it through."""
        return is_known(remembered, self.settings)


def _vouches(verdict: SpfVerdict, domain: str) -> bool:
    return verdict.result is SpfResult.PASS and verdict.identity == "mailfrom" and verdict.domain == domain
