"""The server's side of EXTERNAL (RFC 4422 §A): what was proven outside, here by the client's certificate, counts.

Owns: the one message. Never: looks at a certificate. Raises: nothing on input; stepping a finished mechanism is a
ValueError.
"""

from .outcome import CertificateOffered, Challenge, Failed, Outcome
from .preparation import prepared_name
from .saslprep import BadName
from .settings import MAX_NAME_OCTETS


class External:
    """One exchange."""

    name = "EXTERNAL"

    def __init__(self) -> None:
        self._done = False

    def step(self, response: bytes | None) -> Outcome:
        """The authorization identity, perhaps of no octets; None first when the command had none."""
        if self._done:
            raise ValueError("the exchange is over")
        if response is None:
            return Challenge(b"")  # RFC 4422 §A.1
        self._done = True
        if len(response) > MAX_NAME_OCTETS:
            return Failed("the authorization identity is too long")
        try:
            return CertificateOffered(prepared_name(response.decode("utf-8")) if response else "")
        except (UnicodeDecodeError, BadName):
            return Failed("the authorization identity is no name")
