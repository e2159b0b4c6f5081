"""The milters during one SMTP connection: each command goes to all of them, the first refusal counts.

Owns: which of them hear of what, what an answer or a failure means for the client. Never: parses SMTP. Raises: nothing;
what the client is to be told is a MailError that is returned. One with the code 421 ends the connection.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from postroom.base import MailError

from .milter.dialogue import Answer
from .milter.session import MilterSession
from .plain_words import later
from .settings import FilterSettings
from .types import Client, ContentSource, FilterFailed
from .verdict import refused

_log = logging.getLogger("postroom.filters")


@dataclass(frozen=True, slots=True)
class Present:
    """One milter that looks on."""

    name: str
    settings: FilterSettings
    session: MilterSession


class FilterVisit:
    """`connected`, `mail`, `recipient` … as they happen, `close` always."""

    def __init__(self, client: Client, milters: Iterable[Present]) -> None:
        self.client = client
        self._milters = {one.name: one for one in milters}

    @property
    def sessions(self) -> Mapping[str, MilterSession]:
        """By the name of the filter."""
        return {name: one.session for name, one in self._milters.items()}

    async def connected(self) -> MailError | None:
        """A client is here. Only what ends the connection is told now, the rest at MAIL."""
        for one in self._milters.values():
            error = await self._ask(one, one.session.connect)
            if error is not None and error.code == 421:
                return error
        return None

    async def mail(self, source: ContentSource, parameters: Iterable[str] = ()) -> MailError | None:
        """MAIL, with what has changed since (HELO, TLS, sign-in). `parameters`: "SIZE=1000" …"""
        given = tuple(parameters)
        for one in self._hearing(source):
            error = await self._ask(one, lambda one=one: one.session.mail(source, given))  # type: ignore[misc]
            if error is not None:
                return error
        return None

    async def recipient(self, source: ContentSource, address: str, parameters: Iterable[str] = ()) -> MailError | None:
        """RCPT for one that we take."""
        given = tuple(parameters)
        for one in self._hearing(source):
            error = await self._ask(one, lambda one=one: one.session.recipient(source, address, given))  # type: ignore[misc]
            if error is not None:
                return error
        return None

    async def refused_recipient(self, source: ContentSource, address: str) -> None:
        """RCPT for one that we do not take."""
        for one in self._hearing(source):
            try:
                await one.session.refused_recipient(source, address)
            except FilterFailed as error:
                _log.warning("milter %s: %s", one.name, error)

    def _hearing(self, source: ContentSource) -> list[Present]:
        return [one for one in self._milters.values() if one.settings.signed_in or not source.user]

    async def _ask(self, one: Present, ask: Callable[[], Awaitable[Answer]]) -> MailError | None:
        if not one.session.failed:
            try:
                answer = await ask()
            except FilterFailed as error:
                _log.warning("milter %s: %s", one.name, error)
            except Exception:
                _log.exception("milter %s", one.name)
                one.session.failed = "an error of this server's own"
            else:
                if answer.kind in ("refuse", "close") and one.settings.strongest == "reject":
                    return refused(answer, one.name)
                return None
        if one.settings.failure == "defer":
            return later(detail=f"milter {one.name}: {one.session.failed}")
        return None  # the message will say so

    def close(self) -> None:
        """The client is gone."""
        for one in self._milters.values():
            one.session.close()
