"""The server's side of OAUTHBEARER (RFC 7628) and XOAUTH2, which shows a token of somebody else's making.

Owns: the two forms of the one message, and how a refusal is told. Never: judges a token. Raises: nothing on input;
ValueError when its owner breaks the order.

    step(message) ──► TokenOffered ──► (refused) refuse() ──► Challenge ──► step(anything) ──► Failed
"""

import enum
import json
import re

from .outcome import Challenge, Failed, Outcome, TokenOffered
from .preparation import prepared_name
from .saslprep import BadName
from .scram_messages import BadMessage, unescaped
from .settings import MAX_TOKEN_OCTETS

# RFC 7628 §3.1; of the GS2 header (RFC 5801 §4) all but channel binding, which there is none of
_OAUTHBEARER = re.compile(
    r"[ny],(?:a=(?P<name>[^,\x00\x01]+))?,\x01(?P<pairs>(?:[A-Za-z]+=[\t\n\r\x20-\x7e]*\x01)*)\x01"
)
_PAIR = re.compile(r"([A-Za-z]+)=([^\x01]*)\x01")
# Never an RFC: "user=" name ^A "auth=Bearer " token ^A ^A
_XOAUTH2 = re.compile(r"user=(?P<name>[^\x00\x01]+)\x01auth=(?P<auth>[\x20-\x7e]*)\x01\x01")
# RFC 6750 §2.1; nothing at all asks what kind of token is wanted (RFC 7628 §4.3)
_BEARER = re.compile(r"(?:bearer(?: +([A-Za-z0-9._~+/-]+=*))? *)?", re.IGNORECASE)


class _Turn(enum.Enum):
    MESSAGE = enum.auto()
    VERDICT = enum.auto()
    ANSWER = enum.auto()
    OVER = enum.auto()


class Bearer:
    """One exchange by either mechanism."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._turn = _Turn.MESSAGE

    def step(self, response: bytes | None) -> Outcome:
        """The client's message, or its answer to the refusal; None first when the command had none."""
        if self._turn is _Turn.MESSAGE:
            if response is None:
                return Challenge(b"")
            try:
                offered = self._read(response)
            except (BadMessage, BadName) as error:
                self._turn = _Turn.OVER
                return Failed(str(error))
            self._turn = _Turn.VERDICT
            return offered
        if self._turn is _Turn.ANSWER:
            self._turn = _Turn.OVER
            # RFC 7628 §3.2.3: ^A from OAUTHBEARER, nothing from XOAUTH2; whatever it is, the exchange has failed
            return Failed("the token was refused")
        raise ValueError("the exchange is over, or waits for a verdict")

    def refuse(self, *, scope: str = "", configuration: str = "") -> Challenge:
        """Tell why: the token is not good (RFC 7628 §3.2.2). `configuration`: where to get one (a URL)."""
        if self._turn is not _Turn.VERDICT:
            raise ValueError("no token was offered")
        self._turn = _Turn.ANSWER
        if self.name == "XOAUTH2":
            told = {"status": "401", "schemes": "bearer", "scope": scope}
        else:
            told = {"status": "invalid_token", "scope": scope, "openid-configuration": configuration}
        return Challenge(json.dumps({key: value for key, value in told.items() if value}).encode())

    def _read(self, response: bytes) -> TokenOffered:
        if len(response) > MAX_TOKEN_OCTETS:
            raise BadMessage("too long")
        try:
            text = response.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadMessage("not UTF-8") from error
        found = (_XOAUTH2 if self.name == "XOAUTH2" else _OAUTHBEARER).fullmatch(text)
        if found is None:
            raise BadMessage(f"not a message of {self.name}")
        name = found["name"] or ""
        if self.name == "XOAUTH2":
            auth = found["auth"]
        else:
            name, pairs = unescaped(name), dict(_PAIR.findall(found["pairs"]))  # unknown keys are ignored (§3.1)
            if "auth" not in pairs:
                raise BadMessage("no auth")
            auth = pairs["auth"]
        bearer = _BEARER.fullmatch(auth)
        if bearer is None:
            raise BadMessage("not a bearer token")
        return TokenOffered(prepared_name(name) if name else "", bearer[1] or "")
