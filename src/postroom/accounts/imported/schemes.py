"""Which scheme a hash from elsewhere is of, and whether a password is the one behind it.

Owns: the forms of /etc/shadow, of Dovecot's and OpenLDAP's {SCHEME}, what is refused. Never: makes a hash, keeps a
password. Raises: BadHash with words for the person who imports; `matches` ValueError for a hash that `kept` did not
make.

Passwords are hashed here as they were typed, in UTF-8 and not prepared, because that is what other servers did.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

import argon2
import argon2.exceptions
import bcrypt

from postroom.accounts import scram

from .crypt_digests import crypt_digest, rounds
from .crypt_library import library_crypt, library_knows

_SCHEME = re.compile(r"\{([A-Za-z0-9_.-]+)\}(.*)\Z", re.DOTALL)
_MAX_CRYPT_ROUNDS = 1_000_000  # about a second each, these three
_MAX_BCRYPT_COST = 15
_MAX_PBKDF2_ITERATIONS = 5_000_000
_BCRYPT_OCTETS = 72  # the rest of a longer password never counted, and the library refuses it
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}\Z")
_DIGESTED = re.compile(r"\$(?:1|5|6)\$")
_WHOLE = re.compile(r"\$(?:1\$[^$]*\$[./0-9A-Za-z]{22}|5\$.*\$[./0-9A-Za-z]{43}|6\$.*\$[./0-9A-Za-z]{86})\Z")
_YESCRYPT = re.compile(r"\$g?y\$j([./0-9A-Za-z])([./0-9A-Za-z])\$[./0-9A-Za-z]{0,86}\$[./0-9A-Za-z]{43}\Z")
_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,2})\$[^$]+\$[^$]+\Z")
_DES = re.compile(r"[./0-9A-Za-z]{13}\Z")
_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIMPLE = {"SHA": "sha1", "SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}
_SALTED = {"SSHA": "sha1", "SSHA256": "sha256", "SSHA512": "sha512", "SMD5": "md5"}
_PBKDF2 = {"PBKDF2": "sha1", "PBKDF2-SHA1": "sha1", "PBKDF2-SHA256": "sha256", "PBKDF2-SHA512": "sha512"}
_SCRAM = {"SCRAM-SHA-1": "sha-1", "SCRAM-SHA-256": "sha-256"}
_CRYPT = (
    "CRYPT",
    "MD5-CRYPT",
    "SHA256-CRYPT",
    "SHA512-CRYPT",
    "BLF-CRYPT",
    "DES-CRYPT",
    "ARGON2",
    "ARGON2ID",
    "ARGON2I",
)
_PLAIN = ("PLAIN", "CLEAR", "CLEARTEXT")
_EXAMPLES = {"$y$": "$y$j75$saltsalt$", "$gy$": "$gy$j75$saltsalt$", "": "ab"}  # cheap ones, to ask the library
_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "B64": lambda text: base64.b64decode(text + "=" * (-len(text) % 4), validate=True),
    "HEX": bytes.fromhex,
}
_ENCODINGS["BASE64"] = _ENCODINGS["B64"]


class BadHash(ValueError):
    """A hash that can't be used here; the words say why."""


def plain_password(text: str) -> str | None:
    """The password itself, where it is written down as {PLAIN} or {CLEARTEXT}; else None."""
    found = _SCHEME.match(text)
    return found[2] if found is not None and found[1].upper() in _PLAIN else None


def kept(text: str) -> str:
    """A hash as another server wrote it, in the form that `matches` takes. Raises BadHash."""
    if not text.isascii():
        raise BadHash("it has characters that are in no hash")
    found = _SCHEME.match(text)
    if found is None:
        return _kept_crypt(text)
    name, _, encoding = found[1].upper().partition(".")
    rest = found[2]
    if name in _CRYPT:
        return _kept_crypt(rest)
    if name in _PBKDF2:
        _pbkdf2_parts(name, rest)
        return f"{{{name}}}{rest}"
    if name in _SCRAM:
        _scram_parts(rest)
        return f"{{{name}}}{rest}"
    if name in _SIMPLE or name in _SALTED:
        size = hashlib.new(_SIMPLE.get(name) or _SALTED[name], usedforsecurity=False).digest_size
        octets = _decoded(rest, encoding, size)
        if len(octets) < size or (name in _SIMPLE and len(octets) != size):
            raise BadHash(f"a hash of {{{name}}} has at least {size} octets, not {len(octets)}")
        return f"{{{name}}}{base64.b64encode(octets).decode('ascii')}"
    raise BadHash(f"{{{found[1]}}} is not known here")


def _decoded(text: str, encoding: str, size: int) -> bytes:
    if encoding not in ("", *_ENCODINGS):
        raise BadHash(f"the encoding .{encoding} is not known here")
    if not encoding:  # as Dovecot tells them apart: only hexadecimal digits are that long
        encoding = "HEX" if len(text) >= 2 * size and re.fullmatch(r"[0-9a-fA-F]+", text) else "B64"
    try:
        return _ENCODINGS[encoding](text)
    except (binascii.Error, ValueError) as error:
        raise BadHash("it is not base64") from error


