import asyncio
import threading

import pytest

from postroom.store.sqlite.pool import Pool


def test_a_job_runs_in_a_thread_and_its_result_comes_back_to_the_loop() -> None:
    async def scene() -> None:
        pool = Pool(2)
        name = await pool.call(lambda: threading.current_thread().name)
        assert name.startswith("store-")
        done: list[tuple[object, object, str]] = []
        pool.run(lambda: 5, lambda result, error: done.append((result, error, threading.current_thread().name)))
        await pool.close()
        assert done == [(5, None, "MainThread")]

    asyncio.run(scene())


def test_what_a_job_raises_reaches_who_waits() -> None:
    async def scene() -> None:
        pool = Pool(1)
        for call in (pool.call, pool.call_through):
            with pytest.raises(ZeroDivisionError):
                await call(lambda: 1 // 0)
        await pool.close()

    asyncio.run(scene())


def test_threads_are_bounded_and_come_as_needed() -> None:
    async def scene() -> None:
        pool = Pool(3)
        await pool.call(lambda: None)
        assert len(pool._threads) == 1
        go = threading.Event()
        calls = [asyncio.ensure_future(pool.call(go.wait)) for _ in range(10)]
        await asyncio.sleep(0)
        assert len(pool._threads) == 3
        go.set()
        assert await asyncio.gather(*calls) == [True] * 10
        await pool.close()
        assert pool._threads == []
        assert await pool.call(lambda: 1) == 1  # and may be used again
        await pool.close()

    asyncio.run(scene())


def test_close_waits_for_what_is_under_way() -> None:
    async def scene() -> None:
        pool = Pool(1)
        go, ended = threading.Event(), threading.Event()
        pool.run(lambda: go.wait() and ended.set(), lambda result, error: None)  # type: ignore[func-returns-value]
        asyncio.get_running_loop().call_soon(go.set)
        await pool.close()
        assert ended.is_set()

    asyncio.run(scene())


def test_call_through_ends_before_its_cancelled_caller_does() -> None:
    async def scene() -> None:
        pool = Pool(1)
        go, started, ended = threading.Event(), threading.Event(), threading.Event()

        def job() -> None:
            started.set()
            go.wait()
            ended.set()

        task = asyncio.ensure_future(pool.call_through(job))
        await asyncio.sleep(0)
        started.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
        left = asyncio.ensure_future(pool.call(lambda: 1))
        await asyncio.sleep(0)
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        await pool.close()

    asyncio.run(scene())


def test_the_loop_is_woken_once_for_jobs_that_end_together(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pool = Pool(1)
        wakings = 0
        wake = loop.call_soon_threadsafe

        def count(*args: object) -> object:
            nonlocal wakings
            wakings += 1
            return wake(*args)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = count  # type: ignore[method-assign,assignment]
        done: list[int] = []
        all_ran = threading.Event()
        for number in range(50):
            pool.run(lambda number=number: number, lambda result, error: done.append(result))  # type: ignore[misc]
        pool.run(all_ran.set, lambda result, error: (1 // 0, None)[1])
        all_ran.wait()  # the loop is busy meanwhile
        await pool.close()
        assert done == list(range(50))
        assert wakings <= 2

    asyncio.run(scene())
    assert "a completion failed" in caplog.text
