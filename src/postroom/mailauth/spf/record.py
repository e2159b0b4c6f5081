"""SPF records: which of a domain's texts is one, and its grammar (RFC 7208 §4.5, §4.6.1, §12).

Owns: selection, syntax. Never: evaluates, asks. Raises: BadRecord.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from postroom.mailauth.clients import read_ip4, read_ip6

from .macros import EXPLANATION_LETTERS, BadMacro, MacroString, read_domain_spec, read_macro_string

_VERSION = b"v=spf1"
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)((?:[:/].*)?)", re.DOTALL)
_DUAL_CIDR = re.compile(r"(?:/([0-9]+))?(?://([0-9]+))?\Z")
_CIDR = re.compile(r"0|[1-9][0-9]{0,2}")  # RFC 7208 §5.6: no leading zeros
_SHORT, _MAX_KEPT = 1024, 256  # octets of a record that may stay read, and how many do
_SHOWN = 80  # characters of a term that a message about it has


class BadRecord(ValueError):
    """A syntax error; the text says where."""


class Directive(NamedTuple):
    """A mechanism and what it stands for when it matches (RFC 7208 §4.6.2)."""

    text: str  # as published
    qualifier: str  # + - ~ ?
    mechanism: str  # lower case
    target: MacroString | None = None  # None: <domain>
    prefix4: int = 32
    prefix6: int = 128
    network: int = 0  # of ip4 and ip6

    @property
    def asks(self) -> bool:
        """Does it count against the limit of RFC 7208 §4.6.4?"""
        return self.mechanism not in ("all", "ip4", "ip6")


class SpfRecord(NamedTuple):
    text: str
    directives: tuple[Directive, ...]
    redirect: MacroString | None
    exp: MacroString | None

    @property
    def has_all(self) -> bool:
        """Then any redirect is ignored (RFC 7208 §5.1)."""
        return any(directive.mechanism == "all" for directive in self.directives)


def select_records(texts: Iterable[bytes]) -> list[bytes]:
    """Those of a domain's texts that are SPF records; one is right, several are an error (RFC 7208 §4.5)."""
    return [text for text in texts if text[:6].lower() == _VERSION and text[6:7] in (b"", b" ")]


def read_record(octets: bytes) -> SpfRecord:
    """All of it is checked before any of it counts (RFC 7208 §4.6). Raises BadRecord."""
    return _kept(octets) if len(octets) <= _SHORT else _read(octets)


def _read(octets: bytes) -> SpfRecord:
    if not octets.isascii():  # RFC 7208 §3.1
        at = next(at for at, octet in enumerate(octets) if octet > 127)
        raise BadRecord(f"an octet that is not ASCII after {octets[max(0, at - 40) : at].decode('ascii')!r}")
    text = octets.decode("ascii")
    directives: list[Directive] = []
    known: dict[str, MacroString] = {}
    for term in text[len(_VERSION) :].split(" "):  # nothing else separates terms (RFC 7208 §4.6.1)
        if not term:
            continue
        try:
            modifier = _MODIFIER.fullmatch(term)
            if modifier is None:
                directives.append(_directive(term))
            else:
                _modifier(modifier[1].lower(), modifier[2], known)
        except BadMacro as error:
            raise BadRecord(f"{term[:_SHOWN]!r}: {error}") from error
    return SpfRecord(text, tuple(directives), known.get("redirect"), known.get("exp"))


_kept = lru_cache(_MAX_KEPT)(_read)  # a record is good for many messages


def _modifier(name: str, value: str, known: dict[str, MacroString]) -> None:
    if name not in ("redirect", "exp"):
        read_macro_string(value, EXPLANATION_LETTERS)  # RFC 7208 §6: ignored, but of the right form
        return
    if name in known:
        raise BadMacro(f"{name} is there twice")  # RFC 7208 §6
    known[name] = read_domain_spec(value)


def _directive(term: str) -> Directive:
    found = _DIRECTIVE.fullmatch(term)
    if found is None:
        raise BadMacro("neither a mechanism nor a modifier")
    qualifier, mechanism, argument = found[1] or "+", found[2].lower(), found[3]
    match mechanism:
        case "all":
            if argument:
                raise BadMacro("all takes nothing")
            return Directive(term, qualifier, mechanism)
        case "include" | "exists":
            if not argument.startswith(":"):
                raise BadMacro(f"{mechanism} needs a domain name")
            return Directive(term, qualifier, mechanism, read_domain_spec(argument[1:]))
        case "ptr":
            if argument and argument[0] != ":":
                raise BadMacro("ptr takes no prefix length")
            return Directive(term, qualifier, mechanism, read_domain_spec(argument[1:]) if argument else None)
        case "a" | "mx":
            return _host_directive(term, qualifier, mechanism, argument)
        case "ip4" | "ip6":
            return _network_directive(term, qualifier, mechanism, argument)
        case _:
            raise BadMacro(f"no mechanism is called {mechanism[:_SHOWN]!r}")


def _host_directive(term: str, qualifier: str, mechanism: str, argument: str) -> Directive:
    """RFC 7208 §5.3, §5.4. A domain-spec cannot end in digits after a slash, so what does is the prefix length."""
    cidr = _DUAL_CIDR.search(argument)
    assert cidr is not None  # it matches nothing as well
    spec = argument[: cidr.start()]
    if spec and spec[0] != ":":
        raise BadMacro(f"{spec[:_SHOWN]!r} is no prefix length")
    target = read_domain_spec(spec[1:]) if spec else None
    return Directive(term, qualifier, mechanism, target, _prefix(cidr[1], 32), _prefix(cidr[2], 128))


def _network_directive(term: str, qualifier: str, mechanism: str, argument: str) -> Directive:
    """RFC 7208 §5.6."""
    address, slash, prefix = argument[1:].partition("/")
    network = read_ip4(address) if mechanism == "ip4" else read_ip6(address)
    if network is None or argument[0] != ":":
        raise BadMacro(f"{address[:_SHOWN]!r} is no IPv{mechanism[2]} address")
    if mechanism == "ip4":
        return Directive(term, qualifier, mechanism, None, _prefix(prefix if slash else None, 32), network=network)
    return Directive(term, qualifier, mechanism, None, 32, _prefix(prefix if slash else None, 128), network)


def _prefix(digits: str | None, most: int) -> int:
    if digits is None:
        return most
    if not _CIDR.fullmatch(digits) or int(digits) > most:
        raise BadMacro(f"/{digits[:_SHOWN]} is no prefix length from 0 to {most}")
    return int(digits)
