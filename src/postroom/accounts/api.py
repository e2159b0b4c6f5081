"""Who is here: domains, people, addresses, aliases, passwords, quotas; notes about the server itself.

Owns: the value types and the Directory (read side, used by the servers), Registry (write side, used by the command
line) and Administration (what administrators may do from afar) protocols. Never: knows a wire protocol or stores mail.
Raises: AccountError family.

A change made through a Registry in another process is seen by a Directory at its next question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from postroom.base import MailError


class AccountError(MailError):
    """A refusal by the directory."""

    code, enhanced, text = 550, "5.1.1", "No such user here"


class BadAddress(AccountError):
    """Not an address, a domain or a password that can be kept."""

    code, enhanced, text = 553, "5.1.3", "That is not a usable address"


class AlreadyThere(AccountError):
    """The domain, person or alias exists."""

    code, enhanced, text = 550, "5.1.0", "That already exists"


class NotThere(AccountError):
    """No such domain, person or alias."""

    code, enhanced, text = 550, "5.1.1", "There is no such thing"


class BadCode(AccountError):
    """A code of a second factor that does not count."""

    code, enhanced, text = 535, "5.7.8", "That code does not count"


class InUse(AccountError):
    """The domain still has people or aliases."""

    code, enhanced, text = 550, "5.1.0", "That is still in use"


class BadReturnAddress(AccountError):
    """A return address that looks like one of ours, and was not made here, or is too old."""

    code, enhanced, text = 550, "5.1.1", "That return address is not valid here, or not any more"


class AliasTrouble(AccountError):
    """An alias leads in a circle, too deep or to too many: the postmaster's mistake, so the sender tries again."""

    code, enhanced, text = 451, "4.3.5", "That address is misconfigured here, please try again later"


class SignInBusy(AccountError):
    """Too many passwords are being checked (RFC 4954 §6)."""

    code, enhanced, text = 454, "4.7.0", "Too many sign-ins at the moment, please try again later"


class TooManyCredentials(AccountError):
    """The account has as many app passwords as the settings allow."""

    code, enhanced, text = 550, "5.3.4", "Too many app passwords"


class CredentialExpired(AccountError):
    """What was shown has been right, and is no longer (RFC 5530 §3 EXPIRED): only for who has shown it."""

    code, enhanced, text = 535, "5.7.8", "The password has expired"


class TooManyNotes(AccountError):
    """There are as many notes about the server as the settings allow."""

    code, enhanced, text = 452, "4.3.1", "Too many notes"


class DirectoryFailure(AccountError):
    """The disk or the database refused; nothing was changed."""

    code, enhanced, text = 451, "4.3.0", "Directory trouble, please try again later"


@dataclass(frozen=True, slots=True)
class Person:
    """An account that owns mail."""

    account_id: int
    address: str  # primary address, which is also the login name
    quota_octets: int | None
    quota_messages: int | None
    enabled: bool = True  # False: nobody can sign in, and intake refuses mail (5.2.1)
    forward: tuple[str, ...] = ()  # where their mail goes on to
    keep: bool = True  # with `forward`: into their own mailbox too
    copies: tuple[str, ...] = ()  # who has a copy of all they get and send


PROTOCOLS = ("smtp", "imap", "pop3")  # which an app password may be good for
NOBODY = 0  # the credential id of keys that no password has


@dataclass(frozen=True, slots=True)
class ScramKey:
    """What SCRAM knows of one password (RFC 5802 §3)."""

    credential_id: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a SCRAM exchange needs of an account, real or not."""

    salt: bytes
    iterations: int
    keys: tuple[ScramKey, ...]  # a proof is tried against each; never empty


@dataclass(frozen=True, slots=True)
class AppPassword:
    """A password for one program or device; the secret itself is not on record."""

    credential_id: int  # never used twice
    name: str
    protocols: tuple[str, ...] = ()  # of PROTOCOLS; none: all of them
    made: float | None = None  # seconds since 1970
    expires: float | None = None  # from then on it is good for nothing
    last_used: float | None = None  # about; None: never


@dataclass(frozen=True, slots=True)
class OwnMeans:
    """By what a person may sign in that is kept here, where another directory knows them too."""

    password: bool  # their main one
    app_passwords: bool
    second_factor: bool  # it keeps a main password from being enough, wherever that is kept


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app has to be told, once."""

    secret: str = field(repr=False)  # base32, for typing
    uri: str = field(repr=False)  # otpauth:, for a QR code


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """How the second factor of an account stands."""

    confirmed: float | None  # since when it is on, seconds since 1970; None: it is not yet
    recovery_codes: int  # that are left


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """Deliver to this account."""

    person: Person
    address: str  # the address it was sent to
    detail: str = ""  # sub-address: "tag" of bob+tag@ (RFC 5233)


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """An alias points elsewhere: forward through the queue."""

    address: str


