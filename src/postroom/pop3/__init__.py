"""POP3, the server's side (RFC 1939 and its extensions). Pure: octets in, replies and requests out."""

from .engine import BUSY, CLOSED_ACCOUNT, STOPPING, Pop3Engine
from .maildrop import Maildrop, NoSuchMessage
from .multiline import DotStuffer, Top, opening, stuffed
from .requests import Authenticate, AuthResponse, Close, Refusal, Request, Retrieve, Send, SignIn, StartTls, Update
from .settings import Pop3Settings

__all__ = [
    "BUSY",
    "CLOSED_ACCOUNT",
    "STOPPING",
    "AuthResponse",
    "Authenticate",
    "Close",
    "DotStuffer",
    "Maildrop",
    "NoSuchMessage",
    "Pop3Engine",
    "Pop3Settings",
    "Refusal",
    "Request",
    "Retrieve",
    "Send",
    "SignIn",
    "StartTls",
    "Top",
    "Update",
    "opening",
    "stuffed",
]
