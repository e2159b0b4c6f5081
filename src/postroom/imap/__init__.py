"""IMAP4rev1 without a wire: commands as values, the server's engine, the parsers and the encoders (RFC 3501)."""

from .commands import COMMANDS
from .engine import ServerEngine
from .parser import parse_command
from .settings import ImapSettings
from .syntax import BadSyntax
from .table import CommandInfo, Does, State

__all__ = [
    "COMMANDS",
    "BadSyntax",
    "CommandInfo",
    "Does",
    "ImapSettings",
    "ServerEngine",
    "State",
    "parse_command",
]
