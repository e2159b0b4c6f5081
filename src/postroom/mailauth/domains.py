"""Domain names as checks meet them: in envelopes, header fields, records and answers.

Owns: A-labels (RFC 5891, RFC 8616 §3), length and character rules (RFC 1035 §2.3.4), what is inside of what.
Never: asks the DNS. Raises: nothing.
"""

import re
from functools import lru_cache

import idna

MAX_NAME = 253  # characters, without the final dot (RFC 1035 §2.3.4 in the form of RFC 7208 §7.3)
_MAX_KEPT = 2048  # names that stay read
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
# What can be asked for at all: any printable character is legal in a label (RFC 2181 §11). No backslash: in questions
# and answers it begins an escape, and \. would make one label of two.
# No number at the end: resolvers answer an IP address with itself, and no top-level domain is one (RFC 3696 §2).
_ASKABLE = re.compile(r"(?:[ -\-/-\[\]-~]{1,63}\.)+(?![0-9]+\Z)[a-z0-9-]{1,63}")


def domain_name(text: str) -> str:
    """`text` in A-labels, lower case, without its final dot; "" when it is no domain name of two labels or more.

    IP addresses, with and without brackets, are none: no top-level domain is a number (RFC 3696 §2).
    """
    return _domain_name(text) if len(text) <= MAX_NAME + 1 else ""


@lru_cache(_MAX_KEPT)
def _domain_name(text: str) -> str:
    name = text.removesuffix(".")
    if len(name) > MAX_NAME:
        return ""
    if not name.isascii():
        try:
            mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
            if len(mapped) > MAX_NAME:  # one character may become eighteen, and A-labels are only longer
                return ""
            name = ".".join(one if one.isascii() else idna.alabel(one).decode("ascii") for one in mapped.split("."))
        except (idna.IDNAError, UnicodeError):
            return ""
    name = name.lower()
    if len(name) > MAX_NAME or not _DOMAIN.fullmatch(name) or name[name.rfind(".") + 1 :].isdigit():
        return ""
    return name


def askable_name(text: str) -> str:
    """`text` in lower case without its final dot, if a question can be made of it; else "".

    Unlike `domain_name` it takes what no host is called: records build such names (RFC 7208 §4.8).
    """
    name = text.removesuffix(".").lower()
    return name if len(name) <= MAX_NAME and _ASKABLE.fullmatch(name) else ""


def is_within(name: str, domain: str) -> bool:
    """Is `name` the `domain` itself, or below it? Both in lower case without a final dot."""
    return name == domain or name.endswith("." + domain)
