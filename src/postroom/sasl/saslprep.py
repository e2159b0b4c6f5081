"""Names and passwords in the one form in which they may be compared (SASLprep, RFC 4013).

Owns: the preparation. Never: lower-cases (the profile keeps case). Raises: BadName.
"""

import stringprep
import unicodedata
from collections.abc import Callable


class BadName(ValueError):
    """The string has a character that a user name or password may not have."""


# RFC 4013 §2.3, in its order; C.1.2 can't be left after the mapping but NFKC might make one.
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str, *, stored: bool = False) -> str:
    """`text` prepared. `stored`: it will be kept to compare with, so it may not have unassigned code points."""
    if text.isascii():
        if not text.isprintable():
            raise BadName("a control character")
        return text
    mapped = "".join(  # RFC 4013 §2.1
        " " if stringprep.in_table_c12(char) else char for char in text if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.normalize("NFKC", mapped)  # §2.2
    for char in prepared:
        if any(prohibited(char) for prohibited in _PROHIBITED):  # §2.3
            raise BadName(f"U+{ord(char):04X} is prohibited")
        if stored and stringprep.in_table_a1(char):  # §2.5
            raise BadName(f"U+{ord(char):04X} is unassigned")
    _check_bidirectional(prepared)
    return prepared


def _check_bidirectional(text: str) -> None:
    """RFC 3454 §6: with a right-to-left character there is no left-to-right one, and it is first and last."""
    if not any(map(stringprep.in_table_d1, text)):
        return
    if any(map(stringprep.in_table_d2, text)):
        raise BadName("right-to-left and left-to-right characters mixed")
    if not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
        raise BadName("a right-to-left string must begin and end with a right-to-left character")
