"""One way to sign in for all protocols: mechanisms, directories, tokens, the guard.

A session asks `SignIn.mechanisms` what to announce, makes an `exchange` for each AUTH or AUTHENTICATE and steps it
until it is no Challenge, or asks `password` for what came by a command of its own.
"""

from .exchange import Exchange
from .service import SignIn
from .settings import SignInSettings
from .tokens import OAuthTokens, SecretUnreadable, TokenVerdict, issuer_tokens
from .tokens_settings import OAuthSettings
from .types import (
    Certificate,
    Client,
    Guard,
    Kind,
    NoGuard,
    Refused,
    ScramDirectory,
    SignedIn,
    SignInDirectory,
    Step,
    Tokens,
)

__all__ = [
    "Certificate",
    "Client",
    "Exchange",
    "Guard",
    "Kind",
    "NoGuard",
    "OAuthSettings",
    "OAuthTokens",
    "Refused",
    "ScramDirectory",
    "SecretUnreadable",
    "SignIn",
    "SignInDirectory",
    "SignInSettings",
    "SignedIn",
    "Step",
    "TokenVerdict",
    "Tokens",
    "issuer_tokens",
]
