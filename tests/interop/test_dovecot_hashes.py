"""Hashes that Dovecot makes are taken over with their passwords, and Dovecot knows ours."""

import asyncio
from typing import Any

import pytest
from tests.interop.clients import need, run

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.base import FakeClock, SeededIds

pytestmark = pytest.mark.interop

SCHEMES = [
    "ARGON2I",
    "ARGON2ID",
    "BLF-CRYPT",
    "CRYPT",
    "DES-CRYPT",
    "MD5-CRYPT",
    "SHA256-CRYPT",
    "SHA512-CRYPT",
    "PBKDF2",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA512",
    "SMD5",
    "SSHA",
    "SSHA256",
    "SSHA512",
    "SSHA.HEX",
    "SSHA256.HEX",
    "SSHA512.B64",
    "SHA512.HEX",
    "PLAIN",
    "CLEARTEXT",
]
PASSWORDS = ("s3cret words", "pässwörd 密码", "x", "long " * 30 + "end", "{SSHA}$6$!*#")
CHEAP: dict[str, Any] = {"hash_memory_kibibytes": 8, "hash_passes": 1, "scram_iterations": 4096}


def _dovecot(scheme: str, password: str) -> str:
    return run([need("doveadm"), "pw", "-s", scheme, "-p", password]).strip().rpartition("\n")[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_dovecot_made_is_taken_over(scheme: str) -> None:
    passwords = PASSWORDS if scheme != "DES-CRYPT" else ("s3cret", "x")  # of which 8 octets count
    lines = [f"p{n}@example.org:{_dovecot(scheme, one)}:::::" for n, one in enumerate(passwords)]

    async def play() -> None:
        directory = MemoryDirectory(AccountSettings(**CHEAP), FakeClock(), SeededIds())
        await directory.add_domain("example.org")
        for one in await directory.import_passwords(lines, create=True):
            assert one.outcome == "imported", one
        for n, password in enumerate(passwords):
            for _ in range(2):  # with their hash, then with ours
                assert await directory.authenticate(f"p{n}@example.org", "X" + password, "imap") is None
                assert await directory.authenticate(f"p{n}@example.org", password, "imap") is not None
            assert directory._book.tables.credentials(n + 1)[0].hash.startswith("$argon2id$")
        await directory.close()

    asyncio.run(play())


@pytest.mark.parametrize("password", PASSWORDS)
def test_dovecot_knows_our_hashes(password: str) -> None:
    async def play() -> str:
        directory = MemoryDirectory(AccountSettings(**CHEAP), FakeClock(), SeededIds())
        await directory.add_domain("example.org")
        await directory.add_person("bob@example.org", password)
        await directory.close()
        return directory._book.tables.credentials(1)[0].hash

    hashed = "{ARGON2ID}" + asyncio.run(play())
    assert "(verified)" in run([need("doveadm"), "pw", "-t", hashed, "-p", password])
