"""The crypt(3) hashes that consist of digests: $1$ (MD5), $5$ (SHA-256), $6$ (SHA-512).

Owns: computing them anew for a check. Never: makes salts. Raises: ValueError for a setting that is none of them.

Python has no crypt module any more, and not every machine has the library. All three mix password, salt and the last
digest in an order that depends on the round's number; they differ in the start, the count and the order of the output.
"""

import hashlib
import re
from collections.abc import Iterable

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SETTING = re.compile(r"\$(?:(1)|([56])(?:\$rounds=([1-9][0-9]{3,8}))?)\$(?!rounds=)([^$:\n]{0,16})\$")
_MD5_ROUNDS = 1000
_SHA_ROUNDS = 5000  # unless the setting says otherwise
_MD5_SALT = 8  # octets that count


def rounds(setting: str) -> int:
    """How many it takes. Raises ValueError."""
    found = _parsed(setting)
    if found[1]:
        return _MD5_ROUNDS
    return int(found[3]) if found[3] else _SHA_ROUNDS


def crypt_digest(password: bytes, setting: str) -> str:
    """The hash of `password` with the scheme, rounds and salt of `setting`, which may be a whole hash."""
    found = _parsed(setting)
    salt = found[4].encode()
    if found[1]:
        salt = salt[:_MD5_SALT]
        return f"$1${salt.decode()}${_md5(password, salt)}"
    how_many = f"rounds={found[3]}$" if found[3] else ""
    digest = _sha(f"sha{256 if found[2] == '5' else 512}", password, salt, rounds(setting))
    return f"${found[2]}${how_many}{found[4]}${digest}"


def _parsed(setting: str) -> re.Match[str]:
    found = _SETTING.match(setting)
    if found is None:
        raise ValueError("not a $1$, $5$ or $6$ hash")
    return found


def _md5(password: bytes, salt: bytes) -> str:
    alternate = _digest("md5", password + salt + password)
    start = password + b"$1$" + salt + _repeated(alternate, len(password))
    start += b"".join(b"\0" if bit else password[:1] for bit in _bits(len(password)))
    last = _mixed("md5", _digest("md5", start), password, salt, _MD5_ROUNDS)
    groups = [(last[n], last[n + 6], last[n + 12 if n < 4 else 5]) for n in range(5)]
    return "".join(_encoded(group, 4) for group in groups) + _encoded((0, 0, last[11]), 2)


def _sha(name: str, password: bytes, salt: bytes, how_many: int) -> str:
    alternate = _digest(name, password + salt + password)
    start = password + salt + _repeated(alternate, len(password))
    start += b"".join(alternate if bit else password for bit in _bits(len(password)))
    first = _digest(name, start)
    p = _repeated(_digest(name, password * len(password)), len(password))
    s = _repeated(_digest(name, salt * (16 + first[0])), len(salt))
    last = _mixed(name, first, p, s, how_many)
    third = len(last) // 3
    at = [0, third, 2 * third]
    text = ""
    for _ in range(third):
        text += _encoded((last[at[0]], last[at[1]], last[at[2]]), 4)
        at = [n + 1 for n in ((at[2], at[0], at[1]) if name == "sha256" else (at[1], at[2], at[0]))]
    return text + (_encoded((0, last[31], last[30]), 3) if name == "sha256" else _encoded((0, 0, last[63]), 2))


def _mixed(name: str, digest: bytes, password: bytes, salt: bytes, how_many: int) -> bytes:
    for n in range(how_many):
        middle = (salt if n % 3 else b"") + (password if n % 7 else b"")
        digest = _digest(name, password + middle + digest if n % 2 else digest + middle + password)
    return digest


def _digest(name: str, octets: bytes) -> bytes:
    return hashlib.new(name, octets, usedforsecurity=False).digest()


def _repeated(octets: bytes, length: int) -> bytes:
    return (octets * (length // len(octets) + 1))[:length] if octets else b""


def _bits(number: int) -> Iterable[int]:
    """From the lowest to the highest that is set."""
    while number:
        yield number & 1
        number >>= 1


def _encoded(group: tuple[int, int, int], characters: int) -> str:
    bits = group[0] << 16 | group[1] << 8 | group[2]
    return "".join(_ALPHABET[bits >> 6 * n & 63] for n in range(characters))
