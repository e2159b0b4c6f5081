"""The one form in which addresses and domains may be compared.

Owns: keys of addresses and domains. Never: knows who exists. Raises: BadAddress from the strict functions only.

A key is local-part@domain: the local part unquoted, NFC and case-folded (RFC 5321 §2.4 leaves case to the host that
owns the mailbox; ours ignores it), the domain as lower-case A-labels (RFC 5890 §2.3.2.1).
"""

import re
import unicodedata

import idna

from .api import BadAddress

_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
# RFC 5321 §4.1.2 Dot-string, with RFC 6531 §3.3's UTF-8
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
MAX_LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1
SOCKET = "lmtp:"  # begins the target of an alias that leads to a program
_MAX_SOCKET_PATH = 107  # octets: what sun_path of unix(7) has room for
_HOST_AND_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})\Z")


def domain_key(domain: str) -> str | None:
    """The domain in lower-case A-labels; None when it is no domain name (an address literal, say)."""
    name = domain.lower()
    if not name.isascii():
        try:
            name = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    return name if _DOMAIN.match(name) else None


def local_key(local: str) -> str:
    """The local part, unquoted and folded."""
    if local[:1] == '"' and local[-1:] == '"' and len(local) > 1:
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])  # RFC 5321 §4.1.2: the quoted form names the same mailbox
    if local.isascii():
        return local.lower()
    local = _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", local)  # from octets that were not UTF-8: nobody's
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())


def split(address: str) -> tuple[str, str]:
    """(local part, domain); the domain is "" when there is no "@"."""
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (domain, "")


def address_key(address: str) -> str | None:
    """The address's key; None when it has no domain that could be one."""
    local, domain = split(address)
    name = domain_key(domain)
    return f"{local_key(local)}@{name}" if name is not None and local else None


def checked_domain(domain: str) -> str:
    """The domain's key, for keeping. Raises BadAddress."""
    name = domain_key(domain)
    if name is None:
        raise BadAddress(domain, text=f"{domain!r} is not a domain name")
    return name


def checked_address(address: str) -> str:
    """`address` as it is kept: the local part as written, the domain as its key. Raises BadAddress."""
    local, domain = split(address)
    if not domain:
        raise BadAddress(address, text=f"{address!r} is not an address: it has no domain (name@example.org)")
    name = checked_domain(domain)
    if not _DOT_STRING.match(local) or not local.isprintable():
        raise BadAddress(
            address, text=f"{address!r} is not an address: the part before @ has characters it may not have"
        )
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise BadAddress(address, text=f"{address!r} is too long: at most {MAX_LOCAL_OCTETS} octets may stand before @")
    return f"{unicodedata.normalize('NFC', local)}@{name}"


def checked_target(target: str) -> str:
    """What an alias may lead to: an address, or a program's socket. Raises BadAddress."""
    if not target.lower().startswith(SOCKET):
        return checked_address(target)
    place = target[len(SOCKET) :]
    if place.startswith("/"):
        if not place.isprintable() or len(place.encode()) > _MAX_SOCKET_PATH:
            raise BadAddress(target, text=f"{target!r} can't be a socket: at most {_MAX_SOCKET_PATH} printable octets")
        return SOCKET + place
    found = _HOST_AND_PORT.match(place)
    if found is None or not 0 < int(found[1]) < 65536:
        raise BadAddress(target, text=f"{target!r} is not a socket: lmtp:/path/to/socket, or lmtp:host:port")
    return SOCKET + place.lower()
