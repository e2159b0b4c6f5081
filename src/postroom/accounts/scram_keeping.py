"""SCRAM keys of people and of nobody: made, sealed, opened.

Owns: which keys an account has, their salt and count of iterations. Never: writes them (its callers do), decides who
may sign in. Raises: SignInBusy, DirectoryFailure.

All keys of an account are made with one salt and one count, so that one exchange can prove any of its passwords. The
salt is derived from the name. The count is today's setting for an account without app passwords; with them, theirs,
because we do not have their secrets to make other keys.
"""

import asyncio
from collections.abc import Container, Iterable, Sequence

from . import scram
from .api import NOBODY, ScramKey
from .computing import Computing
from .settings import AccountSettings
from .types import CredentialRow, Keys
from .vault import Vault

_LEAST_OPENED = 4  # of each name, as the client can time it: somebody's keys, or nobody's
_KEY_OCTETS = {"sha-256": 32, "sha-1": 20}


class ScramKeeping:
    """For names as they are compared (addresses.address_key), or any other text for names that are nobody's."""

    def __init__(self, computing: Computing, vault: Vault, settings: AccountSettings) -> None:
        self._computing = computing
        self._vault = vault
        self._settings = settings
        self._nothing: Keys | None = None  # opens to nothing

    @property
    def is_on(self) -> bool:
        return self._settings.keep_scram_keys

    async def made(self, name: str, spellings: Sequence[str], rows: Iterable[CredentialRow]) -> Keys | None:
        """Keys for a password of this account, whose credentials are `rows`; None when the settings keep none.

        `spellings` are prepared (passwords.prepared).
        """
        if not self.is_on:
            return None
        count = self.count(name, rows, only_app_passwords=True) or self._settings.scram_iterations
        salts = {hash_name: self.salt(name, hash_name) for hash_name in scram.HASHES}

        def compute() -> bytes:
            self._computing.counted("pbkdf2", len(spellings) * len(salts))
            return scram.packed(spellings, salts.__getitem__, count)

        packed = await self._computing.run(compute)
        sealed = await asyncio.to_thread(self._vault.seal, packed, _context(name, count))  # may have to make the file
        return Keys(sealed, count)

    def salt(self, name: str, hash_name: str) -> bytes:
        return self._vault.salt(hash_name, name)

    def count(self, name: str, rows: Iterable[CredentialRow], *, only_app_passwords: bool = False) -> int | None:
        """Iterations of this account's keys; None: it has none that can be opened."""
        return _count([row for row in rows if self.is_usable(name, row.keys)], only_app_passwords=only_app_passwords)

    def is_usable(self, name: str, keys: Keys | None) -> bool:
        return keys is not None and self._opened(name, keys) is not None

    def opened(
        self, name: str, rows: Sequence[CredentialRow], good: Container[int], hash_name: str
    ) -> tuple[int | None, list[ScramKey]]:
        """The count of this account's keys, and those of the credentials that are `good`.

        A name without keys costs as much as one with those of a main password and a few app passwords.
        """
        opened = [(row, self._opened(name, row.keys)) for row in rows if row.keys is not None]
        for _ in range(_LEAST_OPENED - len(opened)):
            self._opened("", self._decoy())
        count = _count([row for row, packed in opened if packed is not None])
        found = [
            ScramKey(row.credential_id, stored, server)
            for row, packed in opened
            if packed is not None
            and row.credential_id in good
            and row.keys is not None
            and row.keys.iterations == count
            for stored, server in scram.unpacked(packed, hash_name)
        ]
        return count, found

    def _opened(self, name: str, keys: Keys) -> bytes | None:
        return self._vault.opened(keys.sealed, _context(name, keys.iterations))

    def _decoy(self) -> Keys:
        if self._nothing is None:
            self._nothing = Keys(self._vault.seal(bytes(scram.PACKED), _context("", 0)), 0)
        return self._nothing

    def nobodys(self, name: str, hash_name: str) -> ScramKey:
        """A key that nobody has the password of."""
        size = _KEY_OCTETS[hash_name]
        both = self._vault.derived(f"nobody {hash_name} {name}", 2 * size)
        return ScramKey(NOBODY, both[:size], both[size:])

    def nobodys_count(self, name: str, counts: Sequence[int]) -> int:
        """Iterations to show for a name without keys: one of those on record or today's, always the same for a name,
        so that accounts with keys of before do not stand out."""
        choices = sorted({*counts, self._settings.scram_iterations})
        return choices[int.from_bytes(self._vault.derived(f"count {name}", 8)) % len(choices)]


def _context(name: str, iterations: int) -> str:
    return f"scram {iterations} {name}"


def _count(usable: list[CredentialRow], *, only_app_passwords: bool = False) -> int | None:
    """App passwords come first: nobody can make other keys for them."""
    chosen = min(usable, key=lambda row: row.is_main, default=None)
    if chosen is None or chosen.keys is None or (only_app_passwords and chosen.is_main):
        return None
    return chosen.keys.iterations
