"""Strings as PRECIS prepares them (RFC 8264): names of people and passwords (RFC 8265).

Owns: the classes of code points (RFC 8264 §8, §9) and the profiles UsernameCaseMapped, UsernameCasePreserved and
OpaqueString. Never: decides which profile a protocol uses (preparation.py does), looks at more than one string. Raises:
BadName.

Categories come from the Unicode version of the interpreter; what was assigned later counts as unassigned (§9.10).
"""

import unicodedata

import idna

from .saslprep import BadName

_VALID = frozenset(  # RFC 8264 §9.6 (RFC 5892 §2.6)
    "\u00df\u03c2\u06fd\u06fe\u0f0b\u3007"
)
_CONTEXT = frozenset("\u00b7\u0375\u05f3\u05f4\u30fb") | {
    chr(cp) for cp in (*range(0x660, 0x66A), *range(0x6F0, 0x6FA))
}
_DISALLOWED = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
_JOINERS = frozenset("\u200c\u200d")  # §9.8
_LETTERS_AND_DIGITS = frozenset(("Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"))  # §9.1
_FREE = frozenset(  # §9.18 other letters and digits, §9.14 spaces, §9.15 symbols, §9.16 punctuation
    ("Lt", "Nl", "No", "Me", "Zs", "Sm", "Sc", "Sk", "So", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po")
)
# §9.9: leading, vowel and trailing jamo of old Hangul
_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB))
# §9.13: Default_Ignorable_Code_Point of Unicode, which unicodedata does not tell
_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_NONCHARACTERS = (0xFDD0, 0xFDEF)
_RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))


def username(text: str, *, case_mapped: bool) -> str:
    """A userpart (RFC 8265 §3): UsernameCaseMapped (§3.3), or UsernameCasePreserved (§3.4)."""
    narrow = "".join(map(_without_width, text))
    if case_mapped:
        narrow = narrow.lower()
    prepared = unicodedata.normalize("NFC", narrow)
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in prepared):
        try:
            idna.check_bidi(prepared)  # RFC 5893 §2
        except idna.IDNAError as error:
            raise BadName("right-to-left and left-to-right characters mixed") from error
    return _checked(prepared, free=False)


def opaque_string(text: str) -> str:
    """A password (RFC 8265 §4.2): spaces of all kinds are one, the rest is composed, nothing else changes."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)
    return _checked(unicodedata.normalize("NFC", spaced), free=True)


def _without_width(char: str) -> str:
    """Fullwidth and halfwidth forms as what they are a form of (RFC 8265 §3.3.1)."""
    kind, _, rest = unicodedata.decomposition(char).partition(" ")
    return "".join(chr(int(code, 16)) for code in rest.split()) if kind in ("<wide>", "<narrow>") else char


def _checked(text: str, *, free: bool) -> str:
    """What the mappings have left; the class comes last (RFC 8264 §7), so that preparing again changes nothing."""
    if not text:
        raise BadName("empty")
    for position, char in enumerate(text):
        if not _allowed(text, position, char, free=free):
            raise BadName(f"U+{ord(char):04X} is not allowed")
    return text


def _allowed(text: str, position: int, char: str, *, free: bool) -> bool:
    """RFC 8264 §8, in its order."""
    code, category = ord(char), unicodedata.category(char)
    if char in _VALID:
        return True
    if char in _CONTEXT:
        return idna.valid_contexto(text, position)
    if char in _DISALLOWED or (category == "Cn" and not _is_in(code, _IGNORABLE)):
        return False
    if 0x21 <= code <= 0x7E:  # §9.11
        return True
    if char in _JOINERS:
        return _joins(text, position)
    if _is_in(code, _JAMO) or _is_in(code, _IGNORABLE) or _is_in(code, (_NONCHARACTERS,)) or category == "Cc":
        return False
    if unicodedata.normalize("NFKC", char) != char:  # §9.17
        return free
    return category in _LETTERS_AND_DIGITS or (free and category in _FREE)


def _joins(text: str, position: int) -> bool:
    """RFC 5892 §A.1, §A.2"""
    try:
        return idna.valid_contextj(text, position)
    except ValueError:  # of a character that has no name in idna's tables
        return False


def _is_in(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)
