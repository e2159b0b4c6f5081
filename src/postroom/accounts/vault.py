"""The key file beside the database: what seals secrets that must be read again, and makes salts that tell nothing.

Owns: data/credentials.key (or the file that the settings name), sealing, the salts of SCRAM. Never: writes to the
database, shows a key. Raises: DirectoryFailure when the file can't be read or made.

The database alone, as a dump or a stray copy, is then worth no more than its argon2id hashes: SCRAM keys, against which
passwords are guessed far more cheaply, and the secrets of second factors are sealed. Who has the whole data folder has
both, unless `accounts.credential_key_file` puts the key elsewhere.

What can't be opened (the key file was lost or changed) counts as absent: SCRAM keys are made again at the next plain
sign-in.
"""

import contextlib
import hashlib
import hmac
import logging
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from postroom.base import Ids

from .api import DirectoryFailure

_log = logging.getLogger("postroom.accounts")
KEY_OCTETS = 32
SALT_OCTETS = 16
_NONCE_OCTETS = 12  # AES-GCM; far fewer than 2^32 secrets are ever sealed under one key
KEY_FILE = "credentials.key"


class Vault:
    """Seals and opens, and derives. The key is asked for when it is first needed."""

    def __init__(self, key: Callable[[], bytes], ids: Ids) -> None:
        self._key = key
        self._ids = ids
        self._derived: dict[bytes, bytes] = {}
        self._warned = False

    def _sub_key(self, purpose: bytes) -> bytes:
        made = self._derived.get(purpose)
        if made is None:
            made = self._derived[purpose] = hmac.digest(self._key(), b"postroom " + purpose, hashlib.sha256)
        return made

    def seal(self, secret: bytes, context: str) -> bytes:
        """`secret` as it may be kept; it opens only for the same `context`. Raises DirectoryFailure."""
        nonce = self._ids.octets(_NONCE_OCTETS)
        return nonce + AESGCM(self._sub_key(b"seal")).encrypt(nonce, secret, _octets(context))

    def opened(self, sealed: bytes, context: str) -> bytes | None:
        """What was sealed; None when it was under another key, for something else, or is damaged."""
        try:
            return AESGCM(self._sub_key(b"seal")).decrypt(
                sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], _octets(context)
            )
        except (InvalidTag, ValueError):
            if not self._warned:
                self._warned = True
                _log.warning("secrets in postroom.db can't be opened: was %s lost or replaced?", KEY_FILE)
            return None

    def salt(self, hash_name: str, name: str) -> bytes:
        """The SCRAM salt of this name, be it somebody's or nobody's (RFC 5802 §5.1, "s=").

        It is always the same, so that it does not change when an account is made, gets keys or loses them.
        """
        return self.derived(f"salt {hash_name} {name}", SALT_OCTETS)

    def derived(self, purpose: str, length: int) -> bytes:
        """Up to 64 octets that only we can make and that are always the same for this purpose."""
        return hmac.digest(self._sub_key(b"names"), _octets(purpose), hashlib.sha512)[:length]


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def key_in_file(path: Path, ids: Ids) -> Callable[[], bytes]:
    """The key in this file, which is made when it is missing; several processes may do so at once."""

    def read() -> bytes:
        try:
            with contextlib.suppress(FileNotFoundError):
                return _checked(path, path.read_bytes())
            _make(path, ids)
            return _checked(path, path.read_bytes())
        except OSError as error:
            raise DirectoryFailure(
                f"{path}: {type(error).__name__}: {error}", text=f"The key file {path} can't be used: {error}"
            ) from error

    return read


def _checked(path: Path, key: bytes) -> bytes:
    if len(key) != KEY_OCTETS:
        raise DirectoryFailure(
            f"{path}: {len(key)} octets", text=f"The key file {path} is damaged: it has {len(key)} octets"
        )
    return key


def _make(path: Path, ids: Ids) -> None:
    """Under its final name only when it is whole and on the disk; made by root, it belongs to who has the folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{ids.token()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
            file.write(ids.octets(KEY_OCTETS))
            file.flush()
            folder = path.parent.stat()
            if os.geteuid() == 0 and folder.st_uid != 0:
                os.fchown(file.fileno(), folder.st_uid, folder.st_gid)
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was faster: its key is the one
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
