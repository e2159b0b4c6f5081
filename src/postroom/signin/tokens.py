"""Tokens instead of passwords: whether the issuer of the settings vouches for somebody (OAUTHBEARER, XOAUTH2).

Owns: TokenVerdict, the choice between keys and questions, the words for the log. Never: knows SASL or people, logs or
keeps a token. Raises: SecretUnreadable at the start; `verify` raises nothing.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroom.base import Clock, Ids, MailError
from postroom.dns import Resolver
from postroom.net import Dialer, HttpsClient, client_context

from .tokens_claims import Claims, Untrue, read_claims
from .tokens_introspection import Introspection
from .tokens_issuer import Issuer, IssuerDown, IssuerWeb, Web
from .tokens_places import discovery_url
from .tokens_settings import OAuthSettings
from .tokens_signed import SignedTokens, UnknownKey

_log = logging.getLogger("postroom.signin")
# RFC 6750 §2.1: the characters of a bearer token; anything else could never have been one.
_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=")


class SecretUnreadable(MailError):
    """oauth.client_secret_file or oauth.authorities can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What a token is worth."""

    kind: Literal["ok", "invalid", "unavailable"]
    words: str = ""  # for the log; nothing of the token is in them
    username: str | None = None  # whom the issuer names, when it is "ok"


class OAuthTokens:
    """`verify` as often as wanted; `close` at the end."""

    def __init__(
        self, settings: OAuthSettings, resolver: Resolver, web: Web, clock: Clock, ids: Ids, *, secret: str = ""
    ) -> None:
        self._settings = settings
        self._clock = clock
        asking = IssuerWeb(resolver, web, settings)
        self._issuer = Issuer(asking, settings, clock)
        self._signed = SignedTokens(settings.algorithms, settings.max_token_octets)
        self._introspection: Introspection | None = None
        if settings.verify == "introspection":
            self._introspection = Introspection(self._issuer, asking, settings, clock, ids, secret)

    @property
    def discovery_url(self) -> str:
        """For the error of OAUTHBEARER (RFC 7628 §3.2.2): where a client learns of whom to get a token."""
        return discovery_url(self._settings.issuer)

    @property
    def scope(self) -> str:
        """For the same: what a token has to allow."""
        return " ".join(self._settings.scopes)

    async def close(self) -> None:
        if self._introspection is not None:
            await self._introspection.close()
        await self._issuer.close()

    async def trouble(self) -> str:
        """Asks the issuer for what is needed to check tokens; why that can't be had, or nothing."""
        try:
            if self._introspection is not None:
                await self._issuer.introspection_endpoint()
            else:
                await self._issuer.keys()
        except IssuerDown as error:
            return str(error)
        return ""

    async def verify(self, token: str) -> TokenVerdict:
        """Whom the token signs in."""
        try:
            if not token or len(token) > self._settings.max_token_octets or not _CHARACTERS.issuperset(token):
                raise Untrue("no bearer token, or too long a one")
            if self._introspection is not None:
                claims = await self._introspection.claims(token)
            else:
                claims = await self._by_keys(token)
        except Untrue as error:
            return TokenVerdict("invalid", f"token: {error}")
        except IssuerDown as error:
            return TokenVerdict("unavailable", f"token: the issuer is not available: {error}")
        except Exception:  # our bug: nobody is let in by it
            _log.exception("a token could not be checked")
            return TokenVerdict("unavailable", "token: trouble of our own")
        return TokenVerdict("ok", f"token of {self._settings.issuer}", claims.username)

    async def _by_keys(self, token: str) -> Claims:
        header = self._signed.header(token)
        try:
            found = self._signed.claims(token, header, await self._issuer.keys())
        except UnknownKey:
            newer = await self._issuer.newer_keys()
            if newer is None:
                raise
            found = self._signed.claims(token, header, newer)
        return read_claims(found, self._settings, self._clock.now(), signed=True)


def issuer_tokens(settings: OAuthSettings, resolver: Resolver, dialer: Dialer, clock: Clock, ids: Ids) -> OAuthTokens:
    """For a server. Raises SecretUnreadable."""
    context = _context(settings)
    web = HttpsClient(
        dialer, lambda: context, max_octets=settings.max_answer_octets, timeout_seconds=settings.timeout_seconds
    )
    return OAuthTokens(settings, resolver, web, clock, ids, secret=_secret(settings))


def _context(settings: OAuthSettings) -> ssl.SSLContext:
    try:
        return client_context(verify=True, cafile=Path(settings.authorities) if settings.authorities else None)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable("authorities", settings.authorities, error) from error


def _secret(settings: OAuthSettings) -> str:
    path = settings.client_secret_file
    if not path:
        return ""
    try:
        secret = Path(path).read_text("utf-8").rstrip("\r\n")
        if not secret or not secret.isprintable():
            raise ValueError("it should hold the secret on one line")
    except (OSError, ValueError) as error:  # ValueError also when it is not UTF-8
        raise _unreadable("client_secret_file", path, error) from error
    return secret


def _unreadable(setting: str, path: str, error: Exception) -> SecretUnreadable:
    text = f"oauth.{setting}: {path}: {error}"
    return SecretUnreadable(text, text=text)
