"""Domain names as they go into a question and come out of an answer.

Owns: IDNA (RFC 5891), length and character rules (RFC 1035 §2.3.4, RFC 2181 §11), the form of a name server's address.
Never: asks. Raises: BadDomainName, ValueError for a name server.
"""

import ipaddress
import re
from functools import lru_cache

import idna

_LONGEST = 1024  # characters of a name that are looked at: A-labels are not shorter
_MAX_KEPT = 4096  # names that stay known
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


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


def from_answer(name: str) -> str:
    """A host name of an answer: lower case, without a final dot; "" is the root."""
    return name.lower().removesuffix(".")


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
