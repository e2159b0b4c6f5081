"""Octets in a named charset, as text.

Owns: finding the codec for a MIME charset name, and what to do when there is none. Never: guesses a language.
Raises: nothing; octets that fit no charset become U+FFFD.
"""

import re
from encodings.aliases import aliases
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
# The charsets Python knows, by every name. Asking codecs.lookup about a peer's word instead would import by that word
# and remember every miss for ever. What is not a charset of text, or takes quadratic time, stays out.
_NOT_CHARSETS = {
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "mbcs",
    "raw_unicode_escape", "unicode_escape", "idna", "punycode", "undefined", "oem",
}  # fmt: skip
_WITHOUT_ALIAS = (
    "utf_8_sig", "koi8_t", "koi8_u", "cp720", "cp737", "cp856", "cp874", "cp875", "cp1006",
    "mac_arabic", "mac_croatian", "mac_farsi", "mac_romanian",
)  # fmt: skip
_CODECS = {alias: codec for alias, codec in aliases.items() if codec not in _NOT_CHARSETS}
_CODECS |= {codec: codec for codec in (*_CODECS.values(), *_WITHOUT_ALIAS)}
_PUNCTUATION = re.compile(r"[^0-9a-z.]+")


def python_codec(charset: str) -> str:
    """Python's name for a registered charset, "" when there is none."""
    if not charset.isascii():
        return ""
    return _CODECS.get(_PUNCTUATION.sub("_", charset.lower()), "")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    """The same for what mail calls its charset. The cache is bounded because peers choose the names."""
    name = charset.strip().strip("\"'").lower()
    return python_codec(_ALIASES.get(name, name))


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
