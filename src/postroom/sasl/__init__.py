"""SASL mechanisms as state machines (RFC 4422), both sides; names and passwords in one form (RFC 8265). Pure.

A server does: `mechanism = server_mechanism(name)`, then `step(initial or None)` until the outcome is not a Challenge.
What the other outcomes ask for, signin answers.
"""

from .base64 import BadBase64, decode_base64, encode_base64
from .bearer import Bearer
from .client import ClientMechanism, UnexpectedChallenge
from .client_mechanisms import CLIENT_MECHANISMS, client_mechanism
from .outcome import (
    CertificateOffered,
    Challenge,
    Credentials,
    Failed,
    Outcome,
    ScramNeeded,
    ScramProven,
    TokenOffered,
)
from .preparation import prepared_name, prepared_password, same_name
from .saslprep import BadName, saslprep
from .scram import SCRAM_MECHANISMS, Scram
from .scram_keys import HashName, ScramKey, ScramKeys
from .server import SERVER_MECHANISMS, ServerMechanism, credentials, server_mechanism
from .settings import MAX_RESPONSE_OCTETS

__all__ = [
    "CLIENT_MECHANISMS",
    "MAX_RESPONSE_OCTETS",
    "SCRAM_MECHANISMS",
    "SERVER_MECHANISMS",
    "BadBase64",
    "BadName",
    "Bearer",
    "CertificateOffered",
    "Challenge",
    "ClientMechanism",
    "Credentials",
    "Failed",
    "HashName",
    "Outcome",
    "Scram",
    "ScramKey",
    "ScramKeys",
    "ScramNeeded",
    "ScramProven",
    "ServerMechanism",
    "TokenOffered",
    "UnexpectedChallenge",
    "client_mechanism",
    "credentials",
    "decode_base64",
    "encode_base64",
    "prepared_name",
    "prepared_password",
    "same_name",
    "saslprep",
    "server_mechanism",
]
