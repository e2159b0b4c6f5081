"""`[oauth]`: whose tokens sign people in. Owns: the settings' names, defaults and help. Raises: SettingError (a
ValueError) for an issuer that could not be asked, or that would be believed too much."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from postroom.base import SettingError

from .tokens_places import BadPlace, place

# RFC 8725 §3.1, §3.2: those of two keys alone. With the symmetric ones of RFC 7518 §3.2, whoever knows the issuer's
# public key could sign for it.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"
]


class OAuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[oauth]`: tokens of one issuer instead of passwords (OAUTHBEARER and XOAUTH2)."""

    issuer: Annotated[
        str,
        Meta(
            description='Who issues the tokens, like "https://login.example.org/realms/mail", exactly as it writes '
            "itself in them; empty: nobody signs in by token."
        ),
    ] = ""
    verify: Annotated[
        Literal["keys", "introspection"],
        Meta(
            description='How a token is checked: by the issuer\'s public keys ("keys", for tokens that are signed), '
            'or by asking the issuer about each ("introspection", RFC 7662).'
        ),
    ] = "keys"
    audience: Annotated[
        tuple[str, ...],
        Meta(
            description="For whom a token has to be (its aud); one of these. Needed for keys; for introspection, none "
            "leaves it to the issuer."
        ),
    ] = ()
    scopes: Annotated[tuple[str, ...], Meta(description="What a token has to allow; all of these.")] = ()
    username_claim: Annotated[
        str,
        Meta(
            min_length=1,
            description="What in a token (or in the answer about it) names the person, by a name to sign in with. "
            "It has to be something that people cannot choose for themselves at the issuer.",
        ),
    ] = "email"
    require_verified_email: Annotated[
        bool,
        Meta(description='Where username_claim is "email": take only one that the issuer calls verified.'),
    ] = True
    algorithms: Annotated[
        tuple[Algorithm, ...],
        Meta(min_length=1, description="Signatures that count; only those of a private and a public key are possible."),
    ] = ("RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519")
    jwks_uri: Annotated[
        str, Meta(description="Where the keys are; empty: where the issuer's configuration says (discovery).")
    ] = ""
    introspection_endpoint: Annotated[
        str, Meta(description="Whom to ask about tokens; empty: whom the issuer's configuration names (discovery).")
    ] = ""
    client_id: Annotated[str, Meta(description="As whom the issuer is asked about tokens.")] = ""
    client_secret_file: Annotated[
        str, Meta(description="Path of a file that holds the secret of client_id, on one line; read at the start.")
    ] = ""
    authorities: Annotated[
        str,
        Meta(
            description="Path of a PEM file with the certificate authorities that vouch for the issuer; empty: those "
            "of the system."
        ),
    ] = ""
    allow_plain_http: Annotated[
        bool,
        Meta(description="Take http:// for the issuer: whoever is on the way signs in as anybody. For tests only."),
    ] = False
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=300, description="Seconds by which the issuer's clock and ours may differ.")
    ] = 60.0
    timeout_seconds: Annotated[float, Meta(gt=0, description="Seconds for one answer of the issuer.")] = 5.0
    retry_seconds: Annotated[
        float,
        Meta(
            ge=1,
            description="Seconds until the issuer is asked again after it failed, or for a key that it did not have.",
        ),
    ] = 30.0
    key_refresh_seconds: Annotated[
        float, Meta(ge=60, description="Seconds after which the issuer's keys are fetched again, beside the sign-ins.")
    ] = 3600.0
    key_lifetime_seconds: Annotated[
        float,
        Meta(
            ge=60,
            description="Seconds for which keys are good when no newer ones can be had; from then on sign-ins by token "
            "fail for the time being.",
        ),
    ] = 86_400.0
    max_keys: Annotated[
        int, Meta(ge=1, le=1000, description="Keys of one issuer; a set with more is not taken, the one before stays.")
    ] = 100
    max_answer_octets: Annotated[int, Meta(ge=4096, description="Octets of one answer of the issuer.")] = 262_144
    max_token_octets: Annotated[int, Meta(ge=256, le=262_144, description="Octets of a token.")] = 16_384
    introspection_cache_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds for which the issuer's word on a token is good without asking again, at most until "
            "the token expires; a token that is revoked works as long.",
        ),
    ] = 300.0
    refusal_cache_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which a token that the issuer refused is refused without asking.")
    ] = 30.0
    max_cached_tokens: Annotated[int, Meta(ge=1, description="Tokens of which the issuer's word is remembered.")] = (
        10_000
    )
    max_concurrent_questions: Annotated[
        int, Meta(ge=1, description="Questions about tokens that the issuer is asked at the same time.")
    ] = 8
    max_waiting_questions: Annotated[
        int,
        Meta(ge=0, description="Sign-ins that may wait for their turn to ask; one more has to try again later."),
    ] = 256

    @property
    def wanted(self) -> bool:
        """Whether anybody signs in by token."""
        return bool(self.issuer)

    def __post_init__(self) -> None:
        for key in ("issuer", "jwks_uri", "introspection_endpoint"):
            if url := getattr(self, key):
                try:
                    found = place(url, plain=self.allow_plain_http)
                except BadPlace as error:
                    raise SettingError(str(error), (key,)) from None
                if key == "issuer" and "?" in found.target:  # OpenID Connect Discovery §3
                    raise SettingError(f"{url!r}: an issuer has no query", (key,))
        if not self.issuer:
            return
        if self.verify == "keys" and not self.audience:  # RFC 8725 §3.9
            raise SettingError("without an audience, tokens that were made for another service would do", ("audience",))
        if self.verify == "introspection" and not (self.client_id and self.client_secret_file):
            raise SettingError("introspection needs client_id and client_secret_file", ("client_id",))
        if self.key_lifetime_seconds < self.key_refresh_seconds:
            raise SettingError("keys have to live until they are fetched again", ("key_lifetime_seconds",))
