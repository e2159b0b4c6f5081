"""SMTP and LMTP: grammar and engines. Pure: octets in, events and octets out."""

from . import replies
from .addresses import BadPath, address_literal, canonical_local, parse_path, split_address
from .announcement import Offers
from .body import BodyReader
from .chunking import ChunkWriter
from .client import ClientEngine
from .client_commands import xtext
from .client_reply import Extensions, ReplyLimits, ReplyReader, ServerReply, local_reply
from .client_types import (
    Authenticated,
    AuthRefused,
    BeginTls,
    ClientEvent,
    Closed,
    Done,
    Outcome,
    Ready,
    Refused,
    SendContent,
    SendMail,
    SendTo,
    Stage,
    TlsRefused,
)
from .commands import COMMANDS, Command, Does, decode_xtext
from .delivery_wishes import By
from .dot_stuffing import DotStuffer, LineEnds
from .replies import Reply, refusal
from .server import Mode, ServerEngine
from .settings import SmtpSettings
from .types import Auth, AuthResponse, Event, Mail, MessageData, MessageEnd, MessageStart, Rcpt, StartTls, Verify

__all__ = [
    "COMMANDS",
    "Auth",
    "AuthRefused",
    "AuthResponse",
    "Authenticated",
    "BadPath",
    "BeginTls",
    "BodyReader",
    "By",
    "ChunkWriter",
    "ClientEngine",
    "ClientEvent",
    "Closed",
    "Command",
    "Does",
    "Done",
    "DotStuffer",
    "Event",
    "Extensions",
    "LineEnds",
    "Mail",
    "MessageData",
    "MessageEnd",
    "MessageStart",
    "Mode",
    "Offers",
    "Outcome",
    "Rcpt",
    "Ready",
    "Refused",
    "Reply",
    "ReplyLimits",
    "ReplyReader",
    "SendContent",
    "SendMail",
    "SendTo",
    "ServerEngine",
    "ServerReply",
    "SmtpSettings",
    "Stage",
    "StartTls",
    "TlsRefused",
    "Verify",
    "address_literal",
    "canonical_local",
    "decode_xtext",
    "local_reply",
    "parse_path",
    "refusal",
    "replies",
    "split_address",
    "xtext",
]
