"""How the log looks: one line an event, as text for people or JSON for programs.

Owns: the handlers of the root logger. Never: decides what is logged. Raises: ValueError for an unknown level or format.
"""

import json
import logging
import re
import sys
import time
from functools import lru_cache
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
# Controls (C0, C1), the line ends of Unicode, marks that turn the direction of text, what UTF-8 can't write
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class _Speaker:
    name = ""


def speak_as(name: str) -> None:
    """Put the name of this process, one of several that write one log, into each line."""
    _Speaker.name = name


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send the log to `stream` (standard error by default), replacing what was configured before."""
    if level not in LEVELS or form not in FORMATS:
        raise ValueError(f"log level {level!r} or format {form!r} is unknown")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel("WARNING")
    # What our lines do not say need not be found out for each: who called, in which thread and process.
    logging._srcfile = None  # as Python's logging how-to has it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


@lru_cache(maxsize=2)
def _second(time_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))


class _Text(logging.Formatter):
    """2026-11-23T20:15:00Z INFO postroom.net: text, with several processes INFO worker-1 postroom.net: text"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(speaker)s%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        # What a peer said may hold line ends, and escapes that would command a terminal: a log line stays one line of
        # text, except for a traceback of ours.
        record.message = _UNPRINTABLE.sub(_escaped, record.getMessage())
        record.asctime = _second(int(record.created))
        record.speaker = f"{_Speaker.name} " if _Speaker.name else ""
        text = self.formatMessage(record)
        return f"{text}\n{_writable(self.formatException(record.exc_info))}" if record.exc_info else text


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _second(int(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _writable(record.getMessage()),
        }
        if _Speaker.name:
            event["process"] = _Speaker.name
        if record.exc_info:
            event["exception"] = _writable(self.formatException(record.exc_info))
        return json.dumps(event, ensure_ascii=False)


def _escaped(found: "re.Match[str]") -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _writable(text: str) -> str:
    """With what UTF-8 can't write escaped: a peer's odd octets must not cost a log line."""
    return text.encode("utf-8", "backslashreplace").decode()
