"""The messages of SCRAM (RFC 5802 §7), read strictly.

Owns: their grammar, both sides. Never: computes anything. Raises: BadMessage.
"""

import re
from dataclasses import dataclass

from .base64 import BadBase64, decode_base64

MAX_MESSAGE_OCTETS = 4096  # names and nonces are short; an exchange is no place to keep things
MAX_NONCE_OCTETS = 512
MAX_ITERATIONS = 10_000_000  # that a client lets a server make it compute

_PRINTABLE = r"[\x21-\x2b\x2d-\x7e]+"
_VALUE = r"[^,\x00]+"
_BASE64 = r"[A-Za-z0-9+/=]*"
_EXTENSIONS = rf"(?P<extensions>(?:,[A-Za-z]={_VALUE})*)"
_CLIENT_FIRST = re.compile(
    rf"(?P<header>(?P<flag>n|y|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>{_VALUE}))?,)"
    rf"(?P<bare>n=(?P<name>{_VALUE}),r=(?P<nonce>{_PRINTABLE}){_EXTENSIONS})"
)
_CLIENT_FINAL = re.compile(
    rf"(?P<unproven>c=(?P<channel>{_BASE64}),r=(?P<nonce>{_PRINTABLE}){_EXTENSIONS}),p=(?P<proof>{_BASE64})"
)
_SERVER_FIRST = re.compile(
    rf"r=(?P<nonce>{_PRINTABLE}),s=(?P<salt>{_BASE64}),i=(?P<iterations>[1-9][0-9]{{0,8}}){_EXTENSIONS}"
)
_SERVER_FINAL = re.compile(rf"(?:v=(?P<verifier>{_BASE64})|e=(?P<error>{_VALUE})){_EXTENSIONS}")
_BAD_ESCAPE = re.compile("=(?!2C|3D)")


class BadMessage(ValueError):
    """The peer's message is not what the RFC wants there; the text is for the log."""


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """`header` is the GS2 header, `bare` the rest, both as they came."""

    header: bytes
    bare: bytes
    flag: str  # "n", "y" or "p"
    binding: str  # the channel binding type behind "p="
    authzid: str
    name: str
    nonce: str


@dataclass(frozen=True, slots=True)
class ClientFinal:
    """`unproven` is the message without its proof, as it came."""

    unproven: bytes
    channel: bytes
    nonce: str
    proof: bytes


@dataclass(frozen=True, slots=True)
class ServerFirst:
    nonce: str
    salt: bytes
    iterations: int


def client_first(message: bytes) -> ClientFirst:
    found = _match(_CLIENT_FIRST, message)
    if len(found["nonce"]) > MAX_NONCE_OCTETS:
        raise BadMessage("the nonce is too long")
    return ClientFirst(
        header=found["header"].encode(),
        bare=found["bare"].encode(),
        flag=found["flag"][0],
        binding=found["binding"] or "",
        authzid=unescaped(found["authzid"] or ""),
        name=unescaped(found["name"]),
        nonce=found["nonce"],
    )


def client_final(message: bytes) -> ClientFinal:
    found = _match(_CLIENT_FINAL, message)
    return ClientFinal(found["unproven"].encode(), _octets(found["channel"]), found["nonce"], _octets(found["proof"]))


def server_first(message: bytes) -> ServerFirst:
    found = _match(_SERVER_FIRST, message)
    iterations = int(found["iterations"])
    if iterations > MAX_ITERATIONS:
        raise BadMessage(f"{iterations} iterations are too many")
    return ServerFirst(found["nonce"], _octets(found["salt"]), iterations)


def server_final(message: bytes) -> bytes:
    """The server's signature. Raises BadMessage, too, for an error that the server tells."""
    found = _match(_SERVER_FINAL, message)
    if found["error"] is not None:
        raise BadMessage(f"the server says {found['error'][:80]!r}")
    return _octets(found["verifier"])


def escaped(name: str) -> str:
    """RFC 5802 §5.1"""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescaped(name: str) -> str:
    """RFC 5802 §5.1: an "=" that begins neither "=2C" nor "=3D" fails."""
    if _BAD_ESCAPE.search(name):
        raise BadMessage("a name with a bare =")
    return name.replace("=2C", ",").replace("=3D", "=")


def _match(pattern: re.Pattern[str], message: bytes) -> re.Match[str]:
    if len(message) > MAX_MESSAGE_OCTETS:
        raise BadMessage("too long")
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage("not UTF-8") from error
    found = pattern.fullmatch(text)
    if found is None:
        raise BadMessage("not of the form that RFC 5802 has")
    if ",m=" in found["extensions"]:  # RFC 5802 §5.1: "m" anywhere
        raise BadMessage("an extension that nobody knows is mandatory")
    return found


def _octets(base64: str) -> bytes:
    try:
        return decode_base64(base64.encode())
    except BadBase64 as error:
        raise BadMessage("not base64") from error
