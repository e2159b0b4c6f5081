"""Names and passwords in the form in which they are compared, the same for every mechanism and protocol.

Owns: which of SASLprep (RFC 4013) and PRECIS (RFC 8265) is used for what. Never: maps case: the directory does, at the
last moment (RFC 8265 §3.2). Raises: BadName.

Names: UsernameCasePreserved, the part before the last "@" apart from the domain, so that a right-to-left name may stand
before a left-to-right domain. A name that PRECIS forbids (with spaces or compatibility characters) is SASLprepped, as
RFC 4616 §2 and RFC 5802 §5.1 ask and as it always was here.
Passwords: SASLprep wherever it allows the string to be kept, as RFC 4616 §2, RFC 5802 §2.2 and RFC 6856 §2.2 ask; all
passwords that were ever kept here have that form. With characters younger than Unicode 3.2, SASLprep as of a query,
which clients that compute for SCRAM do as well, if OpaqueString allows what comes of it; what SASLprep forbids (both
writing directions in one string), OpaqueString. Which it is depends on the password alone, so there is one form to try.
"""

import unicodedata

from .precis import opaque_string, username
from .saslprep import BadName, saslprep


def prepared_name(text: str) -> str:
    """A user name as it is looked up. Raises BadName; also for an empty one."""
    if text.isascii():
        prepared = saslprep(text)
    else:
        local, at, domain = text.rpartition("@")
        try:
            prepared = f"{username(local, case_mapped=False)}@{_domain(domain)}" if at else _userparts(text)
        except BadName:
            prepared = saslprep(text)
    if not prepared:
        raise BadName("empty")
    return prepared


def same_name(one: str, other: str) -> bool:
    """Whether two prepared names are the same name (RFC 8265 §3.3.4), in any case."""
    return _folded(one) == _folded(other)


def prepared_password(text: str) -> str:
    """A password as it is hashed, for keeping and for signing in. Raises BadName; also for an empty one."""
    try:
        prepared = saslprep(text, stored=True)
    except BadName:
        prepared = _younger(text)
    if not prepared:
        raise BadName("empty")
    return prepared


def _younger(text: str) -> str:
    """What a password is that SASLprep would not keep."""
    try:
        loose = saslprep(text)
    except BadName:
        return opaque_string(text)
    return opaque_string(loose)


def _userparts(text: str) -> str:
    """RFC 8265 §3.1, §3.5: parts with single spaces between them."""
    return " ".join(username(part, case_mapped=False) for part in text.split(" ") if part)


def _domain(domain: str) -> str:
    """Left for the directory to make A-labels of; only composed."""
    if not domain.isprintable():
        raise BadName("a control character")
    return unicodedata.normalize("NFC", domain)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
