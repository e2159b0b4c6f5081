"""A Python file that knows the people: what it may answer, and everything it may do wrong."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.directories import DirectorySettings, Known, SourceDown
from postroom.directories.hook_source import HookSource, HookUnusable

GOOD = """
PEOPLE = {"bob@example.org": "secret"}

async def find(address):
    return address if address in PEOPLE else None

async def authenticate(username, password, protocol):
    return username if PEOPLE.get(username) == password else None
"""


def hook(folder: Path, text: str, **settings: float) -> HookSource:
    file = folder / "people.py"
    file.write_text(text)
    return HookSource(
        DirectorySettings(kind="hook", hook_file=str(file), **settings),  # type: ignore[arg-type]
        "example.org",
    )


def test_people(tmp_path: Path) -> None:
    async def body() -> None:
        source = hook(tmp_path, GOOD)
        assert await source.find("bob@example.org") == Known("bob@example.org")
        assert await source.find("nobody@example.org") is None
        assert await source.find_user("bob") == Known("bob@example.org")
        assert await source.authenticate("bob@example.org", "secret", "imap") == Known("bob@example.org")
        assert await source.authenticate("bob@example.org", "wrong", "imap") is None
        assert await source.authenticate("bob@example.org", "", "imap") is None
        await source.close()

    asyncio.run(body())


def test_functions_that_are_not_async_run_in_threads(tmp_path: Path) -> None:
    text = GOOD.replace("async def", "def").replace(
        "return address if", "import threading; assert 'hook' in threading.current_thread().name; return address if"
    )

    async def body() -> None:
        source = hook(tmp_path, text)
        assert await source.find("bob@example.org") == Known("bob@example.org")
        assert await source.authenticate("bob@example.org", "secret", "imap")
        await source.close()

    asyncio.run(body())


def test_more_than_an_address(tmp_path: Path) -> None:
    text = """
async def find(address):
    return {"address": "bob@example.org", "quota_octets": 5000}
async def find_user(username):
    return {"address": username + "@example.org"}
def authenticate(username, password, protocol):
    return False
async def close():
    open(__file__ + ".closed", "w").close()
