"""All filters: which of them see a message, in which order, and what comes of it.

Owns: their connections, their order, the bounds of their time. Never: writes the message (intake does), speaks a
protocol. Raises: nothing; a filter that fails has a policy for that.

Those that cannot change the message are asked at the same time. A milter that may waits for those before it, and those
behind wait for it, so that each sees what the ones before have made of the message.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from postroom.base import Spool
from postroom.dns import Resolver
from postroom.junk import ScorePart
from postroom.net import Dialer

from .clamav import ClamavFilter
from .connections import Lines
from .header_edit import BadHeaderChange, HeaderEdit
from .milter import MilterSession
from .rspamd import RspamdFilter
from .settings import FilterSettings
from .spamassassin import SpamassassinFilter
from .types import (
    GRAVITY,
    Client,
    Content,
    ContentSource,
    Filtered,
    FilterFailed,
    NewRecipient,
    SpooledContent,
    TooLarge,
    Verdict,
)
from .verdict import capped, failure, gravest, of_milter, too_large
from .visit import FilterVisit, Present

_log = logging.getLogger("postroom.filters")
_FINAL = GRAVITY["defer"]  # from here on the message is not taken, and nobody else is asked


class Asker(Protocol):
    """One filter that sees whole messages only."""

    async def check(self, source: ContentSource, content: Content) -> Verdict:
        """Raises FilterFailed."""


def asker_of(settings: FilterSettings, lines: Lines, hostname: str) -> Asker | None:
    """Who asks it; None: it is a milter."""
    match settings.kind:
        case "rspamd":
            return RspamdFilter(lines, hostname)
        case "spamassassin":
            return SpamassassinFilter(lines)
        case "clamav":
            return ClamavFilter(lines)
        case "milter":
            return None


@dataclass(slots=True)
class Filter:
    """One of them, set up."""

    name: str
    settings: FilterSettings
    lines: Lines
    asker: Asker | None  # None: a milter

    def sees(self, listener: str, user: str) -> bool:
        listeners = self.settings.listeners
        return (not listeners or listener in listeners) and (self.settings.signed_in or not user)


class Filters:
    """What all messages share. `take` new settings at any time, `close` at the end."""

    def __init__(
        self,
        settings: Mapping[str, FilterSettings],
        dialer: Dialer,
        *,
        hostname: str,
        spool: Callable[[], Spool],
        resolver: Resolver,
    ) -> None:
        self._dialer = dialer
        self._hostname = hostname
        self._spool = spool
        self._resolver = resolver
        self._settings: Mapping[str, FilterSettings] = {}
        self._filters: list[Filter] = []
        self.take(settings)

    def take(self, settings: Mapping[str, FilterSettings]) -> None:
        """Use these for messages to come."""
        if settings == self._settings:
            return
        old, self._settings = self._filters, dict(settings)
        ordered = sorted(settings.items(), key=lambda one: (one[1].order, one[0]))
        self._filters = [self._set_up(name, one) for name, one in ordered]
        for one in old:
            one.lines.close()

    def _set_up(self, name: str, settings: FilterSettings) -> Filter:
        lines = Lines(settings, self._dialer, self._resolver)
        return Filter(name, settings, lines, asker_of(settings, lines, self._hostname))

    def visit(self, client: Client) -> FilterVisit | None:
        """For one SMTP connection; None when no milter wants to hear of it."""
        milters = [
            Present(one.name, one.settings, MilterSession(one.lines, client, self._hostname, self._spool))
            for one in self._filters
            if one.asker is None and one.sees(client.listener, "")
        ]
        return FilterVisit(client, milters) if milters else None

    def begin(self, source: ContentSource, visit: FilterVisit | None = None) -> "Filtering | None":
        """For one message; None when no filter sees it."""
        seen = [one for one in self._filters if one.sees(source.client.listener, source.user)]
        return Filtering(self, seen, source, visit) if seen else None

    def session(self, one: Filter, client: Client) -> MilterSession:
        """For a message that came without a visit."""
        return MilterSession(one.lines, client, self._hostname, self._spool)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self._filters]

    def close(self) -> None:
        for one in self._filters:
            one.lines.close()


class Filtering:
    """One message. `conclude` once."""

    def __init__(
        self, shared: Filters, filters: Sequence[Filter], source: ContentSource, visit: FilterVisit | None
    ) -> None:
        self._shared = shared
        self._filters = filters
        self._source = source
        self._visit = visit
        self._verdicts: list[tuple[Filter, Verdict]] = []

    async def conclude(self, header: bytes, spool: Spool, body_start: int) -> Filtered:
        """Ask them all about the message in the spool, whose header is that; the caller closes what it gets."""
        edit, body = HeaderEdit(header), None
        try:
            for group in _groups(self._filters):
                content = SpooledContent(edit.octets(), body or spool, 0 if body is not None else body_start)
                verdicts = await asyncio.gather(*(self._check(one, content) for one in group))
                for one, verdict in zip(group, verdicts, strict=True):
                    edit, new = self._applied(one, verdict, edit)
                    if new is not None:
                        if body is not None:
                            body.close()
                        body = new
                if any(GRAVITY[verdict.action] >= _FINAL for _, verdict in self._verdicts):
                    break
            filtered = self._filtered(edit, body)
        except BaseException:
            if body is not None:
                body.close()
            raise
        if GRAVITY[filtered.action] >= _FINAL:
            filtered.close()
        return filtered

    async def _check(self, one: Filter, content: Content) -> Verdict:
        """Its verdict, whatever it does."""
        settings = one.settings
        if settings.limit and content.size > settings.limit:
            return too_large(one.name, f"{content.size} octets are more than its max_octets")
        try:
            if one.asker is None:
                return capped(await self._ask_milter(one, content), settings)
            async with asyncio.timeout(settings.timeout_seconds):
                return capped(await one.asker.check(self._source, content), settings)
        except TooLarge as error:
            return too_large(one.name, str(error))
        except TimeoutError:
            why = f"no answer in {settings.timeout_seconds:g} s"
        except FilterFailed as error:
            why = str(error)
        except Exception:
            _log.exception("filter %s", one.name)
            why = "an error of this server's own"
        _log.warning("filter %s: %s (%s)", one.name, why, self._source.queue_id)
        return failure(one.name, why, settings)

    async def _ask_milter(self, one: Filter, content: Content) -> Verdict:
        session = self._visit.sessions.get(one.name) if self._visit is not None else None
        if session is not None:
            return of_milter(await session.message(self._source, content), one.name)
        session = self._shared.session(one, self._source.client)
        try:
            return of_milter(await session.message(self._source, content), one.name)
        finally:
            session.close()

    def _applied(self, one: Filter, verdict: Verdict, edit: HeaderEdit) -> tuple[HeaderEdit, Spool | None]:
        """The header after its changes, and its body; a filter whose changes can't be made has failed."""
        changed = edit.copy()
        try:
            changed.apply(verdict.header_changes)
        except BadHeaderChange as error:
            _log.warning("filter %s: %s (%s)", one.name, error, self._source.queue_id)
            verdict.close()
            verdict = failure(one.name, f"it wants {error}", one.settings)
            changed = edit.copy()
            changed.apply(verdict.header_changes)
        self._verdicts.append((one, verdict))
        return changed, verdict.body

    def _filtered(self, edit: HeaderEdit, body: Spool | None) -> Filtered:
        verdicts = [verdict for _, verdict in self._verdicts]
        worst = gravest(verdicts)
        assert worst is not None
        name = next(one.name for one, verdict in self._verdicts if verdict is worst)
        mail_from: str | None = None
        added: list[NewRecipient] = []
        removed: list[str] = []
        for verdict in verdicts:
            mail_from = verdict.mail_from if verdict.mail_from is not None else mail_from
            added = [one for one in added if one.address not in verdict.removed] + verdict.added
            removed += verdict.removed
        return Filtered(
            parts=tuple(
                ScorePart(f"filter.{one.name}", verdict.points, verdict.words) for one, verdict in self._verdicts
            ),
            action=worst.action,
            error=worst.error,
            words="" if worst.action == "accept" else f"{name}: {worst.words}",
            told=tuple(f"{one.name}: {verdict.words}" for one, verdict in self._verdicts),
            prefix=edit.prefix,
            header=edit.octets() if edit.rewritten or body is not None else None,
            body=body,
            mail_from=mail_from,
            added=tuple(added),
            removed=tuple(removed),
        )


def _groups(filters: Iterable[Filter]) -> list[list[Filter]]:
    """Neighbours that are asked at the same time."""
    numbered = enumerate(filters)
    return [
        [one for _, one in group] for _, group in groupby(numbered, lambda at: at[0] if at[1].settings.alters else -1)
    ]
