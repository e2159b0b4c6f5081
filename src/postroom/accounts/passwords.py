"""Passwords: argon2id, the hashes of other servers, and what was proven a moment ago.

Owns: hashing, the cache of proven credentials. Never: knows people or tables, keeps a password.
Raises: SignInBusy when too many wait, BadAddress for a password that can't be kept.

A check takes the same time whether or not there is such a person: without a hash, one that nothing matches is computed.
While hashes of another server are on record, a refusal costs one of those and one of ours, whichever the account has.
The cache holds HMACs under a key that lives as long as the process; an entry counts only while the hash it was proven
against is still the one on record.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
from collections import OrderedDict

import argon2
import argon2.exceptions
import argon2.low_level

from postroom.base import Clock, Ids
from postroom.sasl import BadName, prepared_password

from . import imported
from .api import BadAddress
from .computing import Computing
from .settings import AccountSettings

_log = logging.getLogger("postroom.accounts")
_SALT_OCTETS, _HASH_OCTETS = 16, 32  # RFC 9106 §4
_OURS = "$argon2id$"


class Passwords:
    """`hash` for keeping, `verify` for signing in."""

    def __init__(self, settings: AccountSettings, clock: Clock, ids: Ids) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._hasher = argon2.PasswordHasher(  # RFC 9106: argon2id
            time_cost=settings.hash_passes,
            memory_cost=settings.hash_memory_kibibytes,
            parallelism=settings.hash_lanes,
            hash_len=_HASH_OCTETS,
            salt_len=_SALT_OCTETS,
            type=argon2.Type.ID,
        )
        self._nobody = self._unmatchable()
        self._key = ids.octets(32)
        self._proven: OrderedDict[bytes, tuple[float, str]] = OrderedDict()  # credential: (until, hash), oldest first
        self._checking: dict[tuple[bytes, str], asyncio.Future[bool]] = {}
        self.computing = Computing(settings)

    @property
    def computed(self) -> int:
        """argon2id computations so far."""
        return self.computing.work["argon2id"]

    def _unmatchable(self) -> str:
        """A hash of today's parameters whose digest is random: as slow as any, and nobody's."""
        salt, digest = (
            base64.b64encode(self._ids.octets(n)).decode().rstrip("=") for n in (_SALT_OCTETS, _HASH_OCTETS)
        )
        s = self._settings
        return f"$argon2id$v=19$m={s.hash_memory_kibibytes},t={s.hash_passes},p={s.hash_lanes}${salt}${digest}"

    def prepared(self, password: str) -> str:
        """As it is hashed. Raises BadAddress with a reason for people when it can't be kept."""
        try:
            prepared = prepared_password(password)
        except BadName as error:
            raise BadAddress("password", text=f"The password can't be used: {error}") from error
        if "\0" in prepared or len(prepared.encode()) > self._settings.max_password_octets:
            raise BadAddress(
                "password", text=f"The password is longer than {self._settings.max_password_octets} octets"
            )
        return prepared

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises BadAddress with a reason for people, SignInBusy."""
        prepared = self.prepared(password)
        salt = self._ids.octets(_SALT_OCTETS)

        def make() -> str:
            self.computing.counted("argon2id")
            with self.computing.memory(self._settings.hash_memory_kibibytes):
                return self._hasher.hash(prepared, salt=salt)

        return await self.computing.run(make)

    async def verify(self, name: str, password: str, password_hash: str | None, decoy: str | None = None) -> bool:
        """True when `password` is the one of `password_hash`. Raises SignInBusy.

        `decoy`: a hash of another server, if any is on record, which a refusal then computes as well.
        """
        elsewhere = password_hash if password_hash is not None and not password_hash.startswith(_OURS) else None
        try:
            prepared = prepared_password(password)
        except BadName:
            password_hash, prepared = None, ""
        if len(prepared) > self._settings.max_password_octets:
            password_hash, prepared = None, ""
        if elsewhere is not None and not prepared and self._is_text(password):
            password_hash, prepared = elsewhere, password  # the other server took it as it was typed
        typed = password if prepared else ""
        credential = self._credential(name, prepared)
        if self._remembered(credential, password_hash):
            return True
        expected = password_hash or self._nobody
        # A client that opens ten connections at once has its password checked once.
        check = self._checking.get((credential, expected))
        if check is None:
            check = self.computing.run(lambda: self._check(expected, prepared, typed, decoy))
            self._checking[credential, expected] = check
            check.add_done_callback(lambda done: self._checked(credential, expected, done))
        return await asyncio.shield(check) and password_hash is not None

    def _is_text(self, password: str) -> bool:
        try:
            return 0 < len(password.encode()) <= self._settings.max_password_octets and "\0" not in password
        except UnicodeEncodeError:
            return False

    def needs_rehash(self, password_hash: str) -> bool:
        """True when the hash was made with other parameters than today's, or by another server."""
        return not password_hash.startswith(_OURS) or self._hasher.check_needs_rehash(password_hash)

    def _check(self, expected: str, prepared: str, typed: str, decoy: str | None) -> bool:
        ours = expected.startswith(_OURS)
        if self._matches(expected, prepared, typed):
            return True
        other = decoy if ours else self._nobody
        if other is not None:
            self._matches(other, prepared, typed)
        return False

    def _matches(self, password_hash: str, prepared: str, typed: str) -> bool:
        try:
            with self.computing.memory(imported.memory_kibibytes(password_hash)):
                if not password_hash.startswith(_OURS):
                    self.computing.counted("imported")
                    return imported.matches(password_hash, typed.encode())
                self.computing.counted("argon2id")
                return self._hasher.verify(password_hash, prepared)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.InvalidHashError, argon2.exceptions.VerificationError, ValueError) as error:
            _log.error("a password hash on record can't be used: %s", error)
            return False

    # ---- what was proven

    def _credential(self, name: str, password: str) -> bytes:
        raw_name = name.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, b"%d:%b%b" % (len(raw_name), raw_name, password.encode()), hashlib.sha256)

    def _remembered(self, credential: bytes, password_hash: str | None) -> bool:
        entry = self._proven.get(credential)
        if entry is None:
            return False
        until, proven = entry
        if password_hash is not None and self._clock.monotonic() < until and hmac.compare_digest(proven, password_hash):
            return True
        del self._proven[credential]
        return False

    def remember(self, name: str, password: str, password_hash: str) -> None:
        """`password` has just been proven against `password_hash`."""
        self._keep(self._credential(name, prepared_password(password)), password_hash)

    def _keep(self, credential: bytes, password_hash: str) -> None:
        seconds = self._settings.credential_cache_seconds
        if seconds <= 0:
            return
        self._proven[credential] = (self._clock.monotonic() + seconds, password_hash)
        self._proven.move_to_end(credential)
        while len(self._proven) > self._settings.max_cached_credentials:
            self._proven.popitem(last=False)

    def _checked(self, credential: bytes, expected: str, done: "asyncio.Future[bool]") -> None:
        del self._checking[credential, expected]
        if not done.cancelled() and done.exception() is None and done.result() and expected != self._nobody:
            self._keep(credential, expected)

    def close(self) -> None:
        """End the threads; forget what was proven."""
        self.computing.close()
        self._proven.clear()