def _kept_crypt(text: str) -> str:
    if _DIGESTED.match(text):
        try:
            if rounds(text) > _MAX_CRYPT_ROUNDS:
                raise BadHash(f"it has more than {_MAX_CRYPT_ROUNDS} rounds")
        except ValueError as error:
            raise error if isinstance(error, BadHash) else BadHash("it is cut short or damaged") from error
        if not _WHOLE.match(text):
            raise BadHash("it is cut short or damaged")
        return text
    if (found := _BCRYPT.match(text)) is not None:
        if not 4 <= int(found[1]) <= _MAX_BCRYPT_COST:
            raise BadHash(f"the cost of bcrypt may be 4 to {_MAX_BCRYPT_COST}, not {found[1]}")
        return text
    if _ARGON2.match(text):
        return text
    if _YESCRYPT.match(text) or _DES.match(text):
        if not library_knows(_EXAMPLES[_prefix(text)]):
            what = "yescrypt" if "y$" in text[:4] else "traditional crypt"
            raise BadHash(f"it is {what}, which the libcrypt of this machine does not know (or there is none)")
        return text if text.startswith("$") else f"{{CRYPT}}{text}"
    raise BadHash("it is of no kind that is known here, or is cut short")


def _prefix(text: str) -> str:
    return text[: text.index("$", 1) + 1] if text.startswith("$") else ""


def memory_kibibytes(hashed: str) -> int:
    """What one check of this hash holds while it computes."""
    if (found := _ARGON2.match(hashed)) is not None:
        return int(found[1])
    if (found := _YESCRYPT.match(hashed)) is not None:
        log_n, r = (_DIGITS.index(digit) + 1 for digit in found.groups())
        return min(128 * r << log_n, 1 << 50) >> 10
    return 1


def matches(hashed: str, password: bytes) -> bool:
    """`password` is the one behind `hashed`, as `kept` gave it. Raises ValueError."""
    found = _SCHEME.match(hashed)
    if found is None or found[1] == "CRYPT":
        return _matches_crypt(hashed if found is None else found[2], password)
    name, rest = found.groups()
    if name in _PBKDF2:
        iterations, salt, expected = _pbkdf2_parts(name, rest)
        made = hashlib.pbkdf2_hmac(_PBKDF2[name], password, salt, iterations, len(expected))
        return hmac.compare_digest(made, expected)
    if name in _SCRAM:
        iterations, salt, expected = _scram_parts(rest)
        return hmac.compare_digest(scram.server_keys(_SCRAM[name], password, salt, iterations)[0], expected)
    algorithm = _SIMPLE.get(name) or _SALTED.get(name)
    if algorithm is None:
        raise ValueError(f"{{{name}}}")
    octets = base64.b64decode(rest, validate=True)
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    made = hashlib.new(algorithm, password + octets[size:], usedforsecurity=False).digest()
    return hmac.compare_digest(made, octets[:size])


def _matches_crypt(hashed: str, password: bytes) -> bool:
    if hashed.startswith("$2"):
        return bcrypt.checkpw(password[:_BCRYPT_OCTETS], hashed.encode())
    if hashed.startswith("$argon2"):
        try:
            return argon2.PasswordHasher().verify(hashed, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.InvalidHashError, argon2.exceptions.VerificationError) as error:
            raise ValueError(str(error)) from error
    made = library_crypt(password, hashed) if _is_for_library(hashed) else crypt_digest(password, hashed)
    return hmac.compare_digest(made, hashed)


def _is_for_library(hashed: str) -> bool:
    found = _DIGESTED.match(hashed)
    return found is None or library_knows(f"{found[0]}saltsalt$")


def _pbkdf2_parts(name: str, rest: str) -> tuple[int, bytes, bytes]:
    """(iterations, salt, digest) of Dovecot's form, $1$salt$iterations$hex, or OpenLDAP's, iterations$salt$digest."""
    parts = rest.split("$")
    try:
        if name == "PBKDF2" and len(parts) == 5 and parts[:2] == ["", "1"]:
            iterations, salt, digest = int(parts[3]), parts[2].encode(), bytes.fromhex(parts[4])
        else:
            count, *others = parts
            iterations = int(count)
            salt, digest = (_ENCODINGS["B64"](part.replace(".", "+")) for part in others)
    except ValueError as error:
        raise BadHash(f"{{{name}}} is not as it should be") from error
    if not 1 <= iterations <= _MAX_PBKDF2_ITERATIONS or not 16 <= len(digest) <= 64:
        raise BadHash(f"{{{name}}} with {iterations} iterations and {len(digest)} octets")
    return iterations, salt, digest


def _scram_parts(rest: str) -> tuple[int, bytes, bytes]:
    """(iterations, salt, StoredKey) of Dovecot's iterations,salt,StoredKey,ServerKey."""
    try:
        count, salt, stored, _ = rest.split(",")
        iterations = int(count)
        parts = iterations, _ENCODINGS["B64"](salt), _ENCODINGS["B64"](stored)
    except ValueError as error:
        raise BadHash("SCRAM keys are not as they should be") from error
    if not 1 <= iterations <= _MAX_PBKDF2_ITERATIONS:
        raise BadHash(f"SCRAM keys with {iterations} iterations")
    return parts
