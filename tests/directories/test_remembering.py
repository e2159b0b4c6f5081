"""What a directory has said: for how long it is good, and what becomes of it while the directory is down."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from postroom.base import FakeClock, SeededIds
from postroom.directories import DirectorySettings, Known, RememberingSource, SourceDown

BOB = Known("bob@example.org")


class Slow:
    """A source that counts."""

    def __init__(self) -> None:
        self.people = {"bob@example.org": "secret"}
        self.asked: list[str] = []
        self.down = False
        self.gate: asyncio.Event | None = None

    async def find(self, address: str) -> Known | None:
        return await self._answer(address, address in self.people)

    async def find_user(self, username: str) -> Known | None:
        return await self._answer(username, username in self.people)

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        return await self._answer(f"{username} {protocol}", self.people.get(username) == password)

    async def _answer(self, what: str, good: bool) -> Known | None:
        self.asked.append(what)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise SourceDown("down")
        return BOB if good else None

    async def close(self) -> None:
        self.asked.append("close")


def run(body: Callable[[Slow, RememberingSource, FakeClock], Awaitable[None]], **settings: Any) -> Slow:
    slow, clock = Slow(), FakeClock()

    async def go() -> None:
        source = RememberingSource(slow, DirectorySettings(**settings), clock, SeededIds(1))
        await body(slow, source, clock)
        await source.close()

    asyncio.run(go())
    assert slow.asked[-1] == "close"
    return slow


def test_bug_wrong_passwords_drove_out_the_right_ones() -> None:
    """Who guesses much and then sees the directory go down would have locked everybody out."""

    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        assert await source.authenticate("bob@example.org", "secret", "imap") == BOB
        for n in range(20):
            assert await source.authenticate(f"name{n}", "guess", "imap") is None
            assert await source.find(f"name{n}@example.org") is None
        slow.down = True
        await clock.advance(1000)
        assert await source.authenticate("bob@example.org", "secret", "imap") == BOB

    run(body, max_remembered=5)


def test_answers_are_good_for_a_while() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        for seconds in (0, 299, 2):
            await clock.advance(seconds)
            assert await source.find("bob@example.org") == BOB
        assert len(slow.asked) == 2
        for seconds in (0, 29, 2):
            await clock.advance(seconds)
            assert await source.find("nobody@example.org") is None
        assert len(slow.asked) == 4

    run(body)


def test_passwords_are_good_for_a_while() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        for _ in range(100):
            assert await source.authenticate("bob@example.org", "secret", "imap") == BOB
            assert await source.authenticate("bob@example.org", "wrong", "imap") is None
        assert len(slow.asked) == 2  # a program with an old password does not lock the account there
        slow.people["bob@example.org"] = "new"
        assert await source.authenticate("bob@example.org", "new", "imap") == BOB
        await clock.advance(301)
        assert await source.authenticate("bob@example.org", "secret", "imap") is None
        assert await source.authenticate("bob@example.org", "new", "pop3") == BOB

    run(body)


def test_what_was_a_yes_goes_on_while_it_is_down() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        assert await source.find("bob@example.org") == BOB
        assert await source.find_user("bob@example.org") == BOB
        assert await source.authenticate("bob@example.org", "secret", "imap") == BOB
        assert await source.find("nobody@example.org") is None
        slow.down = True
        await clock.advance(86_000)
        assert await source.find("bob@example.org") == BOB
        assert await source.find_user("bob@example.org") == BOB
        assert await source.authenticate("bob@example.org", "secret", "imap") == BOB
        for address in ("nobody@example.org", "carol@example.org"):  # never "no": that may be wrong by now
            with pytest.raises(SourceDown):
                await source.find(address)
        for password in ("wrong", "secret2"):
            with pytest.raises(SourceDown):
                await source.authenticate("bob@example.org", password, "imap")
        await clock.advance(1000)
        with pytest.raises(SourceDown):
            await source.find("bob@example.org")
        with pytest.raises(SourceDown):
            await source.authenticate("bob@example.org", "secret", "imap")
        slow.down = False
        assert await source.find("bob@example.org") == BOB

    run(body)


def test_the_same_question_is_asked_once() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        slow.gate = asyncio.Event()
        waiting = [asyncio.ensure_future(source.find("bob@example.org")) for _ in range(50)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        slow.gate.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert found[1:] == [BOB] * 49

    assert run(body).asked.count("bob@example.org") == 1


def test_what_is_remembered_is_bounded() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        for n in range(100):
            await source.find("bob@example.org")
            await source.find(f"{n}@example.org")
            await source.authenticate("bob@example.org", f"{n}", "imap")
        assert (len(source._addresses), len(source._proofs)) == (1 + 10, 10)  # who is somebody, and who is nobody
        assert slow.asked.count("bob@example.org") == 1  # what is needed stays

    run(body, max_remembered=10)


def test_passwords_are_not_kept() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        await source.authenticate("bob@example.org", "secret", "imap")
        assert "secret" not in repr(vars(source._proofs))
        assert b"secret" not in b"".join(source._proofs._yes)

    run(body)


def test_names_and_passwords_do_not_run_into_each_other() -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        slow.people["bob"] = "1:x"
        await source.authenticate("bob", "1:x", "")
        assert await source.authenticate("bob1:", "x", "") is None
        assert await source.authenticate("bob\udc80", "x", "") is None

    run(body)


def test_a_bug_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def body(slow: Slow, source: RememberingSource, clock: FakeClock) -> None:
        slow.people = None  # type: ignore[assignment]
        with pytest.raises(SourceDown):
            await source.find("bob@example.org")

    run(body)
    assert "a question failed" in caplog.text
