"""SASL mechanisms as state machines (RFC 4422): PLAIN and LOGIN, both sides. Pure.

A server does: `mechanism = server_mechanism(name)`, then `step(initial or None)` until the outcome is not a Challenge.
"""

from .base64 import BadBase64, decode_base64, encode_base64
from .client import ClientMechanism, UnexpectedChallenge, client_mechanism
from .outcome import Challenge, Credentials, Failed, Outcome
from .saslprep import BadName, saslprep
from .server import SERVER_MECHANISMS, ServerMechanism, credentials, server_mechanism
from .settings import MAX_RESPONSE_OCTETS

__all__ = [
    "MAX_RESPONSE_OCTETS",
    "SERVER_MECHANISMS",
    "BadBase64",
    "BadName",
    "Challenge",
    "ClientMechanism",
    "Credentials",
    "Failed",
    "Outcome",
    "ServerMechanism",
    "UnexpectedChallenge",
    "client_mechanism",
    "credentials",
    "decode_base64",
    "encode_base64",
    "saslprep",
    "server_mechanism",
]
