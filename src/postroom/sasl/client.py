"""The client's side of SASL mechanisms, for a smarthost that wants to know who sends.

Owns: PLAIN and LOGIN; what a mechanism is (SCRAM is in scram_client.py). Never: chooses one, encodes base64. Raises:
UnexpectedChallenge; then cancel with "*".
"""

from typing import Protocol

from .saslprep import BadName, saslprep


class UnexpectedChallenge(Exception):
    """The server asks for more than the mechanism has to say."""


class ClientMechanism(Protocol):
    """One exchange."""

    name: str

    @property
    def complete(self) -> bool:
        """The server may say that it has succeeded: there is nothing that it has to prove, or it has."""

    def initial(self) -> bytes | None:
        """The initial response, or None when the server speaks first."""

    def step(self, challenge: bytes) -> bytes:
        """The answer to a decoded challenge."""


class PlainClient:
    """RFC 4616: everything in the initial response."""

    name = "PLAIN"
    complete = True

    def __init__(self, username: str, password: str) -> None:
        self._message = b"\0%b\0%b" % (encoded(username), encoded(password))
        self._sent = False

    def initial(self) -> bytes | None:
        self._sent = True
        return self._message

    def step(self, challenge: bytes) -> bytes:
        if self._sent or challenge:  # an empty challenge asks for an initial response that was not sent
            raise UnexpectedChallenge(f"PLAIN has no answer to {challenge[:80]!r}")
        self._sent = True
        return self._message


class LoginClient:
    """Answers whatever two prompts the server has, in any words."""

    name = "LOGIN"
    complete = True

    def __init__(self, username: str, password: str) -> None:
        self._answers = [encoded(password), encoded(username)]

    def initial(self) -> bytes | None:
        return None

    def step(self, challenge: bytes) -> bytes:
        if not self._answers:
            raise UnexpectedChallenge(f"LOGIN has no answer to {challenge[:80]!r}")
        return self._answers.pop()


def encoded(text: str) -> bytes:
    """A name or password as mechanisms send it (RFC 4616 §2)."""
    try:
        return saslprep(text).encode()
    except BadName:
        return text.encode("utf-8", "surrogateescape")  # the server may know better
