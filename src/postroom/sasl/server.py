"""The server's side of SASL mechanisms, as state machines over decoded octets.

Owns: PLAIN (RFC 4616) and LOGIN. Never: checks a password, encodes base64, knows which protocol carries it.
Raises: nothing on input; stepping a finished mechanism is a ValueError.

A mechanism that needs secrets while it runs (SCRAM) brings one more Outcome that asks its caller for them; PLAIN and
LOGIN stay as they are.
"""

from typing import Protocol

from .outcome import Challenge, Credentials, Failed, Outcome
from .saslprep import BadName, saslprep
from .settings import MAX_NAME_OCTETS


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
                if _prepare(raw_authzid) != outcome.username:
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
        username = _prepare(raw_username)
        password = _prepare(raw_password)
    except BadName as error:
        return Failed(str(error))
    if not username or not password:  # RFC 4616 §2: an empty result of preparation fails
        return Failed("empty user name or password")
    return Credentials(username, password)


def _prepare(raw: bytes) -> str:
    if len(raw) > MAX_NAME_OCTETS:
        raise BadName("too long")
    try:
        return saslprep(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadName("not UTF-8") from error


_MECHANISMS: dict[str, type[Plain] | type[Login]] = {"PLAIN": Plain, "LOGIN": Login}
SERVER_MECHANISMS: tuple[str, ...] = tuple(_MECHANISMS)  # best first, as protocols list them


def server_mechanism(name: str | bytes) -> ServerMechanism | None:
    """A new exchange by that mechanism (RFC 4422 §3.1: names in any case); None when there is none."""
    if isinstance(name, bytes):
        name = name.decode("ascii", "replace")
    made = _MECHANISMS.get(name.upper())
    return made() if made is not None else None
