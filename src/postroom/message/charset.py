"""Octets in a named charset, as text.

Owns: finding the codec for a MIME charset name, and what to do when there is none. Never: guesses a language.
Raises: nothing; octets that fit no charset become U+FFFD.
"""

import codecs
from functools import lru_cache

# Names seen in mail that Python's codec registry does not know.
_ALIASES = {
    "x-unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "default": "utf-8",
    "cp-850": "cp850",
    "x-sjis": "shift_jis",
    "x-gbk": "gbk",
    "x-euc-jp": "euc_jp",
    "x-euc-kr": "euc_kr",
    "ks_c_5601-1987": "cp949",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-macintosh": "mac_roman",
    "iso-2022-cn": "gb18030",
    "windows-874": "cp874",
    "dos-874": "cp874",
    "x-windows-949": "cp949",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
}
# Codecs of Python that are no character encodings of mail, or that act on their input in unwanted ways.
_NOT_A_CHARSET = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "unicode-escape", "undefined"}
)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """Python's name for a charset; "" when unknown. The cache is bounded because peers choose the names."""
    name = charset.strip().strip("\"'").lower()
    if name in _ALIASES:
        name = _ALIASES[name]
    if "\0" in name or not name.isascii():
        return ""
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if info.name in _NOT_A_CHARSET or not getattr(info, "_is_text_encoding", True):
        return ""
    return info.name


def decode_text(octets: bytes, charset: str = "us-ascii") -> str:
    """`octets` as text. ASCII octets under an ASCII or unknown charset decode as they are; others try UTF-8 first."""
    name = _codec(charset)
    if name and name != "ascii":
        try:
            return octets.decode(name, "replace")
        except (UnicodeError, ValueError, LookupError):
            pass  # a codec that cannot replace (utf-16 surrogates …): fall through
    return decode_unlabelled(octets)


def decode_unlabelled(octets: bytes) -> str:
    """Text whose charset nobody names: ASCII, else UTF-8 (RFC 6532), else Windows-1252 as most such mail is."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def is_known(charset: str) -> bool:
    """Whether text in this charset can be decoded."""
    return bool(_codec(charset))
