"""Which password is good for what, what a refusal costs, what a sign-in brings up to date."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from postroom.accounts import NOBODY, AccountSettings, DirectoryFailure, MemoryDirectory, scram
from postroom.accounts import app_passwords as app_module
from postroom.accounts.types import CredentialRow, SecondFactorRow, Tables
from postroom.base import FakeClock, SeededIds

CHEAP: dict[str, Any] = {"hash_memory_kibibytes": 8, "hash_passes": 1, "scram_iterations": 4096}
BOB = "bob@example.org"


async def _directory(clock: FakeClock | None = None, **changes: Any) -> MemoryDirectory:
    made = MemoryDirectory(AccountSettings(**CHEAP | changes), clock or FakeClock(), SeededIds())
    await made.add_domain("example.org")
    await made.add_person(BOB, "secret")
    return made


def _without_keys(row: CredentialRow, tables: Tables) -> None:
    tables.set_credential(replace(row, keys=None))


async def _turn_on_second_factor(directory: MemoryDirectory, account_id: int) -> None:
    row = SecondFactorRow(b"", confirmed=1.0)
    await directory._book.change(lambda tables: tables.set_second_factor(account_id, row))


def test_every_refusal_costs_one_digest_and_one_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unknown, the disabled, who has no password, only app passwords, or a second factor, right password or not."""

    async def play() -> None:
        directory = await _directory()
        for name in ("plain", "disabled", "app", "factor"):
            await directory.add_person(f"{name}@example.org", "secret" if name != "app" else None)
        await directory.add_person("none@example.org", None)
        _, secret = await directory.app_passwords.add("app@example.org", "phone", protocols=["imap"])
        _, expired = await directory.app_passwords.add("app@example.org", "old", expires=1.0)
        await directory.app_passwords.add("factor@example.org", "phone")
        await directory.authenticate("disabled@example.org", "secret")  # remembered as proven, for what it is worth
        await directory.authenticate("factor@example.org", "secret")
        await directory.set_enabled("disabled@example.org", False)
        factor = await directory.find("factor@example.org")
        assert factor is not None
        await _turn_on_second_factor(directory, factor.account_id)
        digests: list[int] = []
        real = app_module.digest

        def counting(account_id: int, typed: str) -> str:
            digests.append(account_id)
            return real(account_id, typed)

        monkeypatch.setattr(app_module, "digest", counting)
        costs = set()
        for name, password in (
            ("ghost@example.org", "secret"),
            ("not an address", "secret"),
            ("", ""),
            ("x" * 5000, "secret"),
            ("plain@example.org", "wrong"),
            ("plain@example.org", "\x07"),
            ("plain@example.org", "x" * 9999),
            ("none@example.org", "secret"),
            ("disabled@example.org", "secret"),
            ("disabled@example.org", "wrong"),
            ("factor@example.org", "secret"),
            ("factor@example.org", "wrong"),
            ("app@example.org", "wrong"),
            ("app@example.org", secret),  # for another protocol
            ("app@example.org", expired),
        ):
            before, work = len(digests), directory._passwords.computing.work
            assert await directory.authenticate(name, password, "smtp") is None, name
            costs.add((len(digests) - before, tuple(sorted((directory._passwords.computing.work - work).items()))))
        assert costs == {(1, (("argon2id", 1),))}
        assert await directory.authenticate("app@example.org", secret, "imap") is not None
        await directory.close()

    asyncio.run(play())


def test_with_a_second_factor_only_app_passwords_are_left() -> None:
    async def play() -> None:
        directory = await _directory()
        _, secret = await directory.app_passwords.add(BOB, "phone")
        assert await directory.authenticate(BOB, "secret", "pop3") is not None
        keys = await directory.scram_keys(BOB, "sha-256", "smtp")
        main = keys.keys[0].credential_id
        assert len(keys.keys) == 3  # the app password has two spellings
        assert await directory.proven(BOB, main, "smtp") is not None
        await _turn_on_second_factor(directory, 1)
        for protocol in ("smtp", "imap", "pop3", ""):
            assert await directory.authenticate(BOB, "secret", protocol) is None
            assert await directory.authenticate(BOB, secret, protocol) is not None
            assert await directory.proven(BOB, main, protocol) is None
            left = await directory.scram_keys(BOB, "sha-256", protocol)
            assert main not in [key.credential_id for key in left.keys]
            assert len(left.keys) == 2
        await directory.close()

    asyncio.run(play())


