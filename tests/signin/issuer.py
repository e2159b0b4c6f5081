"""An issuer of tokens in memory: its keys, its documents, and how it fails."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwk, jwt

from postroom.base import FakeClock, SeededIds
from postroom.dns import StaticResolver
from postroom.net import Fetch, FetchFailed, HttpMessage
from postroom.signin import OAuthSettings, OAuthTokens, TokenVerdict

ISSUER = "https://login.test/mail"
SECRET = "s3cret:of the client"
RIGHTS = {"issuer": ISSUER, "audience": ("mail",), "scopes": ("mail",)}


@cache
def rsa(kid: str, bits: int = 2048) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(bits, {"kid": kid})


@cache
def ec(kid: str, curve: str = "P-256") -> jwk.ECKey:
    return jwk.ECKey.generate_key(curve, {"kid": kid})


@cache
def ed25519(kid: str) -> jwk.OKPKey:
    return jwk.OKPKey.generate_key("Ed25519", {"kid": kid})


@dataclass
class Issuer:
    """net.HttpsClient as tokens see it, and the time that passes meanwhile."""

    clock: FakeClock = field(default_factory=FakeClock)
    keys: list[Any] = field(default_factory=lambda: [rsa("one"), ec("two")])
    pages: dict[str, bytes | int] = field(default_factory=dict)  # by path; a number: that status
    about: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is said of a token
    down: bool = False
    slow: asyncio.Event | None = None  # answers wait for it
    asked: list[Fetch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.publish()
        configuration = {
            "issuer": ISSUER,
            "jwks_uri": "https://keys.test/set?of=mail",
            "introspection_endpoint": "https://login.test/introspect",
        }
        self.pages["/mail/.well-known/openid-configuration"] = json.dumps(configuration).encode()

    def publish(self) -> None:
        self.pages["/set?of=mail"] = json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()

    @property
    def paths(self) -> list[str]:
        return [one.target for one in self.asked]

    async def fetch(self, wanted: Fetch) -> HttpMessage:
        self.asked.append(wanted)
        if self.slow is not None:
            await self.slow.wait()
        if self.down or not wanted.addresses:
            raise FetchFailed(f"{wanted.host}: connection refused")
        if wanted.target == "/introspect":
            return self._introspect(wanted)
        page = self.pages.get(wanted.target, 404)
        return HttpMessage(status=page) if isinstance(page, int) else HttpMessage(status=200, body=page)

    def _introspect(self, wanted: Fetch) -> HttpMessage:
        assert wanted.method == "POST"
        # "s3cret:of the client", form-encoded and then in base64 (RFC 6749 §2.3.1)
        if (wanted.fields or {}).get("Authorization") != "Basic cG9zdHJvb206czNjcmV0JTNBb2YrdGhlK2NsaWVudA==":
            return HttpMessage(status=401)
        token = parse_qs(wanted.body.decode())["token"][0]
        return HttpMessage(status=200, body=json.dumps(self.about.get(token, {"active": False})).encode())

    def claims(self, **changed: Any) -> dict[str, Any]:
        """What a good token says; None takes one away."""
        now = int(self.clock.now())
        said = {
            "iss": ISSUER,
            "aud": "mail",
            "sub": "248289761001",
            "email": "bob@example.org",
            "email_verified": True,
            "scope": "openid mail",
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in (said | changed).items() if value is not None}

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        key = key or self.keys[0]
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519", "oct": "HS256"}[key.key_type]
        head = {"alg": algorithm, "kid": key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changed), key, algorithms=[head["alg"]])


def tokens(issuer: Issuer, **settings: Any) -> OAuthTokens:
    resolver = StaticResolver(a_records={"login.test": ["192.0.2.1"], "keys.test": ["192.0.2.2"]})
    return OAuthTokens(
        OAuthSettings(**(RIGHTS | settings)), resolver, issuer, issuer.clock, SeededIds(1), secret=SECRET
    )


def run(body: Callable[[Issuer, OAuthTokens], Awaitable[None]], **settings: Any) -> Issuer:
    issuer = Issuer()

    async def go() -> None:
        ours = tokens(issuer, **settings)
        try:
            await body(issuer, ours)
        finally:
            await ours.close()

    asyncio.run(go())
    return issuer


def verdict(token: Callable[[Issuer], str], **settings: Any) -> TokenVerdict:
    """Of one token."""
    found: list[TokenVerdict] = []

    async def body(issuer: Issuer, ours: OAuthTokens) -> None:
        found.append(await ours.verify(token(issuer)))

    run(body, **settings)
    return found[0]


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def about(issuer: Issuer, token: str = "opaque", **changed: Any) -> None:
    issuer.about[token] = {"active": True, "token_type": "Bearer", **issuer.claims(**changed)}


ASKING = {"verify": "introspection", "client_id": "postroom", "client_secret_file": "/unread", "audience": ()}
