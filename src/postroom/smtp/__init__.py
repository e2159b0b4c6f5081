"""SMTP and LMTP: grammar and engines. Pure: octets in, events and octets out."""

from .addresses import BadPath, address_literal, canonical_local, parse_path, split_address
from .body import BodyReader
from .commands import COMMANDS, Command, Does, decode_xtext
from .events import Auth, AuthResponse, Event, Mail, MessageData, MessageEnd, MessageStart, Rcpt, StartTls
from .replies import Reply, refusal
from .server import Mode, ServerEngine
from .settings import SmtpSettings

__all__ = [
    "COMMANDS",
    "Auth",
    "AuthResponse",
    "BadPath",
    "BodyReader",
    "Command",
    "Does",
    "Event",
    "Mail",
    "MessageData",
    "MessageEnd",
    "MessageStart",
    "Mode",
    "Rcpt",
    "Reply",
    "ServerEngine",
    "SmtpSettings",
    "StartTls",
    "address_literal",
    "canonical_local",
    "decode_xtext",
    "parse_path",
    "refusal",
    "split_address",
]
