"""One click leaves the list; looking at the link does not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.servers.smtp.room import FAST_HASHES

from postroom.accounts import Lists, MailingList, MemoryDirectory
from postroom.base import FakeClock, SeededIds
from postroom.net import HttpMessage
from postroom.servers.unsubscribe import UnsubscribePage

URL = "https://mail.example.org/leave/"
BOUNDARY = b"--x\r\nContent-Disposition: form-data; name=List-Unsubscribe\r\n\r\nOne-Click\r\n--x--\r\n"


def play(body: Callable[[UnsubscribePage, Lists, str], Awaitable[None]]) -> None:
    async def run() -> None:
        directory = MemoryDirectory(FAST_HASHES, FakeClock(), SeededIds())
        await directory.add_domain("example.org")
        await directory.lists.create(MailingList(0, "news@example.org", ("x@y.test",)))
        await directory.lists.add_members("news@example.org", ("b&b@b.test",))
        (token,) = await directory.lists.tokens("unsubscribe", await directory.lists.members(1))
        await body(UnsubscribePage(directory.lists, URL), directory.lists, token)
        await directory.close()

    asyncio.run(run())


def request(method: str, target: str, body: bytes = b"") -> HttpMessage:
    return HttpMessage(method=method, target=target, body=body)


def test_a_body_that_only_other_pages_take() -> None:
    async def scene(page: UnsubscribePage, lists: Lists, token: str) -> None:
        body = b"List-Unsubscribe=One-Click&x=".ljust(page.max_body_octets + 1, b"x")
        answer = await page.answer(request("POST", f"/leave/{token}", body))
        assert answer is not None
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert len(await lists.members(1)) == 1

    play(scene)


@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click", b"a=b&List-Unsubscribe=One-Click\r\n", BOUNDARY])
def test_one_click(body: bytes) -> None:
    async def scene(page: UnsubscribePage, lists: Lists, token: str) -> None:
        answer = await page.answer(request("POST", f"/leave/{token}", body))
        assert answer is not None
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"You have left news@example.org." in answer
        assert await lists.members(1) == []
        again = await page.answer(request("POST", f"/leave/{token}", body))
        assert again is not None
        assert again.startswith(b"HTTP/1.1 404 ")

    play(scene)


def test_who_only_looks_sees_a_button() -> None:
    async def scene(page: UnsubscribePage, lists: Lists, token: str) -> None:
        answer = await page.answer(request("GET", f"/leave/{token}?utm=x"))
        assert answer is not None
        assert b'<form method="post">' in answer
        assert b"b&amp;b@b.test" in answer
        assert len(await lists.members(1)) == 1

    play(scene)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/leave/{token}", b"", 400),
        ("POST", "/leave/{token}", b"List-Unsubscribe=One-Clicks", 400),
        ("POST", "/leave/{token}x", b"List-Unsubscribe=One-Click", 404),
        ("POST", "/leave/", b"List-Unsubscribe=One-Click", 404),
        ("GET", "/leave/1-aaaaaaaaaaaa", b"", 404),
        ("GET", "/leave/%2e%2e", b"", 404),
        ("DELETE", "/leave/{token}", b"", 405),
        ("GET", "/", b"", None),
        ("GET", "/leave", b"", None),
    ],
)
def test_what_is_refused_and_what_is_for_others(method: str, path: str, body: bytes, status: int | None) -> None:
    async def scene(page: UnsubscribePage, lists: Lists, token: str) -> None:
        answer = await page.answer(request(method, path.format(token=token), body))
        if status is None:
            assert answer is None
        else:
            assert answer is not None
            assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert len(await lists.members(1)) == 1

    play(scene)


def test_without_the_setting_there_is_no_page() -> None:
    async def scene(page: UnsubscribePage, lists: Lists, token: str) -> None:
        assert await UnsubscribePage(lists, "").answer(request("POST", f"/leave/{token}")) is None

    play(scene)
