"""The records of keys: what is to be published, whether it is, and the switch to new keys once it is.

Owns: that list, the look into the DNS, the task that looks. Never: makes keys. Raises: KeyTrouble; what the DNS does,
from `missing` alone.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from postroom.base import Clock, MailError, TaskOwner
from postroom.mailauth.dkim import record_name

from .keeping import KeyKeeper
from .keys import is_published, record_text
from .rotation import phase, waiting_set
from .settings import SigningSettings
from .types import KeySet, KeySets, Phase

_log = logging.getLogger("postroom.signing")


class TextRecords(Protocol):
    """An answer of the DNS."""

    @property
    def records(self) -> tuple[bytes, ...]: ...


class Texts(Protocol):
    """The DNS (dns.Resolver), as far as it is asked here."""

    async def txt(self, name: str) -> TextRecords:
        """The TXT records at a name, the strings of each joined. Raises MailError when it can't be known now."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One TXT record that a domain should have."""

    name: str  # without a final dot
    text: str
    set_name: str
    phase: Phase


def key_records(domain: str, sets: KeySets, now: float) -> list[KeyRecord]:
    """Those of all its keys, the newest first."""
    return [
        KeyRecord(
            record_name(key.selector, domain),
            record_text(key, revoked=one.revoked is not None),
            one.name,
            phase(one, sets, now),
        )
        for one in reversed(sets)
        for key in one.keys
    ]


async def missing(texts: Texts, domain: str, one: KeySet) -> list[str]:
    """Names at which the records of this set are not, or not as they should be. Raises MailError."""
    names = [record_name(key.selector, domain) for key in one.keys]
    found = await asyncio.gather(*(texts.txt(name) for name in names))
    return [
        name
        for name, key, answer in zip(names, one.keys, found, strict=True)
        if not is_published(record_text(key), answer.records)
    ]


class KeyWatch:
    """Lets new keys sign once everybody can find them. `start` it in one process of the server, or `look` now."""

    def __init__(self, keeper: KeyKeeper, texts: Texts, clock: Clock, settings: SigningSettings) -> None:
        self._keeper = keeper
        self._texts = texts
        self._clock = clock
        self.settings = settings  # may change while it runs
        self._tasks = TaskOwner("dkim-keys")

    def start(self) -> None:
        self._tasks.spawn(self._run(), name="look")

    async def close(self) -> None:
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except MailError as error:
                _log.error("DKIM keys: %s", error)
            except Exception:  # our bug; the next look may do better
                _log.exception("DKIM keys")
            await self._clock.sleep(self.settings.look_seconds)

    async def look(self) -> list[str]:
        """Look for the records of all keys that wait for theirs; the domains whose are there. Raises KeyTrouble."""
        now = self._clock.now()
        seen: list[str] = []
        for domain, sets in (await asyncio.to_thread(self._keeper.all)).items():
            waiting = waiting_set(sets, now)
            if waiting is None or waiting.use_from is not None:
                continue
            try:
                lacking = await missing(self._texts, domain, waiting)
                if lacking:
                    _log.info("%s: the new DKIM keys wait for %s", domain, ", ".join(lacking))
                    continue
                use_from = self._clock.now() + self.settings.settle_seconds
                await asyncio.to_thread(self._keeper.begin, domain, waiting.name, use_from)
            except MailError as error:  # one domain's trouble is not that of the others
                _log.info("%s: the new DKIM keys %s: %s", domain, waiting.name, error)
                continue
            seen.append(domain)
            _log.info(
                "%s: the DKIM keys %s are in the DNS and sign in %.0f seconds",
                domain,
                waiting.name,
                self.settings.settle_seconds,
            )
        return seen
