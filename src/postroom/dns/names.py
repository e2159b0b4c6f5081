"""Domain names as they go into a question and come out of an answer.

Owns: IDNA (RFC 5891), length and character rules (RFC 1035 §2.3.4, RFC 2181 §11), names as text and as labels (RFC 1035
§5.1), the form of a name server's address. Never: asks. Raises: BadDomainName, ValueError for a name server.

A label may hold any octet (RFC 2181 §11), and records have names built from such (RFC 7208 §7), so the resolver asks
for all of them (`exact_name`). Hosts and mail domains are called by letters, digits, "-" and "_" (`to_question`): that
is checked by who takes one from a setting, an address or an MX record. In text a backslash begins an escape, two of
them are one backslash, and every other printable character stands for itself.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

import idna

MAX_OCTETS = 255  # of a name, each label with its length, and the root (RFC 1035 §2.3.4)
MAX_LABEL = 63
_LONGEST = 1024  # characters of a name that are looked at: A-labels are not shorter, an escape has four an octet
_MAX_KEPT = 4096  # names that stay known
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ESCAPED = re.compile(r"\\([0-9]{3})|\\([^0-9])|([^\\.]+)|(\.)", re.DOTALL)  # RFC 1035 §5.1
_SHOWN_AS_ITSELF = frozenset(range(0x20, 0x7F)) - frozenset(b"\\.")


class BadDomainName(ValueError):
    """No such name can be in the DNS."""


def to_question(name: str) -> str:
    """`name` in A-labels, lower case, without a final dot. Underscore labels (_dmarc) are names too."""
    if len(name) > _LONGEST:
        raise BadDomainName(f"{name[:80]!r} is too long")
    return _to_question(name)


@lru_cache(_MAX_KEPT)
def _to_question(name: str) -> str:
    text = name.removesuffix(".")
    if text.isascii():
        labels = text.lower().split(".")
    else:
        try:
            mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
            labels = [label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split(".")]
        except (idna.IDNAError, UnicodeError) as error:
            raise BadDomainName(f"{name[:80]!r}: {error}") from error
    question = ".".join(labels)
    if len(question) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise BadDomainName(f"{name[:80]!r} is not a domain name")
    return question


def exact_name(name: str) -> str:
    """`name` as it is asked for, whatever octets its labels hold: lower case, without a final dot, escapes in one form.

    The top label is a host's all the same (RFC 3696 §2), so that odd single words are not carried to the root servers.
    Raises BadDomainName.
    """
    if len(name) > _LONGEST:
        raise BadDomainName(f"{name[:80]!r} is too long")
    return _exact_name(name)


@lru_cache(_MAX_KEPT)
def _exact_name(name: str) -> str:
    if not name.isascii():
        return to_question(name)
    if "\\" in name:
        octets = labels_of(name)
        text = _text(octets)
    else:
        text = name.lower().removesuffix(".")
        octets = tuple(text.encode("ascii").split(b"."))
        if not text.isprintable():
            text = _text(octets)
    if sum(map(len, octets)) + len(octets) >= MAX_OCTETS or not all(0 < len(label) <= MAX_LABEL for label in octets):
        raise BadDomainName(f"{name[:80]!r} is not a domain name")
    if not _LABEL.fullmatch(text[text.rfind(".") + 1 :]):
        raise BadDomainName(f"{name[:80]!r} is in no top-level domain")
    return text


def is_plain(name: str) -> bool:
    """Whether it is a name that a host or a mail domain may have (`to_question`)."""
    try:
        return bool(to_question(name))
    except BadDomainName:
        return False


def labels_of(name: str) -> tuple[bytes, ...]:
    """The labels of an ASCII name in text form, without that of the root; escapes are what they stand for.

    Raises BadDomainName.
    """
    labels = [bytearray()]
    at = 0
    while at < len(name):
        found = _ESCAPED.match(name, at)
        if found is None or (found[1] and int(found[1]) > 255):
            raise BadDomainName(f"{name[:80]!r} has half an escape")
        at = found.end()
        if found[4]:
            labels.append(bytearray())
        elif found[1]:
            labels[-1].append(int(found[1]))
        else:
            labels[-1] += (found[2] or found[3]).encode("ascii")
    if not labels[-1]:
        labels.pop()  # a final dot; "" and "." are the root
    return tuple(map(bytes, labels))


def _text(labels: Iterable[bytes]) -> str:
    """In lower case; the opposite of `labels_of`."""
    return ".".join(["".join(map(_character, label.lower())) for label in labels])


def _character(octet: int) -> str:
    if octet in _SHOWN_AS_ITSELF:
        return chr(octet)
    return f"\\{chr(octet)}" if octet in b"\\." else f"\\{octet:03}"


def from_answer(name: str) -> str:
    """A name of an answer: lower case, without a final dot, escapes as in `exact_name`; "" is the root.

    Libraries escape more characters than need be. What none of them writes stays as it is: it is no name to ask for.
    """
    if "\\" not in name:
        return name.lower().removesuffix(".")
    try:
        return _text(labels_of(name))
    except (BadDomainName, UnicodeEncodeError):
        return name.lower()


def reverse_name(address: str) -> str:
    """The name under in-addr.arpa or ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5)."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).reverse_pointer
    except ValueError as error:
        raise BadDomainName(f"{address[:80]!r} is not an IP address") from error


def block_list_name(address: str, block_list: str) -> str:
    """Where a block list says what it knows of an address: reversed octets or nibbles (RFC 5782 §2.1, §2.4)."""
    reverse = reverse_name(address).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{reverse}.{block_list}"


def name_server(text: str) -> str:
    """ "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT", checked; names are no addresses."""
    host, colon, port = text, "", ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
    elif text.count(":") == 1:
        host, colon, port = text.partition(":")
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise ValueError(f"name server {text!r}: not an IP address") from error
    if colon and not (colon == ":" and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"name server {text!r}: not a port")
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f"{shown}:{int(port)}" if port else shown
