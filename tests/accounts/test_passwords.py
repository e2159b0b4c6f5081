"""argon2id in threads, and the cache of what was proven."""

import asyncio
import base64
from typing import Any

import argon2
import pytest

from postroom.accounts import AccountSettings, BadAddress, SignInBusy
from postroom.accounts.passwords import Passwords
from postroom.base import FakeClock, SeededIds

NAME = "bob@example.org"


def passwords(clock: FakeClock | None = None, **changes: Any) -> Passwords:
    cheap: dict[str, Any] = {"hash_memory_kibibytes": 8, "hash_passes": 1}
    return Passwords(AccountSettings(**cheap | changes), clock or FakeClock(), SeededIds())


def test_the_hash_is_argon2id_with_the_parameters_set() -> None:
    async def play() -> None:
        checker = passwords(hash_memory_kibibytes=64, hash_passes=3, hash_lanes=2)
        made = await checker.hash("secret")
        assert made.startswith("$argon2id$v=19$m=64,t=3,p=2$")
        assert argon2.PasswordHasher().verify(made, "secret")
        assert await checker.hash("secret") != made  # salted
        assert not checker.needs_rehash(made)
        assert passwords().needs_rehash(made)
        checker.close()

    asyncio.run(play())


def test_the_defaults_are_those_of_the_design() -> None:
    s = AccountSettings()
    assert (s.hash_memory_kibibytes, s.hash_passes, s.hash_lanes) == (19 * 1024, 2, 1)


def test_a_proven_password_is_remembered_for_a_while_and_only_for_its_hash() -> None:
    async def play() -> None:
        clock = FakeClock()
        checker = passwords(clock, credential_cache_seconds=300)
        made, other = await checker.hash("secret"), await checker.hash("secret")
        before = checker.computed
        assert await checker.verify(NAME, "secret", made)
        assert await checker.verify(NAME, "secret", made)
        assert checker.computed == before + 1
        assert not await checker.verify(NAME, "wrong", made)
        assert not await checker.verify(NAME, "wrong", made)  # a failure is never remembered
        assert checker.computed == before + 3
        assert await checker.verify(NAME, "secret", other)  # the row has changed: proven anew
        assert checker.computed == before + 4
        assert not await checker.verify(NAME, "secret", None)  # the person is gone
        assert checker.computed == before + 5
        assert await checker.verify(NAME, "secret", other)
        await clock.advance(301)
        assert await checker.verify(NAME, "secret", other)
        assert checker.computed == before + 7
        assert await checker.verify("bob@example.net", "secret", other)  # another name is another credential
        assert checker.computed == before + 8
        checker.close()

    asyncio.run(play())


def test_what_is_remembered_is_neither_the_password_nor_unbounded() -> None:
    async def play() -> None:
        checker = passwords(max_cached_credentials=3)
        made = await checker.hash("secret")
        for k in range(5):
            assert await checker.verify(f"{k}@example.org", "secret", made)
        assert len(checker._proven) == 3
        assert not any(b"secret" in key for key in checker._proven)
        checker.close()
        off = passwords(credential_cache_seconds=0)
        assert await off.verify(NAME, "secret", made)
        assert not off._proven
        off.close()

    asyncio.run(play())


def test_an_unknown_name_costs_one_computation_too() -> None:
    async def play() -> None:
        checker = passwords()
        assert not await checker.verify("ghost@example.org", "secret", None)
        assert not await checker.verify("ghost@example.org", "secret", None)
        assert not await checker.verify("ghost@example.org", "\x07", None)
        assert not await checker.verify("ghost@example.org", "x" * 9999, None)
        assert checker.computed == 4
        made = await checker.hash("a")
        assert checker._nobody.rpartition("$")[0].rpartition("$")[0] == made.rpartition("$")[0].rpartition("$")[0]
        assert len(base64.b64decode(checker._nobody.rpartition("$")[2] + "=")) == 32
        checker.close()

    asyncio.run(play())


def test_simultaneous_checks_of_one_credential_are_one() -> None:
    async def play() -> None:
        checker = passwords()
        made = await checker.hash("secret")
        before = checker.computed
        assert await asyncio.gather(*(checker.verify(NAME, "secret", made) for _ in range(20))) == [True] * 20
        assert checker.computed == before + 1
        checker.close()

    asyncio.run(play())


def test_a_caller_that_leaves_does_not_take_the_others_along() -> None:
    async def play() -> None:
        checker = passwords()
        made = await checker.hash("secret")
        first = asyncio.create_task(checker.verify(NAME, "secret", made))
        second = asyncio.create_task(checker.verify(NAME, "secret", made))
        await asyncio.sleep(0)
        first.cancel()
        assert await second
        with pytest.raises(asyncio.CancelledError):
            await first
        checker.close()

    asyncio.run(play())


def test_too_many_at_once_are_told_to_come_back() -> None:
    async def play() -> None:
        checker = passwords(max_concurrent_hashes=1, max_waiting_hashes=2)
        made = await checker.hash("secret")
        answers = await asyncio.gather(
            *(checker.verify(NAME, f"wrong {k}", made) for k in range(5)), return_exceptions=True
        )
        assert answers[:3] == [False] * 3
        assert [(type(a), getattr(a, "code", 0)) for a in answers[3:]] == [(SignInBusy, 454)] * 2
        assert await checker.verify(NAME, "secret", made)
        checker.close()

    asyncio.run(play())


@pytest.mark.parametrize("broken", ["", "secret", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_a_broken_hash_admits_nobody(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        checker = passwords()
        assert not await checker.verify(NAME, "secret", broken)
        checker.close()

    asyncio.run(play())


def test_passwords_are_prepared() -> None:
    async def play() -> None:
        checker = passwords()
        made = await checker.hash("I\u00adX \u2168")  # RFC 4013 §3: soft hyphen to nothing, roman nine to IX
        assert await checker.verify(NAME, "IX IX", made)
        with pytest.raises(BadAddress):
            await checker.hash("\u00ad")  # nothing is left of it
        checker.close()

    asyncio.run(play())
