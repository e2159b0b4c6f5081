"""How the log looks: one line an event, as text for people or JSON for programs.

Owns: the handlers of the root logger. Never: decides what is logged. Raises: ValueError for an unknown level or format.
"""

import json
import logging
import sys
import time
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")


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


class _Text(logging.Formatter):
    """2026-11-23T20:15:00Z INFO postroom.net: text"""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        # What a peer said may hold line ends: a log line stays one line, except for a traceback of ours.
        record.message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        record.asctime = self.formatTime(record, self.datefmt)
        text = self.formatMessage(record)
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    """One JSON object a line."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)
