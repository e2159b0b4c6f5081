"""aioimaplib (PyPI), by which home automation reads mail: its spelling of ID, commands side by side, IDLE."""

import asyncio
import gc
import ssl
import sys
from typing import Any

import pytest
from tests.interop.server import PASSWORD, ROOT, Server

pytestmark = pytest.mark.interop
PACKAGES = ROOT / "build" / "python"


@pytest.fixture
def aioimaplib(monkeypatch: pytest.MonkeyPatch) -> Any:
    if not (PACKAGES / "aioimaplib").exists():
        pytest.skip("aioimaplib is not installed; `make interop` installs it")
    monkeypatch.syspath_prepend(str(PACKAGES))
    module = __import__("aioimaplib")
    yield module
    gc.collect()  # here, not in a later test
    for name in [name for name in sys.modules if name.partition(".")[0] == "aioimaplib"]:
        del sys.modules[name]


def test_aioimaplib(server: Server, aioimaplib: Any) -> None:
    user = "aio@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    insecure = ssl.create_default_context()
    insecure.check_hostname = False
    insecure.verify_mode = ssl.CERT_NONE

    async def connected() -> Any:
        client = aioimaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], timeout=10, ssl_context=insecure)
        await client.wait_hello_from_server()
        assert (await client.login(user, PASSWORD)).result == "OK"
        return client

    async def play() -> None:
        client, other = await connected(), await connected()
        assert (await client.id(name="aioimaplib")).result == "OK"
        for number in range(5):
            octets = f"From: a@x.test\r\nSubject: aio {number}\r\n\r\n".encode() + b"line {3}\r\n" * 20_000
            assert (await client.append(octets, "INBOX", flags="\\Seen" if number % 2 else None)).result == "OK"
        assert (await client.select("INBOX")).result == "OK"
        for number in range(5):
            response = await client.uid("fetch", f"{number + 1}", "(FLAGS RFC822)")
            assert response.result == "OK"
            assert f"Subject: aio {number}\r\n".encode() in bytes(response.lines[1])
            assert len(response.lines[1]) == len(octets)
        found, status = await asyncio.gather(client.uid_search("SEEN"), client.status("Archive", "(MESSAGES)"))
        assert found.lines[0].split() == [b"1", b"2", b"3", b"4", b"5"]  # RFC822 has marked them
        assert any(b"MESSAGES 0" in line for line in status.lines)
        assert (await other.select("INBOX")).result == "OK"

        idle = await client.idle_start(timeout=20)
        await other.append(b"Subject: new\r\n\r\ntext\r\n", "INBOX")
        pushed = await client.wait_server_push()
        assert b"6 EXISTS" in pushed
        client.idle_done()
        await asyncio.wait_for(idle, 10)
        assert (await client.uid("move", "1:2", "Archive")).result == "OK"
        assert (await client.uid("store", "3", "+FLAGS", "(\\Deleted)")).result == "OK"
        assert (await client.expunge()).result == "OK"
        status = await client.status("INBOX", "(MESSAGES UNSEEN)")
        assert any(b"MESSAGES 3" in line for line in status.lines)
        for one in (client, other):
            assert (await one.logout()).result == "OK"
            one.protocol.transport.abort()  # which the library leaves to the collector
        await asyncio.sleep(0)

    asyncio.run(play())