@dataclass(frozen=True, slots=True)
class SocketTarget:
    """An alias leads to another program, by LMTP and through the queue."""

    place: str  # "lmtp:/run/app.sock" or "lmtp:host:port"
    address: str  # the address it was sent to


@dataclass(frozen=True, slots=True)
class NotLocal:
    """The domain is not ours: relay, if the policy allows."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The domain is ours and nobody has this address."""


@dataclass(frozen=True, slots=True)
class Found:
    """One or more targets, aliases fully expanded, duplicates removed."""

    targets: "tuple[Target, ...]"


@dataclass(frozen=True, slots=True)
class ListTarget:
    """A mailing list, or one of its other addresses: through the queue, whose runner sees to it."""

    list_id: int
    address: str  # the one that is meant, which leads here again
    role: "Role"
    token: str = ""


Target = LocalTarget | RemoteTarget | SocketTarget | ListTarget
Resolution = NotLocal | Unknown | Found


Posting = Literal["anyone", "members", "owners", "named"]
Purpose = Literal["bounces", "unsubscribe"]
Role = Literal["post", "request", "bounces", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class MailingList:
    """An address whose mail goes to all members."""

    list_id: int  # 0: not kept yet
    address: str
    owners: tuple[str, ...]
    posting: Posting = "members"  # who may post; owners always
    posters: tuple[str, ...] = ()  # who may, too
    title: str = ""
    prefix: str = ""  # of the subject of what is posted; "": it is left alone
    archive: str = ""  # a URL


@dataclass(frozen=True, slots=True)
class Member:
    """One address on a list."""

    member_id: int  # never used twice
    list_id: int
    address: str
    suspended: bool = False  # gets nothing, as too much bounced
    bounces: int = 0  # for good, in a row
    bounced: float | None = None  # the last time
    last_bounce: str = ""  # which one that was: it is counted once


class Lists(Protocol):
    """Mailing lists."""

    async def all(self) -> list[MailingList]: ...

    async def get(self, address: str) -> MailingList | None: ...

    async def by_id(self, list_id: int) -> MailingList | None: ...

    async def create(self, wanted: MailingList) -> MailingList: ...

    async def change(self, wanted: MailingList) -> None:
        """All but the address, by its list_id."""

    async def remove(self, address: str) -> None: ...

    async def members(self, list_id: int) -> list[Member]: ...

    async def member(self, list_id: int, address: str) -> Member | None: ...

    async def add_members(self, address: str, members: Sequence[str]) -> int:
        """All or none; how many are new."""

    async def remove_members(self, address: str, members: Sequence[str]) -> int: ...

    async def resume(self, address: str, member: str) -> None:
        """A suspended member gets mail again."""

    async def tokens(self, purpose: Purpose, members: Sequence[Member]) -> list[str]:
        """What only we can make, for each of them."""

    async def member_by_token(self, purpose: Purpose, claimed: str) -> Member | None: ...

    async def remove_member(self, member: Member) -> None: ...

    def after_bounce(self, member: Member, name: str) -> Member:
        """The member as one more bounce makes them; the same one when this bounce has been counted."""

    async def keep(self, member: Member) -> None:
        """What `after_bounce` made of a member."""


class Directory(Protocol):
    async def is_local_domain(self, domain: str) -> bool: ...

    async def local_domains(self) -> list[str]: ...

    async def resolve(self, address: str) -> Resolution:
        """Where mail for `address` goes: an alias, then a person, of exactly that address; both again without the
        detail (bob+tag); the catch-all.

        An alias may name the person of its own address among its targets, which keeps a copy for them. "postmaster"
        alone and postmaster@ any local domain always resolve (RFC 5321 §4.5.1): to the alias or person of that name,
        else to the configured postmaster, else to the domain's first person, the server's. Local parts compare
        case-insensitively; domains by IDNA A-label. A person who is not enabled is found too:
        refusing their mail is for intake. A return address that `forwarding_sender` made leads to who it stands for.
        Raises AliasTrouble (451) for an alias in a circle or with too many targets, BadReturnAddress (550).
        """

    async def authenticate(self, username: str, password: str, protocol: str = "") -> Person | None:
        """The person, or None. As slow for unknown names; argon2id off the loop; proven pairs are cached.

        `protocol` is one of PROTOCOLS: an app password must be good for it. With a second factor, the main password is
        good for none. Raises CredentialExpired (a directory elsewhere may; here what has expired is as good as none),
        SignInBusy (454) when too many wait for their password to be checked.
        """

    async def scram_keys(self, username: str, hash_name: str, protocol: str = "") -> ScramKeys:
        """For a SCRAM exchange with "sha-256" or "sha-1": the keys of every password that is good for `protocol`.

        A name that is nobody's, or has no such password, gets a salt and keys that are always the same and that nothing
        proves. Whoever has proven one goes on to `proven`, whoever has not gets the same answer as ever.
        """

    async def proven(self, username: str, credential_id: int, protocol: str = "") -> Person | None:
        """The person whose password of this id was just proven, if it is (still) good for `protocol`."""

    async def person(self, account_id: int) -> Person | None: ...

    async def find(self, username: str) -> Person | None:
        """The person who signs in by this name: their primary address in any case, or without the sign-in domain."""

    async def may_send_as(self, person: Person, address: str) -> bool:
        """True when `address` is one of the person's own: primary, detail form, alias that points (only) at them,
        catch-all of a domain that is theirs; or one that they were granted, which may be of a domain elsewhere."""


class MailDirectory(Directory, Protocol):
    """What intake asks, besides."""

    @property
    def lists(self) -> Lists: ...

    async def forwarding_sender(self, sender: str, forwarder: str) -> str:
        """The envelope sender under which an address of ours sends mail on: one of its domain, which leads back.

        The null sender stays, and so does one of a domain of ours, and every one when the settings say so.
        """


@dataclass(frozen=True, slots=True)
class Alias:
    address: str  # "sales@example.org", or "@example.org" for the catch-all
    targets: tuple[str, ...]


class AppPasswords(Protocol):
    """The app passwords of people."""

    async def add(
        self, address: str, name: str, *, protocols: Sequence[str] = (), expires: float | None = None
    ) -> tuple[AppPassword, str]:
        """A new one and its secret, which is shown once and never again. Raises NotThere, AlreadyThere, BadAddress."""

    async def all(self, address: str) -> list[AppPassword]:
        """In the order in which they were made. Raises NotThere."""

    async def remove(self, address: str, name: str) -> None:
        """It proves nothing from now on. Raises NotThere."""


class SecondFactors(Protocol):
    """Codes from authenticator apps (RFC 6238). All raise NotThere when there is no such person or factor."""

    async def state(self, address: str) -> SecondFactor | None:
        """None: there is none, not even begun."""

    async def enrol(self, address: str) -> Enrolment:
        """Begin, or begin again; it is off until it is confirmed. Raises AlreadyThere when it is on."""

    async def confirm(self, address: str, code: str) -> tuple[str, ...]:
        """Turn it on with a code of the app; recovery codes, which are shown once. Raises BadCode, AlreadyThere."""

    async def codes(self, address: str) -> tuple[str, ...]:
        """New recovery codes; those of before count no more."""

    async def off(self, address: str) -> None:
        """The main password is enough again."""

    async def passes(self, address: str, code: str) -> bool:
        """A code of the app or a recovery code counts, once. After many wrong ones none does for a while."""


class Registry(Protocol):
    async def add_domain(self, domain: str) -> None: ...

    async def remove_domain(self, domain: str) -> None: ...

    async def domains(self) -> list[str]: ...

    async def add_person(
        self, address: str, password: str | None, *, quota_octets: int | None = None, quota_messages: int | None = None
    ) -> Person:
        """Creates the domain's account row; the caller also calls MailStore.create_account."""

    async def remove_person(self, address: str) -> Person: ...

    async def people(self) -> list[Person]: ...

    async def set_password(self, address: str, password: str | None) -> None:
        """The main one, from now on; None: there is none. App passwords stay."""

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None: ...

    async def set_enabled(self, address: str, enabled: bool) -> None: ...

    async def set_forwarding(self, address: str, targets: tuple[str, ...], *, keep: bool) -> None:
        """Where the mail of this account goes on to; none: nowhere."""

    async def set_copies(self, address: str, targets: tuple[str, ...]) -> None:
        """Who gets a copy of all that this account gets and sends."""

    async def sender_grants(self, address: str) -> list[str]:
        """What this account may send as besides its own addresses: others, and "@domain" for all of a domain."""

    async def grant_sender(self, address: str, other: str) -> None:
        """The account `address` may send as `other`, from now on."""

    async def revoke_sender(self, address: str, other: str) -> None:
        """No more. Raises NotThere."""

    async def rotate_secret(self) -> None:
        """From now on addresses are made with a new secret; the old one is good for a while."""

    async def set_alias(self, address: str, targets: tuple[str, ...]) -> None: ...

    async def remove_alias(self, address: str) -> None: ...

    async def aliases(self) -> list[Alias]: ...


class Administration(Protocol):
    """What mail protocols offer to administrators."""

    async def person_of(self, address: str) -> Person | None:
        """Whose primary address this is; no alias, no detail."""

    async def set_quota(self, address: str, octets: int | None, messages: int | None) -> None:
        """Seen by whoever asks for the person from now on."""

    async def notes(self) -> dict[str, bytes]:
        """What is said of the server as a whole, to all its people, by name and in its order."""

    async def set_notes(self, values: Mapping[str, bytes | None]) -> None:
        """All or none; None removes. Raises TooManyNotes."""
