"""A directory, tokens and a guard that tests can look into. Not a test itself."""

from dataclasses import dataclass, field

from tests.sasl.scram_peer import Keys, keys_of

from postroom.accounts import Person, SignInBusy
from postroom.base import FakeClock, MailError, SeededIds
from postroom.sasl.scram_keys import HashName
from postroom.signin import Client, SignIn, SignInSettings, TokenVerdict

BOB, CAROL, GONE = "bob@foo.com", "carol@foo.com", "gone@foo.com"
PASSWORD = "1234"


@dataclass
class People:
    """Who is here; everybody has the same password."""

    people: dict[str, Person] = field(
        default_factory=lambda: {
            BOB: Person(1, BOB, None, None),
            CAROL: Person(2, CAROL, None, None),
            GONE: Person(3, GONE, None, None, enabled=False),
        }
    )
    trouble: MailError | None = None
    proofs: list[tuple[str, int, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    everybody_has_keys: bool = True
    keyed: dict[str, str] = field(default_factory=lambda: {BOB: PASSWORD, CAROL: PASSWORD, GONE: PASSWORD})

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None:
        self.asked.append(username)
        if self.trouble is not None:
            raise self.trouble
        return self.people.get(username.lower()) if password == PASSWORD else None

    async def person(self, account_id: int) -> Person | None:
        return next((person for person in self.people.values() if person.account_id == account_id), None)

    async def find(self, username: str) -> Person | None:
        return self.people.get(username.lower())

    @property
    def scram_for_all(self) -> bool:
        return self.everybody_has_keys

    async def scram_keys(self, username: str, hash_name: HashName, protocol: str) -> Keys:
        if self.trouble is not None:
            raise self.trouble
        return keys_of("other", self.keyed.get(username.lower(), "nobody's"), hash_name=hash_name)

    async def proven(self, username: str, credential_id: int, protocol: str) -> Person | None:
        self.proofs.append((username, credential_id, protocol))
        return self.people.get(username.lower())


@dataclass
class Issuer:
    """Tokens are names, while the issuer can be asked."""

    down: bool = False
    scope: str = "mail"
    discovery_url: str = "https://issuer.example/.well-known/openid-configuration"

    async def verify(self, token: str) -> TokenVerdict:
        if self.down:
            return TokenVerdict("unavailable", "the issuer does not answer")
        names = {"token-of-bob": BOB, "token-of-gone": GONE, "token-of-nobody": "nobody@foo.com"}
        if token not in names:
            return TokenVerdict("invalid", "not signed")
        return TokenVerdict("ok", username=names[token])


@dataclass
class CountingGuard:
    """Counts, and lets nobody in when told so."""

    closed: bool = False
    wait: float = 0.0
    failed: list[tuple[str, str]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    good: list[tuple[str, str]] = field(default_factory=list)
    ban: object | None = None

    async def may_sign_in(self, address: str, username: str) -> float | None:
        return None if self.closed else 0.0

    async def failed_sign_in(self, address: str, username: str, secret: str = "") -> float:
        self.failed.append((address, username))
        self.secrets.append(secret)
        return self.wait

    async def succeeded(self, address: str, *usernames: str) -> None:
        self.good += [(address, name) for name in dict.fromkeys(one.lower() for one in usernames)]

    def banned(self, address: str) -> object | None:
        return self.ban


@dataclass(frozen=True)
class Shown:
    """A client's certificate."""

    names: tuple[str, ...]


@dataclass
class Desk:
    """A SignIn with all that stands behind it."""

    clock: FakeClock = field(default_factory=FakeClock)
    people: People = field(default_factory=People)
    issuer: Issuer = field(default_factory=Issuer)
    guard: CountingGuard = field(default_factory=CountingGuard)
    settings: SignInSettings = field(
        default_factory=lambda: SignInSettings(failure_step_seconds=0, channel_binding=True)
    )

    def __post_init__(self) -> None:
        self.sign_in = SignIn(
            self.people,
            self.clock,
            SeededIds(),
            guard=self.guard,
            scram=self.people,
            tokens=self.issuer,
            settings=self.settings,
        )


def client(
    *,
    tls: bool = True,
    channel_binding: bytes | None = b"hash of the certificate",
    names: tuple[str, ...] | None = None,
) -> Client:
    return Client("192.0.2.1", "imap", tls, channel_binding, Shown(names) if names is not None else None)


BUSY = SignInBusy("many")
