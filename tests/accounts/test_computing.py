"""The threads that hash, and their memory."""

import asyncio
import threading
import time
from functools import partial

import pytest

from postroom.accounts import AccountSettings, SignInBusy
from postroom.accounts.computing import Computing


def test_computations_together_hold_no_more_memory_than_is_set() -> None:
    async def play() -> None:
        computing = Computing(AccountSettings(max_concurrent_hashes=8, max_hash_memory_kibibytes=20_000))
        now: list[int] = []
        most: list[int] = []

        def work(kibibytes: int) -> None:
            with computing.memory(kibibytes):
                now.append(kibibytes)
                most.append(sum(now))
                time.sleep(0.002)
                now.remove(kibibytes)

        await asyncio.gather(*(computing.run(partial(work, n)) for n in (6000, 9000, 20_000, 1, 12_000) * 4))
        assert max(most) <= 20_000
        assert computing.most_held <= 20_000
        computing.close()

    asyncio.run(play())


def test_what_would_never_fit_is_refused() -> None:
    computing = Computing(AccountSettings(max_hash_memory_kibibytes=20_000))
    with pytest.raises(ValueError, match="max_hash_memory_kibibytes"), computing.memory(20_001):
        pass
    with computing.memory(20_000):
        pass
    computing.close()


def test_a_failure_gives_the_memory_back() -> None:
    computing = Computing(AccountSettings(max_hash_memory_kibibytes=20_000))
    with pytest.raises(KeyError), computing.memory(20_000):
        raise KeyError
    with computing.memory(20_000):
        pass
    computing.close()


def test_nothing_is_computed_on_the_event_loop_and_too_many_are_turned_away() -> None:
    async def play() -> None:
        computing = Computing(AccountSettings(max_concurrent_hashes=1, max_waiting_hashes=1))
        go = threading.Event()
        first = computing.run(lambda: go.wait(5) and threading.current_thread().name)
        second = computing.run(lambda: threading.current_thread().name)
        with pytest.raises(SignInBusy):
            computing.run(lambda: "never")
        go.set()
        assert {str(await first), await second} == {"postroom-hash_0"}
        assert await computing.run(lambda: 1) == 1
        computing.counted("argon2id")
        computing.counted("pbkdf2", 3)
        assert computing.work == {"argon2id": 1, "pbkdf2": 3}
        computing.close()

    asyncio.run(play())