def test_scram_tells_nobody_from_nobody() -> None:
    async def play() -> None:
        directory = await _directory()
        before = await directory.scram_keys("new@example.org", "sha-256", "imap")
        assert before == await directory.scram_keys("New@Example.org", "sha-256", "imap")
        assert [key.credential_id for key in before.keys] == [NOBODY]
        assert await directory.proven("new@example.org", NOBODY, "imap") is None
        await directory.add_person("new@example.org", "secret")
        after = await directory.scram_keys("new@example.org", "sha-256", "imap")
        assert (after.salt, after.iterations) == (before.salt, before.iterations)
        assert after.keys[0].credential_id != NOBODY
        await directory.set_enabled("new@example.org", False)
        assert await directory.scram_keys("new@example.org", "sha-256", "imap") == before
        assert await directory.proven("new@example.org", after.keys[0].credential_id, "imap") is None
        for odd in ("", "no address", "x" * 5000, "\udcff@example.org"):
            assert (await directory.scram_keys(odd, "sha-1", "imap")).keys[0].credential_id == NOBODY
        await directory.close()

    asyncio.run(play())


def test_the_keys_are_those_of_the_password() -> None:
    async def play() -> None:
        directory = await _directory()
        for name in scram.HASHES:
            keys = await directory.scram_keys(BOB, name, "imap")
            stored, server = scram.server_keys(name, b"secret", keys.salt, keys.iterations)
            assert (keys.keys[0].stored_key, keys.keys[0].server_key) == (stored, server)
        old = (await directory.scram_keys(BOB, "sha-256", "imap")).keys[0].credential_id
        await directory.set_password(BOB, "changed")
        assert await directory.proven(BOB, old, "imap") is None  # what was proven is not the password any more
        now = (await directory.scram_keys(BOB, "sha-256", "imap")).keys[0]
        assert await directory.proven(BOB, now.credential_id, "imap") is not None
        await directory.close()

    asyncio.run(play())


def test_keys_are_made_at_the_next_plain_sign_in_and_go_when_none_are_kept() -> None:
    async def play() -> None:
        directory = await _directory()
        _, secret = await directory.app_passwords.add(BOB, "phone")
        rows = directory._book.tables.credentials(1)
        for row in rows:
            await directory._book.change(partial(_without_keys, row))
        assert [one.credential_id for one in (await directory.scram_keys(BOB, "sha-1")).keys] == [NOBODY]
        assert await directory.authenticate(BOB, "wrong") is None
        assert directory._book.tables.credentials(1)[0].keys is None
        await asyncio.gather(*(directory.authenticate(BOB, "secret") for _ in range(5)))
        assert await directory.authenticate(BOB, secret.upper()) is not None
        made = await directory.scram_keys(BOB, "sha-1")
        stored = [key.stored_key for key in made.keys]
        for password in ("secret", secret, secret.replace("-", "")):
            assert scram.server_keys("sha-1", password.encode(), made.salt, made.iterations)[0] in stored
        work = directory._passwords.computing.work
        assert await directory.authenticate(BOB, "secret") is not None
        assert directory._passwords.computing.work == work  # nothing more to do
        directory._keeping._settings = AccountSettings(keep_scram_keys=False)
        assert [one.credential_id for one in (await directory.scram_keys(BOB, "sha-1")).keys] == [NOBODY]
        await directory.authenticate(BOB, "secret")
        assert directory._book.tables.credentials(1)[0].keys is None
        await directory.close()

    asyncio.run(play())


def test_other_iterations_apply_from_the_next_plain_sign_in_unless_app_passwords_hold_them() -> None:
    async def play() -> None:
        directory = await _directory()
        await directory.add_person("alice@example.org", "secret")
        await directory.app_passwords.add("alice@example.org", "phone")
        later = AccountSettings(**CHEAP | {"scram_iterations": 5000})
        directory._keeping._settings = directory._proving._settings = later
        for name in (BOB, "alice@example.org"):
            assert (await directory.scram_keys(name, "sha-256")).iterations == 4096  # no client is kept out
            await directory.authenticate(name, "secret")
        assert (await directory.scram_keys(BOB, "sha-256")).iterations == 5000
        alice = await directory.scram_keys("alice@example.org", "sha-256")
        assert (alice.iterations, len(alice.keys)) == (4096, 3)
        await directory.close()

    asyncio.run(play())


def test_an_unreadable_key_file_does_not_keep_plain_sign_ins_out(caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        directory = await _directory()

        def refuse() -> bytes:
            raise DirectoryFailure("permission denied")

        directory._keeping._vault._key = refuse
        directory._keeping._vault._derived.clear()
        assert await directory.authenticate(BOB, "secret") is not None
        assert "permission denied" in caplog.text
        await directory.close()

    asyncio.run(play())