"""

    async def body() -> None:
        source = hook(
            tmp_path, text.replace("authenticate = find_user", "def authenticate(u, p, protocol): return False")
        )
        assert await source.find("robert@example.org") == Known("bob@example.org", 5000)
        assert await source.find_user("eve") == Known("eve@example.org")
        assert await source.authenticate("bob", "x", "imap") is None
        await source.close()
        assert (tmp_path / "people.py.closed").exists()

    asyncio.run(body())


@pytest.mark.parametrize(
    "answer",
    [
        "True",
        "1",
        "0",
        "''",
        "'bob'",
        "'@'",
        "b'bob@example.org'",
        "['bob@example.org']",
        "object()",
        "{}",
        "{'address': True}",
        "{'address': None}",
        "{'address': 'bob@example.org', 'quota_octets': '5'}",
        "{'address': 'bob@example.org', 'quota_octets': -1}",
        "{'address': 'bob@example.org', 'quota_octets': True}",
        "find",
        "Exception('bob@example.org')",
    ],
)
@pytest.mark.parametrize("kind", ["async def", "def"])
def test_nothing_but_an_address_is_a_yes(tmp_path: Path, answer: str, kind: str) -> None:
    text = f"{kind} find(address): return {answer}\n{kind} authenticate(u, p, protocol): return {answer}\n"

    async def body() -> None:
        source = hook(tmp_path, text)
        with pytest.raises(SourceDown):
            await source.authenticate("bob@example.org", "secret", "imap")
        with pytest.raises(SourceDown):
            await source.find("bob@example.org")
        await source.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    "mistake",
    [
        "raise ValueError(password)",
        "raise SystemExit(0)",
        "raise KeyboardInterrupt",
        "import sys; sys.exit('bye')",
        "import asyncio; raise asyncio.CancelledError",
        "raise TimeoutError",
        "raise StopIteration",
        "raise GeneratorExit",
        "return undefined",
        "return 1 / 0",
        "return authenticate(1, 2, 3, 4)",
        "raise BaseException(password)",
    ],
)
@pytest.mark.parametrize("kind", ["async def", "def"])
def test_mistakes_let_nobody_in_and_break_nothing(
    tmp_path: Path, mistake: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"{kind} find(address): return None\n{kind} authenticate(username, password, protocol): {mistake}\n"

    async def body() -> None:
        source = hook(tmp_path, text)
        with pytest.raises(SourceDown) as down:
            await source.authenticate("bob@example.org", "pass-in-log", "imap")
        assert "pass-in-log" not in str(down.value)
        assert await source.find("bob@example.org") is None  # it goes on
        await source.close()

    asyncio.run(body())
    assert "hook: authenticate" in caplog.text
    assert "pass-in-log" not in caplog.text


def test_an_error_is_told_with_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        source = hook(tmp_path, GOOD + "\n\nasync def find(address):\n    return {}['x']\n")
        with pytest.raises(SourceDown):
            await source.find("bob@example.org")
        await source.close()

    asyncio.run(body())
    assert "raised KeyError in line 12" in caplog.text


def test_a_function_has_its_time(tmp_path: Path) -> None:
    slow = "import asyncio, time\nasync def find(address): await asyncio.sleep(60)\n"

    async def body() -> None:
        source = hook(tmp_path, slow + "def authenticate(u, p, protocol): time.sleep(0.3)\n", hook_timeout_seconds=0.05)
        with pytest.raises(SourceDown, match="too long"):
            await source.find("bob@example.org")
        with pytest.raises(SourceDown, match="too long"):
            await source.authenticate("bob@example.org", "x", "imap")
        await source.close()

    asyncio.run(body())


def test_threads_that_hang_do_not_pile_up_nor_keep_the_server_from_ending(tmp_path: Path) -> None:
    """A pool of the standard library would be waited for when the process ends."""
    text = "import time\ndef find(address): time.sleep(1000)\ndef authenticate(u, p, protocol): return None\n"
    (tmp_path / "people.py").write_text(text)
    script = f"""
import asyncio, threading
from postroom.directories import DirectorySettings, SourceDown
from postroom.directories.hook_source import HookSource

async def ask(source):
    try:
        await source.find("bob@example.org")
    except SourceDown as error:
        return str(error)

async def main():
    settings = DirectorySettings(kind="hook", hook_file={str(tmp_path / "people.py")!r}, hook_timeout_seconds=0.1,
                                 max_hook_threads=3, max_waiting=5)
    source = HookSource(settings, "")
    said = await asyncio.gather(*(ask(source) for _ in range(20)))
    print(sum("too long" in one for one in said), sum("too many" in one for one in said), threading.active_count())
    await source.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["8", "12", "4"], done.stderr


def test_who_is_cancelled_stays_cancelled(tmp_path: Path) -> None:
    async def body() -> None:
        text = GOOD + "\nimport asyncio\nasync def find(address): await asyncio.sleep(60)\n"
        source = hook(tmp_path, text)
        waiting = asyncio.ensure_future(source.find("bob@example.org"))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await source.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def find(address: pass", "SyntaxError"),
        ("raise SystemExit", "SystemExit"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("async def find(address): pass", "no function authenticate"),
        ("find = 1\nauthenticate = 2", "no function find"),
        (GOOD + "\nclose = 3", "no function close"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(HookUnusable, match=words):
        hook(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    for name in ("missing.py", "."):
        with pytest.raises(HookUnusable, match="no file"):
            HookSource(DirectorySettings(kind="hook", hook_file=str(tmp_path / name)), "")
    (tmp_path / "people.txt").write_text(GOOD)
    with pytest.raises(HookUnusable, match="no Python file"):
        HookSource(DirectorySettings(kind="hook", hook_file=str(tmp_path / "people.txt")), "")
