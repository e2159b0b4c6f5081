"""Mailbox names on the wire: modified UTF-7 (RFC 3501 §5.1.3).

Owns: Unicode name <-> wire octets. Never: knows which names exist or are allowed. Raises: ValueError from `decode`.

Strict: a wire name is accepted only when it is the one spelling its Unicode form encodes to, so that two wire names
never mean one mailbox. Raw UTF-8, which the RFC reserves for the future, is accepted when it is valid.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]+|&")
_PLAIN = re.compile(rb"[\x20-\x25\x27-\x7e]*")


def encode(name: str) -> bytes:
    """The wire form of a mailbox name."""
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode("ascii")
    return _NOT_PLAIN.sub(_shift, name).encode("ascii")


def _shift(run: "re.Match[str]") -> str:
    text = run[0]
    if text == "&":
        return "&-"
    # "replace" only matters for lone surrogates, which no decoded name holds
    base64 = b2a_base64(text.encode("utf-16-be", "replace"), newline=False).rstrip(b"=").replace(b"/", b",")
    return f"&{base64.decode('ascii')}-"


def decode(raw: bytes) -> str:
    """The name that these octets spell. Raises ValueError."""
    if _PLAIN.fullmatch(raw):
        return raw.decode("ascii")
    if not raw.isascii():
        return raw.decode("utf-8")  # "&" has no meaning in such a name (as in RFC 6855 §3)
    pieces: list[str] = []
    at = 0
    for shifted in _SHIFTED.finditer(raw):
        pieces.append(raw[at : shifted.start()].decode("ascii"))
        at = shifted.end()
        pieces.append(_unshift(shifted[1]))
    pieces.append(raw[at:].decode("ascii"))
    name = "".join(pieces)
    if encode(name) != raw:  # superfluous shifts, shifted ASCII, stray "&" or controls, leftover bits
        raise ValueError("not modified UTF-7")
    return name


def _unshift(base64: bytes) -> str:
    if not base64:
        return "&"
    try:
        octets = a2b_base64(base64.replace(b",", b"/") + b"=" * (-len(base64) % 4))
    except Base64Error as error:
        raise ValueError("not modified UTF-7") from error
    return octets.decode("utf-16-be")
