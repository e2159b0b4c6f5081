"""Hashes of another server: taken over, used, and replaced by ours at the first sign-in."""

import asyncio
from typing import Any

import pytest
from tests.accounts.imported.test_schemes import DOVECOT, OTHERS

from postroom.accounts import AccountSettings, MemoryDirectory, scram
from postroom.accounts.imported.crypt_digests import crypt_digest
from postroom.base import FakeClock, SeededIds

CHEAP: dict[str, Any] = {"hash_memory_kibibytes": 8, "hash_passes": 1, "scram_iterations": 4096}
BOB = "bob@example.org"


async def _directory(**changes: Any) -> MemoryDirectory:
    made = MemoryDirectory(AccountSettings(**CHEAP | changes), FakeClock(), SeededIds())
    await made.add_domain("example.org")
    await made.add_person(BOB, None)
    return made


def _main_hash(directory: MemoryDirectory, account_id: int = 1) -> str:
    return next(row.hash for row in directory._book.tables.credentials(account_id) if row.is_main)


@pytest.mark.parametrize("text", DOVECOT + OTHERS)
def test_the_first_sign_in_makes_it_argon2id_with_scram_keys(text: str) -> None:
    async def play() -> None:
        directory = await _directory()
        (line,) = await directory.import_passwords([f"{BOB}:{text}:1000:1000::/home/bob::"])
        assert (line.outcome, line.name) == ("imported", BOB)
        before = _main_hash(directory)
        assert await directory.authenticate(BOB, "Secret", "imap") is None
        assert _main_hash(directory) == before
        assert await directory.authenticate(BOB, "secret", "imap") is not None
        after = _main_hash(directory)
        assert after.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        keys = await directory.scram_keys(BOB, "sha-256", "imap")
        stored, _ = scram.server_keys("sha-256", b"secret", keys.salt, keys.iterations)
        assert [key.stored_key for key in keys.keys] == [stored]
        assert await directory.authenticate(BOB, "secret", "imap") is not None
        assert await directory.authenticate(BOB, "Secret", "imap") is None
        assert _main_hash(directory) == after
        await directory.close()

    asyncio.run(play())


def test_a_written_down_password_is_hashed_at_once() -> None:
    async def play() -> None:
        directory = await _directory()
        results = await directory.import_passwords([f"{BOB}:{{PLAIN}}secret", "carol@example.org:{CLEARTEXT}"])
        assert [one.outcome for one in results] == ["imported", "refused"]
        assert _main_hash(directory).startswith("$argon2id$")
        assert await directory.authenticate(BOB, "secret", "imap") is not None
        await directory.close()

    asyncio.run(play())


def test_who_gets_what() -> None:
    async def play() -> None:
        directory = await _directory()
        await directory.add_person("alice@example.org", "wonder land")
        lines = [
            "alice:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1",
            "bob:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1",
            "carol:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1",
            "dave@elsewhere.test:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1",
            "erin:{NTLM}0123",
            "frank:!",
        ]
        dry = await directory.import_passwords(lines, domain="example.org", create=True, dry=True)
        assert await directory.authenticate(BOB, "Hello world!") is None
        assert [one.address for one in await directory.people()] == [BOB, "alice@example.org"]
        done = await directory.import_passwords(lines, domain="example.org", create=True)
        assert [one.outcome for one in done] == ["kept", "imported", "imported", "refused", "refused", "refused"]
        assert [one.outcome for one in dry] == [one.outcome for one in done]
        assert "postroom domain add" in done[3].words
        assert "{NTLM} is not known" in done[4].words
        assert "locked" in done[5].words
        for name in (BOB, "carol@example.org"):
            assert await directory.authenticate(name, "Hello world!") is not None
        assert await directory.authenticate("alice@example.org", "wonder land") is not None
        (again,) = await directory.import_passwords(lines[:1], domain="example.org", replace=True)
        assert again.outcome == "imported"
        assert await directory.authenticate("alice@example.org", "wonder land") is None
        assert await directory.authenticate("alice@example.org", "Hello world!") is not None
        (missing,) = await directory.import_passwords(["grace@example.org:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1"])
        assert (missing.outcome, "no account here" in missing.words) == ("refused", True)
        await directory.close()

    asyncio.run(play())


def test_a_hash_that_takes_too_much_memory_is_refused() -> None:
    async def play() -> None:
        directory = await _directory(max_hash_memory_kibibytes=1000)
        (line,) = await directory.import_passwords([f"{BOB}:{DOVECOT[8]}"])
        assert (line.outcome, "1000 KiB" in line.words) == ("refused", True)
        await directory.close()

    asyncio.run(play())


def test_while_there_are_hashes_of_elsewhere_every_refusal_costs_one_of_each() -> None:
    async def play() -> None:
        directory = await _directory()
        await directory.add_person("alice@example.org", "wonder land")
        await directory.import_passwords([f"{BOB}:$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1"])
        for name in (BOB, "alice@example.org", "ghost@example.org", ""):
            before = directory._passwords.computing.work
            assert await directory.authenticate(name, "wrong", "imap") is None
            assert directory._passwords.computing.work - before == {"argon2id": 1, "imported": 1}
        await directory.authenticate(BOB, "Hello world!")
        before = directory._passwords.computing.work
        assert await directory.authenticate("ghost@example.org", "wrong", "imap") is None
        assert directory._passwords.computing.work - before == {"argon2id": 1}  # that was the last of them
        await directory.close()

    asyncio.run(play())


def test_a_password_that_ours_can_not_be_stays_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        directory = await _directory()
        for odd in ("secret\u0378", "tab\there"):  # RFC 4013 §2.3, §2.5: what is kept may not have these
            made = crypt_digest(odd.encode(), "$6$saltsalt$")
            await directory.import_passwords([f"{BOB}:{made}"], replace=True)
            assert await directory.authenticate(BOB, odd + "x") is None
            for _ in range(2):
                assert await directory.authenticate(BOB, odd) is not None
            assert _main_hash(directory) == made
            assert odd not in caplog.text
        assert "can't be kept" in caplog.text
        for wrong in ("", "nul\0", "\udcff", "\t" * 5000):
            assert await directory.authenticate(BOB, wrong) is None
        await directory.close()

    asyncio.run(play())
