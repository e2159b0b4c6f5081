"""Asks one filter how it stands: with a harmless message, and with one that it has to find.

Owns: those messages, what is said of the answers. Never: delivers anything. Raises: nothing; what goes wrong is told.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from postroom.base import Spool
from postroom.message import format_date

from .connections import Lines
from .milter import MilterSession
from .plain_words import plain
from .service import Asker, asker_of
from .settings import FilterSettings
from .types import Client, ContentSource, FilterFailed, SpooledContent
from .verdict import of_milter

# In two halves, so that scanners of files leave this one alone.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*" + b"GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_CLIENT = Client("check", "127.0.0.1", 25, "127.0.0.1", 25, "localhost")
_HARMLESS = b"This is a message with which Postroom looks whether a filter answers.\r\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that was found out."""

    verdict: Literal["good", "note", "bad"]
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is shown to it, and what it has to make of it."""

    text: bytes
    called: str
    found: bool


async def probe(
    settings: FilterSettings, lines: Lines, *, hostname: str, now: float, spool: Callable[[], Spool]
) -> list[Seen]:
    """How the filter at the other end of `lines` stands."""
    prober = _Probe(settings, lines, hostname, now, spool)
    try:
        if settings.kind == "milter":
            return [await prober.milter()]
        test = EICAR if settings.kind == "clamav" else GTUBE
        name = "EICAR" if settings.kind == "clamav" else "GTUBE"
        asker = asker_of(settings, lines, hostname)
        assert asker is not None
        return [
            await prober.ask(asker, _Question(_HARMLESS, "a harmless message", found=False)),
            await prober.ask(asker, _Question(test + b"\r\n", name, found=True)),
        ]
    except FilterFailed as error:
        return [
            Seen("bad", f"it does not answer: {plain(str(error))}", f"see that it runs and listens on {settings.place}")
        ]


class _Probe:
    def __init__(
        self, settings: FilterSettings, lines: Lines, hostname: str, now: float, spool: Callable[[], Spool]
    ) -> None:
        self._settings = settings
        self._lines = lines
        self._now = now
        self._spool = spool
        self._hostname = hostname
        self._address = f"postmaster@{hostname}"
        trace = f"Received: from localhost ([127.0.0.1]) by {hostname}; {format_date(now)}\r\n".encode()
        self._source = ContentSource(
            _CLIENT, "localhost", self._address, (self._address,), queue_id="check", trace=trace
        )

    def _content(self, text: bytes) -> SpooledContent:
        header = (
            f"From: {self._address}\r\nTo: {self._address}\r\nSubject: A test of the filters\r\n"
            f"Date: {format_date(self._now)}\r\nMessage-ID: <check-{int(self._now)}@{self._hostname}>\r\n\r\n"
        ).encode()
        spool = self._spool()
        spool.write(header + text)
        return SpooledContent(header, spool, len(header))

    async def ask(self, asker: Asker, question: _Question) -> Seen:
        seconds = self._settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                verdict = await asker.check(self._source, self._content(question.text))
        except TimeoutError as error:
            raise FilterFailed(f"no answer in {seconds:g} s") from error
        said = f"{question.called}: {verdict.words}"
        if question.found == (verdict.action in ("reject", "junk")):
            return Seen("good", said)
        if question.found:
            return Seen("bad", said, "see that its rules or signatures are loaded: it should find that")
        return Seen("note", said, "")

    async def milter(self) -> Seen:
        session = MilterSession(self._lines, _CLIENT, self._hostname, self._spool)
        try:
            said = await session.message(self._source, self._content(_HARMLESS))
            verdict = of_milter(said, "check")
            verdict.close()
        finally:
            session.close()
        text = f"it speaks version {session.version}, {session.abilities}; a harmless message: {verdict.words}"
        return Seen("good" if verdict.action == "accept" else "note", text)
