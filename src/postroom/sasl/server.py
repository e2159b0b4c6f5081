"""The server's side of SASL mechanisms, as state machines over decoded octets.

Owns: PLAIN (RFC 4616) and LOGIN; which mechanisms there are, best first. Never: checks a password, encodes base64,
knows which protocol carries it. Raises: nothing on input; stepping a finished mechanism is a ValueError.

Some need an answer from outside while they run: an Outcome asks for it, and a method takes it (Scram.keys,
Bearer.refuse).
"""

from collections.abc import Mapping
from typing import Protocol

from .bearer import Bearer
from .external import External
from .outcome import Challenge, Credentials, Failed, Outcome
from .preparation import prepared_name, prepared_password, same_name
from .saslprep import BadName
from .scram import SCRAM_MECHANISMS, Scram
from .settings import MAX_NAME_OCTETS

_NO_BINDINGS: Mapping[str, bytes] = {}


class ServerMechanism(Protocol):
    """One exchange. Make a new one for each AUTH command."""

    name: str

    def step(self, response: bytes | None) -> Outcome:
        """Take the client's next decoded response; None first when the command had no initial response."""


class Plain:
    """One message: authzid NUL authcid NUL passwd (RFC 4616 §2)."""

    name = "PLAIN"

    def __init__(self) -> None:
        self._done = False

    def step(self, response: bytes | None) -> Outcome:
        if self._done:
            raise ValueError("the exchange is over")
        if response is None:
            return Challenge(b"")  # RFC 4422 §5.1: the client speaks first, so ask for it
        self._done = True
        fields = response.split(b"\0")
        if len(fields) != 3:
            return Failed("not three fields")
        raw_authzid, raw_authcid, raw_password = fields
        outcome = credentials(raw_authcid, raw_password)
        # Nobody may act as someone else here: an authzid can only repeat the name (RFC 4616 §2).
        if raw_authzid and isinstance(outcome, Credentials):
            try:
                if not same_name(_name(raw_authzid), outcome.username):
                    return Failed("authorization identity differs from the user name", outcome)
            except BadName as error:
                return Failed(f"authorization identity: {error}", outcome)
        return outcome


class Login:
    """Name and password in two messages; never standardised, but asked for by many clients."""

    name = "LOGIN"

    def __init__(self) -> None:
        self._username: bytes | None = None
        self._done = False

    def step(self, response: bytes | None) -> Outcome:
        if self._done:
            raise ValueError("the exchange is over")
        if response is None:
            return Challenge(b"Username:")
        if self._username is None:
            if len(response) > MAX_NAME_OCTETS:
                self._done = True
                return Failed("the user name is too long")
            self._username = response
            return Challenge(b"Password:")
        self._done = True
        return credentials(self._username, response)


def credentials(raw_username: bytes, raw_password: bytes) -> Credentials | Failed:
    """Name and password prepared; also for a protocol's own commands (POP3 USER and PASS, IMAP LOGIN)."""
    try:
        username = _name(raw_username)
    except BadName as error:
        return Failed(f"user name: {error}")
    try:
        typed = _text(raw_password)
        return Credentials(username, prepared_password(typed), typed)
    except BadName:
        return Failed("the password can't be one")  # the error names a character of it


def _name(raw: bytes) -> str:
    return prepared_name(_text(raw))  # RFC 4616 §2: an empty result of preparation fails


def _text(raw: bytes) -> str:
    if len(raw) > MAX_NAME_OCTETS:
        raise BadName("too long")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadName("not UTF-8") from error


# Best first, as protocols list them: what shows no password before what shows one, a password's proof before a bearer
SERVER_MECHANISMS: tuple[str, ...] = ("EXTERNAL", *SCRAM_MECHANISMS, "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN")


def server_mechanism(
    name: str | bytes, *, nonce: str = "", channel_bindings: Mapping[str, bytes] = _NO_BINDINGS
) -> ServerMechanism | None:
    """A new exchange by that mechanism (RFC 4422 §3.1: names in any case); None when there is none.

    SCRAM needs a `nonce` of printable characters without commas, never used before, and by type the channel bindings of
    this connection: those that its client was offered.
    """
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    name = name.upper()
    if name in SCRAM_MECHANISMS:
        return Scram(name, nonce=nonce, channel_bindings=channel_bindings)
    match name:
        case "PLAIN":
            return Plain()
        case "LOGIN":
            return Login()
        case "OAUTHBEARER" | "XOAUTH2":
            return Bearer(name)
        case "EXTERNAL":
            return External()
    return None
