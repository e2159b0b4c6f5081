"""Files of names and password hashes: /etc/passwd, /etc/shadow, Dovecot's passwd-file.

Owns: their lines. Never: reads a file, judges a hash (imported does), keeps one. Raises: nothing; what is wrong with a
line is told with it.

All three have the name first and the password second, between colons; what follows differs, and none of it is needed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_IN_SHADOW = "x"  # passwd(5): the hash is in /etc/shadow


@dataclass(frozen=True, slots=True)
class PasswordLine:
    """One account of the file."""

    line: int  # from 1
    name: str
    hash: str = field(repr=False)
    trouble: str = ""  # why there is no hash; "": there is one


def read_lines(lines: Iterable[str]) -> Iterator[PasswordLine]:
    """Every account; empty lines and comments are passed over."""
    for number, line in enumerate(lines, start=1):
        text = line.strip("\r\n")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        name, colon, rest = text.partition(":")
        hashed = rest.partition(":")[0]
        if not colon or not name.strip():
            yield PasswordLine(number, name.strip(), "", "it is not name:hash:…")
        elif not hashed:
            yield PasswordLine(number, name.strip(), "", "it has no password")
        elif hashed == _IN_SHADOW:
            yield PasswordLine(number, name.strip(), "", "its hash is in another file (/etc/shadow)")
        elif hashed[0] in "!*":
            yield PasswordLine(number, name.strip(), "", "it is locked")
        else:
            yield PasswordLine(number, name.strip(), hashed)
