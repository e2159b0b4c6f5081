"""What signin asks of others, and what it tells.

Owns: the values and the protocols of the parts that stand behind it. Never: anything else. Raises: nothing.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from postroom.accounts import Person
from postroom.sasl import Challenge, HashName, ScramKeys

from .tokens import TokenVerdict

Kind = Literal["credentials", "authorization", "expired", "busy", "unavailable", "banned"]


class Certificate(Protocol):
    """What a client has shown in the handshake, and an authority that we believe has signed."""

    @property
    def names(self) -> tuple[str, ...]:
        """The addresses that it proves."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who wants to sign in, over what."""

    address: str
    protocol: Literal["smtp", "imap", "pop3"]
    tls: bool
    channel_binding: bytes | None = None  # tls-server-end-point (RFC 5929 §4)
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """It is so."""

    person: Person
    username: str = ""  # as the client has called them


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody is signed in. `words` and `username` are for the log, and never have a secret in them: a name that is
    neither an address nor anybody's is not told, as it may be a password.

    Of these kinds a client is told no more than that: "credentials" (the name, the password, the token, the message,
    whatever it was), "authorization" (right, but as somebody else), "expired" (right once), "busy" (too many at the
    moment), "unavailable" (we can't tell now), "banned" (too many wrong ones from there, or not yet again).
    """

    kind: Kind
    words: str
    username: str = ""
    counted: bool = False  # the guard knows of it already
    secret: str = field(default="", repr=False)  # for the guard alone; gone when a protocol sees this


Step = Challenge | SignedIn | Refused


class SignInDirectory(Protocol):
    """Who knows the passwords (accounts.Directory is one)."""

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None: ...

    async def person(self, account_id: int) -> Person | None: ...

    async def find(self, username: str) -> Person | None: ...


class ScramDirectory(Protocol):
    """Who keeps keys for SCRAM."""

    @property
    def scram_for_all(self) -> bool:
        """Whether everybody who signs in by a password could do so by SCRAM."""

    async def scram_keys(self, username: str, hash_name: HashName, protocol: str) -> ScramKeys:
        """For an unknown name the same made-up ones each time; as fast."""

    async def proven(self, username: str, credential_id: int, protocol: str) -> Person | None:
        """The person, when that credential is still good for this protocol."""


class Guard(Protocol):
    """Who counts failures. The seconds are what a client has to wait for its answer."""

    async def may_sign_in(self, address: str, username: str) -> float | None:
        """None: not from there, not now. Else the seconds to wait before it is even tried."""

    async def failed_sign_in(self, address: str, username: str, secret: str = "") -> float:
        """`secret`: the password that was wrong, where it is known; the same one again is no new guess."""

    async def succeeded(self, address: str, *usernames: str) -> None:
        """`usernames`: what the directory calls them, and what they call themselves."""

    def banned(self, address: str) -> object | None:
        """Whether nobody from there is let in now; None: anybody is."""


class NoGuard:
    """Nobody counts."""

    async def may_sign_in(self, address: str, username: str) -> float | None:
        return 0.0

    async def failed_sign_in(self, address: str, username: str, secret: str = "") -> float:
        return 0.0

    async def succeeded(self, address: str, *usernames: str) -> None:
        pass

    def banned(self, address: str) -> object | None:
        return None


class Tokens(Protocol):
    """Who knows what a token is worth."""

    @property
    def scope(self) -> str:
        """What a token has to allow, for who had none that is good (RFC 7628 §3.2.2)."""

    @property
    def discovery_url(self) -> str:
        """Where to learn of whom to get one, for the same."""

    async def verify(self, token: str) -> TokenVerdict: ...
