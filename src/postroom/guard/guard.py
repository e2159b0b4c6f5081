"""The guard: everything that sessions and listeners ask about who may do how much, answered from memory.

Owns: the tables in memory, the exchange with other processes through guard.db. Never: does I/O while it is asked;
knows a protocol, or whether an account exists. Raises: GuardFailure from the constructor.

What is asked here is answered at once and told to the other workers, and written down, within `exchange_seconds`;
bans and stopped accounts at once. A clock that jumps changes nothing while the server runs.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

from postroom.base import ALONE, Clock, Ids, Pokes, TaskOwner, WorkerPlace

from .bans import Bans
from .baselines import Sending, after, unusual
from .buckets import Buckets, reached
from .budgets import Budgets
from .database import GuardDatabase
from .exchange import News, Outbox, Poured, exchange, release, sweep
from .failures import Failures
from .origins import Addresses, Origin, Origins, network_of
from .places import Places
from .settings import GuardSettings
from .types import AccountStopped, Ban, BudgetSpent, GuardFailure, Kind, Refusal, Stop, Unknown, Who

_log = logging.getLogger("postroom.guard")
_POKE = b"g"
_MINUTE = 60.0
_SWEEP_SECONDS = 900.0
_FAR_AWAY = 3600.0  # seconds that a refusal for a budget lasts at most, for the log

OnStop = Callable[[Stop], Awaitable[None]]


class Guard:
    """One process's. `start` it for the exchange with others; asked, it works without."""

    def __init__(
        self,
        path: Path | None,
        settings: GuardSettings,
        clock: Clock,
        ids: Ids,
        *,
        exempt: Addresses = frozenset[str](),
        place: WorkerPlace = ALONE,
        pokes: Pokes | None = None,
        sign_in_domain: str = "",
        name_key: Callable[[str], str | None] | None = None,
    ) -> None:
        """`exempt`: addresses of proxies and known-good networks. `sign_in_domain`: of names without one. `name_key`:
        the one form of all spellings of an account's name, None for what is none (accounts.address_key)."""
        self.settings = settings
        self._clock, self._place, self._pokes = clock, place, pokes
        self._sign_in_domain, self._name_key = sign_in_domain, name_key
        self._origins = Origins(settings, exempt)
        self._bans, self._places = Bans(settings), Places(settings)
        self._failures = Failures(settings, self._places, ids.octets(32))
        most, several = settings.max_remembered, not place.alone
        self._connections = {
            who: Buckets(f"connections of {who}", limit, _MINUTE, most, shared=several)
            for who, limit in (
                ("address", settings.address_connections_per_minute),
                ("network", settings.network_connections_per_minute),
            )
        }
        self._sign_ins = Buckets("sign-ins of names", settings.account_sign_ins_per_minute, _MINUTE, most)
        self._unknown = Buckets(
            "unknown recipients",
            settings.unknown_recipients_until_ban or settings.unknown_recipients_closed or 1,
            settings.unknown_recipient_memory_seconds,
            most,
            shared=several,
        )
        self._budgets = Budgets(settings, several=several)
        shared = (
            *self._connections.values(),
            self._unknown,
            self._failures.addresses,
            self._failures.names,
            self._failures.everywhere,
            *self._budgets.every(),
        )
        self._buckets = {buckets.name: buckets for buckets in shared}
        self._open: Counter[str] = Counter()
        self._sending: dict[int, Sending] = {}
        self._stops: dict[int, Stop] = {}
        self._outbox = Outbox()
        self.on_stop: OnStop | None = None  # called in the first worker: tells the owner, holds the queued mail
        self._untold: dict[int, Stop] = {}
        self._seen, self._version, self._swept = 0, -1, clock.monotonic()
        self._tasks = TaskOwner("guard")
        self._wake = asyncio.Event()
        self._database = GuardDatabase(path)
        self._learn(self._database.now(lambda db: exchange(db, Outbox(), 0, clock.now(), settings)))

    # ---- life

    def start(self) -> None:
        """Exchange news with the others from now on."""
        if self._pokes is not None:
            self._pokes.when(_POKE, lambda _: self._wake.set())
        self._tasks.spawn(self._exchange_on(), name="exchange")

    async def close(self) -> None:
        """Write down what is not yet, and be done."""
        await self._tasks.close()
        try:
            await self.exchange()
        except GuardFailure as error:
            _log.error("not written: %s", error)
        self._database.close()

    async def _exchange_on(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.settings.exchange_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.exchange()
                await self._tell()
            except GuardFailure as error:
                _log.error("%s", error)
                await self._clock.sleep(_MINUTE / 10)

    async def exchange(self) -> None:
        """Once: what is new here to the others, what is new there to us. Raises GuardFailure."""
        self._collect()
        version = await self._database.changed()
        outbox, now = self._outbox, self._clock.now()
        if outbox or version != self._version:
            self._outbox = Outbox()
            urgent = bool(outbox.bans or outbox.stops)
            work = partial(exchange, outbox=outbox, seen=self._seen, now=now, settings=self.settings)
            try:
                self._learn(await self._database.run(work))
            except GuardFailure:
                self._keep_for_later(outbox)
                raise
            self._version = version
            if urgent and self._pokes is not None:
                self._pokes.tell_others(_POKE)
        if (at := self._clock.monotonic()) - self._swept > _SWEEP_SECONDS:
            self._swept = at
            self._bans.prune(at)
            if self._place.first:
                await self._database.run(lambda db: sweep(db, now, self.settings))

    def _collect(self) -> None:
        for buckets in self._buckets.values():
            if buckets.pending:
                pending, buckets.pending = buckets.pending, {}
                poured = (Poured(buckets.name, key, n, buckets.rate, buckets.cap) for key, n in pending.items())
                self._outbox.poured.extend(poured)

    def _keep_for_later(self, lost: Outbox) -> None:
        """The disk refused: what matters is tried again."""
        now = self._outbox
        now.bans, now.stops = lost.bans | now.bans, lost.stops | now.stops
        now.places, now.told = lost.places | now.places, lost.told | now.told
        for account_id, (recipients, bounces) in lost.sent.items():
            since = now.sent.get(account_id, (0, 0))
            now.sent[account_id] = (since[0] + recipients, since[1] + bounces)

    def _learn(self, news: News) -> None:
        now, at = self._clock.now(), self._clock.monotonic()
        self._seen = news.stamp
        for name, key, level, since in news.levels:
            buckets = self._buckets.get(name)
            if buckets is not None:
                buckets.learn(key, level - buckets.rate * max(0.0, now - since), at)
        for ban in news.bans:
            if ban.network not in self._outbox.bans:
                self._bans.learn(ban, now, at)
                if ban.times <= 0:
                    self._forgive(ban.network)
        for name, host, last in news.places:
            self._places.learn(name, host, last)
        for account_id, sending in news.sending.items():
            recipients, bounces = self._outbox.sent.get(account_id, (0, 0))
            self._sending[account_id] = after(sending, now, self.settings, recipients=recipients, bounces=bounces)
        for stop, told in news.stops:
            self._learn_stop(stop, told)

    def _learn_stop(self, stop: Stop, told: bool) -> None:
        if not stop.words:
            self._stops.pop(stop.account_id, None)
            self._untold.pop(stop.account_id, None)
            return
        self._stops[stop.account_id] = stop
        if not told and self._place.first:
            self._untold[stop.account_id] = stop

    def _forgive(self, network: str) -> None:
        for buckets in (self._failures.addresses, self._unknown, self._connections["address"]):
            buckets.forget(network)

    async def _tell(self) -> None:
        if self.on_stop is None:
            return
        for stop in list(self._untold.values()):
            try:
                await self.on_stop(stop)
            except Exception:  # tried again at the next exchange
                _log.exception("account %d is stopped, and its owner not told", stop.account_id)
                continue
            self._untold.pop(stop.account_id, None)
            self._outbox.told.add(stop.account_id)

    # ---- connections

    def admit(self, address: str) -> Refusal | None:
        """Whether a connection from there may be; then it is counted, and `leave` has to be called for it."""
        origin = self._origins.of(address)
        if origin is None or origin.exempt:
            return None
        at = self._clock.monotonic()
        ban = self._bans.find(origin, at)
        if ban is not None:
            return Refusal(f"{ban.network} is banned: {ban.reason}", ban.until)
        most = self.settings.network_connections
        if most and self._open[origin.network] >= most:
            return self._later(f"{origin.network} has {most} connections", 0.0)
        for key, buckets in self._counted(origin):
            wait = buckets.wait(key, 1, at)
            if wait > 0:
                return self._later(f"{key} has had {buckets.limit:.0f} connections in a minute", wait)
        for key, buckets in self._counted(origin):
            if buckets.limit:
                buckets.add(key, 1, at)
        self._open[origin.network] += 1
        return None

    def _counted(self, origin: Origin) -> Iterator[tuple[str, Buckets]]:
        yield origin.host, self._connections["address"]
        yield origin.network, self._connections["network"]

    def _later(self, words: str, wait: float) -> Refusal:
        return Refusal(words, self._clock.now() + min(wait, _FAR_AWAY))

    def leave(self, address: str) -> None:
        """A connection that was let in is over."""
        origin = self._origins.of(address)
        if origin is not None and not origin.exempt:
            self._less(origin.network)

    def enter(self, account_id: int) -> bool:
        """One more connection is signed in as this account; False: that were too many. Else `depart` ends it."""
        key, most = f"account {account_id}", self.settings.account_connections
        if most and self._open[key] >= most:
            return False
        self._open[key] += 1
        return True

    def depart(self, account_id: int) -> None:
        """One less."""
        self._less(f"account {account_id}")

    def _less(self, key: str) -> None:
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]

    # ---- signing in

    async def may_sign_in(self, address: str, username: str) -> float | None:
        """Seconds to wait before the password is looked at, 0.0 for most; None: refuse, as a temporary failure.

        The answer is the same whether or not there is such an account. None is said after the longest delay of a
        failure, so that who asks again and again does not ask often.
        """
        wait = self._wait(self._origins.of(address), self._name(username))
        if wait is None:
            await self._clock.sleep(self.settings.max_failure_delay_seconds)
        return wait

    def _wait(self, origin: Origin | None, name: str) -> float | None:
        now, at = self._clock.now(), self._clock.monotonic()
        if origin is not None and not origin.exempt and self._bans.find(origin, at) is not None:
            return None
        payer = f"{name} {origin.host if origin is not None else ''}"
        if self._sign_ins.wait(payer, 1, at) > 0:
            return None
        if self._sign_ins.limit:
            self._sign_ins.add(payer, 1, at)
        wait = self._failures.before(origin, name, now, at)
        if wait is None and self._failures.put_off(origin, now, at):
            assert origin is not None
            self._ban(origin, "sign-ins again and again, before its turn")
        return wait

    async def failed_sign_in(self, address: str, username: str, secret: str = "") -> float:
        """Seconds to wait before the refusal is sent; perhaps the address is banned now, or its network.

        `secret` is the password that was wrong, where it is known: the same one again is no new guess. It is not kept.
        """
        now, at = self._clock.now(), self._clock.monotonic()
        origin = self._origins.of(address)
        delay, ban = self._failures.failed(origin, self._name(username), secret, now, at)
        if ban and origin is not None:
            self._ban(origin, "wrong passwords")
        return delay

    async def succeeded(self, address: str, *usernames: str) -> None:
        """Signed in, from there, by one of the names of an account: which is remembered for times of attack."""
        origin, now = self._origins.of(address), self._clock.now()
        self._failures.answered(self._clock.monotonic())
        if origin is None:
            return
        for name in {self._name(username) for username in usernames}:
            if self._places.note(name, origin.host, now):
                self._outbox.places[name, origin.host] = now

    def _name(self, username: str) -> str:
        if "@" not in username and self._sign_in_domain:
            username = f"{username}@{self._sign_in_domain}"
        # However it is spelled: else who guesses writes it another way each time ("bob"@…, a U-label, more spaces: LDAP
        # takes all of them for one), and an owner is not known who writes it as the directory does not.
        spelled = " ".join(username.split())
        return name_digest((self._name_key(spelled) if self._name_key is not None else None) or spelled)

    def _ban(self, origin: Origin, reason: str) -> None:
        for ban in self._bans.impose_on(origin, reason, self._clock.now(), self._clock.monotonic()):
            _log.warning("%s is banned for %.0f s (%d): %s", ban.network, ban.until - ban.since, ban.times, reason)
            self._outbox.bans[ban.network] = ban
        self._wake.set()

    def ban(self, network: str, seconds: float, reason: str) -> Ban:
        """By an operator's word; exempt addresses stay exempt. Raises ValueError for what is no network."""
        now, at = self._clock.now(), self._clock.monotonic()
        ban = self._bans.impose(network, reason, now, at, seconds=seconds, by_operator=True)
        self._outbox.bans[ban.network] = ban
        self._wake.set()
        return ban

    def forgive(self, network: str) -> list[Ban]:
        """Lift all bans that keep anybody of this network out, and forget what led there. Raises ValueError."""
        lifted = self._bans.lift(network, self._clock.now())
        _, text = network_of(network)
        told = {ban.network: ban for ban in lifted}
        told.setdefault(text, Ban(text, self._clock.now(), self._clock.now(), 0, "forgiven"))
        self._outbox.bans.update(told)
        for name in told:
            self._forgive(name)
        self._wake.set()
        return lifted

    def in_force(self) -> list[tuple[Ban, float]]:
        """All bans now, and how many seconds each has left."""
        return list(self._bans.in_force(self._clock.monotonic()))

    def banned(self, address: str) -> Ban | None:
        """Whether an address is kept out now: sessions that are open end at their next chance."""
        origin = self._origins.of(address)
        if origin is None or origin.exempt:
            return None
        return self._bans.find(origin, self._clock.monotonic())

    # ---- recipients

    def unknown_recipient(self, address: str) -> Unknown:
        """A recipient that nobody is, or that is not for us to carry to: what follows."""
        origin, settings, at = self._origins.of(address), self.settings, self._clock.monotonic()
        if origin is None or origin.exempt:
            return Unknown(0.0)
        level = self._unknown.add(origin.host, 1, at)
        most = settings.unknown_recipients_until_ban
        if most and reached(level, most):
            self._unknown.forget(origin.host)
            self._ban(origin, "recipients that nobody is")
            return Unknown(0.0, close=True)
        over = level - settings.unknown_recipients_slowed
        delay = min(
            max(0.0, over) * settings.unknown_recipient_delay_seconds, settings.max_unknown_recipient_delay_seconds
        )
        closed = settings.unknown_recipients_closed
        return Unknown(delay, close=bool(closed) and reached(level, closed))

    def known_recipient(self, address: str) -> None:
        """One who is somebody: so most of the others were honest mistakes."""
        origin, at = self._origins.of(address), self._clock.monotonic()
        if origin is not None and self._unknown.level(origin.host, at) > 0:
            self._unknown.add(origin.host, -self.settings.known_recipient_worth, at)

    # ---- for people

    def known_of(self, address: str) -> dict[str, str]:
        """What is known of an address, in words."""
        origin, at, now = self._origins.of(address), self._clock.monotonic(), self._clock.now()
        if origin is None:
            return {}
        facts = {"address": origin.host, "network": origin.network}
        if origin.exempt:
            return facts | {"exempt": "never banned, no budgets"}
        if (ban := self._bans.find(origin, at)) is not None:
            facts["banned"] = f"{ban.network}, for {ban.until - now:.0f} s more, the {ban.times}. time: {ban.reason}"
        for key in (origin.host, origin.network):
            for buckets in self._buckets.values():
                if (level := buckets.level(key, at)) > 0:
                    facts[f"{buckets.name}: {key}"] = f"{level:.1f} of {buckets.limit:.0f}"
        if self._places.welcome(origin.host, now):
            facts["people"] = "somebody has signed in from there"
        return facts

    def known_of_account(self, account_id: int, username: str) -> dict[str, str]:
        """What is known of an account, in words."""
        at, now, name = self._clock.monotonic(), self._clock.now(), self._name(username)
        facts = {}
        if (stop := self._stops.get(account_id)) is not None:
            facts["stopped"] = stop.words
        sending = after(self._sending.get(account_id, Sending()), now, self.settings)
        facts["recipients elsewhere, this hour"] = f"{sending.in_hour}; usual in busy ones: {sending.usual_hour:.0f}"
        facts["recipients elsewhere, this day"] = f"{sending.in_day}; usual in busy ones: {sending.usual_day:.0f}"
        facts["bounces, this day"] = str(sending.bounces)
        for budget, (level, limit) in self._budgets.levels("account", str(account_id), at).items():
            facts[budget] = f"{level:.0f} of {limit:.0f}"
        failures = self._failures.names.level(name, at)
        if failures > 0:
            under_attack = reached(failures, self.settings.failures_until_attack)
            facts["failed sign-ins lately"] = f"{failures:.1f}{'; strangers are slowed' if under_attack else ''}"
        for host, last in sorted(self._places.of(name).items(), key=lambda place: -place[1]):
            facts[f"signed in from {host}"] = f"{max(0.0, now - last) / 86_400:.0f} days ago"
        return facts

    def release(self, account_id: int) -> Stop | None:
        """For commands: a stopped account may send again; the stop that was. Raises GuardFailure."""
        now, settings = self._clock.now(), self.settings
        return self._database.now(lambda db: release(db, account_id, now, settings))

    # ---- how much

    def spent(self, kind: Kind, who: Who, key: str, amount: float = 0.0) -> BudgetSpent | None:
        """Whether that were too much now; nothing is counted. `key`: an address, or an account's number."""
        at = self._clock.monotonic()
        for who_, key_ in self._payers(who, key):
            if (error := self._budgets.spent(kind, who_, key_, amount, at)) is not None:
                return error
        return None

    def spend(self, kind: Kind, who: Who, key: str, amount: float = 1.0) -> BudgetSpent | None:
        """Count it; or say that it is too much, and count nothing. An address pays for its network too."""
        if (error := self.spent(kind, who, key, amount)) is None:
            self.charge(kind, who, key, amount)
        return error

    def charge(self, kind: Kind, who: Who, key: str, amount: float) -> None:
        """Count it, as it is done already."""
        at = self._clock.monotonic()
        for who_, key_ in self._payers(who, key):
            self._budgets.spend(kind, who_, key_, amount, at)

    def _payers(self, who: Who, key: str) -> list[tuple[Who, str]]:
        if who == "account":
            return [(who, key)]
        origin = self._origins.of(key)
        if origin is None or origin.exempt:
            return []
        return [("address", origin.host), ("network", origin.network)]

    # ---- accounts that suddenly send more than ever

    def stopped(self, account_id: int) -> AccountStopped | None:
        """Whether this account may send no more."""
        stop = self._stops.get(account_id)
        return None if stop is None else AccountStopped(f"account {account_id}: {stop.words}")

    def sends(self, account_id: int, recipients: int) -> AccountStopped | None:
        """To so many elsewhere, now; or not, as that is too unusual: then the account is stopped."""
        if not recipients or (error := self.stopped(account_id)) is not None:
            return error if recipients else None
        self._note_sent(account_id, recipients, 0)
        return self._stop_if_unusual(account_id)

    def bounced(self, account_id: int, recipients: int) -> None:
        """So many of its recipients were refused for good."""
        self._note_sent(account_id, 0, recipients)
        if account_id not in self._stops:
            self._stop_if_unusual(account_id)

    def _note_sent(self, account_id: int, recipients: int, bounces: int) -> None:
        before = self._outbox.sent.get(account_id, (0, 0))
        self._outbox.sent[account_id] = (before[0] + recipients, before[1] + bounces)
        sending = self._sending.get(account_id, Sending())
        self._sending[account_id] = after(
            sending, self._clock.now(), self.settings, recipients=recipients, bounces=bounces
        )

    def _stop_if_unusual(self, account_id: int) -> AccountStopped | None:
        words = unusual(self._sending[account_id], self.settings)
        if not words:
            return None
        _log.warning("account %d is stopped: %s", account_id, words)
        stop = Stop(account_id, self._clock.now(), words)
        self._stops[account_id] = self._outbox.stops[account_id] = stop
        self._wake.set()
        return self.stopped(account_id)


def name_digest(username: str) -> str:
    """A name as the guard knows it: what people type there may be a password."""
    return hashlib.blake2b(username.casefold().encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
