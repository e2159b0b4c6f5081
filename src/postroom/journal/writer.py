"""Steps of messages, appended to a file a day.

Owns: data/journal/YYYY-MM-DD.jsonl, their end after some days. Never: stands between a message and its fsync: a step
that is lost with the process was lost for those who read only. Raises: nothing; a disk that refuses is logged.

A line is one JSON object: `at` (seconds since 1970), `id` (the message's), `step`, then what there is to say. Several
processes append to one file: each write is of whole lines, and short.
"""

import asyncio
import datetime
import logging
import os
from pathlib import Path
from typing import Protocol

import msgspec

from postroom.base import Clock

from .settings import JournalSettings

_log = logging.getLogger("postroom.journal")
_WRITE_OCTETS = 65_536  # that wait in memory at most
_encode = msgspec.json.Encoder().encode
Fact = str | int | float | list[str] | None


class Journal(Protocol):
    """Where the parts of the server say what they do with a message."""

    def note(self, message_id: str, step: str, /, **facts: Fact) -> None:
        """`facts` that are None or empty are left out."""


class _Nowhere:
    def note(self, message_id: str, step: str, /, **facts: Fact) -> None:
        """Nobody wants to know."""


NO_JOURNAL: Journal = _Nowhere()


class FileJournal:
    """Journal in files. `close` it to have the last lines written."""

    def __init__(self, folder: Path, settings: JournalSettings, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self._clock = clock
        self._lines: list[bytes] = []
        self._octets = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._day = ""
        self._file = -1

    def note(self, message_id: str, step: str, /, **facts: Fact) -> None:
        if not self._settings.keep_days:
            return
        line: dict[str, Fact] = {"at": round(self._clock.now(), 3), "id": message_id, "step": step}
        line.update((name, fact) for name, fact in facts.items() if fact is not None and fact != "" and fact != [])
        encoded = _encode(line) + b"\n"
        self._lines.append(encoded)
        self._octets += len(encoded)
        if self._octets >= _WRITE_OCTETS:
            self.flush()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(self._settings.flush_seconds, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        lines, self._lines, self._octets = self._lines, [], 0
        if not lines:
            return
        try:
            self._open_today()
            if os.fstat(self._file).st_size < self._settings.max_day_octets:
                os.write(self._file, b"".join(lines))
        except OSError as error:
            _log.error("the journal could not be written: %s", error)

    def _open_today(self) -> None:
        day = _day(self._clock.now())
        if day == self._day:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._folder / f"{day}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._close_file()
        self._file, self._day = file, day
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = _day(self._clock.now() - 86_400 * self._settings.keep_days)
        for path in self._folder.glob("????-??-??.jsonl"):
            if path.stem < oldest:
                path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file, self._day = -1, ""

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        self._close_file()


def _day(now: float) -> str:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
