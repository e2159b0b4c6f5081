"""Paths and mailboxes of the envelope: the grammar of RFC 5321 §4.1.2 with the UTF-8 of RFC 6531 §3.3.

Owns: parsing a path, the canonical text of an address, splitting it. Never: knows whether anybody has the address;
reads addresses of message headers (message.addresses does). Raises: BadPath.
"""

import ipaddress
import re
from typing import NamedTuple

from .settings import SmtpSettings

_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]"
_DOT_STRING = rb"%b+(?:\.%b+)*" % (_ATEXT, _ATEXT)
_QUOTED_STRING = rb'"(?:[ !#-\[\]-~\x80-\xff]|\\[ -~])*"'
_SUB_DOMAIN = rb"[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]*[A-Za-z0-9\x80-\xff])?"
_DOMAIN = rb"%b(?:\.%b)*" % (_SUB_DOMAIN, _SUB_DOMAIN)
_LITERAL = rb"\[[!-Z^-~]+\]"
_MAILBOX = rb"(%b|%b)@(%b|%b)" % (_DOT_STRING, _QUOTED_STRING, _DOMAIN, _LITERAL)
# RFC 5321 §4.1.2 A-d-l: a source route has to be accepted and is ignored.
_ROUTE = rb"@(?:%b|%b)(?:,@(?:%b|%b))*:" % (_DOMAIN, _LITERAL, _DOMAIN, _LITERAL)

_PATH = re.compile(rb"<(?:(?:%b)?%b)?>" % (_ROUTE, _MAILBOX))
_BARE_PATH = re.compile(_MAILBOX)
_POSTMASTER = re.compile(rb"<postmaster>", re.IGNORECASE)  # RFC 5321 §4.1.1.3: the one address without a domain
_HELLO = re.compile(rb"[A-Za-z0-9._-]+|%b" % _LITERAL)  # "_" is no letter of the RFC, but of many machines' names
_QUOTED_PAIR = re.compile(r"\\(.)")
_NEEDS_NO_QUOTES = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+)*"
)
_SPECIAL = re.compile(r'(["\\])')


class BadPath(ValueError):
    """Not a path, or one over a limit. The text is for the log."""


class Path(NamedTuple):
    """A parsed path: the address ("" for the null path) and where in the argument it ended."""

    address: str
    end: int


def parse_path(argument: bytes, settings: SmtpSettings, *, forward: bool) -> Path:
    """The path that `argument` begins with. A forward path cannot be null, and may be <Postmaster>."""
    found = _PATH.match(argument)
    if found is None:
        if forward and (found := _POSTMASTER.match(argument)) is not None:
            return Path(found[0][1:-1].decode(), found.end())
        found = _BARE_PATH.match(argument) if settings.quirk_missing_angle_brackets else None
        if found is None:
            raise BadPath("not a path")
    raw_local, raw_domain = found[1], found[2]
    if raw_local is None:
        if forward:
            raise BadPath("a null forward path")
        return Path("", found.end())
    if (  # RFC 5321 §4.5.3.1.1 to §4.5.3.1.3
        len(raw_local) > settings.max_local_part_octets
        or len(raw_domain) > settings.max_domain_octets
        or found.end() > settings.max_path_octets
    ):
        raise BadPath("path too long")
    try:
        local, domain = raw_local.decode(), raw_domain.decode()
    except UnicodeDecodeError as error:
        raise BadPath("not UTF-8") from error
    if domain[0] == "[":
        _check_literal(domain)
    elif max(map(len, raw_domain.split(b"."))) > 63 and raw_domain.isascii():  # RFC 1035 §2.3.4
        raise BadPath("domain label too long")
    if local[0] == '"':
        local = canonical_local(local)
    return Path(f"{local}@{domain}", found.end())


def canonical_local(local: str) -> str:
    """A local part with the least quoting: all quoted forms of one name are the same name (RFC 5321 §4.1.2)."""
    if local[:1] != '"':
        return local
    name = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    if _NEEDS_NO_QUOTES.fullmatch(name):
        return name
    return '"' + _SPECIAL.sub(r"\\\1", name) + '"'


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain; the domain is "" for Postmaster alone."""
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (address, "")


def is_hello_name(name: bytes) -> bool:
    """True when `name` can stand after EHLO (RFC 5321 §4.1.1.1), or is a machine name as people give them."""
    if not _HELLO.fullmatch(name) or len(name) > 255:
        return False
    if name[:1] == b"[":
        try:
            _check_literal(name.decode())
        except BadPath:
            return False
    return True


def _check_literal(literal: str) -> None:
    """RFC 5321 §4.1.3; of tagged literals only IPv6 is registered."""
    text = literal[1:-1]
    try:
        if text[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(text[5:])
        else:
            ipaddress.IPv4Address(text)
    except ValueError as error:
        raise BadPath("not an address literal") from error
    if "%" in text:  # a zone identifier has no meaning to anybody else
        raise BadPath("not an address literal")


def address_literal(address: str) -> str:
    """An IP address as RFC 5321 §4.1.3 writes it."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
