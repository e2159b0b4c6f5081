"""Owned tasks: kept alive, failures logged, ended at close."""

import asyncio

import pytest

from postroom.base import TaskOwner


def test_a_failure_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        owner, done = TaskOwner("test"), list[int]()

        async def fails() -> None:
            raise RuntimeError("a bug")

        async def works() -> None:
            await asyncio.sleep(0)
            done.append(1)

        owner.spawn(fails(), name="fails")
        owner.spawn(works(), name="works")
        await owner.wait()
        assert (done, owner.failures, len(owner)) == ([1], 1, 0)

    asyncio.run(main())
    assert "test:fails failed" in caplog.text
    assert "a bug" in caplog.text


def test_close_cancels_even_what_spawns_while_closing() -> None:
    async def main() -> None:
        owner, ended = TaskOwner("test"), list[str]()

        async def forever(name: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)
                if name == "first":
                    owner.spawn(forever("second"), name="second")

        owner.spawn(forever("first"), name="first")
        await asyncio.sleep(0)
        await owner.close()
        assert len(owner) == 0
        assert ended[0] == "first"

    asyncio.run(main())
