"""One way to sign in for all protocols: mechanisms, directories, tokens, the guard."""

from .tokens import OAuthTokens, SecretUnreadable, TokenVerdict, issuer_tokens
from .tokens_settings import OAuthSettings

__all__ = ["OAuthSettings", "OAuthTokens", "SecretUnreadable", "TokenVerdict", "issuer_tokens"]
