"""Which SCRAM keys an account has."""

import asyncio
from typing import Any

import pytest

from postroom.accounts import NOBODY, AccountSettings, scram
from postroom.accounts.computing import Computing
from postroom.accounts.scram_keeping import ScramKeeping
from postroom.accounts.types import CredentialRow
from postroom.accounts.vault import Vault
from postroom.base import SeededIds

BOB = "bob@example.org"


def _keeping(key: bytes = b"k" * 32, **changes: Any) -> ScramKeeping:
    settings = (
        AccountSettings(scram_iterations=4096, **changes)
        if "scram_iterations" not in changes
        else (AccountSettings(**changes))
    )
    return ScramKeeping(Computing(settings), Vault(lambda: key, SeededIds()), settings)


def test_all_keys_of_an_account_have_one_salt_and_one_count() -> None:
    async def play() -> None:
        before, after = _keeping(), _keeping(scram_iterations=5000)
        app = CredentialRow(1, 1, "", "phone", keys=await before.made(BOB, ("one", "two"), ()))
        main = CredentialRow(2, 1, "", keys=await after.made(BOB, ("main",), (app,)))
        assert after.count(BOB, (main, app)) == 4096
        alone = CredentialRow(3, 1, "", keys=await after.made(BOB, ("main",), (main,)))
        assert after.count(BOB, (alone,)) == 5000
        for hash_name in scram.HASHES:
            salt = after.salt(BOB, hash_name)
            _, keys = after.opened(BOB, (main, app), (1, 2), hash_name)
            found = [(key.credential_id, key.stored_key) for key in keys]
            assert [key.credential_id for key in after.opened(BOB, (main, app), (2,), hash_name)[1]] == [2]
            made = [(i, scram.server_keys(hash_name, p, salt, 4096)[0]) for i, p in ((2, b"main"), (1, b"one"))]
            assert found == [*made, (1, scram.server_keys(hash_name, b"two", salt, 4096)[0])]

    asyncio.run(play())


def test_keys_under_a_lost_key_count_as_none() -> None:
    async def play() -> None:
        row = CredentialRow(1, 1, "", "phone", keys=await _keeping().made(BOB, ("one",), ()))
        later = _keeping(b"x" * 32)
        assert later.count(BOB, (row,)) is None
        assert later.opened(BOB, (row,), (1,), "sha-1") == (None, [])
        assert not later.is_usable(BOB, row.keys)
        assert _keeping().opened("alice@example.org", (row,), (1,), "sha-1") == (None, [])  # nor for somebody else

    asyncio.run(play())


def test_the_settings_may_keep_none() -> None:
    assert asyncio.run(_keeping(keep_scram_keys=False).made(BOB, ("one",), ())) is None


def test_nobodys_keys_are_steady_and_fit_in() -> None:
    keeping = _keeping()
    key = keeping.nobodys("ghost@example.org", "sha-256")
    assert key == _keeping().nobodys("ghost@example.org", "sha-256")
    assert (key.credential_id, len(key.stored_key), len(key.server_key)) == (NOBODY, 32, 32)
    assert len(keeping.nobodys("ghost@example.org", "sha-1").stored_key) == 20
    counts = [keeping.nobodys_count(f"{n}@example.org", [8000]) for n in range(40)]
    assert set(counts) == {4096, 8000}
    assert counts == [keeping.nobodys_count(f"{n}@example.org", [8000]) for n in range(40)]
    assert keeping.nobodys_count("ghost@example.org", []) == 4096


def test_a_name_without_keys_costs_as_much_as_one_with_those_of_a_main_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play() -> None:
        keeping = _keeping()
        row = CredentialRow(1, 1, "", keys=await keeping.made(BOB, ("main",), ()))
        sizes: list[int] = []
        real = Vault.opened

        def counting(vault: Vault, sealed: bytes, context: str) -> bytes | None:
            sizes.append(len(sealed))
            return real(vault, sealed, context)

        monkeypatch.setattr(Vault, "opened", counting)
        assert len(keeping.opened(BOB, (row,), (1,), "sha-1")[1]) == 1
        assert keeping.opened("ghost@example.org", (), (), "sha-1") == (None, [])
        assert sizes[:4] == sizes[4:]
        assert len(sizes) == 8

    asyncio.run(play())


def test_bug_app_passwords_could_be_told_from_the_time_of_a_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal comes in even time, a challenge comes at once: how many keys were opened for it must not show."""

    async def play() -> None:
        keeping = _keeping()
        rows = [
            CredentialRow(n, 1, "", f"app {n}" if n else "", keys=await keeping.made(BOB, ("one", "1"), ()))
            for n in range(4)
        ]
        opened: list[str] = []
        real = Vault.opened

        def counting(vault: Vault, sealed: bytes, context: str) -> bytes | None:
            opened.append(context)
            return real(vault, sealed, context)

        monkeypatch.setattr(Vault, "opened", counting)
        work = []
        for count in range(5):
            keeping.opened(BOB, rows[:count], (), "sha-256")
            work.append(len(opened))
            opened.clear()
        assert work == [4] * 5

    asyncio.run(play())
