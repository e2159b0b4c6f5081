"""Secrets that we make and people type: random letters in groups.

Owns: their form, and what does not count when one is typed. Never: keeps one. Raises: nothing.
"""

import hashlib

from postroom.base import Ids

LETTERS = "abcdefghijklmnopqrstuvwxyz"  # one case and no digits: typed on a phone without changing the keyboard
BITS = 4.7  # of a letter
_FAIR = 256 - 256 % len(LETTERS)  # octets from here on would make some letters more likely


def new_secret(ids: Ids, length: int, group: int) -> str:
    """`length` letters as they are shown: in groups with hyphens between."""
    letters = ""
    while len(letters) < length:
        letters += "".join(LETTERS[octet % len(LETTERS)] for octet in ids.octets(length) if octet < _FAIR)
    return grouped(letters[:length], group)


def grouped(letters: str, group: int) -> str:
    return "-".join(letters[at : at + group] for at in range(0, len(letters), group))


def letters_of(typed: str) -> str:
    """What counts of a secret: not hyphens, spaces and case."""
    return "".join(typed.split()).replace("-", "").lower()


def digest(purpose: str, account_id: int, typed: str) -> str:
    """What is kept: one SHA-256, which is enough for what can't be guessed."""
    octets = f"postroom {purpose}\0{account_id}\0{letters_of(typed)}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(octets).hexdigest()
